"""Look up releases: their records, SBOMs and floating tags."""

from collections.abc import Iterable, Mapping
from typing import Any

from compiler.external.references import repository_key, split_tag
from compiler.external.registry.client import InvalidContentError, Registries
from compiler.external.registry.parallel import run_parallel
from compiler.releases.record import ReleasedIndex, ReleasedTarget, ReleaseRecord
from compiler.releases.registry_record import pull_records, recorded_versions


_PREDICATE = "in-toto.io/predicate-type"
_SBOM_FORMATS = ("spdx", "cyclonedx")


def list_releases(
    registries: Registries, repository: str
) -> dict[str, ReleaseRecord | InvalidContentError]:
    """Return the records of all releases by version, the newest first.

    The error of a damaged record takes its place.
    """
    return pull_records(registries, repository, recorded_versions(registries, repository))


def find_sboms(
    registries: Registries, record: ReleaseRecord, repositories: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return, for each target, the attestations that contain an SBOM, as `REPOSITORY@DIGEST`.

    Args:
        registries: the registries of the release.
        record: the targets.
        repositories: target -> its repository, if a tag names its image.
    """
    return run_parallel(
        lambda target: _find_sboms(registries, target, repositories.get(target.target)),
        record.by_name,
    )


def _find_sboms(
    registries: Registries, target: ReleasedTarget, repository: str | None
) -> list[str]:
    if repository is None:
        return []
    sboms: list[str] = []
    for digest in target.attestations.values():
        manifest = registries.manifest(repository, digest)
        layers = manifest.data.get("layers") if manifest else None
        predicates = _predicates(layers if isinstance(layers, list) else ())
        if any(name in predicate for predicate in predicates for name in _SBOM_FORMATS):
            sboms.append(f"{repository}@{digest}")
    return sboms


def _predicates(layers: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the predicate types of an attestation's layers, in lower case."""
    annotations = [layer.get("annotations") for layer in layers if isinstance(layer, dict)]
    return [
        str(values.get(_PREDICATE, "")).lower()
        for values in annotations
        if isinstance(values, dict)
    ]


def in_repositories(tags: Iterable[str], repositories: Iterable[str]) -> list[str]:
    """Return the tags in these repositories.

    A record is untrusted: only tags in the repositories of the matrix are read, so that a record
    does not decide to which servers requests are sent.
    """
    keys = frozenset(map(repository_key, repositories))
    return [tag for tag in tags if repository_key(split_tag(tag)[0]) in keys]


def current_digests(registries: Registries, tags: Iterable[str]) -> dict[str, str | None]:
    """Return the digest that each tag refers to now; None for missing tags."""
    return run_parallel(lambda tag: registries.digest(*split_tag(tag)), {tag: tag for tag in tags})


def listed_digests(registries: Registries, tags: Iterable[str]) -> dict[str, str | None]:
    """Return the digest that each tag refers to now, as `current_digests` does.

    Tags that their repository does not list are missing, without a request for each of them. An
    empty list is not trusted: some registries do not list tags.
    """
    tags = list(tags)
    repositories = {name: name for tag in tags if (name := split_tag(tag)[0])}
    listed = run_parallel(registries.tags, repositories)
    existing = {f"{repository}:{name}" for repository, names in listed.items() for name in names}
    current = current_digests(
        registries, (tag for tag in tags if tag in existing or not listed[split_tag(tag)[0]])
    )
    return {tag: current.get(tag) for tag in tags}


def lost_version_tags(record: ReleaseRecord, current: Mapping[str, str | None]) -> list[str]:
    """Return the version tags that no longer refer to the images of their release.

    Args:
        record: the release.
        current: tag -> the digest that it refers to now; tags that were not read do not count.
    """
    return [
        tag
        for image in record.images.values()
        for tag in image.tags
        if tag in current and current[tag] != image.digest
    ]


def indexes_by_target(record: ReleaseRecord) -> dict[str, list[ReleasedIndex]]:
    """Return the indexes that contain each target; targets in no index are missing."""
    containing: dict[str, list[ReleasedIndex]] = {}
    for index in record.indexes:
        for name in dict.fromkeys(index.targets):
            containing.setdefault(name, []).append(index)
    return containing


def released_repository(
    target: ReleasedTarget,
    indexes: Iterable[ReleasedIndex] = (),
    repositories: Iterable[str] | None = None,
) -> str | None:
    """Return the repository in which a target was released; None if no tag names its image.

    Args:
        target: the target.
        indexes: the indexes that contain the target, which may be its only tagged images.
        repositories: the only repositories that count; all if None. See `in_repositories`.
    """
    platforms = (
        tag
        for platform_tags in target.platform_tags
        for tag in (*platform_tags.tags, *platform_tags.moving)
    )
    shared = (tag for index in indexes for tag in (*index.tags, *index.moving))
    tags = [*target.tags, *target.moving, *shared, *platforms]
    if repositories is not None:
        tags = in_repositories(tags, repositories)
    return split_tag(tags[0])[0] if tags else None


def released_repositories(
    record: ReleaseRecord, repositories: Iterable[str] | None = None
) -> dict[str, str]:
    """Return the repository of each target that a tag names, alone or in an index.

    Args:
        record: the release.
        repositories: the only repositories that count; all if None.
    """
    containing = indexes_by_target(record)
    names = {
        target.target: released_repository(target, containing.get(target.target, ()), repositories)
        for target in record.targets
    }
    return {name: repository for name, repository in names.items() if repository}
