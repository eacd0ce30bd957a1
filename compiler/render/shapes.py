"""Replace the words that a template printed with marks, so that similar texts share one parse.

The Dockerfiles of one template mostly differ in such words: versions, names, numbers. A mark is one
character of a private-use plane, so a shape has the lines and the words of the text.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple


FIRST_MARK = 0xF0000
_MARKS = re.compile("[\U000f0000-\U000ffffd]")
_SIMPLE = re.compile(r"[A-Za-z0-9_.:/@+-]{1,64}\Z")
"""A printed value that cannot end a word, and has no meaning for the parser."""


class Shape(NamedTuple):
    """A Dockerfile with marks instead of printed words."""

    text: str
    words: tuple[str, ...] = ()
    """The words that the marks replace, the first mark first."""

    def restore(self, text: str) -> str:
        """Return a part of the shape with the printed words."""
        return text.translate(self.table()) if self.words and is_marked(text) else text

    def table(self) -> Mapping[int, str]:
        """Return what replaces each mark."""
        return dict(enumerate(self.words, FIRST_MARK))


def is_marked(text: str) -> bool:
    """Return whether a text contains a mark."""
    return not text.isascii() and _MARKS.search(text) is not None


def shape(pieces: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return pieces with marks instead of simple words, and these words.

    Equal words have equal marks. If a piece contains a character that is used as a mark, no word
    is replaced.
    """
    marks: dict[str, str] = {}
    marked: list[str] = []
    for piece in pieces:
        if _SIMPLE.match(piece):
            mark = marks.get(piece)
            if mark is None:
                mark = marks[piece] = chr(FIRST_MARK + len(marks))
            marked.append(mark)
        elif is_marked(piece):
            return list(pieces), []
        else:
            marked.append(piece)
    return marked, list(marks)
