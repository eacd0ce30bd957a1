"""Normalise the fields of a bake target, so that the version of buildx does not matter.

Old versions print a record as a line of CSV. New versions print an object, and double each `${`.
Fields with the same meaning for bake are equal after normalising. Defaults are omitted.
"""

import re
from collections.abc import Iterable, Mapping
from posixpath import normpath
from typing import Any, TypeAlias

from compiler.matrix.field_table import BAKE_ROWS, FieldRow, Kind


Value: TypeAlias = str | tuple[str, ...] | Mapping[str, str]
"""Text (a flag is `true`), a set in the author's order, or a mapping."""

Fields: TypeAlias = Mapping[str, Value]
"""The normalised fields of one target, without defaults."""

_ROWS = (
    *(row for row in BAKE_ROWS if row.name != "description"),
    FieldRow("call", Kind.TEXT, "What bake runs; no field of matrix.yaml.", default="build"),
)
_KINDS = {row.name: row.kind for row in _ROWS}
_DEFAULTS = {row.name: row.default for row in _ROWS if row.default}
_DOUBLED = tuple(row.name for row in _ROWS if row.doubled)
"""Fields in whose values new versions of buildx double `${`; for annotations, in keys too."""

COMPARED = tuple(_KINDS)
"""The fields that have a normal form, in the order of reports."""

PASSED = frozenset({"dockerfile", "dockerfile-inline", "description"})
"""Fields that are not compared: they always differ, or do not change an image."""

CACHE_ONLY = "type=cacheonly"
"""The record of an output that is discarded."""

_SINGLE = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")


class WrongKindError(Exception):
    """A value has another type than bake prints."""

    def __init__(self, route: tuple[str | int, ...], expected: str) -> None:
        super().__init__(expected)
        self.route, self.expected = route, expected


def normal(target: Mapping[str, Any]) -> dict[str, Value]:
    """Return the normalised fields of a target, without unknown ones.

    Raises:
        WrongKindError: a value has another type than bake prints.
    """
    fields: dict[str, Value] = {}
    for name in COMPARED:
        raw = target.get(name)
        if raw is None:
            continue
        value = _value(name, raw)
        if value:
            fields[name] = value
    fields.setdefault("context", ".")
    if fields.get("network") == "host" and "entitlements" in fields:
        # New versions of buildx print the entitlement that this network needs.
        fields["entitlements"] = tuple(e for e in fields["entitlements"] if e != "network.host")
        if not fields["entitlements"]:
            del fields["entitlements"]
    return fields


def _value(name: str, raw: Any) -> Value:
    kind = _KINDS[name]
    if kind is Kind.FLAG:
        if not isinstance(raw, bool):
            raise WrongKindError((name,), "true or false")
        return "true" if raw else ""
    if kind is Kind.TEXT:
        text = _text(raw, name)
        return _local(text) if name == "context" else "" if text == _DEFAULTS.get(name) else text
    if kind is Kind.MAPPING:
        return _mapping(name, raw)
    if not isinstance(raw, list | tuple):
        raise WrongKindError((name,), "a list")
    if kind is Kind.RECORDS:
        return _records(name, raw)
    texts = [_text(item, name, n) for n, item in enumerate(raw)]
    if kind is Kind.PAIRS:
        pairs = (text.removeprefix("manifest:").partition("=") for text in texts)
        return {key: value for key, _, value in pairs}
    from compiler.external.platforms import canonical_platform
    from compiler.external.references import canonical_tag

    if name == "tags":
        texts = [canonical_tag(text) or text for text in texts]
    elif name == "platforms":
        texts = [canonical_platform(text) or text for text in texts]
    return tuple(dict.fromkeys(filter(None, texts)))  # Bake ignores empty entries.


def _text(value: Any, *route: str | int) -> str:
    if not isinstance(value, str):
        raise WrongKindError(route, "text")
    return value


def _mapping(name: str, raw: Any) -> Mapping[str, str]:
    """Return a mapping without nulls and empty contexts, which have no effect."""
    if not isinstance(raw, Mapping):
        raise WrongKindError((name,), "a mapping")
    texts = {key: _text(item, name, key) for key, item in raw.items() if item is not None}
    if name == "contexts":
        return {key: _local(item) for key, item in texts.items() if item}
    return texts


