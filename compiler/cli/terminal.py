"""What a terminal can show: its width and colours."""

import os
import sys
from typing import TextIO


_BOLD, _RED, _GREEN, _CYAN = "1", "31", "32", "36"


def is_coloured(stream: TextIO) -> bool:
    """Return whether text on a stream is coloured: on a terminal, unless the user objects."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def table_width() -> int | None:
    """Return the width that tables on stdout must fit into; None if it is not a terminal."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def with_header(table: str) -> str:
    """Return a table with its first line in bold, if stdout shows colours."""
    header, line_end, rest = table.partition("\n")
    if not is_coloured(sys.stdout) or not line_end:
        return table
    return f"{_styled(header, _BOLD)}\n{rest}"


def coloured_diff(diff: str) -> str:
    """Return a unified diff with coloured lines, if stdout shows colours."""
    if not is_coloured(sys.stdout):
        return diff
    return "".join(map(_coloured_line, diff.splitlines(keepends=True)))


def _coloured_line(line: str) -> str:
    text = line.removesuffix("\n")
    for start, style in (
        ("+++", _BOLD),
        ("---", _BOLD),
        ("@@", _CYAN),
        ("+", _GREEN),
        ("-", _RED),
    ):
        if text.startswith(start):
            return f"{_styled(text, style)}{line[len(text) :]}"
    return line


def _styled(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m"
