"""Processes of bake: what they are passed, and interrupts while they run."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.bake.process import InterruptCounter
from compiler.bake.results import BakeOptions
from compiler.bake.scheduler import build
from compiler.cli.progress_display import Lines
from compiler.pipeline import compile_matrix


SWITCH = "BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP"
DOCKER = """\
#!{python}
import json, os, sys
if sys.argv[2:] == ["version"]:
    print("github.com/docker/buildx {version} 0000")
else:
    with open("call.json", "w") as file:
        json.dump([sys.argv, dict(os.environ)], file)
"""


@pytest.fixture
def bake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[list[str], dict[str, str]]]:
    """Provide a function that returns the arguments and the environment of bake.

    It takes the version of buildx.
    """
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)

    def called(version: str) -> tuple[list[str], dict[str, str]]:
        docker = tmp_path / "bin/docker"
        docker.parent.mkdir()
        docker.write_text(DOCKER.format(python=sys.executable, version=version))
        docker.chmod(0o755)
        monkeypatch.setenv("PATH", str(docker.parent))
        (tmp_path / "templates").mkdir()
        (tmp_path / "templates/a.j2").write_text("FROM scratch\n")
        (tmp_path / "matrix.yaml").write_text("images: {a: {template: a.j2}}\n")
        plan = compile_matrix(tmp_path / "matrix.yaml").plan
        options = BakeOptions(
            folder=tmp_path,
            platforms=("linux/arm64",),
            variables={"VERSION": "v2 beta"},
            extra=("--metadata-file",),
        )
        outcome = build(plan, ["a"], options, Lines(lambda _: None))
        assert list(outcome.built) == ["a"]
        arguments, environment = json.loads((tmp_path / "call.json").read_text())
        return arguments, environment

    return called


@pytest.mark.parametrize(
    ("version", "arguments", "switch"),
    [
        ("v0.30.1", [], {}),
        ("0.0.0-unknown", [], {}),
        (
            "v0.31.0",
            ["--var=VERSION=v2 beta", "--var=ONLY_PLATFORM=linux/arm64"],
            {SWITCH: "1"},
        ),
    ],
)
def test_variables_reach_bake(
    version: str,
    arguments: list[str],
    switch: dict[str, str],
    bake: Callable[[str], tuple[list[str], dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A switch that hides the environment from bake does not change what is built."""
    monkeypatch.setenv(SWITCH, "1")
    monkeypatch.setenv("COSIGN_KEY", "a key that no build may see")

    options, environment = bake(version)

    assert [option for option in options if option.startswith("--var")] == arguments
    names = ("VERSION", "ONLY_PLATFORM", SWITCH, "COSIGN_KEY")
    passed = {name: environment[name] for name in names if name in environment}
    assert passed == {"VERSION": "v2 beta", "ONLY_PLATFORM": "linux/arm64", **switch}


def test_a_user_s_option_does_not_take_a_target_for_its_value(
    bake: Callable[[str], tuple[list[str], dict[str, str]]],
) -> None:
    """Bake reports an option that lacks its value: the arguments after `--` are the last."""
    arguments, _ = bake("v0.30.1")

    assert arguments[-2:] == ["a", "--metadata-file"]


@pytest.mark.parametrize(
    ("setting", "sampler"),
    [
        ({}, "always_off"),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, "always_on"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}, None),
    ],
)
def test_traces_are_recorded_on_request(
    setting: dict[str, str],
    sampler: str | None,
    bake: Callable[[str], tuple[list[str], dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Any setting of OpenTelemetry in the environment decides instead of ours."""
    for name, value in setting.items():
        monkeypatch.setenv(name, value)

    _, environment = bake("v0.31.0")

    assert environment.get("OTEL_TRACES_SAMPLER") == sampler


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_at_the_very_end_is_not_lost(number: signal.Signals) -> None:
    """An interrupt while the last process ends is raised, so that nothing follows the build."""
    before = signal.getsignal(number)

    with pytest.raises(KeyboardInterrupt), InterruptCounter():
        signal.raise_signal(number)

    assert signal.getsignal(number) is before
