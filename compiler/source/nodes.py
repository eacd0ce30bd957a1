"""The tree of a YAML document: the value and the position of each node."""

import re
from typing import Any

from compiler.source.positions import SourceText


_UNIT = re.compile(r"\\(?:x..|u....|U.{8}|\r\n|.)|.", re.DOTALL)
_HEAD = re.compile(r"[|>][-+\d]*")
_BLOCK = ("|", ">")
_BLANK = " \t\r\n"
_WHITE = {r"\n": "\n", r"\t": "\t", "\\\t": "\t", r"\ ": " "}
_CONTINUED = ("\\\n", "\\\r", "\\\r\n")


class Node:
    """A value and its position; the children of a mapping are pairs of key and value."""

    __slots__ = ("children", "data", "end", "origin", "page", "size", "start", "style")

    def __init__(self, start: int, end: int, style: str, data: Any = None) -> None:
        self.start = start
        self.end = end
        self.style = style
        """YAML's indicator: one of `'"|>[{*`, or empty for plain scalars and block style."""
        self.data = data
        self.children: dict[Any, tuple[Node, Node]] | list[Node] | None = None
        self.origin = self
        """The node itself, or the anchored node of an alias."""
        self.size = 1
        """The number of nodes with aliases expanded; 0 while the node is incomplete."""
        self.page: SourceText | None = None
        """The text that contains the node, and the nodes below it; None for that of its parent."""

    def located(self, page: SourceText) -> tuple["Node", SourceText]:
        """Return the node with the position for diagnostics, and the text that contains it.

        Args:
            page: the text of the nodes above.
        """
        return self, self.page or page

    def emptied(self) -> "Node":
        """Return a node at the same position, without data and children."""
        changed = Node(self.start, self.end, self.style)
        changed.page = self.page
        return changed

    def span(self, text: str) -> tuple[int, int]:
        """Return the span for a diagnostic: a scalar, brackets, or the head of a block."""
        if self.style in _BLOCK:
            head = _HEAD.match(text, self.start)
            return self.start, head.end() if head else self.end
        if self.style or self.children is None:
            return self.start, self.end
        first = (
            next(iter(self.children.values()), None) if isinstance(self.children, dict) else None
        )
        return self.start, first[0].end if first and first[0].start == self.start else self.start

    def place(self, text: str, offset: int) -> int:
        """Return the offset in the text of a character of the scalar's value."""
        start, end = self.start, self.end
        if self.style in _BLOCK:
            start = text.find("\n", start, end) + 1 or end
        elif self.style:
            start, end = start + 1, end - 1
        units = _units(text[start:end], self.style)
        value: str = self.data
        if self.style not in _BLOCK and len(units) == len(value):
            return start + units[offset][0] if offset < len(units) else end
        # Folding changes only white space, so count the other characters.
        solid = [place for place, character in units if character not in _BLANK]
        before = len(value[:offset].rstrip(_BLANK))
        nth = sum(character not in _BLANK for character in value[:before])
        if nth < len(solid) and value[offset : offset + 1] not in tuple(_BLANK):
            return start + solid[nth]
        return start + solid[nth - 1] + 1 + offset - before if 0 < nth <= len(solid) else start


def _units(raw: str, style: str) -> list[tuple[int, str]]:
    """Return the characters of a scalar's value, each with its offset in the source."""
    if style == "'":
        matches = re.finditer(r"''|.", raw, re.DOTALL)
        return [(match.start(), match[0][0]) for match in matches]
    if style != '"' or "\\" not in raw:
        return list(enumerate(raw))
    return [
        (match.start(), _WHITE.get(match[0], match[0][-1]))
        for match in _UNIT.finditer(raw)
        if match[0] not in _CONTINUED
    ]
