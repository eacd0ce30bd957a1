"""The command `build`: what it rejects before bake is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.cli.bake_options import reject_idle_arguments
from compiler.cli.main import run


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("a.dockerfile=other", "would build from a file that was not compiled"),
        ("*.network=host", "bake ignores --set of 'network'"),
        ("*.call=check", "'*.call=check' would build nothing"),
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


@pytest.mark.parametrize(
    "argument",
    [
        *("--print", "--print=true", "--list", "--list=targets", "--list-targets"),
        *("--call", "--call=check", "--check", "--check=true", "--help", "--help=true"),
        *("-h", "-Dh", "*.call=check", "--set=a.call=outline"),
    ],
)
def test_arguments_with_which_bake_builds_nothing_are_rejected(
    argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bake would exit with 0, and every target would count as built."""
    code = run(["build", "--", "--allow=ssh", argument])

    assert code == 2
    assert f"{argument!r} cannot be passed to bake: nothing would be built" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "argument",
    [
        "--sbom=true",
        "--checks",
        "--printer",
        "-fh.hcl",
        "-D",
        "--provenance=h",
        "-",
        "--set=a.args.call=1",
    ],
)
def test_other_arguments_for_bake_are_accepted(argument: str) -> None:
    """They change how bake builds, or bake rejects them."""
    reject_idle_arguments([argument])
