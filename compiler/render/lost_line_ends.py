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
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from compiler.matrix.jinja import environment, renderer
from compiler.matrix.template_files import EXISTING
from compiler.render.dockerfile import DockerfileError, read
from compiler.render.marked_templates import (
    KEYWORD,
    MARKS,
    MOST,
    Head,
    MarkedSandbox,
    heads,
    mark_of,
    number_of,
)
from compiler.render.templates import Templates


_OPEN = re.compile(r"[ \t]*(?:ONBUILD|HEALTHCHECK(?:[ \t]+--\S+)*)[ \t]+\Z", re.IGNORECASE)
"""The start of a line that another instruction completes."""
_COMMAND = re.compile(
    r"(?:[ \t]*(?:RUN|CMD|ENTRYPOINT)(?:[ \t]+--\S+)*|.*[&|;(])[ \t]+\Z", re.IGNORECASE
)
"""The start of a line that a command completes, such as `env` or `add`."""
_NEAR = 1000
"""Characters before an instruction that are examined, so that long lines take linear time."""


class LostLineEnds:
    """Finds lost line ends in the Dockerfiles of one template."""

    def __init__(self, templates: Templates, name: str) -> None:
        """Take the templates of the project, and the name of the one that is examined."""
        self._templates, self._name = templates, name
        found = [] if name.startswith(EXISTING) else [*_heads(templates, name)]
        self._by_text = {head.text: head for head in reversed(found)}
        self._texts = tuple(sorted(self._by_text, key=len, reverse=True))
        words = {head.text.split(None, 1)[0].rstrip("\\") for head in found}
        self._inside = re.compile(rf"(?<=[^\n])(?:{'|'.join(sorted(words))})(?=[ \t\n\\])")
        self._marked: tuple[MarkedSandbox, Callable[[Mapping[str, Any]], str]] | None = None

    def find(self, shape: str, text: str, scope: Mapping[str, Any]) -> tuple[Head, ...]:
        """Return the instructions that lost the line end before them.

        Args:
            shape: the Dockerfile, with other text for words that its template printed.
            text: the Dockerfile.
            scope: what its template was rendered for.
        """
        if not self._texts or not any(self._suspicious(shape)) or MARKS.search(text):
            return ()
        env, render = self._marked or self._compiled()
        try:
            marked = render(scope).strip("\n") + "\n"
        except Exception:  # noqa: BLE001 - a template that sees the marks may raise anything
            marked = ""
        if MARKS.sub("", marked) == text:
            return tuple(_lost(marked, env.head))
        return self._probable(text)

    def _probable(self, text: str) -> tuple[Head, ...]:
        """Return the instructions that directly follow other text, without marks."""
        done = 0
        parts: list[str] = []
        found: list[Head] = []
        for at in self._suspicious(text):
            if text[at - 1] not in " \t" and len(found) < MOST:
                parts += [text[done:at], mark_of(len(found))]
                begun = next(known for known in self._texts if text.startswith(known, at))
                found.append(self._by_text[begun])
                done = at
        marked = "".join([*parts, text[done:]])
        return tuple(_lost(marked, lambda mark: found[number_of(mark)]))

    def _suspicious(self, text: str) -> Iterator[int]:
        """Yield where an instruction of a template is not at the start of its line."""
        for match in self._inside.finditer(text):
            at = match.start()
            if text.startswith(self._texts, at):
                first = max(at - _NEAR, 0)
                before = text[max(text.rfind("\n", first, at) + 1, first) : at]
                if _is_within(before, text[at].islower()):
                    yield at

    def _compiled(self) -> tuple[MarkedSandbox, Callable[[Mapping[str, Any]], str]]:
        env = environment(self._templates.load, bake=False, kind=MarkedSandbox)
        inherits = self._templates.reads(self._name)[2]
        self._marked = env, renderer(env.get_template(self._name), inherits=inherits)
        return self._marked


def _heads(templates: Templates, name: str) -> Iterator[Head]:
    files, names, _ = templates.reads(name)
    # An include that is only known when rendering may be any of those that were read.
    for file in files if names is not None else templates.loaded():
        yield from heads(templates.env, templates.load(file) or "", file)


def _is_within(before: str, is_lower: bool) -> bool:  # noqa: FBT001
    """Return whether an instruction after this text of its line is part of another one.

    Args:
        before: the text.
        is_lower: whether the instruction is in lower case, so that it may be a command.
    """
    if not before.strip(" \t") or _OPEN.match(before):
        return False
    return not (is_lower and _COMMAND.match(before))


def _lost(marked: str, head_of: Callable[[str], Head]) -> Iterator[Head]:
    """Yield the marked instructions that become instructions of their own on a line of their own.

    Others are part of a here-document or continue a line.
    """
    lines: list[str] = []
    inserted: dict[int, Head] = {}
    for line in marked.split("\n"):
        current, *rest = MARKS.split(line)
        for mark, text in zip(rest[::2], rest[1::2], strict=True):
            if _is_within(current[-_NEAR:], text[:1].islower()) and KEYWORD.match(text):
                lines.append(current)
                inserted[len(lines) + 1] = head_of(mark)
                current = ""
            current += text
        lines.append(current)
    try:
        starts = {step.line for step in read("\n".join(lines)).instructions}
    except DockerfileError:
        starts = set(inserted)
    for number, head in inserted.items():
        if number in starts:
            yield head
