"""Components of a fingerprint other than files and targets: name -> digest."""

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from compiler.output.bake_fields import Fields
from compiler.render.build_arguments import can_change_image
from compiler.render.canonical import EPOCH
from compiler.targets.csv_entries import cells


_PINNED = re.compile(r"(?<![^\s=,'\"])(?P<name>[^\s=,'\"]+)@sha256:(?P<digest>[0-9a-f]{64})")
_CARRIED = frozenset(
    {
        *("push", "name", "dest", "push-by-digest", "store", "unpack", "registry.insecure"),
        *("name-canonical", "dangling-name-prefix", "danglingname", "context", "tar"),
    }
)
"""Keys of an output that decide where the result is sent, not its content."""
_IMAGES = frozenset({"type=image", "type=docker", "type=registry", "type=cacheonly"})
"""Outputs that do not change the image."""


def text_parts(text: str) -> dict[str, str]:
    """Return the components of a Dockerfile: the digests in it, and the rest of it.

    Args:
        text: the Dockerfile in canonical form.
    """
    bases: dict[str, list[str]] = {}

    def without_digest(match: re.Match[str]) -> str:
        bases.setdefault(match["name"], []).append(match["digest"])
        return match["name"]

    rest = _PINNED.sub(without_digest, text)
    components = {"Dockerfile": digest(rest)}
    components |= {f"base {name}": digest(sorted(set(digests))) for name, digests in bases.items()}
    return components


def pinned_bases(text: str) -> dict[str, str]:
    """Return the images that a text pins, as `name -> sha256:...`."""
    return {match["name"]: f"sha256:{match['digest']}" for match in _PINNED.finditer(text)}


def field_parts(fields: Fields, declared: frozenset[str] | None) -> dict[str, str]:
    """Return the components of bake's fields, without contexts."""
    components: dict[str, str] = {}
    for name, value in fields.items():
        if name == "args" and isinstance(value, Mapping):
            components |= {
                f"args.{key}": digest(item)
                for key, item in value.items()
                if can_change_image(key, declared)
            }
        elif name == "platforms":
            components[name] = digest(sorted(value))
        elif name == "output":
            records = sorted({kept for record in value if (kept := _image_options(record))})
            if records:
                components[name] = digest(records)
        elif name not in {"context", "contexts"}:
            components[name] = digest(value)
    return components


def with_epoch(fields: Fields, epoch: str) -> Fields:
    """Return fields with the argument that buildx takes from the environment, if it is set."""
    arguments: Mapping[str, str] = fields.get("args", {})  # type: ignore[assignment]
    if not epoch or EPOCH in arguments:
        return fields
    return {**fields, "args": {**arguments, EPOCH: epoch}}


def _image_options(record: str) -> str:
    """Return the options of an output that change the image; empty if it has none."""
    kept = [
        cell
        for cell in cells(record)
        if cell.partition("=")[0] not in _CARRIED and not cell.startswith("annotation")
    ]
    if len(kept) == 1 and kept[0] in _IMAGES:
        return ""
    return ",".join(kept)


def digest(value: Any) -> str:
    """Return the digest of text, or of lists and mappings of text, as 64 hexadecimal digits."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
