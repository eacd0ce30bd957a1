"""A version tag in which the version is left open."""

import re
from collections.abc import Callable
from typing import NamedTuple

from compiler.external.references import split_tag


OPEN = "\0"
"""Stands for the version in a template; no tag can contain it."""

DERIVED = re.compile("\1([A-Za-z0-9_]+)\2")
"""Stands for a variable that is derived from the version."""

LEFT_OPEN = re.compile(f"{OPEN}|{DERIVED.pattern}")


class TagTemplate(NamedTuple):
    """A version tag in which the version is left open."""

    text: str
    derive: Callable[[str, str], str] = lambda _name, _version: ""
    """Return the value of a derived variable for a version."""

    @property
    def has_version(self) -> bool:
        """Return whether the tag contains the version; otherwise all releases share the tag."""
        return OPEN in self.text

    @property
    def ends(self) -> tuple[str, str]:
        """Return the text in front of everything that is left open, and the text behind it."""
        pieces = LEFT_OPEN.split(self.text)
        return pieces[0], pieces[-1]

    @property
    def repository(self) -> str | None:
        """Return the repository of the tags; None if the repository contains the version."""
        repository = split_tag(self.text)[0]
        return None if LEFT_OPEN.search(repository) else repository

    def tag(self, version: str) -> str:
        """Return the tag of a version."""
        text = DERIVED.sub(lambda match: self.derive(match[1], version), self.text)
        return text.replace(OPEN, version)

    def version(self, tag: str) -> str | None:
        r"""Return the version of a tag; None if the template cannot produce the tag.

        >>> TagTemplate("r/app:3.11-\0").version("r/app:3.11-0")
        '0'
        >>> TagTemplate("r/app:v\0-\0").version("r/app:v1-2") is None
        True
        """
        if DERIVED.search(self.text):
            return self._derived_version(tag)
        pieces = self.text.split(OPEN)
        count = len(pieces) - 1
        length, remainder = divmod(len(tag) - sum(map(len, pieces)), count) if count else (0, 1)
        if length <= 0 or remainder:
            return None
        version = tag[len(pieces[0]) : len(pieces[0]) + length]
        return version if self.tag(version) == tag else None

    def _derived_version(self, tag: str) -> str | None:
        """Return the version of a tag that also contains values derived from the version."""
        for derived in (".*?", ".*"):
            expression, start = "", 0
            for match in LEFT_OPEN.finditer(self.text):
                first = "(?P<version>.+)" if "?P<version>" not in expression else "(?P=version)"
                expression += re.escape(self.text[start : match.start()])
                expression += first if match[0] == OPEN else derived
                start = match.end()
            matched = re.fullmatch(expression + re.escape(self.text[start:]), tag)
            if matched and "version" in matched.groupdict() and self.tag(matched["version"]) == tag:
                return matched["version"]
        return None
