"""Draw the pictures of the documentation: `python docs/pictures.py` writes docs/pictures/*.svg.

A picture is a table of boxes in columns, and arrows between them. It needs no other program, and
it looks the same on a forge and on the site.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any


HERE = Path(__file__).parent
_CHARACTER, _LINE, _PADDING = 7.3, 16, 9
"""Width of a character of the font below, height of a line, space within a box; in pixels."""
_BOLD = 8.5
"""Width of a character of a heading."""
_GAP, _COLUMN_GAP, _TOP = 14, 76, 44
_STYLE = """\
svg { background: #fff; }
text { font: 12px ui-monospace, monospace; fill: #18181b; }
.heading { font: bold 13px sans-serif; fill: #52525b; }
rect { stroke-width: 1; }
.file rect { fill: #fff3cd; stroke: #8a6d00; }
.phase rect { fill: #dbeafe; stroke: #1d4ed8; }
.value rect { fill: #f4f4f5; stroke: #52525b; }
.image rect { fill: #dcfce7; stroke: #15803d; }
.error rect { fill: #fee2e2; stroke: #b91c1c; }
.arrow { fill: none; stroke: #52525b; stroke-width: 1.3; }
marker path { fill: #52525b; }
@media (prefers-color-scheme: dark) {
  svg { background: #18181b; }
  .heading { fill: #e4e4e7; }
  .arrow { stroke: #a1a1aa; }
  marker path { fill: #a1a1aa; }
}
"""


@dataclass(frozen=True)
class Box:
    """A box of a picture, and its place."""

    kind: str
    lines: tuple[str, ...]
    x: float
    y: float
    width: float

    @property
    def height(self) -> float:
        """The height in pixels."""
        return len(self.lines) * _LINE + 2 * _PADDING

    @property
    def middle(self) -> float:
        """The vertical position of the middle."""
        return self.y + self.height / 2


def draw(picture: Mapping[str, Any]) -> str:
    """Return a picture as an SVG document.

    Args:
        picture: `title`, which screen readers read; `columns`, each with an optional `heading` and
            `boxes`, which are `[name, kind, text]`; and `arrows`, `[from, to]`.
    """
    boxes = dict(_places(picture["columns"]))
    last = picture["columns"][-1]
    heading = boxes[last["boxes"][0][0]].x + len(last.get("heading", "")) * _BOLD
    width = max(heading, *(box.x + box.width for box in boxes.values())) + _GAP
    height = max(box.y + box.height for box in boxes.values()) + _GAP
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">\n'
        f'<title id="title">{escape(picture["title"])}</title>\n<style>\n{_STYLE}</style>\n'
        '<marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker>\n'
    )
    headings = (_heading(column, boxes) for column in picture["columns"] if "heading" in column)
    arrows = (_arrow(boxes[start], boxes[end]) for start, end in picture["arrows"])
    return "".join([head, *headings, *arrows, *map(_box, boxes.values()), "</svg>\n"])


def _places(columns: list[Mapping[str, Any]]) -> Iterator[tuple[str, Box]]:
    """Yield the boxes of all columns; each column is centred vertically."""
    texts = [
        [(*box[:2], tuple(box[2].split("\n"))) for box in column["boxes"]] for column in columns
    ]
    heights = [
        sum(len(lines) * _LINE + 2 * _PADDING + _GAP for _, _, lines in column) - _GAP
        for column in texts
    ]
    headings = [column.get("heading", "") for column in columns]
    x: float = _GAP
    for column, height, heading in zip(texts, heights, headings, strict=True):
        longest = max(len(line) for _, _, lines in column for line in lines)
        width = longest * _CHARACTER + 2 * _PADDING
        room = max(width, len(heading) * _BOLD - _COLUMN_GAP / 2)
        y = _TOP + (max(heights) - height) / 2
        for name, kind, lines in column:
            box = Box(kind, lines, x, y, width)
            yield name, box
            y += box.height + _GAP
        x += room + _COLUMN_GAP


def _heading(column: Mapping[str, Any], boxes: Mapping[str, Box]) -> str:
    """Return the heading of a column, above its first box."""
    x = boxes[column["boxes"][0][0]].x
    return f'<text class="heading" x="{x:.0f}" y="24">{escape(column["heading"])}</text>\n'


def _box(box: Box) -> str:
    """Return a box with its lines."""
    lines = "".join(
        f'<text x="{box.x + _PADDING:.0f}" y="{box.y + _PADDING + _LINE * (number + 0.75):.0f}" '
        f'xml:space="preserve">{escape(line)}</text>'
        for number, line in enumerate(box.lines)
    )
    return (
        f'<g class="{box.kind}"><rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" '
        f'height="{box.height:.0f}" rx="4"/>{lines}</g>\n'
    )


def _arrow(start: Box, end: Box) -> str:
    """Return an arrow to the right, or down or up within a column."""
    if start.x == end.x:
        x = start.x + start.width / 2
        y1, y2 = start.y + start.height, end.y
        if y1 > y2:
            y1, y2 = start.y, end.y + end.height
        line = f"M{x:.0f} {y1:.0f} L{x:.0f} {y2:.0f}"
    else:
        x1, x2 = start.x + start.width, end.x
        bend = (x1 + x2) / 2
        line = (
            f"M{x1:.0f} {start.middle:.0f} C{bend:.0f} {start.middle:.0f} "
            f"{bend:.0f} {end.middle:.0f} {x2:.0f} {end.middle:.0f}"
        )
    return f'<path class="arrow" d="{line}" marker-end="url(#end)"/>\n'


PICTURES: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    (HERE / "pictures/pictures.toml").read_text(encoding="utf-8")
)

if __name__ == "__main__":
    for name, described in PICTURES.items():
        (HERE / f"pictures/{name}.svg").write_text(draw(described), encoding="utf-8")
