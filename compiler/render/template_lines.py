"""Find the line of a template from which a line or a word of a Dockerfile was rendered."""

from compiler.errors import Diagnostic, Location
from compiler.render.dockerfile import DockerfileError
from compiler.render.line_origins import numbered_lines
from compiler.render.line_parts import Part, line_parts
from compiler.render.render import template_location
from compiler.render.structures import invalid
from compiler.render.templates import Templates
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_MOST_LINES = 1000
"""Lines of one instruction in which a word is looked for."""


def origin(
    templates: Templates, name: str, word: str, inner: str = "", *, text: str = "", number: int = 0
) -> Location | None:
    """Return the line of a template, or of one that it includes, that renders to a text.

    Args:
        templates: the templates.
        name: the template of the Dockerfile.
        word: a line of the Dockerfile without the white space around it, or a word of that line.
        inner: the part of `word` to which the location refers; empty for the whole text.
        text: the Dockerfile, to distinguish equal lines; empty if it is not known.
        number: the number of the line in it.

    Returns:
        The best match; None if no line can render to this text.
    """
    written = templates.origins(name).find(word, text, number)
    if written is None:
        return None
    file, position, line, part = written
    return templates.locate(file, position, _within(part, line, inner) if inner else part.text)


def _within(part: Part, line: str, inner: str) -> str:
    """Return which word of a template's line renders to a text; the part if that is not certain."""
    if inner in part.text:
        return inner
    words = [word for word in line_parts(line)[1:] if word.renders_to(inner)]
    size = max((word.size for word in words), default=0)
    likely = [word for word in words if word.size == size]
    return likely[0].text if len(likely) == 1 else part.text


def line_location(
    plan: Plan, templates: Templates, target: Target, text: str, line: int, word: str = ""
) -> Location:
    """Return the template's line of a line of a Dockerfile, or where matrix.yaml names it."""
    lines, _ = numbered_lines(text)
    if target.is_existing and line:
        return templates.locate(target.template, line, word)
    if word and line:  # an instruction may continue on the next lines
        near = lines[line - 1 : line - 1 + _MOST_LINES]
        line = next((n for n, text in enumerate(near, line) if word in text), line)
    whole = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    for piece in filter(None, (whole, word)):
        place = origin(templates, target.template, piece, word, text=text, number=line)
        if place is not None:
            return place
    return template_location(target, plan.matrix)


def invalid_dockerfile(
    plan: Plan, templates: Templates, target: Target, text: str, error: DockerfileError
) -> Diagnostic:
    """Return the error for a Dockerfile that cannot be parsed."""
    location = line_location(plan, templates, target, text, error.line)
    return invalid(error).at(location)
