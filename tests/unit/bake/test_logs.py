"""The logs of targets."""

from __future__ import annotations

from pathlib import Path

from compiler.bake.logs import TargetLogs


def test_logs_replace_those_of_an_earlier_build(tmp_path: Path) -> None:
    """Logs of targets that are not built again stay; Git ignores the folder."""
    for text in ("one\n", "two\n"):
        logs = TargetLogs(tmp_path, ["a"])
        logs.add("a", text)
        logs.flush()
    other = TargetLogs(tmp_path, ["b"])
    other.add("b", "x")
    other.flush()

    assert (tmp_path / ".compile-matrix/.gitignore").read_text() == "*\n"
    assert (tmp_path / ".compile-matrix/logs/a.log").read_text() == "two\n"
    assert other.display_path("b") == ".compile-matrix/logs/b.log"
