"""Aligned columns, counts and escaped text."""

from compiler.reports.text import columns, counted, inert, printable, shortened


def test_columns_are_aligned() -> None:
    """Columns are as wide as their widest cell; line ends carry no spaces."""
    rows = [("TARGET", "STATE", "TAGS"), ("server-3_11", "built", ""), ("a", "", "x")]

    assert columns(rows) == [
        "TARGET       STATE  TAGS",
        "server-3_11  built",
        "a                   x",
    ]


def test_wide_characters_take_two_columns() -> None:
    """A column is measured as a terminal shows it."""
    assert columns([("日本", "x"), ("abcd", "y")]) == ["日本  x", "abcd  y"]


def test_an_empty_column_takes_no_space() -> None:
    """A column without text disappears, but for its last cells."""
    assert columns([("a", "", "b"), ("c", "", "d")]) == ["a  b", "c  d"]


def test_long_cells_break_the_alignment() -> None:
    """Only cells up to the widest width are padded."""
    assert columns([("a" * 9, "x"), ("b", "y")], widest=3) == [f"{'a' * 9}  x", "b    y"]


def test_a_narrow_terminal_wraps_between_words() -> None:
    """Cells are wrapped at spaces and after commas, so that no word is broken."""
    rows = [("TARGET", "PLATFORMS", "TAGS"), ("server", "linux/amd64,linux/arm64", "one two")]

    assert columns(rows, terminal=30) == [
        "TARGET  PLATFORMS     TAGS",
        "server  linux/amd64,  one two",
        "        linux/arm64",
    ]


def test_a_very_narrow_terminal_gets_the_last_column_below() -> None:
    """If words do not fit next to each other, the last column follows on lines of its own."""
    rows = [("TARGET", "IMAGE", "TAGS"), ("server-3_11", "server", "docker.io/acme/server:3.11")]

    assert columns(rows, terminal=32) == [
        "TARGET       IMAGE",
        "    TAGS",
        "server-3_11  server",
        "    docker.io/acme/server:3.11",
    ]


def test_no_line_is_longer_than_the_terminal() -> None:
    """Every line fits unless a single word does not."""
    rows = [("NAME", "WHY", "WHERE")]
    rows += [
        (f"target-{n}", "argument VERSION; file src/app.py; its base", "a,b,c") for n in (1, 2)
    ]

    for width in range(28, 90):
        assert max(map(len, columns(rows, terminal=width))) <= width, width


def test_no_cell_controls_a_terminal() -> None:
    """Control characters and line ends are escaped in every cell."""
    assert columns([("a\x1b[31m", "b\nc")]) == ["a\\x1b[31m  b\\nc"]


def test_no_line_is_a_workflow_command() -> None:
    """A line that starts with `::` would be executed by a GitHub runner."""
    assert columns([("::error::x", "y")]) == ["\\x3a:error::x  y"]
    assert inert("  ::error::x") == "  \\x3a:error::x"
    assert inert("a::b") == "a::b"


def test_tabs_are_kept_on_request() -> None:
    """A source line keeps its tabs."""
    assert printable("a\tb") == "a\\tb"
    assert printable("a\tb\r", keep_tabs=True) == "a\tb\\r"


def test_counts_and_lists() -> None:
    """A noun follows its number; a long list ends with the number of the rest."""
    assert [counted(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert shortened(["a", "b"], 2) == "a, b"
    assert shortened(["a", "b", "c"], 2) == "a, b and 1 more"
