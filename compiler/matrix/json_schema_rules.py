"""Rules for the values of matrix.yaml, as JSON Schema.

The schema accepts everything that compiles. Other YAML parsers read `3.10` as a number and `on` as
true, so numbers and booleans are accepted wherever text is. Text with Jinja or `${` is accepted,
because its value is known only after rendering. The schema cannot check files or names of axes.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

from compiler.external.platforms import ARCHITECTURES, KNOWN_PLATFORMS, canonical_platform
from compiler.matrix.axes import MAX_VALUE
from compiler.matrix.level import Level
from compiler.matrix.model import (
    AcceptOptions,
    BuildOptions,
    CacheOptions,
    CheckOptions,
    CommandOptions,
    ImageOptions,
    ImageTestOptions,
    KeepOptions,
    KeylessOptions,
    ListedValue,
    LockOptions,
    MatrixFile,
    ParentOptions,
    PublishOptions,
    SignOptions,
    SizeOptions,
    TagOptions,
    ValueOptions,
    VariableOptions,
    VerifyOptions,
)
from compiler.matrix.names import (
    BUILT_IN,
    CHECK,
    HCL_WORDS,
    IDENTIFIER,
    IMAGE,
    JINJA_GLOBALS,
    JINJA_WORDS,
    RESERVED_AXES,
    RESERVED_PREFIXES,
    RESERVED_VARIABLES,
    SECRET_VARIABLES,
    TARGET,
    VARIABLE,
)
from compiler.matrix.sizes import PERCENTAGE, PERCENTAGE_FORM, SIZE, SIZE_FORM


Schema: TypeAlias = dict[str, Any]

_SCALAR = ["string", "number", "boolean"]
_ANY_SCALAR = [*_SCALAR, "null"]
_JINJA = r"^(?=[\s\S]*\{[{%#])"
_RENDERED = r"^(?=[\s\S]*(?:\{[{%#]|\$\{))"
_NAME = (
    r"(?:(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
)
"""A repository; slightly more permissive than registries."""
_TAG = rf"(?:{_NAME}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?|[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})"
"""A tag, or its name alone; slightly more permissive than registries."""
_PYTHONS_END = r"\Z"
_FOLDER = r"[A-Za-z0-9_][A-Za-z0-9._-]*"


def ref(name: str) -> Schema:
    """Return a reference to a definition; draft 7 ignores keys next to `$ref`."""
    return {"allOf": [{"$ref": f"#/definitions/{name}"}]}


def or_expression(structure: Schema) -> Schema:
    """Return the schema of a structure that one expression may supply instead."""
    kinds = structure["type"] if isinstance(structure["type"], list) else [structure["type"]]
    return {**structure, "type": [*kinds, "string"], **_EXPRESSION}


def list_of(items: Schema, **more: Any) -> Schema:
    """Return the schema of a list."""
    return or_expression({"type": "array", "items": items, **more})


def one_or_more(item: Schema) -> Schema:
    """Return the schema of a text, or a list of texts."""
    kinds = item["type"] if isinstance(item["type"], list) else [item["type"]]
    return {**item, "type": [*kinds, "array"], "items": item}


def map_of(keys: Schema, values: Schema, *, written: bool = False, **more: Any) -> Schema:
    """Return the schema of a mapping with free keys; `written` if no expression may supply it."""
    schema = {"type": "object", "propertyNames": keys, "additionalProperties": values, **more}
    return schema if written else or_expression(schema)


def _matching(pattern: str, expected: str, unless: str = "") -> Schema:
    """Return a rule for a whole text, with an editor's message; other types are accepted."""
    whole = f"^(?:{pattern.removesuffix(_PYTHONS_END)})$"
    return {
        "pattern": f"{unless}|{whole}" if unless else whole,
        "patternErrorMessage": f"write {expected}",  # read by YAML language servers
    }


def _text(pattern: str, expected: str, unless: str = _RENDERED) -> Schema:
    return {"type": _SCALAR, **_matching(pattern, expected, unless)}


def _any_case(words: Iterable[str]) -> str:
    """Return a pattern for words in any case.

    >>> _any_case(["if", "in"])
    '[iI][fF]|[iI][nN]'
    """
    return "|".join("".join(f"[{c}{c.upper()}]" for c in word) for word in sorted(words))


