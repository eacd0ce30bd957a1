"""Determine which frontend reads a Dockerfile, as BuildKit does.

The build argument `BUILDKIT_SYNTAX` decides. Without it, a directive in the first lines does: `#
syntax=`, also after a line `#!`, or `// syntax=`, or the key `syntax` of a text in JSON.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from compiler.external.references import lookup_name
from compiler.matrix.bake_strings import substitute
from compiler.render.dockerfile_json import load, without_surrogates


SYNTAX = "BUILDKIT_SYNTAX"
"""The argument that replaces the frontend."""
_OWN = re.compile(r"docker/dockerfile(?:-upstream)?(?:[:@]|\Z)")
"""Frontends that read a Dockerfile as BuildKit itself does."""
_LINE = (
    r"([^\S\n]*){}[\t\f\r ]*([a-zA-Z][a-zA-Z0-9]*)"
    r"[\t\f\r ]*=[\t\f\r ]*([^\t\f\r\n ]+)([^\n]*)(?:\n|\Z)"
)
_KNOWN = frozenset({"syntax", "escape", "check"})
_FIRST_LINES = re.compile(
    r"\ufeff?(?:#![^\n]*(?:\n|\Z))?"
    r"(?:[^\S\n]*(?:#|//)[^\S\n]*(?:syntax|escape|check)[^\S\n]*=[^\n]*(?:\n|\Z))*",
    re.IGNORECASE,
)
"""All lines that may be directives, and what may precede them."""
_USUAL_START = re.compile(r"[A-Za-z]|#(?!!)[^=\n]*\n")
"""An instruction, or a comment without `=`: BuildKit reads no directives after it."""


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
    at, line = _start(text)
    if comment not in text[at : text.find("\n", at) + 1 or None]:
        return
    pattern = re.compile(_LINE.format(comment))  # remembered by `re`
    while match := pattern.match(text, at):
        name, is_indented = match[2].lower(), bool(match[1])
        if name not in _KNOWN or (is_indented and name != "escape"):
            return
        yield Directive(name, f"{match[3]}{match[4]}".strip(), match[3], match.end(3), line)
        if is_indented:
            return
        at, line = match.end(), line + 1


def _start(text: str) -> tuple[int, int]:
    """Return the offset and the line after a byte order mark and a line `#!`."""
    at = int(text.startswith("\ufeff"))
    if not text.startswith("#!", at):
        return at, 1
    end = text.find("\n", at)
    return (len(text) if end < 0 else end + 1), 2


def syntax_directive(text: str) -> Directive | None:
    """Return the directive that names the frontend.

    The `end` of one in JSON is -1: its position is unknown.
    """
    for comment in ("#", "//"):
        for directive in directives(text, comment):
            if directive.name == "syntax":
                return directive
    start, line = _start(text)
    body = text[start:]
    if not body.lstrip().startswith("{"):
        return None
    try:
        name = load(body).get("syntax")
    except (ValueError, RecursionError):
        return None
    name = without_surrogates(name) if isinstance(name, str) else ""
    return Directive("syntax", name, name, -1, line) if name else None


class CommentPlace(NamedTuple):
    """Where a text can have a comment that changes neither its frontend nor its directives."""

    offset: int
    mark: str
    """What comments of its language begin with."""


_FIRST = CommentPlace(0, "#")


def comment_place(text: str) -> CommentPlace | None:
    r"""Return where a comment can be added to a text; None for JSON, which has no comments.

    >>> comment_place("# syntax=a\nFROM b"), comment_place("// syntax=a\n"), comment_place("{}")
    (CommentPlace(offset=11, mark='#'), CommentPlace(offset=12, mark='//'), None)
    """
    if _USUAL_START.match(text):
        return _FIRST
    if text[_start(text)[0] :].lstrip().startswith("{"):
        return None
    match = _FIRST_LINES.match(text)
    end = match.end() if match else 0
    is_slashed = "//" in text[:end] and any(directives(text[:end], "//"))
    return CommentPlace(end, "//" if is_slashed else "#")


def frontend_argument(args: Mapping[str, str], variables: Mapping[str, str] | None = None) -> str:
    """Return the frontend that the build arguments name; empty if none.

    Args:
        args: the build arguments.
        variables: bake variable -> its default; None if the arguments have none, or if the frontend
            that they name counts as a foreign one.
    """
    value = args.get(SYNTAX)
    if not value:
        return ""
    value = value if variables is None else substitute(value, variables)
    return value.strip().partition(" ")[0]


def may_be_foreign(text: str, args: Mapping[str, str]) -> bool:
    """Return whether a frontend other than BuildKit's own may read a Dockerfile.

    Args:
        text: the Dockerfile.
        args: the build arguments of its target, perhaps with bake variables.
    """
    directive = syntax_directive(text)
    return is_foreign(frontend_argument(args) or (directive.word if directive else ""))


def is_foreign(frontend: str) -> bool:
    """Return whether a frontend reads other texts than BuildKit's own.

    >>> is_foreign(""), is_foreign("docker/dockerfile:1-labs"), is_foreign("acme/frontend")
    (False, False, True)
    """
    return bool(frontend) and not _OWN.match(lookup_name(frontend))
