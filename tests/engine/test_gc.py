"""`gc` in a real registry: images are pushed by hand, so nothing is built."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import command
from support.killable_registry import KillableRegistry
from support.registry import CONFIG, INDEX, LAYER, MANIFEST, Json, Registry

from compiler.fingerprint.naming import fingerprint_tag


pytestmark = pytest.mark.engine

IMAGE, STAGING = "acme/server", "acme/staging"
OLD = "2020-01-01T00:00:00+00:00"
CREATED = "org.opencontainers.image.created"
TYPE = "application/vnd.compile-matrix"
MATRIX = """\
variables: {REGISTRY: registry.invalid, VERSION: "2"}
images:
  server:
    template: Dockerfile.j2
    platforms: [linux/amd64, linux/arm64]
    tags: ["${REGISTRY}/acme/server:${VERSION}"]
    moving: ["${REGISTRY}/acme/server:latest"]
publish: {version: "${VERSION}", staging: "${REGISTRY}/acme/staging", keep: {releases: 1, days: 30}}
"""
PLATFORMS = ("amd64", "arm64")


class Filled:
    """A registry with two old releases of one image, signed in both forms."""

    def __init__(self, registry: Registry) -> None:
        """Push the releases, and a tag of another team for a platform of the first."""
        self.registry = registry
        for version in ("1", "2"):
            self._release(version)
        platform = registry.manifest(IMAGE, "1")["manifests"][0]
        registry.put_manifest(IMAGE, "other-team", registry.manifest(IMAGE, platform["digest"]))

    def _image(self, repository: str, layer: str, **more: object) -> Json:
        config = {"os": "linux", "architecture": more.pop("architecture", "unknown")}
        return {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": CONFIG,
                **self.registry.put_blob(repository, json.dumps(config).encode()),
            },
            "layers": [{"mediaType": LAYER, **self.registry.put_blob(repository, layer.encode())}],
            **more,
        }

    def _push_index(self, repository: str, version: str, *tags: str) -> Json:
        """Push an index of two platforms with attestations, and its signatures."""
        entries = []
        for architecture in PLATFORMS:
            layer = f"{version} {architecture}"
            image = self._image(repository, layer, architecture=architecture)
            pushed = self.registry.put_manifest(repository, "", image)
            entries.append({**pushed, "platform": {"os": "linux", "architecture": architecture}})
            attestation = self._image(repository, f"attestation of {layer}")
            entries.append(
                {
                    **self.registry.put_manifest(repository, "", attestation),
                    "platform": {"os": "unknown", "architecture": "unknown"},
                    "annotations": {"vnd.docker.reference.digest": pushed["digest"]},
                }
            )
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        pushed = {}
        for tag in tags:
            pushed = self.registry.put_manifest(repository, tag, index)
        name = f"sha256-{pushed['digest'][7:]}"
        signature = self._image(repository, f"signature of {version}")
        self.registry.put_manifest(repository, f"{name}.sig", signature)
        bundle = self._image(repository, f"bundle of {version}", subject=pushed)
        entry = self.registry.put_manifest(repository, "", bundle)
        fallback = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
        self.registry.put_manifest(repository, name, fallback)
        return pushed

    def _artifact(self, kind: str, content: bytes, tag: str, **annotations: str) -> None:
        """Push an artifact of ours to the staging repository."""
        empty = self.registry.put_blob(STAGING, b"{}")
        layer = {"mediaType": f"{TYPE}.{kind}.v1+json", **self.registry.put_blob(STAGING, content)}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "annotations": {CREATED: OLD, **annotations},
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", **empty},
            "layers": [layer],
        }
        self.registry.put_manifest(STAGING, tag, manifest)

    def _release(self, version: str) -> None:
        tags = [version, *(["latest"] if version == "2" else [])]
        index = self._push_index(IMAGE, version, *tags)
        digest = index["digest"]
        self._push_index(STAGING, version, fingerprint_tag(version * 64))
        named = {"com.compile-matrix.image": digest}
        self._artifact("time", b"{}", f"fp-time-{digest[7:]}", **named)
        self._artifact("check", b"{}", f"check-{version * 64}", **named)
        entries = self.registry.index(IMAGE, version)
        row = {
            "target": "server",
            "tags": [f"{self.registry.address}/{IMAGE}:{version}"],
            "moving": [f"{self.registry.address}/{IMAGE}:latest"],
            "digest": digest,
            "platforms": {name: entry["digest"] for name, entry in entries.items()},
            "attestations": {},
            "fingerprint": f"sha256:{version * 64}",
            "bases": {},
            "state": "built",
            "seconds": 1.0,
            "bytes": 1,
        }
        record = {"version": 1, "release": version, "targets": [row]}
        self._artifact("release", json.dumps(record).encode(), f"release-{version}")

    def pull(self, repository: str, reference: str) -> None:
        """Read everything that a tag or digest leads to."""
        manifest = self.registry.manifest(repository, reference)
        for entry in manifest.get("manifests", ()):
            self.pull(repository, entry["digest"])
        for blob in (*manifest.get("layers", ()), *filter(None, [manifest.get("config")])):
            self.registry._ask("GET", f"{repository}/blobs/{blob['digest']}")  # noqa: SLF001


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Provide a project."""
    folder = tmp_path / "project"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates/Dockerfile.j2").write_text("FROM scratch\nCOPY a /\n")
    (folder / "matrix.yaml").write_text(MATRIX)
    return folder


