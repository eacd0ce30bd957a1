"""Determine whether a new release would differ from an earlier one."""

from collections.abc import Iterator, Sequence

from compiler.external.references import tag_key
from compiler.external.registry.client import Registries
from compiler.publish.items import ReleaseItem, composed_items, release_items
from compiler.publish.request import PublishRequest
from compiler.releases.history import current_digests
from compiler.releases.record import RecordedImage, ReleasedTarget, ReleaseRecord


def find_changes(
    registries: Registries, request: PublishRequest, record: ReleaseRecord, *, complete: bool
) -> list[str]:
    """Return how a release would differ from a recorded one: a line for each difference.

    Images are compared by their fingerprints. A release whose version tags no longer refer to its
    images also differs.

    Args:
        registries: the registries of the recorded release.
        request: what would be published. Its version must be that of the record, so that the
            version alone makes no difference.
        record: the earlier release.
        complete: whether the request is about all targets of the matrix, so that other targets of
            the record were removed.

    Raises:
        RegistryError: a registry cannot be read.
    """
    items = release_items(request.resolved, request.fingerprints, request.dockerfiles)
    selected = {name: items[name] for name in request.targets if name in items}
    recorded = record.by_name
    changes = [
        change
        for name, item in selected.items()
        for change in _target_changes(item, recorded.get(name))
    ]
    composed = composed_items(request.resolved, items)
    for name, item in composed.items():
        if not selected.keys().isdisjoint(item.members):
            changes += _tag_changes(item, record.images.get(name))
    if complete:
        changes += [
            f"{name}: removed"
            for name in record.images
            if name not in composed and name not in recorded
        ]
        changes += [f"{name}: removed" for name in recorded if name not in selected]
    images = [
        image
        for name, image in record.images.items()
        if name in selected
        or (name in composed and not selected.keys().isdisjoint(composed[name].members))
    ]
    return changes or _changed_tags(registries, images)


def _target_changes(item: ReleaseItem, recorded: ReleasedTarget | None) -> Iterator[str]:
    """Yield how a target differs from the recorded one."""
    if recorded is None:
        yield f"{item.target}: new"
        return
    if recorded.fingerprint != f"sha256:{item.fingerprint}":
        yield f"{item.target}: another image"
    yield from _tag_changes(item, recorded)


def _tag_changes(
    item: ReleaseItem, recorded: ReleasedTarget | RecordedImage | None
) -> Iterator[str]:
    """Yield how the tags of an image differ from the recorded ones."""
    if recorded is None:
        yield f"{item.target}: new"
        return
    tags = {tag_key(tag): tag for tag in (*item.version_tags, *item.floating_tags)}
    earlier = {tag_key(tag): tag for tag in (*recorded.tags, *recorded.moving)}
    yield from (f"{item.target}: new tag {tags[key]}" for key in tags if key not in earlier)
    yield from (f"{item.target}: removed tag {earlier[key]}" for key in earlier if key not in tags)
    for key in (key for key in tags if key in earlier):
        if (tags[key] in item.version_tags) != (earlier[key] in recorded.tags):
            yield f"{item.target}: another kind of tag {tags[key]}"


def _changed_tags(registries: Registries, images: Sequence[RecordedImage]) -> list[str]:
    """Return a line for each version tag that does not refer to the recorded image."""
    pairs = [(tag, image.digest) for image in images for tag in image.tags]
    current = current_digests(registries, (tag for tag, _ in pairs))
    return [
        f"{tag}: {'another image' if current[tag] else 'missing'}"
        for tag, digest in dict.fromkeys(pairs)
        if current[tag] != digest
    ]
