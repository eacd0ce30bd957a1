"""The preset for Renovate: its expressions find versions in the guide's files and in locks."""

import json
import re
from pathlib import Path

import pytest
from support import markdown

from compiler.lock.lockfile import Lock, Locked, write_lock


PROJECT = Path(__file__).parents[2]
PRESET = json.loads((PROJECT / "renovate/compile-matrix.json").read_bytes())
PAGE = (PROJECT / "docs/guide-updates.md").read_text(encoding="utf-8")
VALUES, DIGESTS = PRESET["customManagers"]


def found(manager: dict[str, list[str]], text: str) -> list[dict[str, str]]:
    """Return the dependencies that a manager of Renovate extracts."""
    return [
        {name: value for name, value in match.groupdict().items() if value is not None}
        for expression in manager["matchStrings"]
        for match in re.finditer(expression.replace("(?<", "(?P<"), text)
    ]


def reads(manager: dict[str, list[str]], path: str) -> bool:
    """Return whether a manager reads a file."""
    return any(re.search(text.strip("/"), path) for text in manager["managerFilePatterns"])


def block(path: str) -> str:
    """Return the first block of the guide with this file."""
    return next(one.text for one in markdown.blocks(PAGE) if one.path == path)


def test_values_of_a_matrix() -> None:
    """Only values with a comment are updated."""
    assert found(VALUES, block("matrix.yaml")) == [
        {
            "currentValue": "3.13",
            "datasource": "docker",
            "depName": "python",
            "versioning": "docker",
        },
        {"currentValue": "0.8.22", "datasource": "pypi", "depName": "uv"},
    ]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('  cuda: "12.8.1"  # renovate: datasource=docker depName=nvidia/cuda', "12.8.1"),
        ("  - {value: 3.13, eol: 2029-10-31} # renovate: datasource=docker depName=python", None),
        ("  tool: v1.2.3 # renovate: datasource=github-releases depName=acme/tool", "1.2.3"),
        ("  tool: 1.2.3 # a comment", None),
    ],
)
def test_lines(line: str, value: str | None) -> None:
    """A value is the only one of its line; quotes and a `v` are kept."""
    assert [one["currentValue"] for one in found(VALUES, line)] == ([value] if value else [])


def test_digests_of_a_lock() -> None:
    """Every entry is found, in the lock of the guide and in a written one with quoted names."""
    names = ("python:3.12-slim-bookworm", "localhost:5000/acme/base:1", "ghcr.io/a/b:v1.2_x")
    digest = f"sha256:{'0a' * 32}"
    bases = {name: Locked(digest=digest, platforms=("linux/amd64",)) for name in names}

    written = found(DIGESTS, write_lock(Lock(bases=bases)))
    shown = found(DIGESTS, block("matrix.lock"))

    assert sorted(f"{one['depName']}:{one['currentValue']}" for one in written) == sorted(names)
    assert {one["currentDigest"] for one in written} == {digest}
    assert [one["currentValue"] for one in shown] == ["3.12-slim-bookworm", "3.13-slim-bookworm"]


def test_files() -> None:
    """Parts and data files are in a folder; generated files are left alone."""
    assert all(
        reads(VALUES, path) for path in ("matrix.yaml", "images/matrix.yml", "matrix/a.yaml")
    )
    assert not any(reads(VALUES, path) for path in ("dockerfiles/matrix.json", "a/b.yaml"))
    assert reads(DIGESTS, "images/matrix.lock")
    assert not reads(DIGESTS, "poetry.lock")
