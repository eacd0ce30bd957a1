"""The schema of matrix.yaml: the keys of each level, and the type of each value."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic_core import PydanticCustomError

from compiler.matrix.field_table import TABLE, FieldRow, Kind
from compiler.matrix.level import Check, Level, check_mapping, declare, wrong_type


Scalar: TypeAlias = str | bool | None
"""A scalar of matrix.yaml: text as written, `true`, `false` or `null`."""


def is_expression(text: str) -> bool:
    """Return whether a text looks like one expression; errors in it are reported later."""
    inner = text.strip()
    return inner.startswith("{{") and inner.endswith("}}") and "{{" not in inner[2:]


def _text(value: object) -> object:
    if value is True or value is False:
        return "true" if value else "false"
    if not isinstance(value, str):
        raise wrong_type("text", value)
    return value


def _flag(value: object) -> object:
    if not isinstance(value, bool):
        raise wrong_type("true or false", value)
    return value


def _list(value: object) -> object:
    if not isinstance(value, list):
        raise wrong_type("a list", value)
    return value


def _list_or_expression(value: object) -> object:
    return [value] if isinstance(value, str) and is_expression(value) else _list(value)


def _scalar(value: object) -> object:
    if value is not None and not isinstance(value, str | bool):
        raise wrong_type("a single value", value)
    return value


def _matcher(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _record(value: object) -> object:
    if not isinstance(value, str | dict):
        raise wrong_type("text such as 'type=registry,ref=...' or a mapping", value)
    if isinstance(value, str):
        return value
    if not value:
        raise PydanticCustomError("wrong-type", "the mapping is empty", {"expected": "`type: ...`"})
    return {key: _text(item) for key, item in check_mapping(value).items()}


def _axis(value: object) -> object:
    if isinstance(value, str | list | dict):
        return value
    raise wrong_type("a list of values, a mapping value -> options, or one expression", value)


def _row_key(value: object) -> object:
    """Return a matcher of a flat row; a mapping is a misspelt field, which is reported later."""
    if isinstance(value, dict):
        return value
    return [_scalar(item) for item in (value if isinstance(value, list) else [value])]


def _part(value: object) -> object:
    """Return a part; a text is the path of a part that was not read, because of another error."""
    return {} if isinstance(value, str) else check_mapping(value)


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


Text = Annotated[str, Check(_text)]
"""Text; `true` and `false` become text."""
Flag = Annotated[bool, Check(_flag)]
Texts = Annotated[list[Text], Check(_list)]
Entries = Annotated[list[Text], Check(_list_or_expression)]
"""A list, or one expression that returns one, as the only entry."""
TextMap = Annotated[dict[str, Text], Check(check_mapping)]
Anything = Annotated[dict[str, Any], Check(check_mapping)]
"""Names with any YAML value."""
Record = Annotated[Any, Check(_record)]
"""One entry of bake's `key=value,key=value` fields, as text or as a mapping."""
Records = Annotated[list[Record], Check(_list_or_expression)]
Matcher = Annotated[list[Annotated[Scalar, Check(_scalar)]], Check(_matcher)]
"""A value of an axis, or a list of which any may match."""
Pattern = Annotated[dict[str, Matcher], Check(check_mapping)]
"""Axis -> matcher; all must match."""
Patterns = Annotated[list[Pattern], Check(_list)]
VariableForm = Annotated[str | dict[Any, Any], Check(_variable)]
"""The default of a variable, or a mapping from which it is derived."""
Axis = Annotated[str | list[Any] | dict[Any, Any], Check(_axis)]


class ParentOptions(Level):
    """The parent of an image, and which variant of the parent."""

    image: Text = declare("The parent's name.")
    with_: Pattern | None = declare(
        "Values of the parent's axes: of those that only the parent has, or instead of "
        "the child's values.",
        None,
        name="with",
    )


class VariableOptions(Level):
    """A variable that is derived from another one when baking."""

    from_: Text = declare("The name of the other variable.", name="from")
    match: Text = declare(
        "An expression of RE2; its first group is the value. Jinja and `${}` are literal in it."
    )


