"""Find which line of a template rendered a line of a Dockerfile, however many lines both have.

A line without tags is looked up by its text; only lines with tags are compared one after another,
and a run compares a limited number.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from compiler.render.line_parts import Part, line_parts


_MOST_EQUAL = 100
"""Equal lines that are distinguished by the lines above and below."""
_MOST_COMPARISONS = 300_000
"""Comparisons with the lines of one template, which take less than a second."""


class WrittenLine(NamedTuple):
    """A line of a template, and the part of it that renders to a text."""

    file: str
    number: int
    line: str
    part: Part


class LineOrigins:
    """The lines of a template, and of those that it includes."""

    def __init__(self, files: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Take the names of these templates with their lines, the template itself first."""
        self._lines = dict(files)
        self._order = {file: position for position, file in enumerate(self._lines)}
        self._literal: defaultdict[str, list[WrittenLine]] = defaultdict(list)
        """Text -> the lines of which it is a part without tags."""
        self._tagged: defaultdict[int, list[WrittenLine]] = defaultdict(list)
        """Number of characters outside tags -> the lines with such a part."""
        self._comparisons = 0
        self._own: dict[tuple[str, str], Mapping[int, WrittenLine]] = {}
        for file, lines in self._lines.items():
            for number, line in enumerate(lines, 1):
                self._add(file, number, line)
        self._sizes = sorted(self._tagged, reverse=True)

    def _add(self, file: str, number: int, line: str) -> None:
        is_base = line.lstrip()[:5].upper() == "FROM "
        for part in line_parts(line):
            written = WrittenLine(file, number, line, part)
            if len(part.literals) > 1:
                if part.size or is_base:
                    self._tagged[part.size].append(written)
            elif part.text:
                self._literal[part.text].append(written)

    def find(self, word: str, text: str = "", number: int = 0) -> WrittenLine | None:
        """Return the line that most likely renders to a text; None if no line can.

        Args:
            word: a line of a Dockerfile without the white space around it, or a word of that line.
            text: the Dockerfile, to distinguish equal lines; empty if it is not known.
            number: the number of the line in it.
        """
        if not text:
            return next(iter(self._candidates(word)), None)
        key = (text, word)
        if key not in self._own:
            self._own[key] = self._distinguish(self._candidates(word), text, number)
        own = self._own[key]
        return own.get(number) or next(iter(own.values()), None)

    def _candidates(self, word: str) -> list[WrittenLine]:
        """Return the lines with the most characters outside tags that can render to a text."""
        literal = self._literal.get(word, [])
        smallest = len(word) if literal else 0
        for size in self._sizes:
            if size < smallest:
                break
            if size <= len(word) and (tagged := self._matches(self._tagged[size], word)):
                both = [*literal, *tagged] if size == smallest else tagged
                return [*_once(sorted(both, key=self._position))]
        return [*_once(literal)]

    def _position(self, written: WrittenLine) -> tuple[int, int]:
        return self._order[written.file], written.number

    def _matches(self, lines: list[WrittenLine], word: str) -> list[WrittenLine]:
        if self._comparisons > _MOST_COMPARISONS:
            return []
        self._comparisons += len(lines)
        return [line for line in lines if line.part.renders_to(word)]

    def _distinguish(
        self, candidates: list[WrittenLine], text: str, number: int
    ) -> dict[int, WrittenLine]:
        """Return which of several lines rendered each of the equal lines of a Dockerfile.

        The lines above and below decide; if they are equal, each line has another origin.
        """
        if len(candidates) <= 1:
            return dict(zip((number,), candidates, strict=False))
        lines, numbers = numbered_lines(text)
        equal = numbers.get(lines[number - 1].strip(), []) if 0 < number <= len(lines) else []
        own = {n: candidates[min(k, len(candidates) - 1)] for k, n in enumerate(equal)}
        written = [
            _neighbours(self._lines[candidate.file], candidate.number)
            for candidate in candidates[:_MOST_EQUAL]
        ]
        used: set[WrittenLine] = set()
        for n in equal[:_MOST_EQUAL]:
            rendered = _neighbours(lines, n)
            likeness = [
                (sum(map(_renders, lines_near, rendered)), candidate not in used)
                for candidate, lines_near in zip(candidates, written, strict=False)
            ]
            own[n] = candidates[likeness.index(max(likeness))]
            used.add(own[n])
        return own


def _once(lines: Iterable[WrittenLine]) -> Iterator[WrittenLine]:
    """Yield each line of a template once, with its first part."""
    seen: set[tuple[str, int]] = set()
    for written in lines:
        if (written.file, written.number) not in seen:
            seen.add((written.file, written.number))
            yield written


@lru_cache(maxsize=8)
def numbered_lines(text: str) -> tuple[list[str], Mapping[str, list[int]]]:
    """Return the lines of a text, and the numbers of each without the white space around it."""
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        numbers[line.strip()].append(number)
    return lines, numbers


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
