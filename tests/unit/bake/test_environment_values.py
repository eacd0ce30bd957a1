"""What the environment gives the targets is checked before any work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from support.command import call

from compiler.bake.environment_values import (
    overridden_errors,
    require_repositories,
    require_values,
)
from compiler.errors import CompileError, Diagnostic
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import plan_matrix
from compiler.source.project_files import Files


MATRIX = r"""
variables:
  REGISTRY: r.example
  BRANCH: ""
  VERSION: "1.2"
  PLATFORM: linux/amd64
  ARM: linux/arm64
  EXTRA: ""
  SIZE: 64m
  NETWORK: none
  FOLDER: templates
  CACHE_IN: ""
  STAGING: r.example/staging
publish: {version: "${VERSION}", staging: "${STAGING}"}
lock: {mirror: "${REGISTRY}/bases"}
defaults: {template: Dockerfile.j2}
images:
  server:
    platforms: ["${PLATFORM}", "${ARM}"]
    tags: ["${REGISTRY}/server:${VERSION}", "${EXTRA}"]
    moving: ["${REGISTRY}/server:${BRANCH}"]
    shared: {tags: ["${REGISTRY}/all:${BRANCH}"]}
    cache: {type: registry, ref: "${CACHE_IN}"}
    cache-from: ["${EXTRA}"]
    shm-size: ${SIZE}
    network: ${NETWORK}
    context: ${FOLDER}
    contexts: {more: "${FOLDER}"}
  client: {tags: ["${BRANCH}/client:1"]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the folder of a project with variables of many fields."""
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/Dockerfile.j2").write_text("FROM scratch\n")
    return tmp_path


def resolved(project: Path, environment: dict[str, str]) -> tuple[ResolvedPlan, Files]:
    """Return the plan for an environment, and the project's files."""
    files = Files(project)
    return ResolvedPlan(plan_matrix(files, "matrix.yaml"), environment), files


def brief(diagnostics: Sequence[Diagnostic]) -> list[tuple[str, str]]:
    """Return the code of each diagnostic, and the end of its help."""
    return [(str(found.code), found.help.rpartition("; ")[2]) for found in diagnostics]


REGISTRY_HELP = "REGISTRY is 'Bad!!' in the environment"


@pytest.mark.parametrize(
    ("environment", "moves", "published", "expected"),
    [
        ({}, False, False, []),
        ({"EXTRA": "", "ARM": "", "CACHE": ""}, False, False, []),
        ({"NETWORK": "", "FOLDER": ""}, False, False, []),
        ({"FOLDER": "x"}, False, False, [("missing-context", "FOLDER is 'x'")] * 2),
        (
            {"REGISTRY": "Bad!!"},
            False,
            False,
            [("illegal-tag", REGISTRY_HELP), ("illegal-tag", REGISTRY_HELP)],
        ),
        ({"PLATFORM": "bad"}, False, False, [("unknown-platform", "PLATFORM is 'bad' in the e")]),
        ({"PLATFORM": "local"}, False, False, []),
        ({"PLATFORM": "linux/amd64,linux/s390x"}, False, False, []),
        ({"PLATFORM": "linux/amd64,bad"}, False, False, [("unknown-platform", "PLATFORM is")]),
        ({"PLATFORM": "local", "BRANCH": "b"}, True, True, [("unknown-platform", "PLATFORM is")]),
        ({"SIZE": "big"}, False, False, [("bad-field", "SIZE is 'big' in the environment")]),
        ({}, True, False, [("illegal-tag", "BRANCH is empty: set it in the environment")]),
        (
            {},
            False,
            True,
            [("illegal-tag", "BRANCH is empty: set it in the environment")],
        ),
        ({"BRANCH": "main"}, True, True, []),
        ({"STAGING": "r.example/X", "BRANCH": "b"}, True, True, [("illegal-tag", "STAGING is")]),
        ({"STAGING": "r.example/X"}, False, False, []),
        ({"CACHE": "read"}, False, False, [("illegal-tag", "CACHE_IN is empty: set it in")]),
        ({"CACHE": "reed"}, False, False, [("cannot-build", ""), ("illegal-tag", "CACHE_IN is")]),
        ({"MOVING": "yes"}, False, False, [("cannot-build", "set it to true or false, or unset")]),
        ({"MOVING": "1", "BRANCH": "b"}, False, False, []),
    ],
)
def test_used_values_are_checked(
    project: Path,
    environment: dict[str, str],
    moves: bool,  # noqa: FBT001
    published: bool,  # noqa: FBT001
    expected: list[tuple[str, str]],
) -> None:
    """Only fields that are used count; an empty entry of a list is ignored, as bake does."""
    plan, files = resolved(project, environment)
    found: tuple[Diagnostic, ...] = ()

    try:
        require_values(plan, files, ["server"], moves=moves, published=published)
    except CompileError as error:
        found = error.diagnostics

    assert [code for code, _ in brief(found)] == [code for code, _ in expected]
    assert all(
        text.startswith(help_) for (_, text), (_, help_) in zip(brief(found), expected, strict=True)
    )


def test_an_empty_text_is_the_default(project: Path) -> None:
    """Bake builds in the folder of the bake file, and ignores an empty named context."""
    plan, _ = resolved(project, {"NETWORK": "", "FOLDER": ""})

    fields = plan.fields["server"]

    assert fields["context"] == "."
    assert not fields.keys() & {"contexts", "network"}


def test_other_targets_do_not_count(project: Path) -> None:
    """A build of one image does not need the variables of another."""
    plan, files = resolved(project, {})

    require_values(plan, files, ["server"])
    with pytest.raises(CompileError, match=r"invalid tag .*/client:1. \(in client\)"):
        require_values(plan, files, ["server", "client"])


def test_commands_that_only_read_ignore_empty_variables(project: Path) -> None:
    """What the environment sets counts; a variable that a later command sets does not."""
    names = ["server", "client"]

    assert overridden_errors(*resolved(project, {}), names) == []
    found = overridden_errors(*resolved(project, {"BRANCH": "a b"}), names)
    assert {text for _, text in brief(found)} == {"BRANCH is 'a b' in the environment"}


def test_repositories_are_checked_before_a_registry_is_read(project: Path) -> None:
    """Each invalid repository is reported where it is written, with its variable."""
    plan, _ = resolved(project, {"REGISTRY": "Bad!!", "BRANCH": "acme", "STAGING": "X"})

    with pytest.raises(CompileError) as caught:
        require_repositories(plan)

    assert [found.file_location.line for found in caught.value.diagnostics] == [14, 15, 18]
    assert brief(caught.value.diagnostics)[1:] == [("illegal-tag", REGISTRY_HELP)] * 2


def test_an_empty_tag_does_not_name_the_repository(tmp_path: Path) -> None:
    """Bake ignores it, so the next tag names it."""
    (tmp_path / "matrix.yaml").write_text(
        "variables: {EXTRA: acme/extra}\n"
        'images: {a: {template: D.j2, tags: ["${EXTRA}", "acme/a:1"]}}\n'
    )
    plan, _ = resolved(tmp_path, {"EXTRA": ""})

    assert require_repositories(plan).repositories == {"a": "acme/a"}
    assert plan.version_tags(plan.plan.targets[0]) == ("acme/a:1",)
    assert plan.fields["a"]["tags"] == ("docker.io/acme/a:1",)


@pytest.mark.parametrize(
    ("words", "severity"),
    [
        (["staged"], "error"),
        (["release", "list"], "error"),
        (["release", "latest"], "error"),
        (["changed", "--against", "registry"], "error"),
        (["explain", "server"], "warning"),
        (["compare", "docker-bake.hcl"], "warning"),
        (["layers", "--platform", "linux/amd64", "client"], "warning"),
    ],
)
def test_each_command_reports_invalid_values(
    project: Path, words: list[str], severity: str
) -> None:
    """The diagnostic names the variable and its value; none reaches a registry."""
    call(project)
    environment = {"REGISTRY": "Bad!!", "BRANCH": "Bad!!", "PATH": ""}

    done = call(project, *words, "--format", "json", env=environment, code=None)

    assert f'"severity": "{severity}"' in done.stderr
    assert "is 'Bad!!' in the environment" in done.stderr
    assert "unreachable-registry" not in done.stderr
