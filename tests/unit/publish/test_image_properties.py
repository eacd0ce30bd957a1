"""Tests of images that need no shell: labels, user, entry point and size, read by `publish`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry, digest_of
from support.release_actors import Silent
from support.releases import plan_of, request_of

from compiler.bake.results import Outcome
from compiler.errors import DiagnosticError
from compiler.external.registry.client import MANIFEST, Manifest
from compiler.fingerprint.naming import LABEL, fingerprint_tag
from compiler.publish.publish import publish
from compiler.publish.result import PublishResult
from compiler.releases.registry_record import pull_record


REPOSITORY = f"{HOST}/acme/a"
FINGERPRINT = "1" * 64
CONFIG = {
    "User": "app",
    "Entrypoint": ["/run", "--fast"],
    "Labels": {"org.example.team": "core", LABEL: f"sha256:{FINGERPRINT}"},
}
PASSING = """
  labels: {org.example.team: "${TEAM}"}
  user: app
  entrypoint: [/run, --fast]
  size: 5 kB
"""


def stage(model: ModelRegistry, config: dict[str, Any], layer: bytes = b"x" * 5000) -> None:
    """Stage an image with this configuration and layer."""
    registries = ModelRegistries(model)
    content = {"os": "linux", "architecture": "amd64", "config": config}
    blobs = (json.dumps(content).encode(), layer)
    first, *others = [
        {"digest": registries.put_blob(REPOSITORY, blob), "size": len(blob)} for blob in blobs
    ]
    text = json.dumps({"schemaVersion": 2, "config": first, "layers": others}).encode()
    manifest = Manifest(digest_of(text), MANIFEST, text)
    registries.put_manifest(REPOSITORY, fingerprint_tag(FINGERPRINT), manifest)


def release(model: ModelRegistry, tests: str) -> PublishResult:
    """Publish one image with these tests."""
    indented = "".join(f"      {line.strip()}\n" for line in tests.strip().splitlines())
    matrix = f"""\
variables: {{V: "1", TEAM: core}}
images:
  a:
    template: a.j2
    platforms: [linux/amd64]
    tags: ["{REPOSITORY}:${{V}}"]
    tests:
{indented}publish: {{version: "${{V}}"}}
"""
    request = request_of(plan_of(matrix), "1", lambda _: FINGERPRINT)
    return publish(request, ModelRegistries(model), Silent())


@pytest.fixture(autouse=True)
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Provide the test targets that BuildKit would have run; all of them pass."""
    targets: list[str] = []

    def build(_plan: object, names: Any, *_: object) -> Outcome:
        targets.extend(names)
        return Outcome(built={name: {} for name in names}, failed={}, skipped={}, seconds={})

    monkeypatch.setattr("compiler.publish.build_missing.build", build)
    return targets


def test_properties_pass_without_a_shell(ran: list[str]) -> None:
    """Nothing runs in the image, the tags are created, and a second run does not read it again."""
    model = ModelRegistry()
    stage(model, CONFIG)

    first = release(model, PASSING)
    second = release(model, PASSING)

    assert ran == []
    assert second.requests < first.requests
    assert pull_record(ModelRegistries(model), REPOSITORY, "1") is not None
    assert any("-tested-" in name for name in model.repository(REPOSITORY).tags)


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ("labels: {org.example.team: web}", "the label 'org.example.team' is 'core' instead of"),
        ("labels: {other: web}", "the label 'other' is missing"),
        ("user: root", "the user is 'app' instead of 'root'"),
        ("entrypoint: []", "the entry point is ['/run', '--fast'] instead of []"),
        ("size: 4.9kB", "the compressed size is 5.0 kB, more than 4.9kB"),
    ],
)
def test_an_image_that_differs_is_not_released(tests: str, message: str) -> None:
    """The error names the target and the line of the test; no tag is created."""
    model = ModelRegistry()
    stage(model, CONFIG)

    with pytest.raises(DiagnosticError) as raised:
        release(model, tests)

    (diagnostic,) = raised.value.diagnostics
    assert "a: its tests failed: " in str(diagnostic.message)
    assert message in diagnostic.message
    assert diagnostic.message.endswith("(matrix.yaml:8)")
    assert not any(tag[0].isdigit() for tag in model.repository(REPOSITORY).tags)


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ('process "/bin/sh -c test \\"$A\\" = 1" did not complete', 10),
        ('failed to compute cache key: "/etc/app": not found', 11),
        ("the builder is out of order", 7),
    ],
)
def test_a_failed_step_is_located(output: str, line: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """BuildKit quotes the command, or the path; otherwise the tests as a whole are named."""
    model = ModelRegistry()
    stage(model, CONFIG)
    monkeypatch.setattr(
        "compiler.publish.build_missing.build",
        lambda *_: Outcome(built={}, failed={"a-test": output}, skipped={}, seconds={}),
    )

    with pytest.raises(DiagnosticError) as raised:
        release(model, "shell:\n- 'true'\n- test \"$A\" = 1\nfiles: [/etc/app]")

    assert raised.value.diagnostics[0].message.endswith(f"(matrix.yaml:{line})")
