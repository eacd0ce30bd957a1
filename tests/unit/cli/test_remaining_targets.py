"""The selection of what a build did not build, however it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler.cli.context import Invocation
from compiler.cli.remaining_targets import remaining_kept, remove_remaining


def remaining(folder: Path) -> list[str]:
    """Return the targets in the selection."""
    targets: list[str] = json.loads((folder / ".compile-matrix/failed.json").read_text())["targets"]
    return targets


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, SystemExit])
def test_an_ended_build(
    error: type[BaseException], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finished targets are left out; before that, in case of a kill, there are all."""
    invocation = Invocation(file=tmp_path / "matrix.yaml")
    finished: list[str] = []
    seen: list[list[str]] = []

    def build() -> None:
        with remaining_kept(invocation, ["a", "b", "b-test"], finished):
            seen.append(remaining(tmp_path))
            finished.append("b")
            raise error

    with pytest.raises(error):
        build()

    assert seen == [["a", "b", "b-test"]]
    assert remaining(tmp_path) == ["a", "b-test"]
    assert "2 targets not built; to continue: compile-matrix build --selection " in (
        capsys.readouterr().err
    )
    remove_remaining(invocation)
    assert not (tmp_path / ".compile-matrix/failed.json").exists()
