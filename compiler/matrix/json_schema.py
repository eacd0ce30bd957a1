"""JSON Schema of matrix.yaml, for editors and for checks without this program.

Keys and descriptions come from `model`, rules for the values from `json_schema_rules`.
"""

import json
from types import NoneType
from typing import Any, get_args, get_type_hints

from compiler.matrix import json_schema_rules as rules
from compiler.matrix.json_schema_rules import Schema
from compiler.matrix.level import Level
from compiler.matrix.model import (
    AcceptOptions,
    Anything,
    CheckOptions,
    CommandOptions,
    Entries,
    Flag,
    ImageOptions,
    ListedValue,
    MatrixFile,
    Override,
    Overrides,
    Pattern,
    Patterns,
    Records,
    Row,
    Rows,
    Text,
    TextMap,
    ValueOptions,
    VerifyOptions,
)


_PATTERN = rules.ref("pattern")
_KINDS: dict[Any, Schema] = {
    Text: rules.BAKE_TEXT,
    Flag: {"type": "boolean"},
    Entries: rules.list_of(rules.BAKE_TEXT),
    TextMap: rules.map_of(rules.BAKE_KEY, rules.BAKE_TEXT),
    Anything: rules.map_of(rules.READABLE_NAME, {}),
    Records: rules.list_of(rules.RECORD),
    Pattern: _PATTERN,
    Patterns: rules.list_of(_PATTERN),
    Overrides: rules.list_of(rules.ref("override")),
    Rows: rules.list_of(rules.ref("row")),
    ImageOptions: rules.ref("image"),
}
"""The schema of a type, for keys without a rule of their own."""


def schema_text() -> str:
    """Return the schema as a JSON file: the same bytes for the same version."""
    return json.dumps(schema(), indent=1) + "\n"


def schema() -> Schema:
    """Return the schema, of draft 7, which every editor knows."""
    document = _level(MatrixFile)
    required = document.pop("required")
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "matrix.yaml of compile-matrix",
        **document,
        # Parts may declare all images.
        "anyOf": [{"required": required}, {"required": ["include"]}],
        **_required_template(),
        "definitions": {
            "value": rules.or_expression(_level(ValueOptions)),
            "listed": _level(ListedValue),
            "image": _level(ImageOptions),
            "override": rules.or_expression(_level(Override)),
            "row": rules.or_expression(_row()),
            "pattern": rules.PATTERN,
            "check": _or_short(CheckOptions),
            "command": _or_short(CommandOptions),
            "exception": _level(AcceptOptions),
            "verified": _level(VerifyOptions),
        },
    }


def _required_template() -> Schema:
    """Return the rule that each image has a Dockerfile: its own, or that of another level.

    Parts of the matrix are not known here.
    """
    own = [{"required": ["template"]}, {"required": ["dockerfile"]}]
    named: Schema = {"type": "object", "anyOf": own}
    axis = _with_some({"type": "object", **_with_some(named)})
    return {
        "if": {
            "not": {
                "anyOf": [
                    {"required": ["include"]},
                    {"required": ["defaults"], "properties": {"defaults": named}},
                    {"required": ["axes"], "properties": {"axes": axis}},
                    {"required": ["overrides"], "properties": {"overrides": {"contains": named}}},
                    {
                        "required": ["defaults"],
                        "properties": {
                            "defaults": {
                                "type": "object",
                                "anyOf": [{"required": [key]} for key in ("rows", "overrides")],
                            }
                        },
                    },
                ]
            }
        },
        "then": {
            "properties": {
                "images": {
                    "additionalProperties": {
                        "type": "object",
                        "anyOf": [*own, {"required": ["rows"]}, {"required": ["overrides"]}],
                    }
                }
            }
        },
    }


def _row() -> Schema:
    """Return the schema of a row: strict with `when`; otherwise further keys are axes."""
    strict = _level(Row)
    return {
        "type": "object",
        "if": {"required": ["when"]},
        "then": strict,
        "else": {"properties": strict["properties"], "minProperties": 1},
    }


def _with_some(schema: Schema) -> Schema:
    """Return the schema of mappings in which at least one value matches a schema."""
    return {"not": {"additionalProperties": {"not": schema}}}


def _level(level: type[Level]) -> Schema:
    """Return the schema of a mapping with fixed keys; null is allowed if no key is required."""
    required = [key.name for key in level.declared.values() if key.is_required]
    hints = get_type_hints(level, include_extras=True)
    return {
        "description": (level.__doc__ or "").partition("\n")[0],
        "type": "object" if required else ["object", "null"],
        **({"required": required} if required else {}),
        "properties": {
            key.name: {"description": key.description, **_field(level, key.name, hints[name])}
            for name, key in level.declared.items()
        },
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
        **rules.TOGETHER.get(level, {}),
    }


def _field(level: type[Level], key: str, hint: Any) -> Schema:
    """Return the schema of a key: its own rule, otherwise that of its type."""
    kinds = get_args(hint)
    nullable = NoneType in kinds
    kind = kinds[0] if nullable else hint
    for owner in level.__mro__:
        if (own := rules.OWN.get((owner, key))) is not None:
            return _or_null(own) if nullable else own
    schema = _KINDS.get(kind)
    if schema is None:
        # A level that only this key contains; some have a short form.
        inner = next(argument for argument in (kind, *get_args(kind)) if isinstance(argument, type))
        short = rules.SHORT.get(inner, {})
        schema = {**_level(inner), **short}
        schema["type"] = ["object", *short.get("type", ())]
        del schema["description"]
    return _or_null(schema) if nullable else schema


def _or_short(level: type[Level]) -> Schema:
    """Return the schema of a level that has a short form."""
    short = rules.SHORT[level]
    return {**_level(level), **short, "type": ["object", *short["type"]]}


def _or_null(schema: Schema) -> Schema:
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return schema if "null" in kinds else {**schema, "type": [*kinds, "null"]}
