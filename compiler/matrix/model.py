"""The schema of matrix.yaml: the keys of each level, and the type of each value."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias


# pydantic would search every installed package for plug-ins; none is needed.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from compiler.codes import Code
from compiler.matrix.field_table import TABLE, Kind


Scalar: TypeAlias = str | bool | None
"""A scalar of matrix.yaml: text as written, `true`, `false` or `null`."""


def kind(value: object) -> str:
    """Return the type of a value in a user's terms."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return type(value).__name__


def is_expression(text: str) -> bool:
    """Return whether a text looks like one expression; errors in it are reported later."""
    inner = text.strip()
    return inner.startswith("{{") and inner.endswith("}}") and "{{" not in inner[2:]


def _wrong(expected: str, value: object) -> PydanticCustomError:
    return PydanticCustomError(
        Code.WRONG_TYPE.value,
        "{expected} is expected here, not {got}",
        {"expected": expected, "got": kind(value)},
    )


def _text(value: object) -> object:
    if value is True or value is False:
        return "true" if value else "false"
    if not isinstance(value, str):
        raise _wrong("text", value)
    return value


def _flag(value: object) -> object:
    if not isinstance(value, bool):
        raise _wrong("true or false", value)
    return value


def _list(value: object) -> object:
    if not isinstance(value, list):
        raise _wrong("a list", value)
    return value


def _list_or_expression(value: object) -> object:
    return [value] if isinstance(value, str) and is_expression(value) else _list(value)


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong("a mapping", value)
    for key in value:
        if not isinstance(key, str):
            raise PydanticCustomError(
                Code.WRONG_TYPE.value,
                "a name is expected as key, not {got}",
                {"got": kind(key), "key": key},
            )
    return value


def _scalar(value: object) -> object:
    if value is not None and not isinstance(value, str | bool):
        raise _wrong("a single value", value)
    return value


def _matcher(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _record(value: object) -> object:
    if not isinstance(value, str | dict):
        raise _wrong("text such as 'type=registry,ref=...' or a mapping", value)
    if isinstance(value, str):
        return value
    if not value:
        raise PydanticCustomError("wrong-type", "the mapping is empty", {"expected": "`type: ...`"})
    return {key: _text(item) for key, item in _mapping(value).items()}


def _axis(value: object) -> object:
    if isinstance(value, str | list | dict):
        return value
    raise _wrong("a list of values, a mapping value -> options, or one expression", value)


def _row_key(value: object) -> object:
    """Return a matcher of a flat row; a mapping is a misspelt field, which is reported later."""
    if isinstance(value, dict):
        return value
    return [_scalar(item) for item in (value if isinstance(value, list) else [value])]


def _part(value: object) -> object:
    """Return a part; a text is the path of a part that was not read, because of another error."""
    return {} if isinstance(value, str) else _mapping(value)


def _variable(value: object) -> object:
    is_derived = isinstance(value, dict) and ("from" in value or "match" in value)
    return value if is_derived else _text(value)


def _tags(value: object) -> object:
    return {"tags": value} if isinstance(value, list) else value


def _check(value: object) -> object:
    return {"run": value} if isinstance(value, str) else value


def _tests(value: object) -> object:
    return value if isinstance(value, dict) else {"shell": value}


def _command(value: object) -> object:
    return value if isinstance(value, dict) else {"run": value}


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) and not is_expression(value) else value


def _parent(value: object) -> object:
    return {"image": value} if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_text)]
