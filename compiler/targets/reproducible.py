"""Set the fields that let two builders make the same image: `reproducible` of an image."""

from collections.abc import Callable, Mapping
from typing import Any

from compiler.matrix.bake_strings import BakeString
from compiler.matrix.field_table import ROWS
from compiler.targets.csv_entries import key_values
from compiler.targets.field_rendering import Rendered


EPOCH = "315619200"
"""1980-01-02: a constant, because any other time would make each commit or version another image.

ZIP archives cannot contain earlier times, whatever the time zone is.
"""
_EPOCH_ARGUMENT = BakeString("SOURCE_DATE_EPOCH")
_REWRITE = "rewrite-timestamp=true"
_STORE = "store=false"
"""Docker's image store would unpack the image, which excludes `rewrite-timestamp`."""
_IMAGE = BakeString(f"type=image,{_REWRITE},{_STORE}")
_NO_PROVENANCE = BakeString("type=provenance,disabled=true")
"""Provenance contains times and an identifier of the build."""


class ReproducibleFields:
    """Adds to the fields of targets; equal values of several targets stay the same object."""

    def __init__(self) -> None:
        self._results: dict[tuple[str, int], tuple[Any, Any]] = {}

    def add(self, fields: Mapping[str, Rendered]) -> dict[str, Rendered]:
        """Return fields with arguments, outputs and attestations of a reproducible image.

        What the matrix sets has priority.
        """
        changed: dict[str, Rendered] = dict(fields)
        for name, change in _CHANGES.items():
            value = fields.get(name)
            key = (name, id(value))
            if key not in self._results:  # The value is kept, so that no other gets its identity.
                self._results[key] = value, change(value)
            changed[name] = self._results[key][1]
        return {name: changed[name] for name in ROWS if name in changed}


def _arguments(value: Any) -> Mapping[BakeString, BakeString]:
    return {_EPOCH_ARGUMENT: BakeString(EPOCH), **(value or {})}


def _attestations(value: Any) -> tuple[BakeString, ...]:
    entries: tuple[BakeString, ...] = value or ()
    if any(key_values(entry).get("type") == "provenance" for entry in entries):
        return entries
    return (*entries, _NO_PROVENANCE)


def _outputs(value: Any) -> tuple[BakeString, ...]:
    return tuple(map(_output, value)) if value else (_IMAGE,)


def _output(entry: BakeString) -> BakeString:
    options = key_values(entry)
    kind = options.get("type")
    wanted = [_REWRITE] if kind in {"image", "oci", "registry"} else []
    wanted += [_STORE] if kind in {"image", "registry"} else []
    added = [text for text in wanted if text.partition("=")[0] not in options]
    return BakeString(",".join([entry, *added]))


_CHANGES: Mapping[str, Callable[[Any], Rendered]] = {
    "args": _arguments,
    "attest": _attestations,
    "output": _outputs,
}
