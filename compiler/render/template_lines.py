"""Find the line of a template from which a line or a word of a Dockerfile was rendered."""

import re

from compiler.errors import Location
from compiler.render.render import template_location
from compiler.render.templates import Templates
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_TAGS = r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}"
_PRINTED = re.compile(_TAGS)
_PIECE = re.compile(rf"(?:{_TAGS}|[^\s=,\"'])+")
"""Text between spaces, quotes, commas and `=` in a line of a template."""


def origin(templates: Templates, name: str, word: str, part: str = "") -> Location | None:
    """Return the line of a template, or of one that it includes, that renders to a text.

    Args:
        templates: the templates.
        name: the template of the Dockerfile.
        word: a line of the Dockerfile without the white space around it, or a word of that line.
        part: the part of the template's line to which the location refers, if it has this part.

    Returns:
        The best match; None if no line can render to this text.
    """
    matches: list[tuple[int, str, int, str]] = []
    for file in templates.reads(name)[0]:
        for number, line in enumerate(templates.lines(file), 1):
            for piece in (line.strip(), *_PIECE.findall(line)):
                literal = _PRINTED.split(piece)
                size = len("".join(literal))
                is_base = len(literal) > 1 and line.lstrip()[:5].upper() == "FROM "
                shape = ".*".join(map(re.escape, literal))
                if (size or is_base) and re.fullmatch(shape, word, re.DOTALL):
                    matches.append((size, file, number, piece))
    if not matches:
        return None
    _, file, number, piece = max(matches, key=lambda match: match[0])
    return templates.locate(file, number, part or piece)


def line_location(
    plan: Plan, templates: Templates, target: Target, text: str, line: int, word: str = ""
) -> Location:
    """Return the template's line of a line of a Dockerfile, or where matrix.yaml names it."""
    lines = text.split("\n")
    if word and line:  # an instruction may continue on the next lines
        line = next((n for n, text in enumerate(lines[line - 1 :], line) if word in text), line)
    whole = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    for piece in filter(None, (whole, word)):
        place = origin(templates, target.template, piece, word)
        if place is not None:
            return place
    return template_location(target, plan.matrix)
