"""Find instructions that became part of another one because Jinja removed a line end.

Jinja removes the line end after a tag (`trim_blocks`), also where text precedes the tag:

    WORKDIR /srv{% if gpu %}/gpu{% endif %}
    USER nobody

This renders `WORKDIR /srvUSER nobody`, which BuildKit accepts. The line end may as well be removed
by a comment, by `{%-` on the next line, or by a filter, or be missing in an included template.

Where a Dockerfile contains such an instruction within a line, its template is rendered again, with
marks: see `marked_templates`.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from compiler.codes import Code
from compiler.errors import Diagnostic
from compiler.matrix.jinja import environment, piece_renderer
from compiler.matrix.template_files import EXISTING
from compiler.render.dockerfile import DockerfileError, read
from compiler.render.dockerfile_words import KEYWORDS
from compiler.render.marked_templates import STARTS, MarkedSandbox, Start, starts
from compiler.render.marked_text import CLOSE, MARKS, OPEN
from compiler.render.templates import Templates


_OPEN = re.compile(r"[ \t]*(?:ONBUILD|HEALTHCHECK(?:[ \t]+--\S+)*)[ \t]+\Z", re.IGNORECASE)
"""The start of a line that another instruction completes."""
_COMMAND = re.compile(
    r"(?:[ \t]*(?:RUN|CMD|ENTRYPOINT)(?:[ \t]+--\S+)*|.*[&|;(])[ \t]+\Z", re.IGNORECASE
)
"""The start of a line that a command completes, such as `env` or `add`."""
_SHELL_OR_COMMENT = re.compile(r"[ \t]*(?:#|RUN[ \t].*[ \t]\Z)", re.IGNORECASE)
"""The start of a line that a comment may complete without a change."""
_WITHIN = re.compile(rf"(?<=[^\n])(?:{'|'.join(KEYWORDS)})[ \t]", re.IGNORECASE)
"""A keyword within a line, perhaps as part of a word."""
Renderer = Callable[[Mapping[str, Any]], tuple[str, list[str]]]
"""Scope -> the text and its pieces."""
_COMPARED = 100
"""Characters of an instruction that are compared, so that many of them take linear time."""
_NEAR = 1000
"""Characters before an instruction that are examined, so that long lines take linear time."""


class LostLineEnds:
    """Finds lost line ends in the Dockerfiles of one template."""

    def __init__(self, templates: Templates, name: str) -> None:
        """Take the templates of the project, and the name of the one that is examined."""
        self._templates, self._name = templates, name
        found = [] if name.startswith(EXISTING) else [*_starts(templates, name)]
        self._known = _Known(found)
        self._prints = any(start.is_printed for start in found)
        """Whether a line end may be lost before an instruction that an expression prints."""
        self._marked: tuple[MarkedSandbox, Renderer] | None = None

    def errors(self, shape: str, text: str, scope: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
        """Return an error for each instruction that lost the line end before it.

        Args:
            shape: the Dockerfile, with other text for words that its template printed.
            text: the Dockerfile.
            scope: what its template was rendered for.
        """
        return tuple(
            Diagnostic(
                code=Code.LOST_LINE_END,
                message=f"Jinja removes a line end, so {lost.text!r} becomes part of "
                "the instruction before it",
                location=self._templates.locate(lost.file, lost.losing),
                help="write `+%}` instead of `%}` at the end of the line, or move the tag to "
                "its own line",
            )
            for lost in self._find(shape, text, scope)
        )

    def _find(self, shape: str, text: str, scope: Mapping[str, Any]) -> tuple[Start, ...]:
        if not (self._prints and _WITHIN.search(text)) and not self._known.is_within(shape):
            return ()
        env, render = self._marked or self._compiled()
        try:
            marked = "".join(map(str, render(scope)[1]))
        except Exception:  # noqa: BLE001 - the marks may exceed a limit
            return ()
        if MARKS.sub("", marked).strip("\n") + "\n" != text:
            return ()  # the template has examined marks
        return tuple(_lost(marked, env.start))

    def _compiled(self) -> "tuple[MarkedSandbox, Renderer]":
        env = environment(self._templates.load, bake=False, kind=MarkedSandbox)
        env.keep_marks()
        inherits = self._templates.reads(self._name)[2]
        self._marked = env, piece_renderer(env.get_template(self._name), inherits=inherits)
        return self._marked


class _Known:
    """Instructions and comments of templates, to find them within the lines of a Dockerfile."""

    def __init__(self, found: Iterable[Start]) -> None:
        self._texts = {start.text[:_COMPARED] for start in found if start.text}
        self._lengths = sorted(set(map(len, self._texts)), reverse=True)
        firsts = (text.split(None, 1)[0].rstrip("\\") for text in self._texts)
        words = {"#" if word.startswith("#") else rf"{word}(?=[ \t\n\\])" for word in firsts}
        self._inside = re.compile(rf"(?<=[^\n])(?:{'|'.join(sorted(words))})")

    def is_within(self, text: str) -> bool:
        """Return whether one of them is not at the start of its line."""
        for match in self._inside.finditer(text) if self._texts else ():
            at = match.start()
            if any(text[at : at + length] in self._texts for length in self._lengths):
                first = max(at - _NEAR, 0)
                before = text[max(text.rfind("\n", first, at) + 1, first) : at]
                if _is_within(before, match[0]):
                    return True
        return False


def _starts(templates: Templates, name: str) -> Iterator[Start]:
    files, names, _ = templates.reads(name)
    # An include that is only known when rendering may be any of those that were read.
    for file in files if names is not None else templates.loaded():
        yield from starts(templates.env, templates.load(file) or "", file)


def _is_within(before: str, start: str) -> bool:
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


def _lost(marked: str, start_of: Callable[[str], Start]) -> Iterator[Start]:
    """Yield the marked instructions that become instructions of their own on a line of their own.

    Others are part of a here-document or continue a line.
    """
    lines: list[str] = []
    inserted: dict[int, Start] = {}
    for line in marked.split("\n"):
        current, *rest = MARKS.split(line)
        place = _Place()
        for mark, text in zip(rest[::2], rest[1::2], strict=True):
            place.take(mark, text)
            match = STARTS.match(text) if place.lost else None
            if match and _is_within(current[-_NEAR:], match[1]):
                lines.append(current)
                start = start_of(place.lost)
                known = start.text or text.strip()
                inserted[len(lines) + 1] = start._replace(text=known)
                current = ""
            current += text
        if current or lines:
            lines.append(current)
    for number in _starting(lines, inserted):
        yield inserted[number]


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
