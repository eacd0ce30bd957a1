"""Find what is attached to a manifest: signatures, attestations and SBOMs.

Registries with the API of OCI 1.1 list the artifacts that refer to a manifest. In others, tags name
its digest: `sha256-<hex>` is a list of such artifacts, and older versions of cosign use
`sha256-<hex>.sig`, `.att` and `.sbom`.
"""

import threading

from compiler.external.registry.client import Registries


DIGEST_PREFIX = "sha256-"
"""The start of tags that name a digest."""
_SUFFIXES = ("", ".sig", ".att", ".sbom")
"""The ends of such tags; without one, it lists the artifacts that refer to the digest."""


class AttachedArtifacts:
    """Finds artifacts; reads the tags of each repository once."""

    def __init__(self, registries: Registries, *, lists_tags: bool = True) -> None:
        """Take the registries of all repositories.

        Args:
            registries: the registries.
            lists_tags: whether to list the tags of repositories. Otherwise each possible tag
                counts: public repositories have thousands.
        """
        self._registries, self._lists_tags = registries, lists_tags
        self._lock = threading.Lock()
        self._tags: dict[str, dict[str, list[str]]] = {}

    def tags(self, repository: str, digest: str) -> list[str]:
        """Return the tags that name a digest, or may name it if tags are not listed."""
        name = DIGEST_PREFIX + digest.removeprefix("sha256:")
        if not self._lists_tags:
            return [f"{name}{suffix}" for suffix in _SUFFIXES]
        with self._lock:
            if repository not in self._tags:
                tags = self._tags[repository] = {}
                for tag in self._registries.tags(repository):
                    tags.setdefault(tag.partition(".")[0], []).append(tag)
        return self._tags[repository].get(name, [])

    def exist(self, repository: str, digest: str) -> bool:
        """Return whether anything is attached to a manifest, whose repository lists its tags.

        Takes at most one request for each manifest.
        """
        tags = self.tags(repository, digest)
        if not tags:
            return bool(self._registries.referrers(repository, digest))
        if any("." in tag for tag in tags):
            return True
        manifest = self._registries.manifest(repository, tags[0])
        return manifest is not None and bool(manifest.data.get("manifests"))
