"""Every code of a diagnostic, and the explanation of its rule.

An explanation says what is wrong, what bake or a registry would silently do, and the remedy.
`docs/codes.md` is generated from this module, which is long because it is a catalogue.
"""

from collections.abc import Mapping
from enum import StrEnum


class Code(StrEnum):
    """A rule that input can violate; the value is the name that users see."""

    # Reading YAML and data files
    YAML_SYNTAX = "yaml-syntax"
    QUOTE_IT = "quote-it"
    UNCLEAR_SCALAR = "unclear-scalar"
    DUPLICATE_KEY = "duplicate-key"
    COMPLEX_KEY = "complex-key"
    YAML_TAG = "yaml-tag"
    UNKNOWN_ANCHOR = "unknown-anchor"
    RECURSIVE_ANCHOR = "recursive-anchor"
    BAD_MERGE = "bad-merge"
    SEVERAL_DOCUMENTS = "several-documents"
    EMPTY_FILE = "empty-file"
    NOT_A_MAPPING = "not-a-mapping"
    NOT_UTF_8 = "not-utf-8"
    CONTROL_CHARACTER = "control-character"
    TOO_DEEP = "too-deep"
    TOO_MANY_NODES = "too-many-nodes"
    DATA_FORMAT = "data-format"
    DATA_SYNTAX = "data-syntax"

    # Keys and types
    UNKNOWN_KEY = "unknown-key"
    MISSING_KEY = "missing-key"
    WRONG_TYPE = "wrong-type"
    NO_IMAGES = "no-images"
    MISPLACED_KEY = "misplaced-key"
    TWO_SOURCES = "two-sources"

    # Names
    NOT_AN_IDENTIFIER = "not-an-identifier"
    RESERVED_NAME = "reserved-name"
    NAME_HIDDEN = "name-hidden"
    AXIS_FILTER_COLLISION = "axis-filter-collision"
    BAD_IMAGE_NAME = "bad-image-name"
    BAD_GROUP_NAME = "bad-group-name"

    # Strings and templates
    UNDEFINED_NAME = "undefined-name"
    UNPRINTABLE = "unprintable"
    TEMPLATE_SYNTAX = "template-syntax"
    TEMPLATE_ERROR = "template-error"
    TEMPLATE_LOOP = "template-loop"
    UNSAFE_TEMPLATE = "unsafe-template"
    UNDECLARED_VARIABLE = "undeclared-variable"
    INTERPOLATION = "interpolation"
    DOLLAR_BEFORE_VARIABLE = "dollar-before-variable"
    VARIABLE_CYCLE = "variable-cycle"
    BAD_EXPRESSION = "bad-expression"
    EMPTY_KEY = "empty-key"

    # Axes and rules
    EMPTY_AXIS = "empty-axis"
    AXIS_EXPRESSION = "axis-expression"
    BAD_VALUE = "bad-value"
    QUOTED_KEYWORD = "quoted-keyword"
    DUPLICATE_VALUE = "duplicate-value"
    UNKNOWN_AXIS = "unknown-axis"
    UNKNOWN_VALUE = "unknown-value"
    BAD_RANGE = "bad-range"
    MATCHES_NOTHING = "matches-nothing"
    EMPTY_PATTERN = "empty-pattern"
    NO_VARIANTS = "no-variants"
    TOO_MANY_VARIANTS = "too-many-variants"
    SET_CONFLICT = "set-conflict"
    FIELD_CONFLICT = "field-conflict"
    AMBIGUOUS_ROW = "ambiguous-row"
    SET_CYCLE = "set-cycle"

    # Images and families
    UNKNOWN_IMAGE = "unknown-image"
    PARENT_AXIS = "parent-axis"
    MISSING_PARENT = "missing-parent"
    AMBIGUOUS_PARENT = "ambiguous-parent"
    BAD_PARENT_NAME = "bad-parent-name"
    PARENT_PLATFORM = "parent-platform"
    LINK_CYCLE = "link-cycle"
    ACCESS_CONFLICT = "access-conflict"
    UNKNOWN_TARGET = "unknown-target"
    UNKNOWN_COLUMN = "unknown-column"
    BAD_FROM = "bad-from"
    NO_BASE = "no-base"
    LOST_LINE_END = "lost-line-end"
    LATE_ARG = "late-arg"
    UNKNOWN_STAGE = "unknown-stage"

    # Names of targets, tags and platforms
    NAME_COLLISION = "name-collision"
    NAME_TOO_LONG = "name-too-long"
    BAD_FRAGMENT = "bad-fragment"
    GROUP_COLLISION = "group-collision"
    EMPTY_GROUP = "empty-group"
    BAD_CHECK = "bad-check"
    BAD_KEEP = "bad-keep"
    UNKNOWN_CHECK = "unknown-check"
    BAD_SIGNER = "bad-signer"
    DUPLICATE_TAG = "duplicate-tag"
    SHARED_PLATFORM = "shared-platform"
    BAD_FIELD = "bad-field"
    ILLEGAL_TAG = "illegal-tag"
    ALIAS_MISMATCH = "alias-mismatch"
    DUPLICATE_CACHE = "duplicate-cache"
    UNKNOWN_CACHE = "unknown-cache"
    UNKNOWN_PLATFORM = "unknown-platform"
    NO_PLATFORM = "no-platform"

    # Files and output
    MISSING_FILE = "missing-file"
    MISSING_TEMPLATE = "missing-template"
    MISSING_CONTEXT = "missing-context"
    NOT_A_FILE = "not-a-file"
    UNREADABLE_FILE = "unreadable-file"
    TOO_LARGE = "too-large"
    BAD_PATH = "bad-path"
    OUTSIDE_PROJECT = "outside-project"
    GIT_FOLDER = "git-folder"
    OUTPUT_FOLDER = "output-folder"
    STALE_FILES = "stale-files"
    NOT_OURS = "not-ours"
    CANNOT_READ = "cannot-read"
    CANNOT_WRITE = "cannot-write"

    # What changed
    UNREADABLE_COMMIT = "unreadable-commit"
    UNREACHABLE_REGISTRY = "unreachable-registry"
    REGISTRY_DENIED = "registry-denied"
    REGISTRY_ERROR = "registry-error"

    # Locked bases
    BAD_LOCK = "bad-lock"
    CANNOT_RESOLVE = "cannot-resolve"
    BASE_PLATFORM = "base-platform"
    DOCKERFILE_SYNTAX = "dockerfile-syntax"
    UNKNOWN_BASE = "unknown-base"

    # Filters of the command line
    NO_VARIANT_MATCHES = "no-variant-matches"
    INCOMPLETE_COMBINATION = "incomplete-combination"
    BAKE_FILE = "bake-file"
    NOT_ADOPTED = "not-adopted"
    USAGE = "usage"
    INTERNAL_ERROR = "internal-error"

    # Building
    FILTER_IN_ENVIRONMENT = "filter-in-environment"
    CANNOT_BUILD = "cannot-build"
    NO_PUBLISH = "no-publish"
    BAD_VERSION = "bad-version"
    OTHER_VERSION = "other-version"
    NO_VALUE = "no-value"
    NOTHING_TO_PUBLISH = "nothing-to-publish"
    RESERVED_TAG = "reserved-tag"
    EXISTING_TAG = "existing-tag"
    UNREADY_TARGET = "unready-target"
    FAILED_CHECK = "failed-check"
    IMAGE_SIZE = "image-size"
    CANNOT_SIGN = "cannot-sign"
    UNSIGNED_IMAGE = "unsigned-image"
    PARTIAL_INDEX = "partial-index"
    CONCURRENT_RELEASE = "concurrent-release"
    UNKNOWN_RELEASE = "unknown-release"
    BAD_RECORD = "bad-record"
    MISSING_IMAGE = "missing-image"
    NO_KEEP = "no-keep"
    CANNOT_DELETE = "cannot-delete"
    DELETED_IMAGE = "deleted-image"
    SELECTION = "selection"

    # Warnings
    UNUSED_PARENT = "unused-parent"
    UNLINKED_TARGET = "unlinked-target"
    UNUSED_CONTEXT = "unused-context"
    NEAR_STAGE = "near-stage"
    MISSING_SECRET = "missing-secret"  # noqa: S105
    UNUSED_SECRET = "unused-secret"  # noqa: S105
    UNUSED_ARG = "unused-arg"
    MISSING_SOURCE = "missing-source"
    READABLE_GIT = "readable-git"
    SYNTAX_WITHOUT_EFFECT = "syntax-without-effect"
    CONTINUED_INSTRUCTION = "continued-instruction"
    UNLOCKED_BASE = "unlocked-base"
    UNDECIDED_BASE = "undecided-base"
    UNUSED_VERIFY = "unused-verify"
    ROW_WITHOUT_EFFECT = "row-without-effect"
    UNUSED_AXIS = "unused-axis"
    UNUSED_VALUE = "unused-value"
    UNUSED_VARIABLE = "unused-variable"
    UNUSED_DATA = "unused-data"
    UNUSED_SET = "unused-set"
    AXIS_WITHOUT_EFFECT = "axis-without-effect"
    SAME_IMAGE = "same-image"
    NEWER_BUILDX = "newer-buildx"
    NEWER_BUILDKIT = "newer-buildkit"
    PARTLY_IGNORED = "partly-ignored"
    TRACKED_STATE = "tracked-state"
    NO_GRACE = "no-grace"
    NOT_A_VERSION = "not-a-version"
    GROUP_LEFT_OUT = "group-left-out"

    @property
    def text(self) -> str:
        """The explanation: its first sentence is the rule, the last ones the remedy."""
        return next(group[self] for group in EXPLANATIONS.values() if self in group)


