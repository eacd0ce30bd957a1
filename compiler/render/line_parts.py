"""Split lines of templates into parts: the line without the white space around it, its words."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from compiler.source.globs import has_in_order


_OPENING = re.compile(r"\{[{%#]")
_SEPARATORS = re.compile(r"[\s=,\"']+")


class Part(NamedTuple):
    """A part of a template's line: the whole line, or a word of it."""

    text: str
    literals: tuple[str, ...]
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
    return Part(text, tuple(between), sum(map(len, between)))


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
