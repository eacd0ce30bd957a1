"""Processes of bake: what they are passed, and interrupts while they run."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from compiler.bake.process import InterruptCounter
from compiler.bake.results import BakeOptions
from compiler.bake.scheduler import build
from compiler.cli.progress_display import Lines
from compiler.pipeline import compile_matrix


DOCKER = """\
#!{python}
import json, os, sys
if sys.argv[2:] == ["version"]:
    print("github.com/docker/buildx {version} 0000")
else:
    names = ["VERSION", "ONLY_PLATFORM", "BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP", "COSIGN_KEY"]
    environment = {{name: os.environ[name] for name in names if name in os.environ}}
    with open("call.json", "w") as file:
        json.dump([[a for a in sys.argv if a.startswith("--var")], environment], file)
"""


@pytest.mark.parametrize(
    ("version", "arguments", "switch"),
    [
        ("v0.30.1", [], {}),
        ("0.0.0-unknown", [], {}),
        (
            "v0.31.0",
            ["--var=VERSION=v2 beta", "--var=ONLY_PLATFORM=linux/arm64"],
            {"BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP": "1"},
        ),
    ],
)
def test_variables_reach_bake(
    version: str,
    arguments: list[str],
    switch: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A switch that hides the environment from bake does not change what is built."""
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(python=sys.executable, version=version))
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(docker.parent))
    monkeypatch.setenv("BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP", "1")
    monkeypatch.setenv("COSIGN_KEY", "a key that no build may see")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/a.j2").write_text("FROM scratch\n")
    (tmp_path / "matrix.yaml").write_text("images: {a: {template: a.j2}}\n")
    plan = compile_matrix(tmp_path / "matrix.yaml").plan
    options = BakeOptions(
        folder=tmp_path, platforms=("linux/arm64",), variables={"VERSION": "v2 beta"}
    )

    outcome = build(plan, ["a"], options, Lines(lambda _: None))

    assert list(outcome.built) == ["a"]
    environment = {"VERSION": "v2 beta", "ONLY_PLATFORM": "linux/arm64", **switch}
    assert json.loads((tmp_path / "call.json").read_text()) == [arguments, environment]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_at_the_very_end_is_not_lost(number: signal.Signals) -> None:
    """An interrupt while the last process ends is raised, so that nothing follows the build."""
    before = signal.getsignal(number)

    with pytest.raises(KeyboardInterrupt), InterruptCounter():
        signal.raise_signal(number)

    assert signal.getsignal(number) is before
