"""Copy images between repositories, with everything that belongs to them.

The digest stays the same. The top manifest is stored last: if a repository has it, the copy is
complete.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from compiler.codes import Code
from compiler.external.json_object import quote
from compiler.external.registry.attached import AttachedArtifacts
from compiler.external.registry.client import (
    Manifest,
    Registries,
    RegistryError,
    RejectedError,
)
from compiler.external.registry.paths import descriptor_digest
from compiler.external.registry.responses import content_digest, unexpected


_MAX_DEPTH = 32
"""Maximum number of manifests on the way from an image to what belongs to it."""


class Copier:
    """Copies images; reads the tags of each source repository once."""

    def __init__(self, registries: Registries, *, lists_tags: bool = True) -> None:
        """Take the registries of all repositories.

        Args:
            registries: the registries.
            lists_tags: whether to list the tags of source repositories; see `AttachedArtifacts`.
        """
        self._registries = registries
        self._attached = AttachedArtifacts(registries, lists_tags=lists_tags)

    def copy(self, source: str, target: str, digest: str) -> None:
        """Copy an image or index to another repository, with its attestations and signatures.

        Args:
            source: the repository that contains the image.
            target: the repository to copy it to.
            digest: the digest of the image or index.

        Raises:
            RegistryError: content is missing, or a registry rejects a request.
        """
        if source != target:
            self._copy(source, target, digest, ())

    def _copy_attached(self, source: str, target: str, digest: str, above: tuple[str, ...]) -> bool:
        """Copy an artifact that is attached to the last manifest above; return whether it exists.

        Lists of artifacts may name some that were deleted.
        """
        if digest not in above and self._registries.manifest(source, digest) is None:
            return False
        self._copy(source, target, digest, above)
        return True

    def _copy(self, source: str, target: str, digest: str, above: tuple[str, ...]) -> None:
        """Copy a manifest with what belongs to it, unless its copy has begun.

        Args:
            source: the repository that contains the image.
            target: the repository to copy it to.
            digest: the digest of the manifest.
            above: the manifests to which it belongs; a registry may list any as its referrer.
        """
        if digest in above or self._registries.digest(target, digest) is not None:
            return
        if len(above) == _MAX_DEPTH:
            raise unexpected(source, f"manifests are nested too deeply at {quote(digest)}")
        above = (*above, digest)
        top = require_manifest(self._registries, source, digest)
        for entry in _descriptors(top, "manifests"):
            self._copy(source, target, descriptor_digest(source, entry), above)
        config = top.data.get("config")
        blobs: list[Mapping[str, Any]] = [config] if isinstance(config, dict) else []
        blobs += _descriptors(top, "layers")
        blobs = [blob for blob in blobs if not self._is_elsewhere(source, blob)]
        for blob in blobs:
            self._registries.copy_blob(source, target, *_digest_and_size(source, blob))
        self._copy_signatures(source, target, digest, above)
        self._put_copy(source, target, top, blobs)

    def _is_elsewhere(self, source: str, blob: Mapping[str, Any]) -> bool:
        """Return whether a layer is only at the addresses that its descriptor names.

        Of such layers, a repository may have a copy, which other registries may demand.
        """
        has_address = bool(blob.get("urls"))
        return has_address and not self._registries.has_blob(
            source, descriptor_digest(source, blob)
        )

    def _put_copy(
        self, source: str, target: str, manifest: Manifest, blobs: Iterable[Mapping[str, Any]]
    ) -> None:
        """Store the copy of a manifest, whose blobs were copied.

        A registry may report that a blob is mounted and lack it: then the blobs are uploaded.
        """
        try:
            self._registries.put_manifest(target, manifest.digest, manifest)
        except RejectedError as error:
            sizes = dict(_digest_and_size(source, blob) for blob in blobs)
            if not error.is_incomplete:
                raise
            if not self._registries.upload_mounted(source, target, sizes):
                raise
            self._registries.put_manifest(target, manifest.digest, manifest)

    def _copy_signatures(
        self, source: str, target: str, digest: str, above: tuple[str, ...]
    ) -> None:
        """Copy the artifacts that refer to a manifest, and those with a tag of its digest."""
        for artifact in self._registries.referrers(source, digest):
            self._copy_attached(source, target, artifact, above)
        for tag in self._attached.tags(source, digest):
            manifest = self._registries.manifest(source, tag)
            if manifest is not None and self._registries.digest(target, tag) is None:
                manifest = self._without_deleted(source, target, manifest, above)
                self._copy(source, target, manifest.digest, above)
                self._registries.put_manifest(target, tag, manifest)

    def _without_deleted(
        self, source: str, target: str, manifest: Manifest, above: tuple[str, ...]
    ) -> Manifest:
        """Return a list of artifacts without those that were deleted; others are copied."""
        entries = _descriptors(manifest, "manifests")
        existing = [
            entry
            for entry in entries
            if self._copy_attached(source, target, descriptor_digest(source, entry), above)
        ]
        if len(existing) == len(entries):
            return manifest
        content = json.dumps({**manifest.data, "manifests": existing}).encode()
        remaining = Manifest(content_digest(content), manifest.media_type, content)
        self._registries.put_manifest(target, remaining.digest, remaining)
        return remaining


def require_manifest(registries: Registries, repository: str, digest: str) -> Manifest:
    """Return the manifest of a digest that a repository must have.

    Raises:
        RegistryError: it is missing, or the registry cannot be read.
    """
    manifest = registries.manifest(repository, digest)
    if manifest is None:
        raise RegistryError(
            repository,
            f"{digest} is missing in {repository}",
            code=Code.MISSING_IMAGE,
            help_="publish the release again, or another version",
        )
    return manifest


def _digest_and_size(repository: str, descriptor: Mapping[str, Any]) -> tuple[str, int]:
    """Return the digest and the number of bytes of a blob.

    Raises:
        InvalidContentError: its descriptor is invalid.
    """
    digest, size = descriptor_digest(repository, descriptor), descriptor.get("size")
    if not isinstance(size, int):
        raise unexpected(repository, f"a manifest has an invalid descriptor: {quote(descriptor)}")
    return digest, size


def _descriptors(manifest: Manifest, name: str) -> list[Mapping[str, Any]]:
    """Return a list of descriptors of a manifest; empty if it has none."""
    entries = manifest.data.get(name)
    return (
        [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    )
