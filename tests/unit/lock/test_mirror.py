"""A mirror of base images: how builds read from it, and what stays the same."""

import json
from pathlib import Path

import pytest

from compiler.fingerprint.fingerprint import project_fingerprints
from compiler.lock.mirror import copy_in, without_mirror
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix


D = f"sha256:{'0123456789abcdef' * 4}"
SHORT = D[7:19]
MATRIX = """\
variables: {REGISTRY: reg.example.com, BASES: docker.io/library}
axes: {}
lock: {mirror: "${REGISTRY}/bases"}
images:
  all:
    template: all.j2
    args: {BASE: python:3.11}
    contexts: {tool: "docker-image://python", open: "docker-image://${BASES}/python"}
  existing: {dockerfile: Dockerfile}
"""
ALL = """\
# syntax=docker/dockerfile:1
ARG BASE
ARG BASES=docker.io/library
FROM $BASE AS one
FROM python:latest AS two
FROM docker.io/library/python AS three
FROM localhost:5000/Own.d/x:RC1 AS four
FROM scratch
COPY --from=one / /
COPY --from=two / /
COPY --from=three / /
COPY --from=four / /
COPY --from=tool / /
COPY --from=open / /
"""
LOCKED = ("docker/dockerfile:1", "python:3.11", "python:latest", "localhost:5000/own.d/x:RC1")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Provide a locked project with a mirror."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    (tmp_path / "templates/all.j2").write_text(ALL.replace("Own", "own"))
    (tmp_path / "Dockerfile").write_text("FROM python:3.11\nCOPY --from=python / /\n")
    entries = "".join(
        f'  "{image}":\n    digest: {D}\n    platforms: [linux/amd64]\n' for image in LOCKED
    )
    (tmp_path / "matrix.lock").write_text(f"version: 1\nbases:\n{entries}")
    return tmp_path


def without(project: Path) -> None:
    """Remove the mirror from a matrix."""
    matrix = project / "matrix.yaml"
    matrix.write_text(matrix.read_text().replace('lock: {mirror: "${REGISTRY}/bases"}\n', ""))


def test_every_name_is_replaced_by_its_copy(project: Path) -> None:
    """Contexts have the names that BuildKit looks for; the Dockerfile stays as without a mirror."""
    compiled = compile_matrix(project / "matrix.yaml")
    targets = {target.name: target.fields for target in compiled.plan.targets}
    bases = "docker-image://${REGISTRY}/bases"
    hub = f"{bases}/docker.io/library/python"

    assert targets["all"]["contexts"] == {
        "tool": f"{hub}:latest-{SHORT}@{D}",
        "open": f"docker-image://${{BASES}}/python@{D}",
        f"python:3.11@{D}": f"{hub}:3.11-{SHORT}@{D}",
        f"python:latest@{D}": f"{hub}:latest-{SHORT}@{D}",
        f"python@{D}": f"{hub}:latest-{SHORT}@{D}",
        f"localhost:5000/own.d/x:RC1@{D}": f"{bases}/localhost_5000/own.d/x:RC1-{SHORT}@{D}",
    }
    frontend = f"${{REGISTRY}}/bases/docker.io/docker/dockerfile:1-{SHORT}@{D}"
    assert targets["all"]["args"] == {"BASE": f"python:3.11@{D}", "BUILDKIT_SYNTAX": frontend}
    assert targets["existing"]["contexts"] == {
        "docker.io/library/python:3.11": f"{hub}:3.11-{SHORT}@{D}",
        "python:3.11": f"{hub}:3.11-{SHORT}@{D}",
        "docker.io/library/python:latest": f"{hub}:latest-{SHORT}@{D}",
        "python": f"{hub}:latest-{SHORT}@{D}",
    }

    text = compiled.dockerfiles["all"]
    without(project)
    plain = compile_matrix(project / "matrix.yaml")
    assert plain.dockerfiles["all"] == text


def test_a_mirror_changes_no_fingerprint(project: Path) -> None:
    """Images of Dockerfiles are inputs by digest only; the mirror's registry is not an input."""
    template = project / "templates/all.j2"
    template.write_text(template.read_text().removeprefix("# syntax=docker/dockerfile:1\n"))
    matrix = project / "matrix.yaml"
    matrix.write_text(matrix.read_text().replace('tool: "docker-image://python", ', ""))

    def fingerprints(**variables: str) -> dict[str, str]:
        compiled = compile_matrix(project / "matrix.yaml")
        resolved = ResolvedPlan(compiled.plan, variables)
        found = project_fingerprints(compiled, resolved, project)
        return {name: one.digest for name, one in found.items()}

    mirrored = fingerprints()
    assert fingerprints(REGISTRY="other.example.com:5000") == mirrored
    without(project)
    assert fingerprints()["all"] == mirrored["all"]


@pytest.mark.parametrize(
    ("image", "repository", "tag"),
    [
        ("python", "docker.io/library/python", f"latest-{SHORT}"),
        ("[::1]:5000/a:1", "1_5000/a", f"1-{SHORT}"),
        (f"quay.io/a/b:{'x' * 128}", "quay.io/a/b", f"{'x' * 115}-{SHORT}"),
        ("Registry.Example.com/a", "registry.example.com/a", f"latest-{SHORT}"),
    ],
)
def test_the_name_of_a_copy_is_valid(image: str, repository: str, tag: str) -> None:
    """Whatever the name of the original, that of its copy is valid and names one digest."""
    copy = copy_in("reg/m", image, D)

    assert copy == (f"reg/m/{repository}", tag, D)
    assert len(copy.tag) <= 128


def test_fields_without_a_mirror_stay_the_same_object() -> None:
    """Nothing is copied for a project that has none."""
    fields = {"args": {"BUILDKIT_SYNTAX": "docker/dockerfile:1"}}

    assert without_mirror(fields, "") is fields


@pytest.mark.parametrize("image", ["a:1", "b/c"])
def test_a_policy_makes_unlocked_images_errors(project: Path, image: str) -> None:
    """The policy lists the digests of everything else."""
    from compiler.errors import CompileError

    matrix = project / "matrix.yaml"
    matrix.write_text(matrix.read_text().replace("lock: {", "lock: {policy: true, "))
    compiled = compile_matrix(matrix)
    artifacts = {artifact.path: artifact.content for artifact in compiled.artifacts}
    rules = json.loads(artifacts["dockerfiles/source-policy.json"])["rules"]
    (project / "templates/all.j2").write_text(f"FROM {image}\n")

    assert [rule["selector"]["identifier"] for rule in rules if "image" in str(rule)] == [
        "docker-image://*",
        f"docker-image://*@{D}",
    ]
    with pytest.raises(CompileError) as raised:
        compile_matrix(matrix)
    assert [one.code for one in raised.value.diagnostics] == ["unlocked-base"]