"""Text; `true` and `false` become text."""
Flag = Annotated[bool, BeforeValidator(_flag)]
Texts = Annotated[list[Text], BeforeValidator(_list)]
Entries = Annotated[list[Text], BeforeValidator(_list_or_expression)]
"""A list, or one expression that returns one, as the only entry."""
TextMap = Annotated[dict[str, Text], BeforeValidator(_mapping)]
Anything = Annotated[dict[str, Any], BeforeValidator(_mapping)]
"""Names with any YAML value."""
Record = Annotated[Any, BeforeValidator(_record)]
"""One entry of bake's `key=value,key=value` fields, as text or as a mapping."""
Records = Annotated[list[Record], BeforeValidator(_list_or_expression)]
Matcher = Annotated[list[Annotated[Scalar, BeforeValidator(_scalar)]], BeforeValidator(_matcher)]
"""A value of an axis, or a list of which any may match."""
Pattern = Annotated[dict[str, Matcher], BeforeValidator(_mapping)]
"""Axis -> matcher; all must match."""
Patterns = Annotated[list[Pattern], BeforeValidator(_list)]
VariableForm = Annotated[str | dict[Any, Any], BeforeValidator(_variable)]
"""The default of a variable, or a mapping from which it is derived."""
Axis = Annotated[str | list[Any] | dict[Any, Any], BeforeValidator(_axis)]


class Level(BaseModel):
    """A mapping with fixed keys; keys that begin with `x-` are ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _without_user_keys(cls, value: object) -> object:
        named = _mapping({} if value is None else value)
        return {key: item for key, item in named.items() if not key.startswith("x-")}


class ParentOptions(Level):
    """The parent of an image, and which variant of the parent."""

    image: Text = Field(description="The parent's name.")
    with_: Pattern | None = Field(
        None,
        alias="with",
        description="Values of the parent's axes: of those that only the parent has, or instead of "
        "the child's values.",
    )


class VariableOptions(Level):
    """A variable that is derived from another one when baking."""

    from_: Text = Field(alias="from", description="The name of the other variable.")
    match: Text = Field(
        description="An expression of RE2; its first group is the value. Jinja and `${}` are "
        "literal in it."
    )


class CacheOptions(Level):
    """A registry cache of each target, enabled by the bake variable `CACHE`."""

    type: Text = Field(description="`registry`.")
    ref: Text = Field(
        description="The name of the cache; it must differ for each target, as `{{ target }}` does."
    )
    mode: Text = Field(
        "max", description="`max` caches every step, `min` only those of the result."
    )


class TagOptions(Level):
    """Version tags and floating tags."""

    tags: Texts | None = Field(None, description="Version tags, which are immutable.")
    moving: Texts | None = Field(
        None, description="Floating tags, which follow the newest release."
    )


OneOrMore = Annotated[Entries, BeforeValidator(_one_or_more)]
"""A text, a list of texts, or one expression that returns a list."""


class CommandOptions(Level):
    """A command of `tests`, with what BuildKit gives it."""

    run: Text = Field(description="The command, run by the shell of the image.")
    device: OneOrMore | None = Field(
        None,
        description="Devices for `RUN --device`, such as `nvidia.com/gpu=all`: a name or a list.",
    )
    mount: OneOrMore | None = Field(
        None,
        description="Mounts for `RUN --mount`, such as `type=secret,id=token`: a mount or a list.",
    )


class ImageTestOptions(Level):
    """Tests of a built image."""

    shell: (
        Annotated[
            list[Annotated[CommandOptions, BeforeValidator(_command)]],
            BeforeValidator(_list_or_expression),
        ]
        | None
    ) = Field(None, description="Shell commands that `bake test` runs in the image.")
    files: OneOrMore | None = Field(
        None, description="Absolute paths that the image must contain; no shell is needed."
    )
    labels: TextMap | None = Field(
        None, description="Labels with the values that the image must have; `publish` reads them."
    )
    user: Text | None = Field(
        None, description="The user of the image's configuration; `publish` reads it."
    )
    entrypoint: Entries | None = Field(
        None, description="The entry point of the image's configuration; `publish` reads it."
    )
    size: Text | None = Field(
        None,
        description="The maximum compressed size of each platform, such as `500MB`; 1 GB is 10^9 "
        "bytes. `publish` reads it.",
    )


class TemplateOptions(Level, defer_build=True):
    """The template of a Dockerfile, and values for it."""

    template: Text | None = Field(None, description="The Dockerfile's template in `templates/`.")
    dockerfile: Text | None = Field(
        None, description="An existing Dockerfile, used unchanged instead of a template."
    )
    from_: Annotated[ParentOptions, BeforeValidator(_parent)] | None = Field(
        None,
        alias="from",
        description="The parent image, available as `{{ parent }}`: its name, or "
        "`{image: NAME, with: PATTERN}`; null removes an inherited parent.",
    )
    set: Anything | None = Field(None, description="Values for templates.")


_TYPES: Mapping[Kind, Any] = {
    Kind.TEXT: Text,
    Kind.FLAG: Flag,
    Kind.LIST: Entries,
    Kind.RECORDS: Records,
    Kind.MAPPING: TextMap,
    Kind.PAIRS: TextMap,
    Kind.CACHE: CacheOptions,
    Kind.TAGS: Annotated[TagOptions, BeforeValidator(_tags)],
    Kind.TESTS: Annotated[ImageTestOptions, BeforeValidator(_tests)],
}

if TYPE_CHECKING:  # mypy does not know a class that is created at run time
    BuildOptions = TemplateOptions
else:
    BuildOptions = create_model(
        "BuildOptions",
        __base__=TemplateOptions,
        __module__=__name__,
        __doc__="The fields that an override can set: how a variant is built and named.",
        __cls_kwargs__={"defer_build": True},
        **{
            row.name.replace("-", "_"): (
                _TYPES[row.kind] | None,
                Field(None, alias=row.name, description=row.description),
            )
            for row in TABLE
        },
    )


class ValueOptions(BuildOptions, defer_build=False):
    """The options of one value of an axis: its rules, and the fields of its variants."""

    tag: Text | None = Field(None, description="The fragment of the value in `{{ variant }}`.")
    platforms: Entries | None = Field(None, description="Narrows the platforms of the image.")
    only: Pattern | None = Field(
        None, description="Values of other axes that it can be combined with."
    )
    eol: Text | None = Field(
        None,
        description="The last day of support, as YYYY-MM-DD. `compile-matrix eol` lists them.",
    )


class ListedValue(ValueOptions):
    """A value of an axis in a list, with its options."""

    value: Annotated[Scalar, BeforeValidator(_scalar)] = Field(description="The value.")


class Override(BuildOptions, defer_build=False):
    """Fields that differ in the variants that match a pattern."""

    when: Pattern = Field(description="The variants to which it applies.")


Overrides = Annotated[list[Override], BeforeValidator(_list)]


class Row(BuildOptions, defer_build=False):
    """One row of an image: the variants that match it exist, and have its fields.

    In the flat form, matchers of axes are written between the fields instead of under `when`.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[Any, BeforeValidator(_row_key)]]

    when: Pattern | None = Field(None, description="The variants of the row.")


