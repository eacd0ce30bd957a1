"""Versions of releases: their order, and which are final."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.cli.main import run
from compiler.releases.version import Release, parse_version


@pytest.mark.parametrize(
    ("version", "final"),
    [
        ("v1.4", True),
        ("2026.11", True),
        ("1.4.post1", True),
        ("v1.4-rc1", False),
        ("1.4.dev3", False),
        ("alice-test", False),
        ("v1.4-gpu", False),
    ],
)
def test_floating_tags_follow_final_versions(version: str, final: bool) -> None:  # noqa: FBT001
    """Prereleases, and texts that are not versions, move no floating tag."""
    assert Release("V", version).is_final is final


def test_versions_are_compared_by_their_numbers() -> None:
    """v1.10 is newer than v1.9."""
    older, newer = parse_version("v1.9"), parse_version("v1.10")

    assert older is not None
    assert newer is not None
    assert older < newer


@pytest.mark.parametrize("name", ["PACKAGE", "VERSION_TAG"])
def test_a_version_from_data_is_not_overridden_by_accident(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A forgotten export of the variable, or of one that it refers to, is reported by name."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/a.j2").write_text("FROM scratch\n")
    (tmp_path / "package.json").write_text('{"version": "1.0"}')
    (tmp_path / "matrix.yaml").write_text(
        "data: {package: package.json}\n"
        'variables: {PACKAGE: "{{ package.version }}", VERSION_TAG: "v${PACKAGE}"}\n'
        'images: {a: {template: a.j2, tags: ["nowhere.invalid/a:${VERSION_TAG}"]}}\n'
        'publish: {version: "${VERSION_TAG}"}\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, "v7")

    code = run(["publish"])

    stderr = capsys.readouterr().err
    assert code == 1
    assert "error[other-version]" in stderr
    assert f"help: unset {name}, or pass `--version" in stderr
