"""Releases that there are: looked up by their records, and their moving tags moved to them."""

from collections.abc import Iterable, Mapping
from typing import Any

from compiler.external.references import split
from compiler.external.registry.client import Registries
from compiler.external.registry.parallel import at_once
from compiler.releases.record import Record, pull_all, versions


_PREDICATE = "in-toto.io/predicate-type"
_SBOM = ("spdx", "cyclonedx")


def every(registries: Registries, home: str) -> list[Record]:
    """Return the records of all releases, the newest first."""
    return pull_all(registries, home, versions(registries, home))


def narrowed(record: Record, names: Iterable[str]) -> Record:
    """Return a record with only some targets."""
    wanted = frozenset(names)
    return {**record, "targets": [row for row in record["targets"] if row["target"] in wanted]}


def sboms(registries: Registries, record: Record) -> dict[str, list[str]]:
    """Return where the SBOM of each target's platforms is, as `REPOSITORY@DIGEST`."""
    rows = {row["target"]: row for row in record["targets"]}
    return at_once(lambda row: _sboms(registries, row), rows)


def _sboms(registries: Registries, row: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    place = place_of(row)
    for digest in row.get("attestations", {}).values() if place else ():
        manifest = registries.manifest(place, digest)
        layers = manifest.data.get("layers") or () if manifest else ()
        kinds = [str((layer.get("annotations") or {}).get(_PREDICATE, "")) for layer in layers]
        if any(word in kind.lower() for kind in kinds for word in _SBOM):
            found.append(f"{place}@{digest}")
    return found


def held(registries: Registries, record: Record) -> dict[str, list[str]]:
    """Return which tags that move stand for each target of a release now."""
    tags = dict.fromkeys(tag for row in record["targets"] for tag in row.get("moving", ()))
    now = at_once(lambda tag: registries.digest(*split(tag)), {tag: tag for tag in tags})
    return {
        row["target"]: [tag for tag in row.get("moving", ()) if now[tag] == row["digest"]]
        for row in record["targets"]
    }


def place_of(row: Mapping[str, Any]) -> str:
    """Return the repository where a target was released; empty if it has no tag."""
    tags = [*row["tags"], *row.get("moving", ())]
    return split(tags[0])[0] if tags else ""
