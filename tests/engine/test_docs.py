"""The sessions of docs that need an engine and a registry are true."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from support import markdown
from support.engine import Engine
from support.markdown import PAGES, Example


pytestmark = pytest.mark.engine

EXAMPLES = {
    f"{page.name}:{example.matrix.line}": (page, example)
    for page in PAGES
    for example in markdown.examples(page.read_text(encoding="utf-8"))
    if example.engine_sessions
}
VARYING = {
    r"\b\d+(\.\d+)? s\b": "1 s",
    r"\b\d+(\.\d+)? [kM]?B\b": "1 B",
    r"\b\d+ requests\b": "9 requests",
    r"sha256:[0-9a-f]+": "sha256:0",
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?": "2026-01-01",
    r" +": " ",
}
"""What differs from run to run, and what it is replaced with before texts are compared."""


def _comparable(text: str) -> str:
    for pattern, fixed in VARYING.items():
        text = re.sub(pattern, fixed, text)
    return text


@pytest.mark.parametrize("name", EXAMPLES)
def test_engine_sessions_are_true(
    name: str, engine: Engine, tmp_path: Path, *, update_golden: bool
) -> None:
    """The commands print what the page shows, apart from times, sizes and digests."""
    page, example = EXAMPLES[name]
    folder = tmp_path / "project"
    folder.mkdir()
    example.write(folder)
    registry = f"{engine.registry}/docs{os.getpid()}-{page.stem}-{example.matrix.line}"
    variables = {**engine.env, "REGISTRY": registry}
    for session in example.engine_sessions:
        played = markdown.play(session.text, folder, tmp_path, variables)
        played = played.replace(registry, _registry(example))
        if update_golden or _comparable(played) != _comparable(session.text):
            markdown.check(page, session, played, update=update_golden)


def _registry(example: Example) -> str:
    """Return the registry that an example names."""
    named = re.search(r"REGISTRY: ([\w./:-]+)", example.matrix.text)
    assert named is not None
    return named[1]
