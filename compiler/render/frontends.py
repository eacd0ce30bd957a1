"""Determine which frontend reads a Dockerfile, as BuildKit does.

The build argument `BUILDKIT_SYNTAX` decides. Without it, a directive in the first lines does: `#
syntax=`, also after a line `#!`, or `// syntax=`, or the key `syntax` of a text in JSON.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from compiler.external.references import lookup_name


SYNTAX = "BUILDKIT_SYNTAX"
"""The argument that replaces the frontend."""
_OWN = re.compile(r"docker/dockerfile(?:-upstream)?(?:[:@]|\Z)")
"""Frontends that read a Dockerfile as BuildKit itself does."""
_SHEBANG = re.compile(r"#![^\n]*(?:\n|\Z)")
_LINE = r"{0}[\t\f\r ]*([a-zA-Z][a-zA-Z0-9]*)[\t\f\r ]*=[\t\f\r ]*([^\t\f\r\n ]+)([^\n]*)(?:\n|\Z)"
_DIRECTIVES = {comment: re.compile(_LINE.format(comment)) for comment in ("#", "//")}
_INDENTED = re.compile(r"[^\S\n]+")
_KNOWN = frozenset({"syntax", "escape", "check"})


class Directive(NamedTuple):
    """A parser directive of a Dockerfile."""

    name: str
    """In lower case."""
    value: str
    word: str
    """The first word of the value."""
    end: int
    """Offset of the end of the word in the text."""
    line: int


def directives(text: str, comment: str = "#") -> Iterator[Directive]:
    """Yield the directives of a Dockerfile, which begin with a mark of comments.

    Directives are only recognised on the first lines. White space may precede only `# escape=`.
    """
    at, line = int(text.startswith("\ufeff")), 1
    if shebang := _SHEBANG.match(text, at):
        at, line = shebang.end(), 2
    while True:
        indented = _INDENTED.match(text, at)
        match = _DIRECTIVES[comment].match(text, indented.end() if indented else at)
        name = match[1].lower() if match else ""
        if match is None or name not in _KNOWN or (indented and name != "escape"):
            return
        yield Directive(name, f"{match[2]}{match[3]}".strip(), match[2], match.end(2), line)
        if indented:
            return
        at, line = match.end(), line + 1


def syntax_directive(text: str) -> Directive | None:
    """Return the directive that names the frontend.

    The `end` of one in JSON is -1: its position is unknown.
    """
    for comment in _DIRECTIVES:
        for directive in directives(text, comment):
            if directive.name == "syntax":
                return directive
    start = int(text.startswith("\ufeff"))
    shebang = _SHEBANG.match(text, start)
    body = text[shebang.end() if shebang else start :]
    if body.lstrip()[:1] != "{":
        return None
    try:
        name = json.loads(body).get("syntax")
    except (ValueError, RecursionError):
        return None
    line = 2 if shebang else 1
    return Directive("syntax", name, name, -1, line) if isinstance(name, str) and name else None


def frontend_argument(args: Mapping[str, str]) -> str:
    """Return the frontend that the build arguments name; empty if none."""
    return (args.get(SYNTAX) or "").strip().partition(" ")[0]


def is_foreign(frontend: str) -> bool:
    """Return whether a frontend reads other texts than BuildKit's own.

    >>> is_foreign(""), is_foreign("docker/dockerfile:1-labs"), is_foreign("acme/frontend")
    (False, False, True)
    """
    return bool(frontend) and not _OWN.match(lookup_name(frontend))
