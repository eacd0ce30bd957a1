"""Linked targets have one source for each secret and SSH agent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from bake.oracle import lay

from compiler.errors import CompileError


def conflicts(folder: Path, **images: Mapping[str, object]) -> list[str]:
    """Return the messages about a matrix of these images."""
    try:
        lay(folder, {"images": {n: {"template": "Dockerfile.j2", **i} for n, i in images.items()}})
    except CompileError as error:
        return [diagnostic.message for diagnostic in error.diagnostics]
    return []


def test_targets_without_a_link_are_independent(tmp_path: Path) -> None:
    """Two targets may use one id for different secrets, also if they have a common base."""
    assert not conflicts(
        tmp_path,
        base={},
        one={"from": "base", "secret": ["id=token,env=ONE"], "ssh": ["default=one.sock"]},
        two={"from": "base", "secret": ["id=token,env=TWO"], "ssh": ["default=two.sock"]},
    )


@pytest.mark.parametrize(
    ("entry", "other"),
    [
        ("id=token,env=TOKEN", "type=env,id=token,env=TOKEN"),
        ("id=token,env=TOKEN", "type=env,id=token,src=TOKEN"),
        ("id=token,src=a/../token.txt", "type=file,id=token,source=token.txt"),
        ("id=token", "id=token,env=token"),
        ("id=token", "id=token,src=./token"),
    ],
)
def test_spellings_of_one_source_agree(tmp_path: Path, entry: str, other: str) -> None:
    """Sources are compared as buildx reads them; a bare id is a variable or a file."""
    child = {"from": "base", "secret": [other]}

    assert not conflicts(tmp_path, base={"secret": [entry]}, child=child)


def test_each_conflict_is_reported_once(tmp_path: Path) -> None:
    """Indirect links count, and two targets that a third one links to."""
    messages = conflicts(
        tmp_path,
        base={"secret": ["id=token,env=BASE"]},
        child={"from": "base"},
        grandchild={"from": "child", "secret": ["id=token,env=MINE"]},
        more={"from": "grandchild"},
        tools={"ssh": ["git=a.sock"]},
        other={"ssh": ["git=b.sock"]},
        both={"contexts": {"tools": "target:tools", "other": "target:other"}},
    )

    assert messages == [
        (
            "secret 'token' has two sources in linked targets: "
            "'id=token,env=MINE' in 'grandchild', 'id=token,env=BASE' in 'base'"
        ),
        (
            "SSH agent 'git' has two sources in linked targets: "
            "'git=b.sock' in 'other', 'git=a.sock' in 'tools'"
        ),
    ]