@pytest.fixture(params=[True, False], ids=["deletes", "cannot delete"])
def filled(
    request: pytest.FixtureRequest, registry_program: Path, tmp_path: Path
) -> Iterator[Filled]:
    """Provide a registry with two releases, which may be unable to delete."""
    storage = {"rootdirectory": str(tmp_path / "registry/storage")}
    more = {"storage": {"filesystem": storage, "delete": {"enabled": request.param}}}
    served = KillableRegistry(registry_program, tmp_path / "registry", more=more)
    yield Filled(served.registry)
    served.close()


def test_clean_up(filled: Filled, folder: Path, request: pytest.FixtureRequest) -> None:
    """The older release is deleted, and each tag that stays can be pulled completely."""
    registry = filled.registry
    deletes = "cannot" not in request.node.callspec.id
    env = {"REGISTRY": registry.address, "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    before = {name: registry.tags(name) for name in (IMAGE, STAGING)}
    old = registry.manifest(IMAGE, "1")["manifests"]

    planned = json.loads(command.call(folder, "gc", "--format=json", env=env).stdout)
    assert {name: registry.tags(name) for name in before} == before
    done = command.call(folder, "gc", "--delete", env=env, code=0 if deletes else 1)

    if not deletes:
        assert {name: registry.tags(name) for name in before} == before
        assert "405 The operation is unsupported" in done.stderr
        assert "the registry cannot delete manifests" in done.stderr
        return
    digest = registry.digest(IMAGE, "2")[7:]
    signed = [f"sha256-{digest}", f"sha256-{digest}.sig"]
    assert registry.tags(IMAGE) == sorted(["2", "latest", "other-team", *signed, *notes(filled)])
    staging = [tag for tag in registry.tags(STAGING) if not tag.startswith("fp-gc-")]
    staged = registry.digest(STAGING, fingerprint_tag("2" * 64))[7:]
    assert staged == digest
    assert staging == sorted(
        [
            f"check-{'2' * 64}",
            fingerprint_tag("2" * 64),
            f"fp-time-{digest}",
            "release-2",
            *signed,
        ]
    )
    for repository in (IMAGE, STAGING):
        for tag in registry.tags(repository):
            filled.pull(repository, tag)
    for entry in old[1:]:
        with pytest.raises(FileNotFoundError):
            registry.manifest(IMAGE, entry["digest"])
    kinds = {one["kind"] for one in planned["manifests"]}
    assert kinds == {"index", "image", "signature", "check", "time", "record"}
    assert planned["releases"] == {"kept": ["2"], "expired": ["1"]}
    again = json.loads(command.call(folder, "gc", "--format=json", env=env).stdout)
    assert again["manifests"] == []


def notes(filled: Filled) -> list[str]:
    """Return the tags of notes of clean-ups."""
    return [tag for tag in filled.registry.tags(IMAGE) if tag.startswith("fp-gc-")]
