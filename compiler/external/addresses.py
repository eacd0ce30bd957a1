"""Distinguish folders from addresses, as buildx and BuildKit read contexts and sources of `ADD`."""

import re

from compiler.constants import LINK_PREFIX


_ADDRESS = re.compile(r"[a-z0-9][a-z0-9+.-]*://|[\w-]+@[\w.-]+:", re.IGNORECASE | re.ASCII)
"""A URL, or a repository as SSH names it."""
_CONTEXTS = (LINK_PREFIX, "github.com/")
"""What begins an address only as a context."""


def is_address(source: str) -> bool:
    """Return whether a source of `ADD` is an address, not a path in the build context.

    >>> is_address("https://a.example/b"), is_address("git@a.example:b.git"), is_address("a:b")
    (True, True, False)
    """
    return _ADDRESS.match(source) is not None


def is_folder(context: str) -> bool:
    """Return whether a build context or a named context is a local folder.

    >>> is_folder("templates/server"), is_folder("target:base"), is_folder("github.com/acme/a")
    (True, False, False)
    """
    return not is_address(context) and not context.startswith(_CONTEXTS)