def _platforms() -> list[str]:
    """Return all platforms."""
    named = ((name, *(f"{name}/v{n}" for n in range(1, 10))) for name in KNOWN_PLATFORMS)
    return [name for group in named for name in group if canonical_platform(name)]


_EXPRESSION = _matching(
    r"\s*\{\{(?:(?!\{\{)[\s\S])*\}\}\s*", "the structure, or one expression {{ ... }}"
)

BAKE_TEXT = _text(
    r"(?![\s\S]*(?:^|[^$])\$\{(?![A-Za-z][A-Za-z0-9_]*\}))[\s\S]*",
    "`${NAME}` for a variable, `$${` for a literal `${`",
    _JINJA,
)
"""Text that may name a bake variable."""

BAKE_KEY: Schema = {**{key: BAKE_TEXT[key] for key in BAKE_TEXT if key != "type"}, "minLength": 1}
"""The same for a key."""

RECORD: Schema = {
    **BAKE_TEXT,
    "type": [*_SCALAR, "object"],
    "propertyNames": BAKE_KEY,
    "additionalProperties": BAKE_TEXT,
}
"""An entry of bake's `key=value,key=value` fields."""

READABLE_NAME: Schema = {
    **_matching(IDENTIFIER.pattern, "letters, digits and underscores; begin with a letter"),
    "not": {"enum": sorted({*JINJA_WORDS, *JINJA_GLOBALS, *BUILT_IN})},
}
"""A name of `set`, `data` or an axis."""

PATTERN: Schema = {
    "description": "Axis, or `image` -> value, range, negation, glob, or a list of these.",
    **map_of(
        _matching(IDENTIFIER.pattern, "the name of an axis, or image"),
        {"type": [*_ANY_SCALAR, "array"], "minItems": 1, "items": {"type": _ANY_SCALAR}},
        minProperties=1,
    ),
}

_PLAIN_TEXT: Schema = {"type": _SCALAR}
_AXIS_NAME: Schema = {
    "allOf": [READABLE_NAME, {"not": {"pattern": f"^(?:{_any_case(RESERVED_AXES)})$"}}]
}
_VALUE: Schema = {
    "maxLength": MAX_VALUE,
    **_matching(
        r"[^\s,](?:[^,\u0000-\u001f\u007f]*[^\s,])?", "a short text: one line, without a comma"
    ),
}
_AXIS: Schema = {
    "description": "An axis: a list of values, value -> options, or one expression over data.",
    "type": ["array", "object", "string"],
    **_EXPRESSION,
    "minItems": 1,
    "items": {
        "type": [*_ANY_SCALAR, "object"],
        **_VALUE,
        "if": {"type": "object"},
        "then": ref("listed"),
        "not": {"enum": ["true", "false", "null"]},  # only in quotes are these text
    },
    # 3.1 and 3.10 are two values, and one number for other parsers.
    "if": {"items": {"type": ["string", "boolean", "null"]}},
    "then": {"uniqueItems": True},
    "minProperties": 1,
    "propertyNames": _VALUE,
    "additionalProperties": ref("value"),
}
_WINDOWS = rf"^windows\([0-9]+(\.[0-9]+)*\)/({'|'.join(ARCHITECTURES['windows'])})(/v[0-9]+)?$"
"""A platform with the version of Windows, as BuildKit writes it."""
_PLATFORMS = list_of(
    {
        "anyOf": [
            {"enum": [*_platforms(), ""]},
            {"type": "string", "pattern": _WINDOWS},
            {"type": "string", "pattern": _RENDERED},
        ]
    },
    uniqueItems=True,
)
_TAGS = list_of(_text(rf"\s*(?:{_TAG}(?:\s+{_TAG})*)?\s*", "[REGISTRY/]name[:tag]"))
_VARIABLE_NAME: Schema = {
    **_matching(VARIABLE.pattern, "letters, digits and underscores; begin with a letter"),
    "not": {
        "anyOf": [
            {"enum": sorted({*HCL_WORDS, *RESERVED_VARIABLES, *SECRET_VARIABLES})},
            {"pattern": f"^(?:{'|'.join(RESERVED_PREFIXES)})"},
        ]
    },
}


def _described(attribute: str) -> str:
    """Return the description of a key of a derived variable."""
    return VariableOptions.declared[attribute].description


