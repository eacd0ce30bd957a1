"""Publishing without a registry: tags of staged images, and options that are rejected."""

from __future__ import annotations

import pytest

from compiler.cli.main import run
from compiler.fingerprint.components import pinned_bases
from compiler.fingerprint.naming import fingerprint_tag
from compiler.matrix.matrix import ImagePart
from compiler.publish.staged_image import passed_tests_tag
from compiler.targets.image_tests import ImageTest


def commands(*texts: str) -> list[ImageTest]:
    """Return tests that run these commands."""
    return [ImageTest(ImagePart.SHELL, text) for text in texts]


def test_tags_of_staged_images_are_valid() -> None:
    """The longest tag has at most the 128 characters that registries accept."""
    longest = passed_tests_tag("0" * 64, commands("true"), "linux/riscv64/v8")

    assert longest.startswith(f"{fingerprint_tag('0' * 64, 'linux/riscv64/v8')}-tested-")
    assert len(longest) <= 128


def test_the_tag_depends_on_the_tests() -> None:
    """An image that passed other tests is tested again."""
    assert passed_tests_tag("0a", commands("true")) != passed_tests_tag(
        "0a", commands("true", "false")
    )


def test_locked_bases_of_a_dockerfile() -> None:
    """All images with a digest are found; names of stages are not images."""
    digest = "1" * 64

    bases = pinned_bases(f"FROM python:3.11@sha256:{digest} AS a\nFROM a\n")

    assert bases == {"python:3.11": f"sha256:{digest}"}


@pytest.mark.parametrize(
    ("arguments", "rejected"),
    [
        (["other-target"], "other-target"),
        (["--allow", "fs.read=/x", "other-target"], "other-target"),
        (["--set", "*.args.A=1"], "--set"),
        (["--sbom=true"], "--sbom=true"),
        (["--file=docker-bake.override.hcl"], "--file=docker-bake.override.hcl"),
    ],
)
def test_arguments_that_would_change_images_are_rejected(
    arguments: list[str], rejected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another target would be pushed under these tags, another image under this fingerprint."""
    code = run(["publish", "--", "--debug", "--allow=ssh", *arguments])

    assert code == 2
    assert f"only --allow and --debug can be passed to bake, not {rejected!r}" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stage-only", "--merge"], "--stage-only and --merge exclude each other"),
        (["--stage-only", "--if-changed"], "--stage-only and --if-changed exclude each other"),
        (["--platform=linux/amd64"], "--platform requires --stage-only"),
        (["--checks=a", "--stage-only"], "--stage-only and --checks exclude each other"),
        (["--checks=a", "--merge"], "--checks and --merge exclude each other"),
        (["--checks=a", "--dry-run"], "--checks and --dry-run exclude each other"),
        (["--checks=a,"], "name at least one check"),
        (["--set=a.tags=x"], "--set: tags of a release cannot be overridden: 'a.tags=x'"),
    ],
)
def test_options_that_exclude_each_other(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are usage errors."""
    assert run(["publish", *arguments]) == 2
    assert message in capsys.readouterr().err
