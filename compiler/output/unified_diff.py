"""Changes as a unified diff, as `patch` and Git read it."""

import difflib
from collections.abc import Iterable, Iterator

from compiler.output.diff import Change


def unified(changes: Iterable[Change]) -> Iterator[str]:
    """Yield the lines of a unified diff of changes."""
    for change in changes:
        before, after = f"a/{change.path}", f"b/{change.path}"
        lines = difflib.unified_diff(
            _lines(change.old),
            _lines(change.new),
            "/dev/null" if change.old is None else before,
            "/dev/null" if change.new is None else after,
        )
        for line in lines:
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(content: bytes | None) -> list[str]:
    # Not splitlines: in a diff a form feed does not end a line.
    lines = (content or b"").decode(errors="replace").split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
