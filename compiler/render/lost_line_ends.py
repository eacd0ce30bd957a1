"""Find instructions that became part of another one because Jinja removed a line end.

Jinja removes the line end after a tag (`trim_blocks`), also where text precedes the tag:

    WORKDIR /srv{% if gpu %}/gpu{% endif %}
    USER nobody

This renders `WORKDIR /srvUSER nobody`, which BuildKit accepts. The line end may as well be removed
by a comment, by `{%-` on the next line, or by a filter, or be missing in an included template.

Where a Dockerfile contains such an instruction within a line, its template is rendered again, with
marks: see `marked_templates`. The same is done for templates that remove line ends after text, to
find what they join in here-documents and in continued lines.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from compiler.codes import Code
from compiler.errors import Diagnostic, Severity
from compiler.matrix.jinja import environment, piece_renderer
from compiler.matrix.template_files import EXISTING
from compiler.render.dockerfile_words import KEYWORDS
from compiler.render.marked_templates import MarkedSandbox, Start, starts
from compiler.render.marked_text import MARKS
from compiler.render.shapes import Shape
from compiler.render.templates import Templates
from compiler.targets.target import Target


if TYPE_CHECKING:
    from compiler.render.marked_lines import LostLine


_WITHIN = re.compile(rf"(?<=[^\n])(?:{'|'.join(KEYWORDS)})[ \t]", re.IGNORECASE)
"""A keyword within a line, perhaps as part of a word."""
Renderer = Callable[[Mapping[str, Any]], tuple[str, list[str]]]
"""Scope -> the text and its pieces."""
_CONTINUES = re.compile(r"<<|[\\`][ \t]*\S")
"""What is in a text with a here-document, or with a line whose continuation was lost."""
_SHOWN = 80
"""Characters of a line that a message shows."""
_COMPARED = 100
"""Characters of an instruction that are compared, so that many of them take linear time."""


class LineEndChecks:
    """Finds lost line ends in the Dockerfiles of all templates."""

    def __init__(self, templates: Templates) -> None:
        """Take the templates of the project."""
        self._templates = templates
        self._by_template: dict[str, _LostLineEnds] = {}
        self._by_shape: dict[Shape, tuple[Diagnostic, ...]] = {}

    def findings(self, target: Target, text: str, shape: Shape) -> tuple[Diagnostic, ...]:
        """Return what lost the line end before it; each shape is examined once.

        For an instruction it is an error. For a line of a here-document, or one that continues an
        instruction, it is a warning.
        """
        if shape not in self._by_shape:
            name = target.template
            if name not in self._by_template:
                self._by_template[name] = _LostLineEnds(self._templates, name)
            checks = self._by_template[name]
            self._by_shape[shape] = checks.findings(shape.text, text, target.scope)
        return self._by_shape[shape]


class _LostLineEnds:
    """Finds lost line ends in the Dockerfiles of one template."""

    def __init__(self, templates: Templates, name: str) -> None:
        """Take the templates of the project, and the name of the one that is examined."""
        self._templates, self._name = templates, name
        starts = [] if name.startswith(EXISTING) else [*_starts(templates, name)]
        self._known = _Known(starts)
        self._prints = any(start.is_printed for start in starts)
        """Whether a line end may be lost before an instruction that an expression prints."""
        self._joins = any(start.is_joined for start in starts)
        """Whether a line end may be lost within an instruction."""
        self._marked: tuple[MarkedSandbox, Renderer] | None = None

    def findings(self, shape: str, text: str, scope: Mapping[str, Any]) -> tuple[Diagnostic, ...]:
        """Return what lost the line end before it: errors, otherwise warnings.

        Args:
            shape: the Dockerfile, with other text for words that its template printed.
            text: the Dockerfile.
            scope: what its template was rendered for.
        """
        lost_ends = self._find(shape, text, scope)
        errors = [lost for lost in lost_ends if lost.is_instruction]
        return tuple(
            Diagnostic(
                code=Code.LOST_LINE_END,
                message=f"Jinja removes a line end, so {lost.text[:_SHOWN]!r} becomes part of the "
                f"{'instruction' if lost.is_instruction else 'line'} before it",
                location=self._templates.locate(lost.start.file, lost.start.losing),
                help="write `+%}` instead of `%}` at the end of the line, or move the tag to "
                "its own line",
                severity=Severity.ERROR if lost.is_instruction else Severity.WARNING,
            )
            for lost in errors or lost_ends
        )

    def _find(self, shape: str, text: str, scope: Mapping[str, Any]) -> "tuple[LostLine, ...]":
        is_continued = self._joins and _CONTINUES.search(text)
        if not (is_continued or (self._prints and _WITHIN.search(text))) and (
            not self._known.is_within(shape)
        ):
            return ()
        env, render = self._marked or self._compiled()
        try:
            marked = "".join(map(str, render(scope)[1]))
        except Exception:  # noqa: BLE001 - the marks may exceed a limit
            return ()
        if MARKS.sub("", marked).strip("\n") + "\n" != text:
            return ()  # the template has examined marks
        from compiler.render.marked_lines import lost_lines

        return tuple(lost_lines(marked, env.start))

    def _compiled(self) -> "tuple[MarkedSandbox, Renderer]":
        env = environment(self._templates.load, bake=False, kind=MarkedSandbox)
        env.keep_marks()
        inherits = self._templates.reads(self._name)[2]
        self._marked = env, piece_renderer(env.get_template(self._name), inherits=inherits)
        return self._marked


class _Known:
    """Instructions and comments of templates, to find them within the lines of a Dockerfile."""

    def __init__(self, starts: Iterable[Start]) -> None:
        self._texts = {start.text[:_COMPARED] for start in starts if start.text}
        self._lengths = sorted(set(map(len, self._texts)), reverse=True)
        firsts = (text.split(None, 1)[0].rstrip("\\") for text in self._texts)
        words = {"#" if word.startswith("#") else rf"{word}(?=[ \t\n\\])" for word in firsts}
        self._inside = re.compile(rf"(?<=[^\n])(?:{'|'.join(sorted(words))})")

    def is_within(self, text: str) -> bool:
        """Return whether one of them is not at the start of its line."""
        for match in self._inside.finditer(text) if self._texts else ():
            at = match.start()
            if any(text[at : at + length] in self._texts for length in self._lengths):
                from compiler.render.marked_lines import NEAR, is_within

                first = max(at - NEAR, 0)
                before = text[max(text.rfind("\n", first, at) + 1, first) : at]
                if is_within(before, match[0]):
                    return True
        return False


def _starts(templates: Templates, name: str) -> Iterator[Start]:
    files, names, _ = templates.reads(name)
    # An include that is only known when rendering may be any of those that were read.
    for file in files if names is not None else templates.loaded():
        yield from starts(templates.env, templates.load(file) or "", file)
