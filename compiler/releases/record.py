"""Records of releases: what each tag was, kept beside the images as `release-<version>`.

A record is JSON in an artifact of OCI's, of one blob. It is small, says no time and no host, and
is the last thing that a release writes: without it there is no release.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from compiler.external.registry.client import MANIFEST, Manifest, Registries, RegistryError
from compiler.external.registry.parallel import at_once
from compiler.releases.version import order


PREFIX = "release-"
KIND = "application/vnd.compile-matrix.release.v1+json"
_EMPTY = b"{}"
_EMPTY_KIND = "application/vnd.oci.empty.v1+json"


class NoRecordError(RegistryError):
    """What bears the tag of a record is none: an image of someone else, perhaps."""


Record = Mapping[str, Any]
"""`{"version": 1, "release": ..., "targets": [...]}`, as release.json has it."""


def text(record: Record) -> str:
    """Return a record as text, one target a line."""
    rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in record["targets"])
    return (
        f'{{"version": {record["version"]}, "release": {json.dumps(record["release"])}, '
        f'"targets": [\n{rows}\n]}}\n'
    )


def joined(
    version: str, before: Record | None, rows: Iterable[Mapping[str, Any]], names: Iterable[str]
) -> Record:
    """Return a record with rows put in place of those that it had of the same targets.

    Args:
        version: the release.
        before: what is recorded of it, by a run with other filters.
        rows: what this run adds.
        names: the targets in the plan's order; any others follow.
    """
    found = {row["target"]: row for row in (before or {}).get("targets", ())}
    found |= {row["target"]: row for row in rows}
    order_ = [*dict.fromkeys([*names, *found])]
    targets = [found[name] for name in order_ if name in found]
    return {"version": 1, "release": version, "targets": targets}


def push(registries: Registries, home: str, record: Record) -> str:
    """Store a record, and return its digest."""
    content = text(record).encode()
    layer = registries.put_blob(home, content)
    registries.put_blob(home, _EMPTY)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": KIND,
        "config": {
            "mediaType": _EMPTY_KIND,
            "digest": f"sha256:{sha256(_EMPTY).hexdigest()}",
            "size": len(_EMPTY),
        },
        "layers": [
            {
                "mediaType": KIND,
                "digest": layer,
                "size": len(content),
                "annotations": {"org.opencontainers.image.title": "release.json"},
            }
        ],
    }
    written = json.dumps(manifest).encode()
    digest = f"sha256:{sha256(written).hexdigest()}"
    registries.put(home, PREFIX + record["release"], Manifest(digest, MANIFEST, written))
    return digest


def pull(registries: Registries, home: str, version: str) -> Record | None:
    """Return the record of a release; None if there is none.

    Raises:
        NoRecordError: what stands there is no record.
        RegistryError: it is damaged, or the registry does not say.
    """
    found = registries.manifest(home, PREFIX + version)
    if found is None:
        return None
    layer = _layer(found)
    if layer is None:
        raise NoRecordError(f"{home}:{PREFIX}{version} is an image, and no record of a release")
    content = registries.blob(home, layer["digest"])
    try:
        said = json.loads(content or b"")
    except ValueError:
        said = None
    if not isinstance(said, dict) or said.get("version") != 1:
        raise RegistryError(f"{home}:{PREFIX}{version} is no record of a release that can be read")
    return said


def _layer(found: Manifest) -> Mapping[str, Any] | None:
    """Return what names the blob of a record; None for what is no record."""
    layers = found.data.get("layers")
    first = layers[0] if isinstance(layers, list) and layers else {}
    return first if first.get("mediaType") == KIND else None


def settled(registries: Registries, places: Sequence[str]) -> str | None:
    """Return the repository that has records already, else the first.

    So they stay together, and are found, when another target becomes the first of the matrix.
    """
    others = places[1:]
    if not others or _has_records(registries, places[0]):
        return next(iter(places), None)
    found = at_once(lambda place: _has_records(registries, place), {one: one for one in others})
    return next((place for place, has in found.items() if has), places[0])


def _has_records(registries: Registries, home: str) -> bool:
    """Tell whether a repository has any; images of such tags are none."""
    there = (registries.manifest(home, PREFIX + name) for name in versions(registries, home))
    return any(found is not None and _layer(found) is not None for found in there)


def pull_all(registries: Registries, home: str, names: Iterable[str]) -> list[Record]:
    """Return the records of releases, in the given order; what is none is passed over."""
    found = at_once(lambda name: _known(registries, home, name), {name: name for name in names})
    return [record for record in found.values() if record is not None]


def _known(registries: Registries, home: str, version: str) -> Record | None:
    try:
        return pull(registries, home, version)
    except NoRecordError:
        return None


def versions(registries: Registries, home: str) -> list[str]:
    """Return what there seems to be: the newest first, then those that are no versions."""
    names = [tag.removeprefix(PREFIX) for tag in registries.tags(home) if tag.startswith(PREFIX)]
    known = [name for name in names if order(name)]
    known.sort(key=lambda name: (order(name), name), reverse=True)
    return known + sorted(name for name in names if not order(name))
