"""Copies of images between repositories."""

from pathlib import Path

import pytest

from compiler.external.registry.client import RegistryError
from compiler.publish.create_tag import copy_image


def docker(folder: Path, monkeypatch: pytest.MonkeyPatch, error: str, failures: int) -> Path:
    """Put a docker into PATH that fails this often; return the file that counts its runs."""
    runs = folder / "runs"
    runs.touch()
    program = folder / "docker"
    program.write_text(
        f'#!/bin/sh\necho >> "{runs}"\n[ $(wc -l < "{runs}") -gt {failures} ] && exit\n'
        f"for n in 1 2 3 4 5 6 7 8 9; do echo '#1 copying sha256:{'0' * 64}' >&2; done\n"
        f"echo 'ERROR: {error}' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr("compiler.publish.create_tag.time.sleep", lambda _: None)
    return runs


def test_a_transient_error_behind_long_progress_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry may not know a layer yet; buildx says so after many lines of progress."""
    runs = docker(tmp_path, monkeypatch, "blob unknown to registry", failures=2)

    copy_image(["r.example/a@sha256:0"], ["r.example/b:1"])

    assert len(runs.read_text()) == 3


def test_a_permanent_error_is_not_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Access that is denied stays denied."""
    runs = docker(tmp_path, monkeypatch, "access denied", failures=9)

    with pytest.raises(RegistryError, match="cannot create the tag: access denied"):
        copy_image(["r.example/a@sha256:0"], ["r.example/b:1"])

    assert len(runs.read_text()) == 1