Rows = Annotated[list[Row], BeforeValidator(_list)]


class ImageOptions(BuildOptions, defer_build=False):
    """All fields of an image; also the type of `defaults`."""

    axes: Texts | None = Field(None, description="The axes of the image; the default is all.")
    only: Patterns | None = Field(
        None,
        description="Keeps the variants that match one of the patterns; a single pattern may be "
        "written without the list.",
    )
    exclude: Patterns | None = Field(
        None, description="Excludes the variants that match one of the patterns."
    )
    rows: Rows | None = Field(
        None,
        description="The variants of the image: those that match a row, which sets fields for "
        "them. A row is `{when: PATTERN, FIELD: ...}`, or axes and fields in one mapping.",
    )
    overrides: Overrides | None = Field(
        None, description="Fields for the variants that match `when`, applied in order."
    )
    aliases: Annotated[dict[str, Pattern], BeforeValidator(_mapping)] | None = Field(
        None, description="Floating tags of one variant each: tag -> pattern."
    )


class AcceptOptions(Level):
    """An exception: the failure of a check is accepted for some targets until a date."""

    when: Pattern = Field(description="The targets for which the failure is accepted.")
    reason: Text = Field(description="Why; it is listed in the record of the release.")
    until: Text = Field(description="The last day on which it is accepted: `2027-01-31` (UTC).")


