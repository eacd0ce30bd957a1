"""Summaries in Markdown: the grid of what changes, reasons, sizes, and hostile text."""

import html
import re
from xml.etree import ElementTree as ET

import markdown as renderer  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.releases import plan_of

from compiler.reports.markdown import markdown, markdown_table
from compiler.reports.run_summary import RunSummary, format_summary
from compiler.reports.text import printable


MATRIX = """\
axes:
  python: [3.9, 3.10]
  gpu: {false: {}, true: {tag: gpu, only: {python: 3.10}}}
images:
  server: {template: Dockerfile.j2}
  worker: {template: Dockerfile.j2, axes: [python]}
  tool: {template: Dockerfile.j2, axes: []}
"""


def test_summary() -> None:
    """Each image is a grid over its axes; changed targets are listed with reasons and sizes."""
    plan = plan_of(MATRIX)
    states = {target.name: "unchanged" for target in plan.targets}
    changed = {"server-3_10-gpu": "build", "tool": "build"}

    text = format_summary(
        plan,
        RunSummary(
            title="2 of 6 targets to build",
            facts=["Compared with HEAD."],
            states={**states, **changed},
            changed=frozenset(changed),
            reasons={"tool": ["a changed", "b|c changed", "d", "e"]},
            sizes={"tool": 1_100_000},
            release="v1.0",
            released_sizes={"tool": 1_000_000, "server-3_10-gpu": 5},
        ),
    )

    assert (
        text
        == """\
### 2 of 6 targets to build

Compared with HEAD.

**server**

| python | gpu=false | gpu=true |
| --- | --- | --- |
| 3.9 | unchanged |  |
| 3.10 | unchanged | **build** |

**worker**

| python=3.9 | python=3.10 |
| --- | --- |
| unchanged | unchanged |

**tool**

| state |
| --- |
| **build** |

| target | why | size | size in v1.0 | difference |
| --- | --- | --- | --- | --- |
| server-3&#95;10-gpu |  |  | 5 B |  |
| tool | a changed; b&#124;c changed; d; and 1 more | 1.1 MB | 1.0 MB | +10.0% |

"""
    )


def test_long_tables_are_shortened() -> None:
    """A summary of thousands of targets stays below the limit of GitHub."""
    values = ", ".join(map(str, range(130)))
    plan = plan_of(
        f"axes: {{a: [x, y], n: [{values}]}}\n"
        "images: {i: {template: a}, j: {template: a, axes: [n]}}\n"
    )
    names = frozenset(target.name for target in plan.targets)

    text = format_summary(
        plan,
        RunSummary(
            title="t",
            facts=[],
            states=dict.fromkeys(names, "build"),
            changed=names,
            reasons={name: ["a changed"] for name in names},
        ),
    )

    assert "| n | a=x | a=y |" in text
    assert "| n | state |" in text
    assert text.count("... 30 more rows") == 2
    assert "... 290 more rows" in text


def _shown(text: str) -> list[str]:
    """Return what a table with one cell shows, by rendering it; its tags must be the table's."""
    lines = markdown_table(["h"], [[markdown(text)]])
    rendered = renderer.markdown("\n".join(lines), extensions=["tables"])
    tags = set(re.findall(r"<(/?\w+)", rendered.replace("<!-- -->", "")))
    assert tags <= {f"{sign}{tag}" for sign in ("", "/") for tag in _TABLE}, rendered
    cells = ET.fromstring(rendered.replace("<!-- -->", "")).iter("td")  # noqa: S314 - ours
    return ["".join(cell.itertext()) for cell in cells]


_TABLE = ("table", "thead", "tbody", "tr", "th", "td")


@pytest.mark.parametrize(
    "text",
    [
        "a|b",
        "<img src=x onerror=alert(1)>",
        "[x](https://e.example)",
        "https://e.example",
        "**bold** `code` ~~no~~ $x$",
        "&lt;b&gt;",
        "\\| a",
        "x\n| y |\n\n# z",
    ],
)
def test_text_is_shown_as_it_is(text: str) -> None:
    """No text of a matrix becomes markup, or another cell."""
    assert _shown(text) == [html.unescape(html.escape(printable(text)))]


@settings(max_examples=150)
@given(st.text(alphabet="a1 |`*_<>[]()!#&;:\\~@$-+=.w/\n\x1b\"'", max_size=30))
def test_any_text_stays_in_its_cell(text: str) -> None:
    """The rendered cell contains exactly the printable text."""
    assert [" ".join(cell.split()) for cell in _shown(text)] == [" ".join(printable(text).split())]


def test_names_are_not_mentions() -> None:
    """GitHub notifies whom a text mentions."""
    assert "@team" not in markdown("@team/a #1 GH-1")
    assert "#1" not in markdown("#1").replace("&#", "")
