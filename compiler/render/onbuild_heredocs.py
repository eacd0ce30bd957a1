"""Read what BuildKit reads and e2b-dockerfile-utils does not: here-documents after `ONBUILD`."""

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from compiler.render.dockerfile_json import parse_ast
from compiler.render.frontends import directives


if TYPE_CHECKING:
    from e2b_dockerfile_utils import DockerfileAst

_PATTERN = r"""
    ^[\t\v\f\r\ ]*+ (?P<name>ONBUILD)
    (?=
        (?:
            [^\S\n]
            | ESCAPE[\t\ ]*+\r?\n (?:[\t\v\f\r\ ]*+ (?:\#[^\n]*+)? \n)*+  # the next line
        )++
        (?:RUN|COPY|ADD) [\t\v\f\r\ \\`]
    )
"""
"""`ONBUILD` at the start of a line, before an instruction that can have here-documents.

Comments and empty lines may follow a continued line.
"""
_FALSE = (
    r"\ufeff?(?:[^\S\n]*\#[^\n=]*=[^\n]*\n)*?"
    r"[^\S\n]*\#(?=[^=\n]*[^\S\t\n\v\f\r ])[^=\n]*(?P<equals>=)"
)
"""A comment of the first lines that is a directive only if other spaces than ASCII count."""


@cache
def _pattern(escape: str) -> re.Pattern[str]:
    text = _PATTERN.replace("ESCAPE", re.escape(escape))
    return re.compile(text, re.IGNORECASE | re.MULTILINE | re.VERBOSE)


def parse(text: str) -> "tuple[DockerfileAst, frozenset[int]]":
    """Parse a Dockerfile.

    Returns:
        The instructions; and the lines of those that follow an `ONBUILD`, which they lack.

    Raises:
        DockerfileSyntaxError: the text is not a valid Dockerfile.
    """
    head = text.lstrip()[:1] in {"#", "\ufeff"} and not text.isascii()
    if head and (false := re.match(_FALSE, text)):  # for BuildKit, it is only a comment
        text = f"{text[: false.start('equals')]} {text[false.end('equals') :]}"
    matches = {}
    if "<<" in text:
        escapes = (directive.value for directive in directives(text) if directive.name == "escape")
        escape = next(escapes, "\\")
        at = line = 0
        for match in _pattern(escape).finditer(text):
            line += text.count("\n", at, match.start())
            at = match.start()
            matches[line + 1] = match
    # Without `ONBUILD`, an instruction ends where it ends for BuildKit.
    tree = parse_ast(_without(text, matches.values()))
    lines = {step.start_line for step in tree.instructions if step.heredocs} & matches.keys()
    if lines != matches.keys():  # the others are within here-documents, or have none
        tree = parse_ast(_without(text, map(matches.__getitem__, sorted(lines))))
    return tree, frozenset(lines)


def _without(text: str, matches: Iterable[re.Match[str]]) -> str:
    """Return a text with spaces in place of some `ONBUILD`."""
    parts, at = [], 0
    for match in matches:
        parts += [text[at : match.start("name")], " " * len(match["name"])]
        at = match.end("name")
    return "".join((*parts, text[at:]))


def trigger(text: str) -> str:
    """Return the instruction after `ONBUILD`.

    >>> trigger("ONBUILD  RUN true")
    'RUN true'
    """
    return text.strip()[len("ONBUILD") :].strip()


def invalid_trigger(text: str) -> str:
    """Return why the arguments of a known instruction after `ONBUILD` cannot be parsed.

    BuildKit looks at flags and values only in the stage that inherits the instruction.
    """
    from e2b_dockerfile_utils import DockerfileSyntaxError

    first = text.partition("\n")[0].replace("<<", "")
    try:
        parse_ast(first)
    except DockerfileSyntaxError as error:
        return f"invalid instruction after ONBUILD: {error}"
    return ""
