"""Find the line of a template from which a line or a word of a Dockerfile was rendered."""

import re
from collections.abc import Iterator, Sequence
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
_MOST_EQUAL = 100
"""Equal lines that are distinguished."""
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


class _Candidate(NamedTuple):
    """A part of a template's line that can render to a text."""

    file: str
    number: int
    line: str
    part: Part


def origin(
    templates: Templates,
    name: str,
    word: str,
    inner: str = "",
    *,
    lines: Sequence[str] = (),
    number: int = 0,
) -> Location | None:
    """Return the line of a template, or of one that it includes, that renders to a text.

    Args:
        templates: the templates.
        name: the template of the Dockerfile.
        word: a line of the Dockerfile without the white space around it, or a word of that line.
        inner: the part of `word` to which the location refers; empty for the whole text.
        lines: the lines of the Dockerfile, to distinguish equal ones; empty if not known.
        number: the number of the line in it.

    Returns:
        The best match; None if no line can render to this text.
    """
    best: list[_Candidate] = []
    for file in templates.reads(name)[0]:
        for position, line in enumerate(templates.lines(file), 1):
            is_base = line.lstrip()[:5].upper() == "FROM "
            for part in line_parts(line):
                usable = part.size or (is_base and len(part.literals) > 1)
                size = best[0].part.size if best else -1
                if usable and part.size >= size and part.renders_to(word):
                    best = best if part.size == size else []
                    if not (best and (best[-1].file, best[-1].number) == (file, position)):
                        best.append(_Candidate(file, position, line, part))
    if not best:
        return None
    file, position, line, part = _own(best, templates, lines, number) if lines else best[0]
    return templates.locate(file, position, _within(part, line, inner) if inner else part.text)


def _own(
    candidates: Sequence[_Candidate], templates: Templates, lines: Sequence[str], number: int
) -> _Candidate:
    """Return which of several lines of templates rendered one line of a Dockerfile.

    The lines above and below decide; if they are equal, each line has another origin.
    """
    if len(candidates) == 1:
        return candidates[0]
    text = lines[number - 1].strip()
    equal = [n for n, line in enumerate(lines[: number - 1], 1) if line.strip() == text]
    own = candidates[0]
    used: set[_Candidate] = set()
    written = [
        _neighbours(templates.lines(candidate.file), candidate.number)
        for candidate in candidates[:_MOST_EQUAL]
    ]
    for n in (*equal[-_MOST_EQUAL:], number):
        rendered = _neighbours(lines, n)
        likeness = [
            (sum(map(_renders, lines_near, rendered)), candidate not in used)
            for candidate, lines_near in zip(candidates, written, strict=False)
        ]
        own = candidates[likeness.index(max(likeness))]
        used.add(own)
    return own


def _neighbours(lines: Sequence[str], number: int) -> tuple[str, str]:
    """Return the nearest lines above and below a line that have text outside tags."""
    above = (lines[n] for n in range(number - 2, -1, -1))
    below = (lines[n] for n in range(number, len(lines)))
    first, second = (
        next((x for x in part if line_parts(x)[0].size), "") for part in (above, below)
    )
    return first.strip(), second.strip()


def _renders(written: str, rendered: str) -> bool:
    return line_parts(written)[0].renders_to(rendered)


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
        place = origin(templates, target.template, piece, word, lines=lines, number=line)
        if place is not None:
            return place
    return template_location(target, plan.matrix)


def invalid_dockerfile(
    plan: Plan, templates: Templates, target: Target, text: str, error: DockerfileError
) -> Diagnostic:
    """Return the error for a Dockerfile that cannot be parsed."""
    location = line_location(plan, templates, target, text, error.line)
    return invalid(error).at(location)
