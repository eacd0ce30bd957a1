"""The speed in README.md is that of docs/speed.md, and no figure is above its limit."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from support.markdown import PROJECT


COMPILING = {
    "compile 10,000 variants, against importing the libraries and writing the same files": (
        "compile 10,000, against importing and writing the same"
    ),
    "compile 10,000 again with nothing changed, against reading those files": (
        "compile 10,000 again, against reading"
    ),
    "compile 1,000, against `bake --print` of a plain list of the same targets": (
        "compile 1,000, against bake reading a plain list"
    ),
    "bake reading our file of 1,000 targets, against reading that plain list": (
        "bake reads 1,000, against a plain list"
    ),
    "10,000 variants, against 1,000": "10,000 against 1,000 variants",
    "`compile-matrix list` of the sample, against the imports alone": (
        "compile-matrix list, against the imports alone"
    ),
    "publish 1,000 staged targets, registry 50 ms away, against as many bare requests": (
        "publish 1,000 staged targets, against as many bare requests"
    ),
    "306 images with tests by one `compile-matrix build`, against the best hand-made batching": (
        "`compile-matrix build --test` of 306 targets with tests, against bakes of 30"
    ),
    "18 images built with pip, one `docker buildx build` after another, against one cold bake of "
    "them": "ratio; must be at least 6",
}
"""Work in README.md -> the same in docs/speed.md."""


class Row(NamedTuple):
    """A measurement."""

    work: str
    cells: dict[str, str]
    """Heading of the column -> the text, without unit."""

    def number(self, *columns: str) -> float:
        """Return the number in the first of some columns that is not empty."""
        return float(next(text for column in columns if (text := self.cells.get(column))))


def rows(path: str) -> Iterator[Row]:
    """Yield the rows of all tables of a page; a row without a ratio has its only number there."""
    heading: list[str] = []
    for line in (PROJECT / path).read_text().split("\n"):
        if not line.startswith("|"):
            heading = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not heading:
            heading = cells
        elif not cells[0].startswith("---"):
            values = [re.sub(r" (?:s|KB|MB)\Z", "", cell) for cell in cells[1:]]
            yield Row(cells[0], dict(zip(heading[1:], values, strict=True)))


MEASURED = {row.work: row for row in rows("docs/speed.md")}
SUMMARY = {row.work: row for row in rows("README.md") if "must be below" in row.cells}


def test_the_summary_has_known_rows() -> None:
    """Each row of README.md is one of docs/speed.md."""
    assert SUMMARY.keys() == COMPILING.keys()
    assert MEASURED.keys() >= {*COMPILING.values()}


@pytest.mark.parametrize("work", SUMMARY)
def test_the_summary_is_rounded_correctly(work: str) -> None:
    """README.md may have fewer digits."""
    shown, measured = SUMMARY[work].cells["ratio"], MEASURED[COMPILING[work]]
    digits = len(shown.partition(".")[2])

    assert shown == f"{measured.number('ratio', 'seconds'):.{digits}f}"
    limit = measured.cells.get("limit", "").partition(" at ")[0]
    assert SUMMARY[work].cells["must be below"] == limit


@pytest.mark.parametrize("row", [row for row in rows("docs/speed.md") if row.cells.get("limit")])
def test_no_limit_is_exceeded(row: Row) -> None:
    """A limit may apply to one size, and may be a difference in seconds."""
    limit, _, size = row.cells["limit"].partition(" at ")
    if size and f" {size}" not in row.work:
        return
    if limit.startswith("+ "):
        value = row.number("this") - row.number("against")
        limit = limit.removeprefix("+ ").removesuffix(" s")
    else:
        value = row.number("ratio", "this")
    # Of the requests of a release, a few do not depend on the number of targets.
    assert value <= 1.01 * float(limit)
