"""Find the lines of a template from which an instruction was rendered, if that is certain."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from compiler.matrix.template_files import EXISTING
from compiler.render.dockerfile import Instruction
from compiler.render.line_parts import line_parts
from compiler.render.templates import Templates


_BLOCK = re.compile(r"\{%[-+]?\s*(\w+)")
_OPENING = frozenset({"if", "for", "block", "call", "filter", "with", "raw", "autoescape"})
_BETWEEN = frozenset({"else", "elif"})


class Place(NamedTuple):
    """The lines of a file that one instruction was rendered from."""

    template: str
    first: int
    """From 1."""
    last: int


class Places:
    """Finds the places of the instructions of Dockerfiles."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._known: dict[tuple[str, tuple[str, ...]], Place | None] = {}

    def of(self, template: str, text: Sequence[str], step: Instruction) -> Place | None:
        """Return the place of an instruction; None if several or no lines can be its origin.

        Args:
            template: the template of the Dockerfile.
            text: the lines of the Dockerfile.
            step: the instruction.
        """
        if template.startswith(EXISTING):
            return Place(template, step.line, step.last_line)
        lines = tuple(text[step.line - 1 : step.last_line])
        if (template, lines) not in self._known:
            self._known[template, lines] = self._find(template, lines)
        return self._known[template, lines]

    def _find(self, template: str, lines: Sequence[str]) -> Place | None:
        places = [
            Place(file, number, number + len(lines) - 1)
            for file in self._templates.reads(template)[0]
            for number in range(1, len(self._templates.lines(file)) + 1)
            if self._renders(file, number, lines)
        ]
        return places[0] if len(places) == 1 else None

    def _renders(self, file: str, number: int, lines: Sequence[str]) -> bool:
        """Return whether the lines of a file that begin at a number can render to these."""
        source = self._templates.lines(file)[number - 1 : number - 1 + len(lines)]
        if len(source) < len(lines):
            return False
        for line, rendered in zip(source, lines, strict=True):
            whole = line_parts(line)[0]
            if "{%" in line or not whole.size or not whole.renders_to(rendered.strip()):
                return False
        return True

    def is_movable(self, place: Place, after: Place) -> bool:
        """Return whether the lines at a place can follow another, whatever a template decides.

        Both must be in the same file, in the same blocks, and no variable may change between them.
        """
        if place.template != after.template or after.first <= place.last:
            return False
        depth = 0
        for line in self._templates.lines(place.template)[place.last : after.last]:
            for tag in _BLOCK.findall(line):
                if tag in _OPENING:
                    depth += 1
                elif tag.startswith("end"):
                    depth -= 1
                elif tag != "include" and not (depth and tag in _BETWEEN):
                    return False
                if depth < 0:
                    return False
        return depth == 0