_VARIABLE: Schema = {
    **BAKE_TEXT,
    "description": "The default, or `{from: NAME, match: EXPRESSION}`: the first group of an "
    "expression of RE2 in another variable.",
    "type": [*_SCALAR, "object"],
    "required": ["from", "match"],
    "properties": {
        "from": {"description": _described("from_"), "type": "string", **_VARIABLE_NAME},
        "match": {"description": _described("match"), "type": _SCALAR, "minLength": 1},
    },
    "patternProperties": {"^x-": {}},
    "additionalProperties": False,
}
_IMAGE_NAME = _matching(IMAGE.pattern, "letters, digits, `-`, `_` and `.`")
_GROUP_NAME: Schema = {
    **_matching(f"(?!_){TARGET.pattern}", "letters, digits, `-` and `_`"),
    "not": {"enum": ["default", "test"]},
}
_CHECK_NAME = _matching(CHECK.pattern, "letters, digits, `-` and `_`")
_DAY: Schema = {
    "type": "string",
    **_matching("[0-9]{4}-[0-9]{2}-[0-9]{2}", "a day, as 2027-01-31"),
}
_DURATION: Schema = {
    "type": "string",
    **_matching("[1-9][0-9]{0,5}[smhd]", "a number with its unit, such as 10m"),
}
_SIZE: Schema = {"type": "string", **_matching(SIZE.pattern, SIZE_FORM, _JINJA)}
_INSIDE = "a path below the folder of matrix.yaml, with `/`"

