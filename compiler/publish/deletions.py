"""List what a clean-up may delete: in which order, how many bytes, and why."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from compiler.publish.inventory import Inventory, Kind, StoredManifest, StoredRepository
from compiler.publish.retention import SIGNATURE, STAGED, Retention
from compiler.reports.text import shortened


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A manifest that may be deleted, with all its tags."""

    repository: str
    digest: str
    kind: Kind
    tags: tuple[str, ...]
    children: tuple[str, ...]
    subject: str
    """The digest that it is about; empty for none."""
    bytes: int
    """What its registry can free: the manifest, and blobs that nothing else has."""
    reason: str
    order: tuple[int, int]
    """Deletions with a lower order come first: an index before its images, a record last."""

    @property
    def image(self) -> tuple[str, str]:
        """Return repository and digest."""
        return self.repository, self.digest


_PHASES = {
    Kind.INDEX: 0,
    Kind.IMAGE: 0,
    Kind.SIGNATURE: 1,
    Kind.CHECK: 2,
    Kind.TIME: 2,
    Kind.CLEAN_UP: 2,
    Kind.RECORD: 3,
}


def plan_deletions(retention: Retention, inventory: Inventory) -> tuple[Deletion, ...]:
    """Return all manifests that may be deleted, in the order in which to delete them."""
    kept = {repository.name: retention.kept(repository) for repository in inventory.repositories}
    used: dict[str, set[str]] = defaultdict(set)
    """Registry -> the blobs that stay, or are counted already."""
    for repository in inventory.repositories:
        for digest in kept[repository.name] & repository.manifests.keys():
            used[_host(repository.name)].update(repository.manifests[digest].blobs)
    deletions = []
    for repository in inventory.repositories:
        expired = {
            digest: manifest
            for digest, manifest in repository.manifests.items()
            if digest not in kept[repository.name]
        }
        reasons = _Reasons(retention, repository, expired)
        depths = _depths(expired)
        for digest, manifest in expired.items():
            blobs = manifest.blobs.keys() - used[_host(repository.name)]
            used[_host(repository.name)] |= blobs
            kind = Kind.SIGNATURE if reasons.is_signature(digest) else manifest.kind
            deletions.append(
                Deletion(
                    repository=repository.name,
                    digest=digest,
                    kind=kind,
                    tags=reasons.tags(digest),
                    children=manifest.children,
                    subject=reasons.subject(digest),
                    bytes=manifest.size + sum(manifest.blobs[blob] for blob in blobs),
                    reason=reasons.reason(digest),
                    order=(_PHASES[kind], depths[digest]),
                )
            )
    return tuple(sorted(deletions, key=lambda deletion: deletion.order))


def _host(repository: str) -> str:
    return repository.partition("/")[0]


def _depths(manifests: Mapping[str, StoredManifest]) -> Mapping[str, int]:
    """Return for each manifest the number of indexes above it, on the longest way."""
    depths = dict.fromkeys(manifests, 0)
    pending = list(manifests)
    while pending:
        digest = pending.pop()
        for child in manifests[digest].children:
            if child in depths and depths[child] <= depths[digest]:
                depths[child] = depths[digest] + 1
                pending.append(child)
    return depths


class _Reasons:
    """Why the manifests of one repository may be deleted."""

    def __init__(
        self,
        retention: Retention,
        repository: StoredRepository,
        expired: Mapping[str, StoredManifest],
    ) -> None:
        self._retention, self._repository, self._expired = retention, repository, expired
        self._tags: dict[str, list[str]] = defaultdict(list)
        for tag, digest in sorted(repository.tags.items()):
            self._tags[digest].append(tag)
        self._parents = {
            child: manifest.digest for manifest in expired.values() for child in manifest.children
        }

    def tags(self, digest: str) -> tuple[str, ...]:
        """Return the tags of a manifest."""
        return tuple(self._tags.get(digest, ()))

    def is_signature(self, digest: str) -> bool:
        """Return whether a manifest is a signature or a list of them."""
        return self._expired[digest].kind is Kind.SIGNATURE or any(
            SIGNATURE.match(tag) for tag in self.tags(digest)
        )

    def subject(self, digest: str) -> str:
        """Return the digest that a manifest is about; empty for none."""
        signed = (match[1] for tag in self.tags(digest) if (match := SIGNATURE.match(tag)))
        return self._expired[digest].subject or next((f"sha256:{text}" for text in signed), "")

    def reason(self, digest: str) -> str:
        """Return why a manifest may be deleted."""
        manifest, tags, subject = self._expired[digest], self.tags(digest), self.subject(digest)
        if manifest.kind is Kind.RECORD:
            return "the release has expired"
        named = [(f"{self._repository.name}:{tag}", digest) for tag in tags]
        expired, interrupted = self._retention.expired_tags, self._retention.interrupted_tags
        versions = {version for pair in named for version in expired.get(pair, ())}
        if versions:
            return f"only in expired releases: {shortened(sorted(versions), 3)}"
        unrecorded = {interrupted[pair] for pair in named if pair in interrupted}
        if unrecorded:
            return f"only in interrupted releases: {shortened(sorted(unrecorded), 3)}"
        if any(STAGED.match(tag) for tag in tags):
            return f"staged on {self._retention.staged_on(digest)}, in no kept release"
        if digest in self._parents:
            return f"part of {self._parents[digest][:19]}"
        if subject:
            return f"about {subject[:19]}, which is not kept"
        if manifest.kind is Kind.CLEAN_UP:
            return "note of an earlier clean-up"
        return "left by an interrupted clean-up"
