"""How two releases differ: images that were added, removed and changed, and what is in them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from compiler.external.registry.client import Registries
from compiler.releases.history import released_repositories
from compiler.releases.packages import Packages, find_packages
from compiler.releases.record import ReleasedTarget, ReleaseRecord


class ChangeKind(StrEnum):
    """How an image differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Replaced(NamedTuple):
    """Something with another value: a base image and its digests, a package and its versions."""

    name: str
    old: str
    """Empty if it was added."""
    new: str
    """Empty if it was removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChange:
    """The difference of one image."""

    target: str
    kind: ChangeKind
    old: ReleasedTarget | None
    new: ReleasedTarget | None
    reasons: tuple[str, ...]
    """Why a changed image is another one, as far as the records show."""
    bases: tuple[Replaced, ...]
    """The base images that differ; of an added or removed image, all."""
    packages: tuple[Replaced, ...] | None
    """The packages that differ; None unless both images have an SPDX SBOM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDiff:
    """The difference between two releases."""

    old: str
    new: str
    changes: tuple[ImageChange, ...]
    unchanged: tuple[str, ...]
    """The targets whose images are the same."""


def diff_releases(
    registries: Registries, old: ReleaseRecord, new: ReleaseRecord, repositories: Collection[str]
) -> ReleaseDiff:
    """Compare two releases; only SBOMs of changed images are read from the registry.

    Args:
        registries: the registries of the releases.
        old: the earlier release.
        new: the later release.
        repositories: the repositories of the matrix; SBOMs in others are not read.
    """
    names = dict.fromkeys([*new.by_name, *old.by_name])
    pairs = {name: (old.by_name.get(name), new.by_name.get(name)) for name in names}
    changed = {
        name: (before, after)
        for name, (before, after) in pairs.items()
        if before and after and before.digest != after.digest
    }
    by_release = [released_repositories(record, repositories) for record in (old, new)]
    packages = _package_changes(registries, changed, *by_release)
    changes = [
        _image_change(name, before, after, packages.get(name))
        for name, (before, after) in pairs.items()
        if name in changed or before is None or after is None
    ]
    differing = {change.target for change in changes}
    return ReleaseDiff(
        old=old.release,
        new=new.release,
        changes=tuple(changes),
        unchanged=tuple(name for name in names if name not in differing),
    )


def _image_change(
    name: str,
    old: ReleasedTarget | None,
    new: ReleasedTarget | None,
    packages: tuple[Replaced, ...] | None,
) -> ImageChange:
    if old is None or new is None:
        kind = ChangeKind.ADDED if old is None else ChangeKind.REMOVED
        bases = _replaced(old.bases if old else {}, new.bases if new else {})
        return ImageChange(
            target=name, kind=kind, old=old, new=new, reasons=(), bases=bases, packages=None
        )
    return ImageChange(
        target=name,
        kind=ChangeKind.CHANGED,
        old=old,
        new=new,
        reasons=change_reasons(old, new),
        bases=_replaced(old.bases, new.bases),
        packages=packages,
    )


def change_reasons(old: ReleasedTarget, new: ReleasedTarget) -> tuple[str, ...]:
    """Return why an image of a target is another one, as far as two records show."""
    bases = _replaced(old.bases, new.bases)
    reasons = [f"base image {base.name} changed" for base in bases if base.old and base.new]
    reasons += [f"base image {base.name} added" for base in bases if not base.old]
    reasons += [f"base image {base.name} removed" for base in bases if not base.new]
    reasons += [f"platform {name} added" for name in new.platforms if name not in old.platforms]
    reasons += [f"platform {name} removed" for name in old.platforms if name not in new.platforms]
    if old.fingerprint == new.fingerprint:
        reasons.append("rebuilt from the same inputs")
    elif not reasons:
        reasons.append("other inputs changed")
    return tuple(reasons)


def _replaced(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Replaced, ...]:
    """Return the entries of two mappings that differ, in the order of the names."""
    return tuple(
        Replaced(name, old.get(name, ""), new.get(name, ""))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


def _package_changes(
    registries: Registries,
    changed: Mapping[str, tuple[ReleasedTarget, ReleasedTarget]],
    old: Mapping[str, str],
    new: Mapping[str, str],
) -> dict[str, tuple[Replaced, ...]]:
    """Return the packages that differ, for each target with two SBOMs of one platform.

    Args:
        registries: the registries of the releases.
        changed: target -> itself in both releases.
        old: target -> its repository in the earlier release.
        new: the same for the later release.
    """
    wanted: dict[str, tuple[str, str]] = {}
    for name, (before, after) in changed.items():
        common = [platform for platform in after.attestations if platform in before.attestations]
        if common and name in old and name in new:
            platform = common[0]
            wanted[f"old {name}"] = (old[name], before.attestations[platform])
            wanted[f"new {name}"] = (new[name], after.attestations[platform])
    packages = find_packages(registries, wanted)
    changes: dict[str, tuple[Replaced, ...]] = {}
    for name in changed:
        earlier, later = packages.get(f"old {name}"), packages.get(f"new {name}")
        if earlier is not None and later is not None:
            changes[name] = _replaced(_joined(earlier), _joined(later))
    return changes


def _joined(packages: Packages) -> dict[str, str]:
    return {name: ", ".join(versions) for name, versions in packages.items()}
