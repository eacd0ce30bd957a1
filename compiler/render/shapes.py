"""Replace the words that a template printed with marks, so that similar texts share one parse.

The Dockerfiles of one template mostly differ in such words: versions, names, numbers. A mark is one
character of a private-use plane, so a shape has the lines and the words of the text.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple, TypeAlias


FIRST_MARK = 0xF0000
_MARKS = re.compile("[\U000f0000-\U000ffffd]")
_ESCAPED_MARKS = re.compile(r"\\U000f([0-9a-f]{4})")
"""Marks as `repr` writes them."""
_MOST = 0xFFFD
"""Marks that exist."""
_SIMPLE = re.compile(r"[A-Za-z0-9_.:/@+][A-Za-z0-9_.:/@+-]{0,63}\Z")
"""A printed value that cannot end a word, and has no meaning for the parser."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A Dockerfile with marks instead of printed words."""

    text: str


class Printed(NamedTuple):
    """A Dockerfile as its shape and the words that the marks replace, the first mark first."""

    shape: Shape
    words: tuple[str, ...] = ()

    def restore(self, part: str) -> str:
        """Return a part of the shape with the printed words."""
        if not self.words or part.isascii():
            return part
        return part.translate(dict(enumerate(self.words, FIRST_MARK)))

    def restore_message(self, message: str) -> str:
        """Return a message about the shape with the printed words, also where it quotes them."""
        if not self.words:
            return message
        quoted = _ESCAPED_MARKS.sub(lambda mark: chr(FIRST_MARK + int(mark[1], 16)), message)
        return self.restore(quoted)


def marks_in(parts: Iterable[str]) -> tuple[int, ...]:
    """Return the numbers of the marks in some texts, each once, in ascending order."""
    marks = {
        ord(mark) - FIRST_MARK
        for part in parts
        if not part.isascii()
        for mark in _MARKS.findall(part)
    }
    return tuple(sorted(marks))


def without_marks(text: str, replacement: str = "…") -> str:
    """Return a text with something else for each mark."""
    return text if text.isascii() else _MARKS.sub(replacement, text)


def is_marked(text: str) -> bool:
    """Return whether a text contains a mark."""
    return not text.isascii() and _MARKS.search(text) is not None


Selection: TypeAlias = Callable[[Sequence[str]], tuple[str, ...]]


def selection(positions: Sequence[int]) -> Selection:
    """Return a function that returns the items of a sequence at these positions.

    >>> selection([0, 2])("abc"), selection([1])("abc"), selection([])("abc")
    (('a', 'c'), ('b',), ())
    """
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda items: tuple([items[position] for position in positions])


class Shapes:
    """The shapes of the Dockerfiles that one template rendered."""

    def __init__(self) -> None:
        self._literals = _Literals()
        self._by_literals: dict[tuple[str | None, ...], tuple[Shape, Selection] | None] = {}
        self._printed: dict[str, Printed] = {}

    def note(self, text: str, pieces: Sequence[str]) -> Shape:
        """Note the pieces that the template rendered to a text, and return its shape.

        The text begins with its first character that is not a newline, and ends with one newline.
        If a piece contains a character that is used as a mark, no word is replaced.
        """
        literals = tuple(map(self._literals.__getitem__, pieces))
        try:
            shaped = self._by_literals[literals]
        except KeyError:
            shaped = self._by_literals[literals] = _shaped(literals)
        if shaped is None:
            printed = Printed(Shape(text))
        else:
            shape, words = shaped
            printed = Printed(shape, words(pieces))
        self._printed[text] = printed
        return printed.shape

    def note_unchanged(self, text: str) -> None:
        """Note a text that no template rendered: no word is replaced, and all lines are kept."""
        self._printed[text] = Printed(Shape(text))

    def of(self, text: str) -> Printed:
        """Return the shape and the words of a text that was noted."""
        return self._printed[text]

    def get(self, text: str) -> Printed | None:
        """Return the shape and the words of a text; None if it was not noted."""
        return self._printed.get(text)


class _Literals(dict[str, str | None]):
    """Piece -> the piece, or None if a mark can replace it."""

    def __missing__(self, piece: str) -> str | None:
        literal = self[piece] = None if _SIMPLE.match(piece) else piece
        return literal


def _shaped(literals: tuple[str | None, ...]) -> tuple[Shape, Selection] | None:
    """Return a shape, and what selects its words from the pieces; None if it cannot have marks."""
    positions = [n for n, literal in enumerate(literals) if literal is None]
    if len(positions) > _MOST or any(literal and is_marked(literal) for literal in literals):
        return None
    marks = map(chr, range(FIRST_MARK, FIRST_MARK + len(positions)))
    pieces = tuple(next(marks) if literal is None else literal for literal in literals)
    return Shape("".join(pieces).strip("\n") + "\n"), selection(positions)