class CacheOptions(Level):
    """A registry cache of each target, enabled by the bake variable `CACHE`."""

    type: Text = declare("`registry`.")
    ref: Text = declare(
        "The name of the cache; it must differ for each target, as `{{ target }}` does."
    )
    mode: Text = declare("`max` caches every step, `min` only those of the result.", "max")


class TagOptions(Level):
    """Version tags and floating tags."""

    tags: Texts | None = declare("Version tags, which are immutable.", None)
    moving: Texts | None = declare("Floating tags, which follow the newest release.", None)


OneOrMore = Annotated[Entries, Check(_one_or_more)]
"""A text, a list of texts, or one expression that returns a list."""


class CommandOptions(Level):
    """A command of `tests`, with what BuildKit gives it."""

    run: Text = declare("The command, run by the shell of the image.")
    device: OneOrMore | None = declare(
        "Devices for `RUN --device`, such as `nvidia.com/gpu=all`: a name or a list.", None
    )
    mount: OneOrMore | None = declare(
        "Mounts for `RUN --mount`, such as `type=secret,id=token`: a mount or a list.", None
    )


class ImageTestOptions(Level):
    """Tests of a built image."""

    shell: (
        Annotated[
            list[Annotated[CommandOptions, Check(_command)]],
            Check(_list_or_expression),
        ]
        | None
    ) = declare("Shell commands that `bake test` runs in the image.", None)
    files: OneOrMore | None = declare(
        "Absolute paths that the image must contain; no shell is needed.", None
    )
    labels: TextMap | None = declare(
        "Labels with the values that the image must have; `publish` reads them.", None
    )
    user: Text | None = declare("The user of the image's configuration; `publish` reads it.", None)
    entrypoint: Entries | None = declare(
        "The entry point of the image's configuration; `publish` reads it.", None
    )
    size: Text | None = declare(
        "The maximum compressed size of each platform, such as `500MB`; 1 GB is 10^9 "
        "bytes. `publish` reads it.",
        None,
    )


class TemplateOptions(Level):
    """The template of a Dockerfile, and values for it."""

    template: Text | None = declare("The Dockerfile's template in `templates/`.", None)
    dockerfile: Text | None = declare(
        "An existing Dockerfile, used unchanged instead of a template.", None
    )
    from_: Annotated[ParentOptions, Check(_parent)] | None = declare(
        "The parent image, available as `{{ parent }}`: its name, or "
        "`{image: NAME, with: PATTERN}`; null removes an inherited parent.",
        None,
        name="from",
    )
    set: Anything | None = declare("Values for templates.", None)


_TYPES: Mapping[Kind, Any] = {
    Kind.TEXT: Text,
    Kind.FLAG: Flag,
    Kind.LIST: Entries,
    Kind.RECORDS: Records,
    Kind.MAPPING: TextMap,
    Kind.PAIRS: TextMap,
    Kind.CACHE: CacheOptions,
    Kind.TAGS: Annotated[TagOptions, Check(_tags)],
    Kind.TESTS: Annotated[ImageTestOptions, Check(_tests)],
}


def _attribute(row: FieldRow) -> str:
    return row.name.replace("-", "_")


if TYPE_CHECKING:  # mypy does not know a class that is created at run time
    BuildOptions = TemplateOptions
else:
    BuildOptions = type(
        "BuildOptions",
        (TemplateOptions,),
        {
            "__doc__": "The fields that an override can set: how a variant is built and named.",
            "__module__": __name__,
            "__annotations__": {_attribute(row): _TYPES[row.kind] | None for row in TABLE},
            **{_attribute(row): declare(row.description, None, name=row.name) for row in TABLE},
        },
    )


class ValueOptions(BuildOptions):
    """The options of one value of an axis: its rules, and the fields of its variants."""

    tag: Text | None = declare("The fragment of the value in `{{ variant }}`.", None)
    platforms: Entries | None = declare("Narrows the platforms of the image.", None)
    only: Pattern | None = declare("Values of other axes that it can be combined with.", None)
    eol: Text | None = declare(
        "The last day of support, as YYYY-MM-DD. `compile-matrix eol` lists them.", None
    )


class ListedValue(ValueOptions):
    """A value of an axis in a list, with its options."""

    value: Annotated[Scalar, Check(_scalar)] = declare("The value.")


