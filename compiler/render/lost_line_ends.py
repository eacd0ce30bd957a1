"""Find instructions that became part of another one because Jinja removed a line end.

Jinja removes the line end after a tag (`trim_blocks`), also where text precedes the tag:

    WORKDIR /srv{% if gpu %}/gpu{% endif %}
    USER nobody

This renders `WORKDIR /srvUSER nobody`, which BuildKit accepts.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from compiler.matrix.template_files import EXISTING
from compiler.render.dockerfile import DockerfileError, read
from compiler.render.dockerfile_words import KEYWORDS
from compiler.render.templates import Templates


_TAGS = r"[ \t]*+(?:(?>\{%.*?%\}|\{\#.*?\#\})[ \t]*+)*+"
"""Tags at the start of a line; without backtracking, which would try every group of tags."""
_HEAD = re.compile(rf"{_TAGS}((?:{'|'.join(KEYWORDS)})(?:[ \t][^{{]*|))", re.IGNORECASE)
"""A template line that starts with an instruction; its text up to the next tag."""
_ONLY_TAGS = re.compile(rf"{_TAGS}\Z")
_LOSES = re.compile(r"(?:(?<!\+)[%#]\}|-\}\})[ \t]*\Z")
"""The end of a template line after which Jinja removes the line end."""


class LostLineEnd(NamedTuple):
    """A line of a template whose line end is removed, and the instruction on the next line."""

    file: str
    line: int
    instruction: str


class Head(NamedTuple):
    """A template line that starts with an instruction, and the line whose end may be lost."""

    text: str
    file: str
    losing: int
    """The nearest line above whose end Jinja removes; at the top of an included template, the
    line of the instruction.
    """


def heads(templates: Templates, name: str) -> tuple[Head, ...]:
    """Return the instructions of a template that may follow a removed line end."""
    result: list[Head] = []
    if name.startswith(EXISTING):
        return ()
    for n, file in enumerate(templates.reads(name)[0]):
        losing, first = 0, n > 0
        for number, line in enumerate(templates.lines(file), 1):
            match = _HEAD.match(line)
            if match and (losing or first):
                result.append(Head(match[1].rstrip(), file, losing or number))
            if not _ONLY_TAGS.match(line):
                first = False
                losing = number if _LOSES.search(line) else losing
    return tuple(result)


def lost_line_ends(pieces: Sequence[str], candidates: Sequence[Head]) -> Iterator[LostLineEnd]:
    """Yield the line ends whose loss made an instruction part of another one.

    Args:
        pieces: what the template rendered; see `matrix.jinja.piece_renderer`.
        candidates: the heads of the template.
    """
    repaired = ""
    inserted: list[tuple[int, Head]] = []
    for piece in pieces if candidates else ():
        text = piece.lstrip(" \t")
        body = repaired.lstrip("\n")
        if body and not body.rstrip(" \t").endswith("\n"):
            head = next((head for head in candidates if text.startswith(head.text)), None)
            if head is not None:
                repaired += "\n"
                inserted.append((body.count("\n") + 2, head))
        repaired += piece
    if not inserted:
        return
    try:
        starts = {step.line for step in read(repaired.strip("\n") + "\n").instructions}
    except DockerfileError:
        starts = {line for line, _ in inserted}
    for line, head in inserted:
        if line in starts:
            yield LostLineEnd(head.file, head.losing, head.text)
