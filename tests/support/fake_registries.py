"""Registries in memory, for tests of decisions about tags."""

from __future__ import annotations

import json
from hashlib import sha256

from compiler.external.registry.client import MANIFEST, Manifest, Registries


class FakeRegistries(Registries):
    """Manifests by repository and reference; `lost` names tags that cannot be created."""

    def __init__(self) -> None:
        super().__init__({})
        self.manifests: dict[tuple[str, str], Manifest] = {}
        self.blobs: dict[str, bytes] = {}
        self.lost: dict[tuple[str, str], Manifest | None] = {}

    def add_image(self, repository: str, content: str, *tags: str) -> Manifest:
        """Store an image of one platform and its tags; return its manifest."""
        config = json.dumps({"os": "linux", "architecture": "amd64", "content": content}).encode()
        digest = self.put_blob(repository, config)
        manifest = make_manifest({"config": {"digest": digest, "size": len(config)}, "layers": []})
        for tag in (manifest.digest, *tags):
            self.manifests[repository, tag] = manifest
        return manifest

    def digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of a reference."""
        manifest = self.manifest(repository, reference)
        return manifest.digest if manifest else None

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """Return the manifest of a reference."""
        return self.manifests.get((repository, reference))

    def tags(self, repository: str) -> list[str]:
        """Return the tags of a repository."""
        return [tag for name, tag in self.manifests if name == repository and ":" not in tag]

    def blob(self, repository: str, digest: str) -> bytes | None:
        """Return a blob."""
        del repository
        return self.blobs.get(digest)

    def referrers(self, repository: str, digest: str) -> list[str]:
        """Return no artifacts."""
        del repository, digest
        return []

    def copy_blob(self, source: str, target: str, digest: str, size: int) -> None:
        """Do nothing: all repositories share their blobs."""

    def put_manifest(self, repository: str, tag: str, manifest: Manifest) -> None:
        """Store a manifest, unless the tag is lost: then another one is in its place."""
        stored = self.lost.get((repository, tag), manifest)
        if stored is not None:
            self.manifests[repository, tag] = stored

    def put_blob(self, repository: str, content: bytes) -> str:
        """Store a blob."""
        del repository
        digest = f"sha256:{sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return digest


def make_manifest(data: object) -> Manifest:
    """Return a manifest with this content."""
    content = json.dumps(data).encode()
    return Manifest(f"sha256:{sha256(content).hexdigest()}", MANIFEST, content)
