"""Find the line of a template from which a line or a word of a Dockerfile was rendered."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from compiler.errors import Diagnostic, Location
from compiler.render.dockerfile import DockerfileError
from compiler.render.render import template_location
from compiler.render.structures import invalid
from compiler.render.templates import Templates
from compiler.source.globs import Piece, has_in_order, literal
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_OPENING = re.compile(r"\{[{%#]")
_SEPARATORS = re.compile(r"[\s=,\"']+")


class Part(NamedTuple):
    """A part of a template's line: the whole line, or a word of it."""

    text: str
    literals: tuple[Piece, ...]
    """What is between its tags, in order."""
    size: int
    """The number of characters outside tags."""

    def renders_to(self, word: str) -> bool:
        """Return whether this part can render to a text."""
        return has_in_order(word, self.literals)


@lru_cache(maxsize=4096)
def line_parts(line: str) -> tuple[Part, ...]:
    """Return a line without the white space around it, and its words.

    Words are separated by spaces, quotes, commas and `=` outside tags.
    """
    spans = [*_tags(line)]
    tags = [line[start:end] for start, end, inside in spans if inside]
    whole = "".join(_TAG if inside else line[start:end] for start, end, inside in spans).strip()
    remaining = iter(tags)
    words = (_part(word, remaining) for word in _SEPARATORS.split(whole) if word)
    return (_part(whole, iter(tags)), *words)


_TAG = "\0"
"""Replaces a tag; no template contains this character."""


def _part(tagged: str, tags: Iterator[str]) -> Part:
    """Return a part, whose tags are the next ones."""
    between = tagged.split(_TAG)
    text = between[0] + "".join(f"{next(tags)}{after}" for after in between[1:])
    return Part(text, tuple(map(literal, between)), sum(map(len, between)))


def _tags(line: str) -> Iterator[tuple[int, int, bool]]:
    """Yield the spans of a line, and whether each is a tag; in time proportional to the line."""
    at, start = 0, 0
    unclosed: set[str] = set()
    while match := _OPENING.search(line, at):
        kind = line[match.start() + 1]
        closing = "}}" if kind == "{" else f"{kind}}}"
        end = -1 if kind in unclosed else line.find(closing, match.end())
        if end < 0:
            unclosed.add(kind)
            at = match.start() + 1
            continue
        yield start, match.start(), False
        at = start = end + 2
        yield match.start(), at, True
    yield start, len(line), False


def origin(templates: Templates, name: str, word: str, inner: str = "") -> Location | None:
    """Return the line of a template, or of one that it includes, that renders to a text.

    Args:
        templates: the templates.
        name: the template of the Dockerfile.
        word: a line of the Dockerfile without the white space around it, or a word of that line.
        inner: the part of `word` to which the location refers; empty for the whole text.

    Returns:
        The best match; None if no line can render to this text.
    """
    best: tuple[int, str, int, Part, str] | None = None
    for file in templates.reads(name)[0]:
        for number, line in enumerate(templates.lines(file), 1):
            is_base = line.lstrip()[:5].upper() == "FROM "
            for part in line_parts(line):
                usable = part.size or (is_base and len(part.literals) > 1)
                if usable and (best is None or part.size > best[0]) and part.renders_to(word):
                    best = part.size, file, number, part, line
    if best is None:
        return None
    _, file, number, part, line = best
    return templates.locate(file, number, _within(part, line, inner) if inner else part.text)


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
    lines = text.split("\n")
    if target.is_existing and line:
        return templates.locate(target.template, line, word)
    if word and line:  # an instruction may continue on the next lines
        line = next((n for n, text in enumerate(lines[line - 1 :], line) if word in text), line)
    whole = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    for piece in filter(None, (whole, word)):
        place = origin(templates, target.template, piece, word)
        if place is not None:
            return place
    return template_location(target, plan.matrix)


def invalid_dockerfile(
    plan: Plan, templates: Templates, target: Target, text: str, error: DockerfileError
) -> Diagnostic:
    """Return the error for a Dockerfile that cannot be parsed."""
    location = line_location(plan, templates, target, text, error.line)
    return invalid(error).at(location)
