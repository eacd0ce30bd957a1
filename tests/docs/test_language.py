"""Hand-written pages are plain technical English, and their lines fit on a screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.language import prose, rejected
from support.markdown import PAGES, PROJECT


WIDEST = 120
"""Columns of a line in hand-written pages."""
OTHERS = [PROJECT.glob("*.md"), (PROJECT / "examples").rglob("README.md")]
WRITTEN = sorted({*PAGES, *(page for pages in OTHERS for page in pages)})


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(PROJECT)))
def test_pages_are_plain(page: Path) -> None:
    """No hand-written page contains a phrase of the table."""
    assert rejected(prose(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(PROJECT)))
def test_lines_fit(page: Path) -> None:
    """No line of a hand-written page is wide, except in the output of a command."""
    text = page.read_text(encoding="utf-8")
    output = re.compile(r"^```(?:console|text)\n.*?^```$", re.MULTILINE | re.DOTALL)

    assert [line for line in output.sub("", text).splitlines() if len(line) > WIDEST] == []
