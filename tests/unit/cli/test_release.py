"""The commands that read releases, with records that anyone has written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support import command
from support.model_registry import HOST, ModelRegistries, ModelRegistry, ModelSessions, Perform
from support.releases import record_of

from compiler.external.registry import http
from compiler.external.registry.responses import Response
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import push_record


REPOSITORY = f"{HOST}/acme/a"
OTHER = "other.example/acme/a"
MATRIX = f"""\
variables: {{V: "1"}}
images:
  a: {{template: a.j2, tags: ["{REPOSITORY}:${{V}}"], moving: ["{REPOSITORY}:now"]}}
publish: {{version: "${{V}}"}}
"""


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Release two versions whose records begin with tags of another registry.

    Provides the hosts that received requests since then.
    """
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    model = ModelRegistry()
    for version in ("1", "2"):
        image = model.add_image(REPOSITORY, version, version, "now")
        tags = [f"{OTHER}:{version}", f"{REPOSITORY}:{version}"]
        record = record_of(version, image, tags=tags, moving=[f"{OTHER}:now", f"{REPOSITORY}:now"])
        push_record(ModelRegistries(model), REPOSITORY, with_sbom(record, image.digest))
    found: set[str] = set()

    def gate(_method: str, path: str, perform: Perform) -> Response:
        found.add(path.partition("/")[0])
        return perform()

    monkeypatch.setattr(http, "Sessions", lambda _: ModelSessions(model, gate))
    return found


def with_sbom(record: ReleaseRecord, digest: str) -> ReleaseRecord:
    """Return a record whose target has an attestation."""
    (target,) = record.targets
    return replace(record, targets=(replace(target, attestations={"linux/amd64": digest}),))


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("latest",),
        ("show", "2"),
        ("show", "2", "--format", "json"),
        ("show", "2", "--format", "env"),
        ("diff", "1", "2"),
    ],
)
def test_only_repositories_of_the_matrix_are_read(
    words: tuple[str, ...], tmp_path: Path, hosts: set[str]
) -> None:
    """A record does not decide to which servers requests are sent."""
    command.call(tmp_path, "release", *words)

    assert hosts == {HOST}


def test_tags_that_are_not_read_are_marked(tmp_path: Path, hosts: set[str]) -> None:
    """They are neither missing nor present."""
    done = command.call(tmp_path, "release", "show", "2")
    (target,) = json.loads(
        command.call(tmp_path, "release", "show", "2", "--format", "json").stdout
    )["targets"]

    unread = "(not read: the matrix does not have its repository)"
    assert f"  tag       {OTHER}:2  {unread}\n" in done.stdout
    assert f"  floating  {OTHER}:now  {unread}\n" in done.stdout
    assert f"  tag       {REPOSITORY}:2\n" in done.stdout
    assert done.stderr == ""
    assert (target["held"], target["lost"]) == ([f"{REPOSITORY}:now"], [])
    assert hosts == {HOST}
