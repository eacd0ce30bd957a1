"""Plain text for people: counts, lists, escaped text and aligned columns.

Imports nothing at module level, because every command uses it.
"""

from collections.abc import Iterable, Iterator, Sequence


_GAP = "  "
_BELOW = "    "
"""Indentation of the last columns where a table is too wide for the terminal."""


def counted(count: int, noun: str) -> str:
    """Return a count with its noun in the singular or plural.

    >>> counted(1, "target")
    '1 target'
    >>> counted(2000, "target")
    '2,000 targets'
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shortened(names: Sequence[str], limit: int, separator: str = ", ") -> str:
    """Return the first names and the number of the others.

    >>> shortened(["a", "b", "c", "d"], 3)
    'a, b, c and 1 more'
    >>> shortened(["a", "b", "c"], 1, "; ")
    'a; and 2 more'
    """
    first, rest = separator.join(names[:limit]), len(names) - limit
    if rest <= 0:
        return first
    return f"{first}{' ' if separator == ', ' else separator}and {rest:,} more"


def printable(text: str, *, keep_tabs: bool = False) -> str:
    r"""Escape every character that could control a terminal or end the line.

    Text from outside (file names, registries, records, other programs) is printed through this.
    A GitHub runner executes `##[command]` anywhere in a line, so that is escaped, too.

    >>> printable("red\x1b[31m\n")
    'red\\x1b[31m\\n'
    >>> printable("a ##[stop-commands]x")
    'a #\\x23[stop-commands]x'
    """
    if "##[" in text:
        text = text.replace("##[", "#\\x23[")
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or (keep_tabs and c == "\t") else c.encode("unicode_escape").decode()
        for c in text
    )


def inert(line: str) -> str:
    r"""Escape a line that a GitHub runner would execute as a workflow command.

    >>> inert("::stop-commands::x")
    '\\x3a:stop-commands::x'
    """
    start = len(line) - len(line.lstrip())
    return f"{line[:start]}\\x3a{line[start + 1 :]}" if line.startswith("::", start) else line


def escaped_lines(text: str) -> str:
    r"""Escape each line of text such as a diff; tabs and the ends of lines stay.

    >>> escaped_lines(" ::error::x\r\n-\x1b]0;x\n")
    ' \\x3a:error::x\r\n-\\x1b]0;x\n'
    """
    lines = []
    for line in text.split("\n"):
        body = line.removesuffix("\r")
        lines.append(inert(printable(body, keep_tabs=True)) + line[len(body) :])
    return "\n".join(lines)


def display_width(text: str) -> int:
    """Return the number of terminal columns that printable text occupies."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(
        0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1  # Wide, Fullwidth
        for c in text
    )


def columns(
    rows: Sequence[Sequence[str]],
    *,
    indent: str = "",
    widest: int | None = None,
    terminal: int | None = None,
) -> list[str]:
    """Return rows as lines of aligned columns, with every cell escaped.

    The last cell of a row is not padded. A column that is empty in all rows takes no space.

    Args:
        rows: the cells of each row; rows may have different lengths.
        indent: what each line starts with.
        widest: the width up to which a column is padded; longer cells break the alignment.
        terminal: the width to fit into: cells are wrapped at spaces and after commas, never
            within a word. If that is not enough, the last columns are moved to lines of their own.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    if not cells:
        return []
    widths = _widths(cells, widest)
    if terminal is not None:
        cells = list(_fitted(cells, terminal - len(indent)))
        widths = _widths(cells, widest)
    return [inert(f"{indent}{_line(row, widths)}".rstrip()) for row in cells]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell + " " * (width - display_width(cell))
        for cell, width in zip(row, widths, strict=False)
        if width or cell
    )
    return _GAP.join(padded)


def _widths(cells: Sequence[Sequence[str]], widest: int | None) -> list[int]:
    """Return the width of each column; the last cell of a row does not count."""
    widths = [0] * max(map(len, cells))
    for row in cells:
        for number, cell in enumerate(row[:-1]):
            width = display_width(cell)
            widths[number] = max(widths[number], width if widest is None else min(width, widest))
    return widths


def _fitted(cells: Sequence[Sequence[str]], room: int) -> Iterator[list[str]]:
    """Wrap cells into several rows so that lines fit into the room, as far as words allow."""
    count = max(map(len, cells))
    full = [[*row, *[""] * (count - len(row))] for row in cells]
    natural = [max(display_width(row[n]) for row in full) for n in range(count)]
    minimal = [max(_longest_word(row[n]) for row in full) for n in range(count)]
    if sum(natural) <= room - len(_GAP) * (count - 1):
        yield from full
        return
    shown = count
    while shown > 1 and sum(minimal[:shown]) > room - len(_GAP) * (shown - 1):
        shown -= 1
    limits = _shrunk(natural[:shown], minimal[:shown], room - len(_GAP) * (shown - 1))
    for row in full:
        wrapped = [
            list(_wrapped(cell, limit)) for cell, limit in zip(row[:shown], limits, strict=True)
        ]
        for number in range(max(map(len, wrapped))):
            yield [lines[number] if number < len(lines) else "" for lines in wrapped]
        for cell in filter(None, row[shown:]):
            yield from ([f"{_BELOW}{line}"] for line in _wrapped(cell, room - len(_BELOW)))


def _shrunk(natural: Sequence[int], minimal: Sequence[int], available: int) -> list[int]:
    """Shorten the widest columns, none below its longest word, until all fit."""
    widths = list(natural)
    while sum(widths) > available:
        shrinkable = [n for n, width in enumerate(widths) if width > minimal[n]]
        if not shrinkable:
            break
        widths[max(shrinkable, key=lambda n: widths[n])] -= 1
    return widths


def _words(cell: str) -> Iterable[str]:
    """Return the pieces between which a cell may be wrapped; each keeps its comma and space."""
    return cell.replace(" ", " \n").replace(",", ",\n").replace(",\n \n", ", \n").splitlines()


def _longest_word(cell: str) -> int:
    return max((display_width(word.rstrip()) for word in _words(cell)), default=0)


def _wrapped(cell: str, limit: int) -> Iterator[str]:
    """Return a cell as lines of at most `limit` columns, at least one line."""
    line = ""
    for word in _words(cell):
        if line and display_width(line + word.rstrip()) > limit:
            yield line.rstrip()
            line = ""
        line += word
    yield line.rstrip()
