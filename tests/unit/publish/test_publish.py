"""What a release decides by itself: versions, records, the words for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler.cli.main import run
from compiler.fingerprint.components import pinned_bases
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.staged_image import passed_tag
from compiler.releases.record import joined, text
from compiler.releases.version import Release, order


@pytest.mark.parametrize(
    ("version", "moves"),
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
def test_only_final_versions_move(version: str, moves: bool) -> None:  # noqa: FBT001
    """A prerelease, and what is no version, moves nothing."""
    assert Release("V", version).moves is moves


def test_versions_are_ordered_as_versions() -> None:
    """v1.10 is newer than v1.9."""
    older, newer = order("v1.9"), order("v1.10")

    assert older is not None
    assert newer is not None
    assert older < newer


def test_records_are_joined_in_the_plans_order() -> None:
    """A row of this run takes the place of an older one; the others stay, unknown ones last."""
    before = {"targets": [{"target": "gone"}, {"target": "b", "state": "built"}]}

    found = joined("v1", before, [{"target": "b", "state": "reused"}, {"target": "a"}], ["a", "b"])

    assert found["targets"] == [
        {"target": "a"},
        {"target": "b", "state": "reused"},
        {"target": "gone"},
    ]
    assert json.loads(text(found)) == found
    assert text(found).count("\n") == 5


def test_tags_of_what_waits_are_legal() -> None:
    """The longest has no more characters than a tag may have."""
    longest = passed_tag("0" * 64, ["true"], "linux/riscv64/v8")

    assert longest.startswith(f"{fingerprint_tag('0' * 64, 'linux/riscv64/v8')}-tested-")
    assert len(longest) <= 128


def test_other_tests_are_another_tag() -> None:
    """What passed other tests is tested again."""
    assert passed_tag("0a", ["true"]) != passed_tag("0a", ["true", "false"])


def test_locked_bases_of_a_dockerfile() -> None:
    """Each image that is named with its digest, the stage's name left out."""
    digest = "1" * 64

    found = pinned_bases(f"FROM python:3.11@sha256:{digest} AS a\nFROM a\n")

    assert found == {"python:3.11": f"sha256:{digest}"}


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["other-target"], "other-target"),
        (["--allow", "fs.read=/x", "other-target"], "other-target"),
        (["--set", "*.args.A=1"], "--set"),
        (["--sbom=true"], "--sbom=true"),
        (["--file=docker-bake.override.hcl"], "--file=docker-bake.override.hcl"),
    ],
)
def test_bake_is_given_nothing_that_decides_a_release(
    words: list[str], refused: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another target would be pushed under its tags, another argument under this fingerprint."""
    code = run(["publish", "--", "--debug", "--allow=ssh", *words])

    assert code == 2
    assert f"not {refused!r}: say in matrix.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["PACKAGE", "VERSION_TAG"])
def test_a_version_from_data_by_way_of_another_variable(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A forgotten export of either is refused, and named."""
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

    said = capsys.readouterr().err
    assert code == 1
    assert "error[other-version]" in said
    assert f"help: unset {name}, or say `--version" in said
