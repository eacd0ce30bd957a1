"""The command `build`: what it rejects before bake is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.cli.main import run


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("a.dockerfile=other", "would build from a file that was not compiled"),
        ("*.network=host", "bake ignores --set of 'network'"),
    ],
)
def test_overrides_that_bake_would_ignore_are_rejected(
    word: str,
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They are rejected as by `publish` and `changed`; bake would ignore them silently."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/a.j2").write_text("FROM scratch\n")
    (tmp_path / "matrix.yaml").write_text("images: {a: {template: a.j2}}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("compiler.bake.preconditions.require_buildx", lambda: None)
    assert run([]) == 0

    code = run(["build", "--set", word])

    assert code == 2
    assert why in capsys.readouterr().err