class CheckOptions(Level):
    """A command that each staged image must pass before any tag is created."""

    run: Text = Field(description="The command, run by `sh -c`. Nothing is interpolated in it.")
    when: Pattern | None = Field(
        None, description="The targets to check; the default is all that are released."
    )
    needs: Texts = Field([], description="Checks that the same image must pass before.")
    inputs: Texts = Field(
        [], description="Files that the command reads: if one changes, images are checked again."
    )
    timeout: Text = Field("30m", description="The maximum duration of a run: `90s`, `10m`, `2h`.")
    jobs: Text = Field("4", description="The maximum number of runs of this check at a time.")
    skip: Text | None = Field(
        None, description="`allowed`: exit code 77 skips the check instead of failing it."
    )
    valid: Text | None = Field(
        None, description="How long a passed check is remembered: `24h`; unlimited by default."
    )
    accept: Annotated[list[AcceptOptions], BeforeValidator(_list)] = Field(
        [], description="Exceptions: failures that are accepted until a date."
    )


class SizeOptions(Level):
    """Limits of the compressed size of each platform of an image; 1 GB is 10^9 bytes."""

    max: Text | None = Field(None, description="The maximum size: `12GB`.")
    growth: Text | None = Field(
        None,
        description="The maximum growth since the last release, of the same target and platform: "
        "`10%`. New targets are exempt.",
    )


class KeylessOptions(Level):
    """An identity whose signatures are trusted without a key."""

    identity: Text = Field(
        description="An expression of RE2 that the whole identity in the certificate must match."
    )
    issuer: Text = Field(description="The URL of the issuer of the identity.")


class VerifyOptions(Level):
    """Who must have signed a base image: `key` or `keyless`."""

    key: Text | None = Field(None, description="The file with the public key.")
    keyless: KeylessOptions | None = Field(None, description="The identity of the signer.")


class SignOptions(Level):
    """How images are signed: with `key` and `public`, or with `keyless`."""

    key: Text | None = Field(
        None,
        description="The private key: `env://COSIGN_KEY`, a file, or the address of a key service.",
    )
    public: Text | None = Field(None, description="The file with the public key.")
    keyless: KeylessOptions | None = Field(
        None, description="The identity of the job that signs, without a key."
    )


class PublishOptions(Level):
    """How a release is published."""

    version: Text = Field(description="The variable that contains the version: `${NAME}`.")
    staging: Text | None = Field(None, description="The repository in which images are staged.")
    checks: Annotated[
        dict[str, Annotated[CheckOptions, BeforeValidator(_check)]], BeforeValidator(_mapping)
    ] = Field(
        {},
        description="Commands that each staged image must pass before any tag is created: name -> "
        "command, or a mapping.",
    )
    size: SizeOptions | None = Field(
        None, description="Limits of the compressed size of each platform of an image."
    )
    sign: SignOptions | None = Field(
        None, description="Who signs images and records before any tag is created."
    )


class LockOptions(Level):
    """How base images are locked."""

    mirror: Text | None = Field(
        None,
        description="A repository prefix of your own, to which `lock` copies base images, and from "
        "which builds read them: `${REGISTRY}/bases`.",
    )
    policy: Flag = Field(
        default=False,
        description="Whether builds are denied every image that is not locked, and every download "
        "without a checksum. Images that cannot be locked are errors then.",
    )
    verify: Annotated[dict[str, VerifyOptions], BeforeValidator(_mapping)] = Field(
        {},
        description="Base images that must be signed: pattern -> who must have signed them. The "
        "first pattern that matches an image counts.",
    )