def _local(path: str) -> str:
    """Return a context as bake prints it: a local folder is a normalised path."""
    from compiler.external.addresses import is_folder

    return normpath(path) if path and is_folder(path) else path


def _records(name: str, entries: Iterable[Any]) -> tuple[str, ...]:
    records: dict[str, str] = {}
    for n, entry in enumerate(entries):
        if not isinstance(entry, str | Mapping):
            raise WrongKindError((name, n), "text or a mapping")
        if entry:
            text = _ssh(entry, n) if name == "ssh" else _record(name, entry, n)
            # Bake uses the last of several attestations of one type.
            records[text.partition(",")[0] if name == "attest" else text] = text
    return tuple(records.values())


def _record(name: str, entry: str | Mapping[str, Any], n: int) -> str:
    """Return one record as `type=...,key=value`, its keys sorted."""
    if isinstance(entry, str):
        pairs = _pairs(name, entry)
        if pairs is None:
            return entry
    else:
        pairs = {key.lower(): _scalar(item, name, n, key) for key, item in entry.items()}
    if name == "secret":
        _name_secret(pairs)
    elif name == "output" and pairs.get("type") == "registry":  # As buildx reads it.
        pairs = {"push": "true", **pairs, "type": "image"}
    import csv
    import io

    line = io.StringIO()
    keys = sorted(pairs, key=lambda key: (key != "type", key))
    csv.writer(line, lineterminator="").writerow([f"{key}={pairs[key]}" for key in keys])
    return line.getvalue()


def _pairs(name: str, entry: str) -> dict[str, str] | None:
    """Return the pairs of a record: a line of CSV, or a short form of bake; otherwise None."""
    import csv

    try:
        cells = next(csv.reader([entry], strict=True))
    except (csv.Error, StopIteration):
        return None
    if len(cells) == 1 and "=" not in entry:
        if name in {"cache-from", "cache-to"}:
            return {"type": "registry", "ref": entry}
        if name == "output":
            return {"type": "tar" if entry == "-" else "local", "dest": entry}
    if not all("=" in cell for cell in cells):
        return None
    pairs = (cell.split("=", 1) for cell in cells)
    return {key.strip().lower(): value for key, value in pairs}


def _scalar(value: Any, *route: str | int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value, *route)


def _name_secret(pairs: dict[str, str]) -> None:
    """Name the source of a secret by `src` or `env` alone, as new versions print it."""
    if "source" in pairs:
        pairs["src"] = pairs.pop("source")
    if pairs.pop("type", "") == "env" and "src" in pairs and "env" not in pairs:
        pairs["env"] = pairs.pop("src")


def _ssh(entry: str | Mapping[str, Any], n: int) -> str:
    if isinstance(entry, str):
        return entry
    paths = entry.get("paths") or []
    if not isinstance(paths, list | tuple):
        raise WrongKindError(("ssh", n, "paths"), "a list")
    joined = ",".join(_text(path, "ssh", n, "paths", m) for m, path in enumerate(paths))
    id_ = _text(entry.get("id", ""), "ssh", n, "id")
    return f"{id_}={joined}" if joined else id_


def doubled(targets: Iterable[Fields]) -> bool:
    """Return whether these targets may be printed with each `${` and `%{` doubled.

    New versions of buildx do that in some fields; a single `${` there shows an old version.
    """
    return not any(
        _SINGLE.search(item) or (name == "annotations" and _SINGLE.search(key))
        for fields in targets
        for name in _DOUBLED
        for key, item in _items(fields, name)
    )


def undoubled(fields: Fields) -> Fields:
    """Return fields with each doubled `${` and `%{` made single."""
    single = dict(fields)
    for name in _DOUBLED:
        if name in single:
            single[name] = {
                undoubled_text(key) if name == "annotations" else key: undoubled_text(item)
                for key, item in _items(fields, name)
            }
    return single


def _items(fields: Fields, name: str) -> Iterable[tuple[str, str]]:
    value = fields.get(name)
    return value.items() if isinstance(value, Mapping) else ()


def undoubled_text(text: str) -> str:
    """Return a printed text as it is: new versions of buildx double each `${` and `%{`."""
    return text.replace("$${", "${").replace("%%{", "%{")