class Override(BuildOptions):
    """Fields that differ in the variants that match a pattern."""

    when: Pattern = declare("The variants to which it applies.")


Overrides = Annotated[list[Override], Check(_list)]


class Row(BuildOptions):
    """One row of an image: the variants that match it exist, and have its fields.

    In the flat form, matchers of axes are written between the fields instead of under `when`.
    """

    further = Annotated[Any, Check(_row_key)]

    when: Pattern | None = declare("The variants of the row.", None)


Rows = Annotated[list[Row], Check(_list)]


class ImageOptions(BuildOptions):
    """All fields of an image; also the type of `defaults`."""

    axes: Texts | None = declare("The axes of the image; the default is all.", None)
    only: Patterns | None = declare(
        "Keeps the variants that match one of the patterns; a single pattern may be "
        "written without the list.",
        None,
    )
    exclude: Patterns | None = declare(
        "Excludes the variants that match one of the patterns.", None
    )
    rows: Rows | None = declare(
        "The variants of the image: those that match a row, which sets fields for "
        "them. A row is `{when: PATTERN, FIELD: ...}`, or axes and fields in one mapping.",
        None,
    )
    overrides: Overrides | None = declare(
        "Fields for the variants that match `when`, applied in order.", None
    )
    aliases: Annotated[dict[str, Pattern], Check(check_mapping)] | None = declare(
        "Floating tags of one variant each: tag -> pattern.", None
    )


class AcceptOptions(Level):
    """An exception: the failure of a check is accepted for some targets until a date."""

    when: Pattern = declare("The targets for which the failure is accepted.")
    reason: Text = declare("Why; it is listed in the record of the release.")
    until: Text = declare("The last day on which it is accepted: `2027-01-31` (UTC).")


class CheckOptions(Level):
    """A command that each staged image must pass before any tag is created."""

    run: Text = declare("The command, run by `sh -c`. Nothing is interpolated in it.")
    when: Pattern | None = declare(
        "The targets to check; the default is all that are released.", None
    )
    needs: Texts = declare("Checks that the same image must pass before.", [])
    inputs: Texts = declare(
        "Files that the command reads: if one changes, images are checked again.", []
    )
    timeout: Text = declare("The maximum duration of a run: `90s`, `10m`, `2h`.", "30m")
    jobs: Text = declare("The maximum number of runs of this check at a time.", "4")
    skip: Text | None = declare(
        "`allowed`: exit code 77 skips the check instead of failing it.", None
    )
    valid: Text | None = declare(
        "How long a passed check is remembered: `24h`; unlimited by default.", None
    )
    accept: Annotated[list[AcceptOptions], Check(_list)] = declare(
        "Exceptions: failures that are accepted until a date.", []
    )


class SizeOptions(Level):
    """Limits of the compressed size of each platform of an image; 1 GB is 10^9 bytes."""

    max: Text | None = declare("The maximum size: `12GB`.", None)
    growth: Text | None = declare(
        "The maximum growth since the last release, of the same target and platform: "
        "`10%`. New targets are exempt.",
        None,
    )


class KeylessOptions(Level):
    """An identity whose signatures are trusted without a key."""

    identity: Text = declare(
        "An expression of RE2 that the whole identity in the certificate must match."
    )
    issuer: Text = declare("The URL of the issuer of the identity.")


class VerifyOptions(Level):
    """Who must have signed a base image: `key` or `keyless`."""

    key: Text | None = declare("The file with the public key.", None)
    keyless: KeylessOptions | None = declare("The identity of the signer.", None)


class SignOptions(Level):
    """How images are signed: with `key` and `public`, or with `keyless`."""

    key: Text | None = declare(
        "The private key: `env://COSIGN_KEY`, a file, or the address of a key service.", None
    )
    public: Text | None = declare("The file with the public key.", None)
    keyless: KeylessOptions | None = declare(
        "The identity of the job that signs, without a key.", None
    )


class KeepOptions(Level):
    """What `gc` keeps, besides floating tags and everything that the kept releases name."""

    releases: Text = declare("The number of newest releases to keep, at least 1.")
    days: Text = declare("Everything younger is kept, also of runs in progress: a number of days.")


