"""Find the lines of a Dockerfile that lost the line end before them, in its text with marks.

`marked_templates` places the marks.
"""

import re
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from compiler.render.dockerfile import DockerfileError, read
from compiler.render.marked_templates import STARTS, Start
from compiler.render.marked_text import CLOSE, MARKS, OPEN


_OPEN = re.compile(r"[ \t]*(?:ONBUILD|HEALTHCHECK(?:[ \t]+--\S+)*)[ \t]+\Z", re.IGNORECASE)
"""The start of a line that another instruction completes."""
_COMMAND = re.compile(
    r"(?:[ \t]*(?:RUN|CMD|ENTRYPOINT)(?:[ \t]+--\S+)*|.*[&|;(])[ \t]+\Z", re.IGNORECASE
)
"""The start of a line that a command completes, such as `env` or `add`."""
_SHELL_OR_COMMENT = re.compile(r"[ \t]*(?:#|RUN[ \t].*[ \t]\Z)", re.IGNORECASE)
"""The start of a line that a comment may complete without a change."""
_WORD = re.compile(r"\w")
"""What is in a text whose position matters, unlike a closing bracket."""
NEAR = 1000
"""Characters before an instruction that are examined, so that long lines take linear time."""


class LostLine(NamedTuple):
    """A line that lost the line end before it."""

    start: Start
    text: str
    """What is on the line, up to the next tag."""
    is_instruction: bool
    """Whether it would be an instruction or a comment; otherwise it continues one."""


def is_within(before: str, start: str) -> bool:
    """Return whether what follows this text of its line is part of another instruction.

    Args:
        before: the text.
        start: the keyword that follows, or `#`.
    """
    if not before.strip(" \t") or _OPEN.match(before):
        return False
    if start == "#":  # a comment of the shell, or the rest of a comment
        return not _SHELL_OR_COMMENT.match(before)
    return not (start.islower() and _COMMAND.match(before))


def lost_lines(marked: str, start_of: Callable[[str], Start]) -> Iterator[LostLine]:
    """Yield the marked lines that lost the line end before them.

    These are instructions that become instructions of their own on a line of their own, and what
    follows other text in a here-document, or on a continued line.
    """
    lines: list[str] = []
    inserted: dict[int, LostLine] = {}
    joined: list[tuple[int, str, LostLine]] = []
    for line in marked.split("\n"):
        current, *rest = MARKS.split(line)
        place = _Place()
        for mark, text in zip(rest[::2], rest[1::2], strict=True):
            place.take(mark, text)
            match = STARTS.match(text) if place.lost else None
            start = start_of(place.lost) if place.lost else None
            before = current[-NEAR:].rstrip(" \t")
            if start and match and is_within(current[-NEAR:], match[1]):
                lines.append(current)
                known = start.text or text.strip()
                inserted[len(lines) + 1] = LostLine(start, known, is_instruction=True)
                current = ""
            if start and start.is_joined and before and _WORD.search(text):
                lost = LostLine(start, text.strip(), is_instruction=False)
                joined.append((len(lines) + 1, before, lost))
            current += text
        if current or lines:
            lines.append(current)
    for number in _starting(lines, inserted):
        yield inserted[number]
    yield from _continuing(lines, joined)


def _continuing(lines: list[str], joined: list[tuple[int, str, LostLine]]) -> Iterator[LostLine]:
    """Yield what is part of a here-document, or follows the end of a continued line.

    Args:
        lines: the lines of the Dockerfile.
        joined: the number of the line, the text before, and what lost the line end before it.
    """
    try:
        parsed = read("\n".join(lines)) if joined else None
    except DockerfileError:
        return
    contents: set[int] = set()
    for step in parsed.instructions if parsed else ():
        length = sum(doc.content.count("\n") + 1 for doc in step.heredocs)
        contents.update(range(step.last_line - length + 1, step.last_line + 1))
    for number, before, lost in joined:
        if number in contents or (parsed and before.endswith(parsed.escape)):
            yield lost


def _starting(lines: list[str], numbers: Collection[int]) -> list[int]:
    """Return the numbers of lines that start an instruction or a comment, up to an invalid one."""
    for number in numbers:
        if lines[number - 1].lstrip().startswith("#"):
            lines[number - 1] = "ARG comment"
    try:
        read_to = read("\n".join(lines))
    except DockerfileError as error:
        if not error.line:
            return [*numbers]
        try:
            read_to = read("\n".join([*lines[: error.line - 1], "RUN true"]))
        except DockerfileError:
            return []
    starts = {step.line for step in read_to.instructions}
    return [number for number in numbers if number in starts]


class _Place:
    """Follows the marks before an instruction."""

    def __init__(self) -> None:
        self.lost = ""
        """The last mark of a removed line end since text was printed."""
        self._opened = 0
        """Texts in which nothing was printed so far; line ends in them are not lost."""
        self._is_closed = self._has_printed = False

    def take(self, mark: str, text: str) -> None:
        """Go on past a mark, and to the text after it."""
        if self._has_printed:
            self.lost, self._opened, self._is_closed = "", 0, False
        if mark == OPEN:
            self._opened += 1
        elif mark == CLOSE:
            self._is_closed = not self._opened
            self._opened = max(self._opened - 1, 0)
        elif not self._opened:
            self.lost, self._is_closed = mark, False
        if self._is_closed and text[:1] in {" ", "\t"}:  # the author's own text within a line
            self.lost = ""
        self._has_printed = bool(text.strip())
