"""`compile-matrix gc`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import command
from support.model_registry import HOST, ModelRegistries, ModelRegistry, ModelSessions, open_gate
from support.releases import record_of

from compiler.external.registry import artifacts, http
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.staging_time import write_staging_time
from compiler.releases.registry_record import push_record


REPOSITORY = f"{HOST}/acme/a"
MATRIX = f"""\
variables: {{V: "1"}}
images:
  a: {{template: a.j2, tags: ["{REPOSITORY}:${{V}}"]}}
publish: {{version: "${{V}}"KEEP}}
"""


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ModelRegistry:
    """Provide an empty registry."""
    model = ModelRegistry()
    monkeypatch.setattr(http, "Sessions", lambda _: ModelSessions(model, open_gate))
    return model


def call(folder: Path, keep: str, *words: str, code: int = 0) -> tuple[str, str]:
    """Run the command with what a matrix keeps; return its outputs."""
    (folder / "matrix.yaml").write_text(MATRIX.replace("KEEP", keep))
    done = command.call(folder, "gc", *words, code=code)
    return done.stdout, done.stderr


def test_a_dry_run_and_a_clean_up(
    tmp_path: Path, model: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted release is listed with its reason, then deleted; the recorded one stays."""
    registries = ModelRegistries(model)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(artifacts, "utc_now", lambda: past)
    kept = model.add_image(REPOSITORY, "kept", "1")
    push_record(registries, REPOSITORY, record_of("1", kept, tags=[f"{REPOSITORY}:1"], moving=[]))
    image = model.add_image(REPOSITORY, "left", "2", fingerprint_tag("0" * 64))
    write_staging_time(registries, REPOSITORY, image.digest, REPOSITORY)
    monkeypatch.setattr(artifacts, "utc_now", lambda: datetime.now(UTC))

    table, notes = call(tmp_path, ", keep: {releases: 1, days: 30}")
    as_json, _ = call(tmp_path, ", keep: {releases: 1, days: 30}", "--format", "json")
    deleted, _ = call(tmp_path, ", keep: {releases: 1, days: 30}", "--delete")

    assert table.split("\n")[0].split() == [
        *("REPOSITORY", "KIND", "DIGEST", "TAGS", "SIZE", "REASON")
    ]
    assert "only in interrupted releases: 2" in table
    assert "would delete 2 manifests" in notes
    data = json.loads(as_json)
    assert data["releases"] == {"kept": ["1"], "expired": []}
    assert [one["kind"] for one in data["manifests"]] == ["image", "time"]
    assert data["manifests"][0]["digest"] == image.digest
    assert deleted == table
    assert image.digest not in model.repository(REPOSITORY).manifests
    assert model.digest(f"{REPOSITORY}:1") == kept.digest


@pytest.mark.parametrize(
    ("keep", "code", "text"),
    [
        ("", 1, "error[no-keep]"),
        (", keep: {releases: 1, days: 0}", 0, "warning[no-grace]"),
        (", keep: {releases: 1, days: 1}", 0, "would delete 0 manifests, 0 B"),
    ],
)
def test_what_to_keep(
    keep: str, code: int, text: str, tmp_path: Path, model: ModelRegistry
) -> None:
    """The command needs it, and warns if a release in progress has no time to end."""
    del model

    _, notes = call(tmp_path, keep, code=code)

    assert text in notes
    assert ("warning" in notes) == ("warning" in text)