class PublishOptions(Level):
    """How a release is published."""

    version: Text = declare("The variable that contains the version: `${NAME}`.")
    staging: Text | None = declare("The repository in which images are staged.", None)
    checks: Annotated[dict[str, Annotated[CheckOptions, Check(_check)]], Check(check_mapping)] = (
        declare(
            "Commands that each staged image must pass before any tag is created: name -> "
            "command, or a mapping.",
            {},
        )
    )
    size: SizeOptions | None = declare(
        "Limits of the compressed size of each platform of an image.", None
    )
    sign: SignOptions | None = declare(
        "Who signs images and records before any tag is created.", None
    )
    keep: KeepOptions | None = declare(
        "What `gc` keeps: `{releases: 10, days: 180}`. It deletes the rest.", None
    )


class LockOptions(Level):
    """How base images are locked."""

    mirror: Text | None = declare(
        "A repository prefix of your own, to which `lock` copies base images, and from "
        "which builds read them: `${REGISTRY}/bases`.",
        None,
    )
    policy: Flag = declare(
        "Whether builds are denied every image that is not locked, and every download "
        "without a checksum. Images that cannot be locked are errors then.",
        default=False,
    )
    verify: Annotated[dict[str, VerifyOptions], Check(check_mapping)] = declare(
        "Base images that must be signed: pattern -> who must have signed them. The "
        "first pattern that matches an image counts.",
        {},
    )


class PartFile(Level):
    """A part of the matrix, a file of `include`."""

    data: TextMap = declare("Name -> JSON, YAML or TOML file.", {})
    variables: Annotated[dict[str, VariableForm], Check(check_mapping)] = declare(
        "Bake variables and their defaults, which the environment overrides. "
        "`{from: NAME, match: EXPRESSION}` derives one from another.",
        {},
    )
    axes: Annotated[dict[str, Axis], Check(check_mapping)] = declare(
        "The axes and their values, in the order of all generated output.", {}
    )
    set: Anything = declare("Values for templates.", {})
    exclude: Patterns = declare("Excludes the variants that match one of the patterns.", [])
    overrides: Overrides = declare(
        "Fields for the variants that match `when`, applied in order.", []
    )
    defaults: ImageOptions = declare("Fields that every image inherits.", {})
    images: Annotated[dict[str, ImageOptions], Check(check_mapping)] = declare(
        "The images: name -> fields, which override `defaults`.", {}
    )
    groups: Annotated[dict[str, Pattern], Check(check_mapping)] = declare(
        "Groups for bake: name -> pattern of the targets.", {}
    )


class MatrixFile(PartFile):
    """The whole document, matrix.yaml."""

    include: Annotated[list[Annotated[PartFile, Check(_part)]], Check(_list)] = declare(
        "Files with parts of the matrix: paths or globs. A part may contain every key "
        "but `include`, `lock`, `publish` and `output`.",
        [],
    )
    images: Annotated[dict[str, ImageOptions], Check(check_mapping)] = declare(
        "The images: name -> fields, which override `defaults`."
    )
    lock: LockOptions | None = declare("How base images are locked.", None)
    publish: PublishOptions | None = declare("How a release is published.", None)
    output: Text = declare("The folder of the generated Dockerfiles.", "dockerfiles")


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
    if names[:2] == ["publish", "keep"]:
        return KeepOptions
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
    **{
        (ImageOptions, name): "name the image that it depends on with `from`"
        for name in ("parent", "base", "inherits", "depends_on", "depends-on")
    },
    **{
        (ImageOptions, name): "list the axes that vary the image under `axes`"
        for name in ("matrix", "variants", "strategy")
    },
    **{(ImageOptions, name): "build arguments are `args`" for name in ("build-args", "build_args")},
    (ImageOptions, "file"): "name an existing Dockerfile with `dockerfile`",
    (ImageOptions, "arches"): "list platforms such as linux/arm64 under `platforms`",
    (
        ImageOptions,
        "variables",
    ): "declare `variables` at the top level, values of templates in `set`",
    (ImageOptions, "env"): "write ENV into the Dockerfile; build arguments are `args`",
}
"""Keys that users know from other tools, by level, with the help for them."""


def keys(level: type[Level]) -> Mapping[str, str]:
    """Return the keys of a level, as written in YAML, with their descriptions."""
    return {key.name: key.description for key in level.declared.values()}