OWN: dict[tuple[type[Any], str], Schema] = {
    (ListedValue, "value"): {"type": _ANY_SCALAR, **_VALUE},
    (ValueOptions, "tag"): _text(r"\S*", "a text without white space", _JINJA),
    (ValueOptions, "eol"): _DAY,
    (ValueOptions, "platforms"): {**_PLATFORMS, "minItems": 1},
    (ParentOptions, "image"): {"type": _SCALAR, **_IMAGE_NAME},
    (CacheOptions, "type"): {"enum": ["registry"]},
    (CacheOptions, "mode"): {"enum": ["max", "min"]},
    (BuildOptions, "template"): _text(r"(?!/|~)[^\\]+", "a file's name below templates/", _JINJA),
    (BuildOptions, "dockerfile"): _text(r"(?!/|~)[^\\]+", _INSIDE, _JINJA),
    (BuildOptions, "context"): _text(r"(?!/|~)[^\\]*|[\s\S]*://[\s\S]*", _INSIDE),
    (BuildOptions, "tags"): _TAGS,
    (BuildOptions, "moving"): _TAGS,
    (BuildOptions, "repositories"): list_of(
        _text(rf"\s*(?:{_NAME}(?:\s+{_NAME})*)?\s*", "[REGISTRY/]name")
    ),
    (TagOptions, "tags"): _TAGS,
    (TagOptions, "moving"): _TAGS,
    (BuildOptions, "platforms"): _PLATFORMS,
    (CommandOptions, "run"): _PLAIN_TEXT,
    (CommandOptions, "device"): one_or_more(_text(r"\S+", "a device without white space", _JINJA)),
    (CommandOptions, "mount"): one_or_more(_text(r"\S+", "a mount without white space", _JINJA)),
    (ImageTestOptions, "shell"): list_of(ref("command")),
    (ImageTestOptions, "files"): one_or_more(_text(r"/\S.*", "an absolute path", _JINJA)),
    (ImageTestOptions, "user"): _PLAIN_TEXT,
    (ImageTestOptions, "entrypoint"): list_of(_PLAIN_TEXT),
    (ImageTestOptions, "size"): _SIZE,
    (BuildOptions, "ssh"): list_of(
        {
            **RECORD,
            "properties": {"id": BAKE_TEXT, "paths": BAKE_TEXT},
            "required": ["id"],
            "additionalProperties": False,
        }
    ),
    (ImageOptions, "only"): {"anyOf": [list_of(ref("pattern")), ref("pattern")]},
    (ImageOptions, "axes"): list_of(
        {"type": "string", **_matching(IDENTIFIER.pattern, "the name of an axis")}, uniqueItems=True
    ),
    (ImageOptions, "aliases"): map_of(_TAGS["items"], ref("pattern")),
    (PublishOptions, "version"): {
        "type": "string",
        **_matching(r"\$\{[A-Za-z][A-Za-z0-9_]*\}", "a variable, as ${VERSION_TAG}"),
    },
    (CheckOptions, "run"): {"type": "string", "pattern": r"\S"},
    (CheckOptions, "needs"): list_of(_CHECK_NAME),
    (CheckOptions, "inputs"): list_of(_text(r"(?!/|~)[^\\]+", _INSIDE, "")),
    (CheckOptions, "timeout"): _DURATION,
    (CheckOptions, "valid"): _DURATION,
    (CheckOptions, "jobs"): {
        "type": ["string", "integer"],
        "pattern": "^[1-9][0-9]{0,3}$",
        "minimum": 1,
        "maximum": 1000,
    },
    (CheckOptions, "skip"): {"enum": ["allowed"]},
    (CheckOptions, "accept"): list_of(ref("exception")),
    (AcceptOptions, "reason"): {"type": "string", "pattern": r"\S"},
    (AcceptOptions, "until"): _DAY,
    (SizeOptions, "max"): {"type": "string", **_matching(SIZE.pattern, SIZE_FORM)},
    (SizeOptions, "growth"): {
        "type": "string",
        **_matching(PERCENTAGE.pattern, PERCENTAGE_FORM),
    },
    (SignOptions, "key"): {"type": "string", "pattern": r"\S"},
    (SignOptions, "public"): _text(r"(?!/|~)[^\\]+", _INSIDE, ""),
    (VerifyOptions, "key"): _text(r"(?!/|~)[^\\]+", _INSIDE, ""),
    (KeylessOptions, "identity"): {"type": "string", "pattern": r"\S"},
    (KeylessOptions, "issuer"): {"type": "string", **_matching(r"https://\S+", "a URL")},
    (LockOptions, "verify"): map_of({}, ref("verified"), written=True),
    (KeepOptions, "releases"): {
        "type": ["string", "integer"],
        "pattern": "^[1-9][0-9]{0,3}$",
        "minimum": 1,
        "maximum": 9999,
    },
    (KeepOptions, "days"): {
        "type": ["string", "integer"],
        "pattern": "^(?:0|[1-9][0-9]{0,4})$",
        "minimum": 0,
        "maximum": 99999,
    },
    (PublishOptions, "checks"): map_of(_CHECK_NAME, ref("check"), written=True),
    (MatrixFile, "include"): {
        "type": "array",
        "items": {"type": "string", **_matching(r"(?!/|~)[^\\]+", _INSIDE)},
    },
    (MatrixFile, "data"): map_of(READABLE_NAME, _text(r"(?!/|~)[^\\]+", _INSIDE, ""), written=True),
    (MatrixFile, "variables"): map_of(_VARIABLE_NAME, _VARIABLE, written=True),
    (MatrixFile, "axes"): map_of(_AXIS_NAME, _AXIS),
    (MatrixFile, "images"): map_of(_IMAGE_NAME, ref("image"), written=True, minProperties=1),
    (MatrixFile, "groups"): map_of(_GROUP_NAME, ref("pattern")),
    (MatrixFile, "output"): _text(rf"{_FOLDER}(?:/{_FOLDER})*", "a folder's name", ""),
}
"""Rules of single keys, by the level that declares them."""

SHORT: dict[type[Level], Schema] = {
    CheckOptions: {"type": ["string"], "pattern": r"\S"},
    ParentOptions: {"type": _SCALAR, **_IMAGE_NAME},
    CommandOptions: {"type": _SCALAR},
    ImageTestOptions: {
        "type": ["array", "string"],
        "items": ref("command"),
        **_EXPRESSION,
    },
    TagOptions: {"type": ["array"], "items": _TAGS["items"]},
}
"""Short forms of levels, allowed instead of a mapping."""

TOGETHER: dict[type[Level], Schema] = {
    SignOptions: {
        "oneOf": [
            {"required": ["key", "public"]},
            {
                "required": ["keyless"],
                "not": {"anyOf": [{"required": ["key"]}, {"required": ["public"]}]},
            },
        ],
    },
    VerifyOptions: {"oneOf": [{"required": ["key"]}, {"required": ["keyless"]}]},
}
"""Which keys of a level belong together, or exclude each other."""