class PartFile(Level):
    """A part of the matrix, a file of `include`."""

    data: TextMap = Field({}, description="Name -> JSON, YAML or TOML file.")
    variables: Annotated[dict[str, VariableForm], BeforeValidator(_mapping)] = Field(
        {},
        description="Bake variables and their defaults, which the environment overrides. "
        "`{from: NAME, match: EXPRESSION}` derives one from another.",
    )
    axes: Annotated[dict[str, Axis], BeforeValidator(_mapping)] = Field(
        {}, description="The axes and their values, in the order of all generated output."
    )
    set: Anything = Field({}, description="Values for templates.")
    exclude: Patterns = Field(
        [], description="Excludes the variants that match one of the patterns."
    )
    overrides: Overrides = Field(
        [], description="Fields for the variants that match `when`, applied in order."
    )
    defaults: ImageOptions = Field(
        default_factory=lambda: ImageOptions.model_validate({}),
        description="Fields that every image inherits.",
    )
    images: Annotated[dict[str, ImageOptions], BeforeValidator(_mapping)] = Field(
        {}, description="The images: name -> fields, which override `defaults`."
    )
    groups: Annotated[dict[str, Pattern], BeforeValidator(_mapping)] = Field(
        {}, description="Groups for bake: name -> pattern of the targets."
    )


class MatrixFile(PartFile):
    """The whole document, matrix.yaml."""

    include: Annotated[
        list[Annotated[PartFile, BeforeValidator(_part)]], BeforeValidator(_list)
    ] = Field(
        [],
        description="Files with parts of the matrix: paths or globs. A part may contain every key "
        "but `include`, `lock`, `publish` and `output`.",
    )
    images: Annotated[dict[str, ImageOptions], BeforeValidator(_mapping)] = Field(
        description="The images: name -> fields, which override `defaults`."
    )
    lock: LockOptions | None = Field(None, description="How base images are locked.")
    publish: PublishOptions | None = Field(None, description="How a release is published.")
    output: Text = Field("dockerfiles", description="The folder of the generated Dockerfiles.")


def level_at(top: type[Level], route: tuple[object, ...]) -> type[Level]:
    """Return the level at a route below another level."""
    level = top
    names = [step for step in route if isinstance(step, str)]
    if top is MatrixFile and names[:1] == ["include"]:
        level, names = PartFile, names[1:]
    if level in (MatrixFile, PartFile) and names and names[0] in {"defaults", "images"}:
        level, names = ImageOptions, names[1 + (names[0] == "images") :]
    if names[:2] == ["publish", "checks"] and len(names) > 2:  # noqa: PLR2004 - below a name
        return AcceptOptions if names[3:4] == ["accept"] else CheckOptions
    if names[:2] == ["publish", "size"]:
        return SizeOptions
    if names[:1] == ["lock"]:
        if len(names) <= 2:  # noqa: PLR2004 - above the names
            return LockOptions
        return KeylessOptions if names[3:4] == ["keyless"] else VerifyOptions
    if names[:2] == ["publish", "sign"]:
        return KeylessOptions if names[2:3] == ["keyless"] else SignOptions
    inner: dict[str, type[Level]] = {
        "overrides": Override,
        "rows": Row,
        "from": ParentOptions,
        "cache": CacheOptions,
        "shared": TagOptions,
        "platform-tags": TagOptions,
        "lock": LockOptions,
        "tests": ImageTestOptions,
        "shell": CommandOptions,
        "publish": PublishOptions,
    }
    for name in names:
        level = inner.get(name, level)
    return level


OTHER_TERMS: Mapping[tuple[type[Level], str], str] = {
    (ImageOptions, "include"): "use `rows` for combinations with their own fields",
}
"""Keys that users know from other tools, by level, with the help for them."""


def keys(level: type[Level]) -> Mapping[str, str]:
    """Return the keys of a level, as written in YAML, with their descriptions."""
    return {
        field.alias or name: field.description or "" for name, field in level.model_fields.items()
    }