EXPLANATIONS: Mapping[str, Mapping[Code, str]] = {
    "Reading YAML and data files": {
        Code.YAML_SYNTAX: "The file is not valid YAML. The location is where the parser stopped; "
        "the mistake is there or on the line above: a bracket, a quote, the indentation, a tab. "
        "Correct it.",
        Code.QUOTE_IT: "YAML does not read this value as text: `>=3.10`, `!3.9`, `*-slim` and `{{ "
        "python }}` have a meaning of their own in YAML. Put the value in quotes.",
        Code.UNCLEAR_SCALAR: "`True`, `FALSE` and `Null` are text for some YAML parsers and "
        "special values for others. Write `true`, `false` or `null`, or put the text in quotes.",
        Code.DUPLICATE_KEY: "A mapping has the same key twice. Most YAML parsers silently keep "
        "the last value. Remove one of the keys. Keys with Jinja must also differ after "
        "rendering.",
        Code.COMPLEX_KEY: "A key is a mapping or a list. A key must be a single value; if it is "
        "text, put it in quotes.",
        Code.YAML_TAG: "YAML tags such as `!!int` are not supported: values are text as written. "
        "Remove the tag.",
        Code.UNKNOWN_ANCHOR: "An alias `*name` has no anchor `&name` above it. Correct the name. "
        "If the value is text, put it in quotes.",
        Code.RECURSIVE_ANCHOR: "An alias refers to a value that contains the alias. Remove the "
        "alias.",
        Code.BAD_MERGE: "`<<` merges mappings only. Use the alias of a mapping, such as `<<: "
        "*base`.",
        Code.SEVERAL_DOCUMENTS: "A `---` begins a second YAML document, which would be ignored. "
        "Remove the `---`, or move the second document to another file.",
        Code.EMPTY_FILE: "The file contains only comments or white space. Write at least one key; "
        "an empty data file contains `{}`.",
        Code.NOT_A_MAPPING: "The top level of the file has the wrong type. matrix.yaml must be a "
        "mapping, a data file a mapping or a list.",
        Code.NOT_UTF_8: "The file is not encoded in UTF-8. Other encodings are not guessed, "
        "because a wrong guess would corrupt names and Dockerfiles. Save the file as UTF-8.",
        Code.CONTROL_CHARACTER: "The file contains an invisible control character, such as NUL, "
        "which would end up in a Dockerfile or a tag. Remove it. Newlines and tabs are allowed.",
        Code.TOO_DEEP: "Collections or expressions are nested too deeply; many parsers crash on "
        "such input. Use fewer levels.",
        Code.TOO_MANY_NODES: "The file has too many values after its aliases are expanded. A few "
        "lines of nested aliases can expand to billions of values. Keep only what the build "
        "needs.",
        Code.DATA_FORMAT: "The format of a data file follows from its suffix, which must be "
        ".json, .yaml, .yml or .toml. Rename the file.",
        Code.DATA_SYNTAX: "A data file is not valid JSON or TOML. Correct it at the location "
        "shown. JSON has no comments and no comma after the last entry.",
    },
    "Keys and types": {
        Code.UNKNOWN_KEY: "The key does not exist at this level. Bake silently ignores unknown "
        "attributes, so a misspelt field would have no effect. Correct the spelling. Keys that "
        "begin with `x-` are free.",
        Code.MISSING_KEY: "A required key is missing. Add the key.",
        Code.WRONG_TYPE: "The value has the wrong type, such as text instead of a list. Write it "
        "in the form that the help shows.",
        Code.NO_IMAGES: "`images` is empty, so there is nothing to build. Declare at least one "
        "image.",
        Code.MISPLACED_KEY: "A part of the matrix, a file of `include`, contains a key that only "
        "matrix.yaml may contain: `include`, `lock`, `output` or `publish`. Move it there.",
        Code.TWO_SOURCES: "One level sets both `template` and `dockerfile`, and a Dockerfile is "
        "either generated or used unchanged. Remove one of them. A level above replaces either.",
    },
    "Names": {
        Code.NOT_AN_IDENTIFIER: "The names of axes, `set` values, data and variables are used in "
        "expressions, where this name is not possible: Jinja reads `live-reload` as a "
        "subtraction. Use letters, digits and underscores, and begin with a letter.",
        Code.RESERVED_NAME: "The name is reserved by Jinja, by bake, by the generated file or for "
        "a built-in value. Choose another name.",
        Code.NAME_HIDDEN: "Axes, `set` values and data share one namespace, and two of them have "
        "this name. A template would see only one of them. Rename one.",
        Code.AXIS_FILTER_COLLISION: "The names of two axes differ only in case, so both would "
        "have the same `ONLY_` variable. Choose names that differ in more than case.",
        Code.BAD_IMAGE_NAME: "The name of an image is the beginning of target and file names, and "
        "contains a character that is not allowed there. Use letters, digits, `-`, `_` and `.`, "
        "and begin with a letter or digit.",
        Code.BAD_GROUP_NAME: "Bake does not accept this name for a group, or the bake file uses "
        "it for a group of its own. Use letters, digits, `-` and `_`, and begin with a letter or "
        "digit.",
    },
    "Strings and templates": {
        Code.UNDEFINED_NAME: "An expression uses a name that is not defined. Plain Jinja would "
        "print nothing, and the build would use `FROM python:`. Correct the name, or define it "
        "under `axes`, `set` or `data`.",
        Code.UNPRINTABLE: "An expression prints a value without a text form: null, a list, a "
        "mapping or half of a surrogate pair. Plain Jinja would write `None` into the Dockerfile. "
        "Test for null first, join a list, or select a key of a mapping.",
        Code.TEMPLATE_SYNTAX: "A template or string is not valid Jinja. If `{{`, `{%` or `{#` is "
        "meant for a shell or for Docker, put it between `{% raw %}` and `{% endraw %}`.",
        Code.TEMPLATE_ERROR: "An expression fails when it is evaluated. Correct it. Values are "
        "text as written, so use `| int` before arithmetic.",
        Code.TEMPLATE_LOOP: "Templates include, import or extend each other in a cycle, or "
        "macros call each other in a cycle or too deeply. Remove one of the references.",
        Code.UNSAFE_TEMPLATE: "An expression accesses Python internals or creates a value of "
        "excessive size. Both are forbidden, so that compiling an untrusted matrix is safe. "
        "Remove the expression.",
        Code.UNDECLARED_VARIABLE: "`${NAME}` uses a bake variable that is not declared. Bake "
        "would fail only when it builds. Declare it under `variables`, or write `$${` for a "
        "literal `${`.",
        Code.INTERPOLATION: "`${` must be followed by the name of a variable and `}`. Bake would "
        "evaluate anything else as an expression of its own, which compiling cannot check. Write "
        "`${NAME}`, or `$${` for a literal `${`.",
        Code.DOLLAR_BEFORE_VARIABLE: "A `$` stands directly before `${NAME}`. In a bake file, "
        "`$${` is a literal `${`, so the variable would not be used. Put another character "
        "between them.",
        Code.VARIABLE_CYCLE: "The defaults of variables refer to each other in a cycle, or in a "
        "chain that is too long. Bake cannot resolve them. Give one of them a default without a "
        "variable.",
        Code.BAD_EXPRESSION: "The `match` of a derived variable cannot be evaluated by bake, or "
        "captures no group. Write an expression of RE2 with at least one group, and without "
        "named groups, look-around or references.",
        Code.EMPTY_KEY: "A key of a mapping renders to empty text, and a label or argument must "
        "have a name. Make the key non-empty in every variant.",
    },
    "Axes and rules": {
        Code.EMPTY_AXIS: "An axis has no values, so no variant could be built. Add a value, or "
        "remove the axis.",
        Code.AXIS_EXPRESSION: "An axis that is written as text must be one expression that "
        "returns a list. Use a list of a data file, or write the values as a list.",
        Code.BAD_VALUE: "A value of an axis is part of names, filters and lists. This value is "
        "empty, too long, or contains a comma, surrounding white space or a character that cannot "
        "be printed. Use a short value, and pass longer text to templates under its `set`.",
        Code.QUOTED_KEYWORD: "A quoted `'true'`, `'false'` or `'null'` is text, and templates "
        "treat any text as true. Remove the quotes, or choose another value.",
        Code.DUPLICATE_VALUE: "A list contains a value twice: a value of an axis, an axis of an "
        "image, or a platform in two spellings. Remove one of them.",
        Code.UNKNOWN_AXIS: "A pattern, a list of axes or a filter names an axis that is not "
        "declared. A rule with a misspelt axis would silently match nothing, or everything. "
        "Correct the name.",
        Code.UNKNOWN_VALUE: "A pattern or filter names a value that its axis does not have, so it "
        "could never match. Correct the value. `3.1` is often a `3.10` that another tool read as "
        "a number.",
        Code.BAD_RANGE: "A matcher begins like a version range and is not a valid one. Write a "
        "range as `>=3.10,<3.13`. A negation is written `!VALUE`.",
        Code.MATCHES_NOTHING: "A range, a glob or a list of negations matches no value of its "
        "axis, or a row of `rows` matches no variant, so the rule would have no effect. Correct "
        "it; the help lists the values.",
        Code.EMPTY_PATTERN: "A pattern, or the list of values of an axis in it, is empty. It "
        "would match everything or nothing. Name at least one axis and one value.",
        Code.NO_VARIANTS: "The rules exclude every variant of an image, so it would be missing "
        "from the bake file. Loosen a row of `exclude` or an `only`, or remove the image.",
        Code.TOO_MANY_VARIANTS: "The axes multiply to more variants than the limit. Use fewer "
        "`axes` for the image, restrict the combinations with `only`, or raise `--max-variants`.",
        Code.SET_CONFLICT: "Two axis values of a variant set the same name to different values, "
        "and neither has precedence. Exclude the combination, or set the name at one level only.",
        Code.FIELD_CONFLICT: "Two axis values of a variant, or two rows that match it, set one "
        "field or one key of a field to different values, and neither has precedence. Exclude the "
        "combination, set the field in only one of them, or set it in an override.",
        Code.AMBIGUOUS_ROW: "A row of an image has axes and fields in one mapping, and an axis has "
        "the name of a field, so a key could mean either. Write the axes under `when`.",
        Code.SET_CYCLE: "`set` values use each other in a cycle, so none of them can be evaluated "
        "first. Give one of them a value that does not use the others.",
    },
    "Images and families": {
        Code.UNKNOWN_IMAGE: "A pattern, a filter or `from` names an image that is not declared. "
        "Correct the name.",
        Code.PARENT_AXIS: "A parent image has an axis that its child lacks and `with` does not "
        "fix, or `with` names an axis that the parent lacks, so the parent is not determined. Add "
        "the axis to the child, or fix its value: `from: {image: base, with: {ubuntu: 24.04}}`.",
        Code.MISSING_PARENT: "A variant depends on a variant of its parent image that the rules "
        "exclude. Bake reports that only when it builds this target. Exclude the variant from the "
        "child as well, or keep it in the parent.",
        Code.AMBIGUOUS_PARENT: "Several variants of the parent image match a variant. Fix one "
        "value of each axis that the child lacks, with `with`.",
        Code.BAD_PARENT_NAME: "The name of a parent's target is not valid in a `FROM`, so the "
        "build would fail. Write the name of the image in lower case, with single `-`, `_` or `.` "
        "as separators.",
        Code.PARENT_PLATFORM: "A target is built for a platform that its parent lacks, so the "
        "build would fail. Add the platform to the parent, or remove it from the child.",
        Code.LINK_CYCLE: "Targets depend on each other in a cycle, by `from` or by contexts "
        "`target:NAME`. Bake reports that only when it builds one of them. Use an image of a "
        "registry for one of the dependencies.",
        Code.ACCESS_CONFLICT: "Linked targets read a secret or an SSH agent with one id from "
        "different sources. Bake builds them together, and a step may get either. Use different "
        "ids, or one source.",
        Code.UNKNOWN_TARGET: "A context `target:NAME` or a command-line argument names a target "
        "or group that does not exist. Bake reports a missing context only when it builds the "
        "target. `compile-matrix list` shows all names.",
        Code.UNKNOWN_COLUMN: "`--columns` or `--sort` of `list` names a column that does not "
        "exist. The columns are the axes of the matrix, and those in `compile-matrix list --help`.",
        Code.BAD_FROM: "A `FROM` has too few or too many words, for instance because an expression "
        "in it is empty. Write `FROM IMAGE` or `FROM IMAGE AS NAME`.",
        Code.NO_BASE: "A Dockerfile has no `FROM`, or a template renders none. Begin it "
        "with `FROM image`, and check whether an `{% if %}` skips the line.",
        Code.LOST_LINE_END: "Jinja removes the line end after a tag, also where text precedes the "
        "tag. The instruction on the next line becomes part of the one before, and BuildKit often "
        "accepts that: `WORKDIR /srv{% if gpu %}/gpu{% endif %}` and `USER nobody` become "
        "`WORKDIR /srvUSER nobody`. End the line with `+%}`. Lines of a here-document, and those "
        "after a line that ends in `\\`, are joined as well; that is a warning.",
        Code.LATE_ARG: "A `FROM` uses an argument that is only declared in a stage. BuildKit "
        "replaces it with nothing, so the name of the image is incomplete. `${NAME:-text}` is "
        "only a warning: BuildKit always takes the text. Declare the `ARG` before the first "
        "`FROM`.",
        Code.UNKNOWN_STAGE: "`target`, `COPY --from` or a mount names a stage that the "
        "Dockerfile does not have, or not above the instruction, so the build would fail. Name "
        "one of its stages, or move that stage up.",
    },
    "Names of targets, tags and platforms": {
        Code.NAME_COLLISION: "Two variants or images have the same name in bake, or names that "
        "differ only in case. Bake silently merges blocks of one name, and on macOS their files "
        "would be one file. Give one of their values another `tag`, or rename an image.",
        Code.NAME_TOO_LONG: "The file name of a Dockerfile is longer than file systems allow. "
        "Give the values of the variant shorter `tag`s.",
        Code.BAD_FRAGMENT: "The fragment of an axis value contains white space, which targets, "
        "files and tags must not contain. Give the value a `tag` without white space.",
        Code.GROUP_COLLISION: "A group has the same name as a target or another group, and bake "
        "would silently use one for the other. Rename one of them.",
        Code.EMPTY_GROUP: "A group matches no target, so baking it would build nothing and "
        "succeed. Loosen its pattern, or remove the group.",
        Code.BAD_CHECK: "A check of `publish.checks` has an invalid name, command, duration, date "
        "or number, or checks need each other. Correct the value as the message says.",
        Code.BAD_KEEP: "A value of `publish.keep` is not a number in the accepted range. "
        "Correct the value as the message says.",
        Code.UNKNOWN_CHECK: "No check of `publish.checks` has this name. Correct the name in "
        "`needs` or `--checks`.",
        Code.BAD_SIGNER: "`publish.sign` or an entry of `lock.verify` does not say who signs "
        "images, or names an invalid key, public key, identity or issuer. Correct the value as the "
        "message says.",
        Code.DUPLICATE_TAG: "Two targets have the same tag. Bake builds and pushes both, and the "
        "tag refers to whichever is pushed last. Make the tags differ, for example with `{{ "
        "variant }}`. If their platforms differ, list the tag under `shared`: `publish` then joins "
        "their images in one index.",
        Code.SHARED_PLATFORM: "Targets with one tag under `shared` have a platform in common. The "
        "tag names an index, in which each platform is one image, so a user would get any of them. "
        "Distinguish the tags, or narrow the platforms of the targets.",
        Code.BAD_FIELD: "Bake or BuildKit rejects this value of a field: reading the bake file or "
        "the build would fail. Write the value as the help shows.",
        Code.ILLEGAL_TAG: "No registry accepts this tag. Bake accepts it, so the push would fail "
        "after the build. Write `[REGISTRY/]name[:tag]`: the name in lower case, the tag with at "
        "most 128 letters, digits, `_`, `.` and `-`.",
        Code.ALIAS_MISMATCH: "An alias matches no variant, or several. It is a floating tag of "
        "exactly one build, so several builds would replace each other's image. Make its pattern "
        "match exactly one variant.",
        Code.DUPLICATE_CACHE: "Two targets write the same cache. Bake accepts that, and each "
        "target overwrites the cache of the other, so builds are slow. Make the names differ, for "
        "example with `{{ target }}`.",
        Code.UNKNOWN_CACHE: "The short form `cache` supports the type `registry` and the modes "
        "`max` and `min` only. Write other caches as `cache-from` and `cache-to`.",
        Code.UNKNOWN_PLATFORM: "BuildKit does not know the platform, or no target has it. Bake "
        "passes it on, and the build fails. Write a platform such as `linux/amd64`, `linux/arm64` "
        "or `linux/arm/v7`.",
        Code.NO_PLATFORM: "The platforms of an image and those of its axis values have none in "
        "common, so the target would be built for the builder's own platform. Extend one of the "
        "lists, or exclude the combination.",
    },
    "Files and output": {
        Code.MISSING_FILE: "A file does not exist. Paths are relative to the folder of "
        "matrix.yaml. Correct the path, or add the file.",
        Code.MISSING_TEMPLATE: "A template does not exist in `templates/`. Correct the name, "
        "which is relative to `templates/` in `include` and `import` as well.",
        Code.MISSING_CONTEXT: "A build context does not exist, or is not a folder. Bake would "
        "report that only when it builds. Name a folder, relative to matrix.yaml.",
        Code.NOT_A_FILE: "A regular file is required, and the path leads to a folder, link, pipe "
        "or device. Name a file, or move away what is at the path of a generated file.",
        Code.UNREADABLE_FILE: "A file or folder exists but cannot be read. Correct the link, or "
        "grant yourself permission to read it.",
        Code.TOO_LARGE: "The file exceeds the size limit for a matrix, template or data file, and "
        "is not read. Remove what does not belong there. The same is true of bake variables whose "
        "values repeat each other: use shorter values.",
        Code.BAD_PATH: "The path is invalid here. `output` must be a folder below matrix.yaml; "
        "its parts consist of letters, digits, `.`, `_` and `-` and are not hidden.",
        Code.OUTSIDE_PROJECT: "A path leads out of the folder of matrix.yaml, directly or through "
        "a link. Bake requires a permission for such paths, and the file is missing on other "
        "machines. Use files inside the folder of matrix.yaml.",
        Code.GIT_FOLDER: "A template, data file or context is in `.git`. Git keeps credentials "
        "there, such as the token with which CI has cloned the repository, and a stranger's change "
        "could copy them into a generated file. Keep the file elsewhere.",
        Code.OUTPUT_FOLDER: "The output folder cannot be used: a file has its name, or it is a "
        "link. Move that away, or set another `output`.",
        Code.STALE_FILES: "Generated files are stale: matrix.yaml or its templates have changed "
        "since. `--check` and `build` report this. Run compile-matrix, and commit the generated "
        "files if you keep them in Git.",
        Code.NOT_OURS: "A file that compile-matrix did not write is at the path of a generated "
        "file, and is never overwritten. Move it away, or delete it.",
        Code.CANNOT_READ: "A file in the output folder cannot be read, so it is unknown what "
        "would be overwritten. Repair it, or grant yourself permission to read it.",
        Code.CANNOT_WRITE: "A file cannot be written, because of its permissions or a full disk. "
        "Nothing was changed, unless the message says otherwise. Free some space, or grant "
        "yourself permission to write.",
    },
    "What changed": {
        Code.UNREADABLE_COMMIT: "Git cannot read the commit that the matrix is compared with. CI "
        "often clones the last commit only: fetch the commit first, or compare with the registry.",
        Code.UNREACHABLE_REGISTRY: "A registry cannot be reached, or its TLS certificate is not "
        "trusted. An image in it counts neither as present nor as missing. Check the name and the "
        "network, then run the command again.",
        Code.REGISTRY_DENIED: "A registry denies access to a repository. Run `docker login` with "
        "an account that may access it.",
        Code.REGISTRY_ERROR: "A registry rejects a request, or responds unexpectedly. The message "
        "quotes the registry. Correct what it reports, or run the command again.",
    },
    "Locked bases": {
        Code.BAD_LOCK: "matrix.lock is invalid. Correct it at the location shown, or delete it "
        "and run `compile-matrix lock` again.",
        Code.CANNOT_RESOLVE: "The registry lookup of a base image failed, so matrix.lock was not "
        "written. The message quotes docker. Correct the name, run `docker login`, or try again.",
        Code.BASE_PLATFORM: "A locked base image lacks a platform of a target that uses it. "
        "BuildKit would use the files of another platform, or fail. Choose another base image, or "
        "narrow `platforms`.",
        Code.DOCKERFILE_SYNTAX: "A template renders text that BuildKit rejects as a Dockerfile: "
        "an unknown instruction or flag, a here-document without an end, an instruction before the "
        "first `FROM`, an invalid value in a stage that is built. Correct the template.",
        Code.UNKNOWN_BASE: "An argument of `lock --upgrade` or `lock --check` matches no base "
        "image of this matrix. Name an image, its repository, or a glob.",
    },
    "Filters of the command line": {
        Code.NO_VARIANT_MATCHES: "Each filter matches some targets, and no target matches all of "
        "them. Remove one of the filters.",
        Code.INCOMPLETE_COMBINATION: "Several targets match the values, and only one can be "
        "explained. Add a value of each remaining axis.",
        Code.BAKE_FILE: "The file for `compare` or `init --from` is neither a bake file nor the "
        "JSON of `bake --print`, or buildx is not installed to read it. Correct it at the location "
        "shown, or pass the JSON of `bake --print`.",
        Code.NOT_ADOPTED: "`init --from` found nothing that a matrix can contain; each error names "
        "a part and the reason. Correct the reason, or write the matrix by hand.",
        Code.USAGE: "An option or argument of the command line is unknown, missing or invalid; the "
        "exit code is 2. `compile-matrix COMMAND --help` shows the usage.",
        Code.INTERNAL_ERROR: "This is a bug in compile-matrix; the exit code is 3. Please report "
        "it with the traceback that COMPILE_MATRIX_DEBUG=1 prints.",
    },
    "Building": {
        Code.FILTER_IN_ENVIRONMENT: "An `ONLY_*` variable is set in the environment, most often "
        "by a forgotten export, and would silently exclude targets. Unset it, and pass filters as "
        "arguments.",
        Code.CANNOT_BUILD: "`docker buildx bake` cannot be run, or rejects the whole build "
        "because of an option, the builder or the bake file. No target was started. The message "
        "quotes docker; correct what it reports.",
        Code.NO_PUBLISH: "The matrix does not declare the variable that contains the version of a "
        'release. Add `publish: {version: "${VERSION_TAG}"}` with one of its variables.',
        Code.BAD_VERSION: "The version of a release is part of its tags, and no registry accepts "
        "this one. Use letters, digits, `.`, `_` and `-`.",
        Code.OTHER_VERSION: "The matrix reads the version from a file, and the environment "
        "overrides it, most often by a forgotten export. Unset the variable, or pass `--version`.",
        Code.NO_VALUE: "A target that is to be built uses a derived variable whose expression does "
        "not match, so the variable has no value. Bake would fail, too. Set the variable in the "
        "environment, change the variable from which it is derived, or select other targets.",
        Code.NOTHING_TO_PUBLISH: "No selected target has a tag, or none has the platform of "
        "`--platform`. Add `tags` to the images, or select other targets.",
        Code.RESERVED_TAG: "A tag of a target is the tag of the release's record, so that each "
        "would replace the other. Rename the tag, or set `publish.staging` to another repository.",
        Code.EXISTING_TAG: "A version tag exists and refers to another image. Version tags are "
        "immutable: publish another version, or pass `--replace`.",
        Code.UNREADY_TARGET: "A target could not be built, merged or tested, so no tag was "
        "created. Correct the target and run `publish` again: staged images are reused.",
        Code.FAILED_CHECK: "A check of `publish.checks` failed for a staged image, so no tag was "
        "created. The log in .compile-matrix/logs/ has its output. Correct the image or the check, "
        "or accept the failure until a date under `accept`. Checks that passed are not repeated.",
        Code.IMAGE_SIZE: "A platform of an image is larger than `size` of `publish` allows, or has "
        "grown more since the last release, so no tag was created. Sizes are compressed, as a "
        "registry stores them. Make the image smaller, or change the limit.",
        Code.CANNOT_SIGN: "cosign is missing, too old or failed, or it cannot use the key. Correct "
        "the cause and run the command again: images that are signed are not signed again.",
        Code.UNSIGNED_IMAGE: "An image, a base image or the record of a release has no signature "
        "of the signer that matrix.yaml names. Publish the release again to sign it. If a base "
        "image is not signed, check where it comes from, or correct `lock.verify`.",
        Code.PARTIAL_INDEX: "A shared version tag also belongs to targets that are neither "
        "selected nor staged. Its index would lack their platforms, and version tags are "
        "immutable. Publish these targets in the same run, or stage them first.",
        Code.CONCURRENT_RELEASE: "Another run publishes the same version and keeps replacing "
        "images or tags of this run, or has moved floating tags of this run. Run one release at "
        "a time, then decide with `compile-matrix release promote VERSION`.",
        Code.UNKNOWN_RELEASE: "The registry has no record of a release with this version. "
        "`compile-matrix release list` shows all releases.",
        Code.BAD_RECORD: "The record of a release in the registry is invalid: it is damaged, names "
        "another image than a version tag, or another program has written its tag. Publish another "
        "version, or delete the tag.",
        Code.MISSING_IMAGE: "An image or a version tag of a release is no longer in the registry, "
        "so that no tag can be moved to it. Publish the release again, or promote another one.",
        Code.NO_KEEP: "The matrix does not say what to keep, so `gc` cannot decide what to delete. "
        "Add `keep: {releases: 10, days: 180}` under `publish`.",
        Code.CANNOT_DELETE: "A registry cannot delete manifests, denies it, or rejects one of the "
        "deletions. Enable deletion in the registry, log in with an account that may delete, or "
        "use the registry's own retention rules. `gc` continues with other repositories.",
        Code.DELETED_IMAGE: "A clean-up with `gc` has deleted an image that a run has used, or may "
        "be about to delete it. Run the command again when the clean-up has ended: missing images "
        "are built again. Choose `publish.keep.days` longer than a release takes.",
        Code.SELECTION: "The file of `--selection` is not a valid selection. Write one with "
        "`compile-matrix list --format selection`. A selection without targets is valid.",
    },
    "Warnings": {
        Code.UNUSED_PARENT: "An image has a parent in `from`, and its Dockerfile does not use it. "
        "Begin the template with `FROM {{ parent }}`, or remove `from`.",
        Code.UNLINKED_TARGET: "A `FROM` or `--from` names a tag of another target of this matrix, "
        "or a target's name, without depending on that target. Bake builds both at the same time, "
        "so the build uses the image of the last release, or fails. Write `from` and "
        "`FROM {{ parent }}`, or a context `target:NAME`.",
        Code.UNUSED_CONTEXT: "BuildKit looks for a named context by the short name of an image or "
        "by the name of a stage: in lower case, without `docker.io/` and `library/`, and without "
        "`:latest`. A context with another name is never used. Write the name of the help.",
        Code.NEAR_STAGE: "A `FROM` or `--from` names neither a stage nor a target, and differs "
        "from one of them in one character or in letter case. BuildKit looks for an image of that "
        "name in a registry. Correct the name.",
        Code.MISSING_SECRET: "A `RUN --mount` uses a secret or an SSH agent that matrix.yaml does "
        "not provide. Unless the mount is `required`, BuildKit continues without it and builds "
        "another image. Correct the id, or add it to `secret` or `ssh`.",
        Code.UNUSED_SECRET: "matrix.yaml provides a secret or an SSH agent that no Dockerfile with "
        "it mounts. Mount it, correct its id, or remove it.",
        Code.UNUSED_ARG: "`args` sets a build argument that no Dockerfile with it declares, so "
        "BuildKit ignores the value. Correct the name, add `ARG NAME`, or remove the argument. "
        "Arguments that BuildKit itself uses are not reported: proxies, platforms, `BUILDKIT_*` "
        "and `SOURCE_DATE_EPOCH`. A base image outside the matrix may declare arguments with "
        "`ONBUILD ARG`. With such a base, only a name that resembles a declared one is reported.",
        Code.MISSING_SOURCE: "A `COPY`, `ADD` or bind mount reads a path that its local build "
        "context does not contain, or that its ignore file excludes, so the build would fail. "
        "Create the path, correct it, or include it again with `!PATH`. Paths with variables or "
        "wildcards are not checked.",
        Code.READABLE_GIT: "A `COPY`, `ADD`, `FROM` or bind mount can read the folder `.git` of a "
        "local context, which can contain credentials and the whole history. Fingerprints leave it "
        "out, so a changed `.git` does not rebuild the image. Write `.git` in the ignore file, or "
        "exclude it with `--exclude`. Paths with variables are not checked.",
        Code.SYNTAX_WITHOUT_EFFECT: "BuildKit reads `# syntax=` only in the first lines of a "
        "Dockerfile, before other comments and instructions. Move the directive to the first line "
        "of the template.",
        Code.CONTINUED_INSTRUCTION: "A line starts with an instruction in upper case, and the line "
        "above continues on it, so it is an argument of that instruction. Most often a `\\` is "
        "left at the end of the line above. Remove it.",
        Code.UNLOCKED_BASE: "A Dockerfile uses an external image that is missing in matrix.lock, "
        "so it is not pinned. With `--locked` this is an error. Run `compile-matrix lock`.",
        Code.UNDECIDED_BASE: "An external image cannot be pinned, because its name is not known "
        "when compiling. With `--locked` this is an error. Write the full name, with one stage "
        "per platform if the images differ.",
        Code.UNUSED_VERIFY: "A pattern of `lock.verify` matches no base image, so that nothing is "
        "verified because of it. Correct the pattern: it is compared with full names, such as "
        "`docker.io/library/python:3.11`.",
        Code.ROW_WITHOUT_EFFECT: "A row of `only`, `exclude` or `overrides` matches no variant, "
        "or excludes only variants that other rules exclude already. Remove it, or check the "
        "other rules.",
        Code.UNUSED_AXIS: "An axis is declared and no image uses it. Add it to the `axes` of an "
        "image, or remove it.",
        Code.UNUSED_VALUE: "The rules exclude every variant with this value. Loosen them, or "
        "remove the value.",
        Code.UNUSED_VARIABLE: "A bake variable is declared and not used, so setting it in the "
        "environment has no effect. Use it as `${NAME}`, or remove it.",
        Code.UNUSED_DATA: "A data file is declared and not used. Use it in an expression, or "
        "remove it.",
        Code.UNUSED_SET: "A `set` value is used neither by a template nor by matrix.yaml. Use it "
        "as `{{ name }}`, or remove it.",
        Code.AXIS_WITHOUT_EFFECT: "An axis has no effect on the generated files, so one image "
        "gets several tags. Most often a template does not use the axis. Use it there, exclude "
        "the combinations, or remove the axis from the image.",
        Code.SAME_IMAGE: "Two targets build the same image under two names. Remove one of them, "
        "or check what should distinguish them.",
        Code.NEWER_BUILDX: "The field requires a newer buildx than the oldest supported one. "
        "Older versions silently ignore it. Require that version where you build, or remove the "
        "field.",
        Code.NEWER_BUILDKIT: "A test needs a newer BuildKit, buildx and Dockerfile syntax than the "
        "oldest supported ones. Older versions reject it. Require these versions where you test, "
        "or remove the key.",
        Code.PARTLY_IGNORED: "Git ignores some of the generated files and not the others, so a "
        "clone would have a bake file without its Dockerfiles, or the reverse. Commit all of "
        "them, or ignore all of them.",
        Code.TRACKED_STATE: "Git tracks a file of `.compile-matrix/` that an up-to-date run would "
        "trust. Whoever wrote the commit could have forged it together with the generated files, "
        "so it is not used and every run compiles. Remove it from Git.",
        Code.NO_GRACE: "`publish.keep` has `days: 0`, so `gc` may delete an image that a run in "
        "progress has staged and not yet tagged. That run then fails, and builds it again the next "
        "time. Keep everything for as long as a release takes, at least one day.",
        Code.NOT_A_VERSION: "A version range is applied to an axis with a value that is not a "
        "version, and no range matches such a value. Add the value to the pattern if it should "
        "match.",
        Code.GROUP_LEFT_OUT: "The group of all targets with one axis value would have a name that "
        "is already used, so it is not generated. Select with `axis=value` or `ONLY_<AXIS>` "
        "instead, or rename the other group or target.",
    },
}
"""Subject -> code -> explanation, in the order of the documentation."""
