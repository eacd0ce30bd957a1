"""Every code that a diagnostic may have, and why the rule exists.

The explanation says what bake or a registry would do silently where that applies. `docs/codes.md`
is generated from it. Longer than other modules because it is a catalogue.
"""

from collections.abc import Mapping
from enum import StrEnum


class Code(StrEnum):
    """A rule that input can break; its value is the name that users see."""

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

    # Images and families
    UNKNOWN_IMAGE = "unknown-image"
    PARENT_AXIS = "parent-axis"
    MISSING_PARENT = "missing-parent"
    AMBIGUOUS_PARENT = "ambiguous-parent"
    BAD_PARENT_NAME = "bad-parent-name"
    PARENT_PLATFORM = "parent-platform"
    LINK_CYCLE = "link-cycle"
    UNKNOWN_TARGET = "unknown-target"
    BAD_FROM = "bad-from"
    NO_BASE = "no-base"

    # Names of targets, tags and platforms
    NAME_COLLISION = "name-collision"
    NAME_TOO_LONG = "name-too-long"
    BAD_FRAGMENT = "bad-fragment"
    GROUP_COLLISION = "group-collision"
    EMPTY_GROUP = "empty-group"
    DUPLICATE_TAG = "duplicate-tag"
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
    USAGE = "usage"
    INTERNAL_ERROR = "internal-error"

    # Building
    FILTER_IN_ENVIRONMENT = "filter-in-environment"
    CANNOT_BUILD = "cannot-build"
    NO_PUBLISH = "no-publish"
    BAD_VERSION = "bad-version"
    OTHER_VERSION = "other-version"
    NOTHING_TO_PUBLISH = "nothing-to-publish"
    RESERVED_TAG = "reserved-tag"
    EXISTING_TAG = "existing-tag"
    UNREADY_TARGET = "unready-target"
    CONCURRENT_RELEASE = "concurrent-release"
    UNKNOWN_RELEASE = "unknown-release"
    BAD_RECORD = "bad-record"
    MISSING_IMAGE = "missing-image"
    SELECTION = "selection"

    # Warnings
    UNUSED_PARENT = "unused-parent"
    UNLOCKED_BASE = "unlocked-base"
    UNDECIDED_BASE = "undecided-base"
    ROW_WITHOUT_EFFECT = "row-without-effect"
    UNUSED_AXIS = "unused-axis"
    UNUSED_VALUE = "unused-value"
    UNUSED_VARIABLE = "unused-variable"
    UNUSED_DATA = "unused-data"
    UNUSED_SET = "unused-set"
    AXIS_WITHOUT_EFFECT = "axis-without-effect"
    SAME_IMAGE = "same-image"
    NEWER_BUILDX = "newer-buildx"
    PARTLY_IGNORED = "partly-ignored"
    TRACKED_STATE = "tracked-state"
    NOT_A_VERSION = "not-a-version"
    GROUP_LEFT_OUT = "group-left-out"

    @property
    def text(self) -> str:
        """The explanation: its first sentence is the rule, the last ones the remedy."""
        return next(group[self] for group in EXPLANATIONS.values() if self in group)


EXPLANATIONS: Mapping[str, Mapping[Code, str]] = {
    "Reading YAML and data files": {
        Code.YAML_SYNTAX: "The file is no YAML. The place is where the reader gave up; what is "
        "wrong stands there, or on the line above: a bracket, a quote, an indent, a tab.",
        Code.QUOTE_IT: "A text begins or goes on as something that YAML reads otherwise: "
        "`>=3.10`, `!3.9`, `*-slim`, `{{ python }}`. Put it in quotes.",
        Code.UNCLEAR_SCALAR: "`True`, `FALSE` and `Null` are text to one reader of YAML and more "
        "than text to another. Write `true`, `false` or `null`, or put the text in quotes.",
        Code.DUPLICATE_KEY: "A mapping gives one key twice. Most readers keep the last one and "
        "say nothing, so half of what was written would be lost. Remove one of the two; keys with "
        "Jinja must also stay apart once they are rendered.",
        Code.COMPLEX_KEY: "A key is a mapping or a list. If it is meant as text, put it in quotes.",
        Code.YAML_TAG: "A YAML tag such as `!!int` asks for a type. Values are text; remove it.",
        Code.UNKNOWN_ANCHOR: "An alias `*name` has no anchor `&name` above it. Correct the name; "
        "if it was meant as text, put it in quotes.",
        Code.RECURSIVE_ANCHOR: "An alias stands inside of what it stands for, without end. Remove "
        "it.",
        Code.BAD_MERGE: "`<<` merges mappings, and was given something else. Give it an alias of "
        "one.",
        Code.SEVERAL_DOCUMENTS: "A `---` begins a second document. Only one is read, so the rest "
        "would be ignored without a word. Remove the `---`, or make another file of it.",
        Code.EMPTY_FILE: "The file holds nothing but comments or white space. Write at least one "
        "key, or `{}` into a data file that is to be empty.",
        Code.NOT_A_MAPPING: "The top level of the file is not `key: value` lines. matrix.yaml has "
        "to be a mapping, a data file a mapping or a list.",
        Code.NOT_UTF_8: "A file is in another encoding than UTF-8. Guessing would put wrong "
        "letters into names and Dockerfiles. Save it as UTF-8.",
        Code.CONTROL_CHARACTER: "The file holds a character that no one can see, such as NUL. It "
        "would end up in a Dockerfile or a tag. Remove it; newline and tab are allowed.",
        Code.TOO_DEEP: "Something is nested too deep; it would crash many readers. Use fewer "
        "levels.",
        Code.TOO_MANY_NODES: "With its aliases expanded the file has too many values. A few lines "
        "of aliases of aliases can stand for billions; keep what the build needs.",
        Code.DATA_FORMAT: "A file of `data` is known by its suffix: .json, .yaml, .yml or .toml. "
        "Give it the suffix of what it holds.",
        Code.DATA_SYNTAX: "A file of `data` is not the JSON or TOML that its suffix says. Correct "
        "it at the place shown; JSON has neither comments nor a comma after the last entry.",
    },
    "Keys and types": {
        Code.UNKNOWN_KEY: "There is no such key at this place. Bake ignores what it does not "
        "know, and the field would just have no effect; correct the spelling. Keys that begin "
        "with `x-` are free.",
        Code.MISSING_KEY: "Something that must be said is not said. Add the key.",
        Code.WRONG_TYPE: "A value is of another kind than the key takes, such as text where a "
        "list belongs. Write it in the form that the help shows.",
        Code.NO_IMAGES: "`images` is empty, so there is nothing to build. Name at least one image.",
    },
    "Names": {
        Code.NOT_AN_IDENTIFIER: "An axis, a `set` name, a data name or a variable is read inside "
        "of expressions, and this name cannot be: Jinja would take `live-reload` for a "
        "subtraction. Use letters, digits and underscores, and begin with a letter.",
        Code.RESERVED_NAME: "The name means something already: to Jinja, to bake, to the "
        "generated file, or among the built-in names. It would hide that, or be hidden by it. "
        "Choose another name.",
        Code.NAME_HIDDEN: "Axes, `set` names and data files share one space of names, and two of "
        "them have this one. A template would see only one of the two. Rename one of them.",
        Code.AXIS_FILTER_COLLISION: "Two axes differ in case only, and would share one `ONLY_` "
        "variable: a filter could not say which is meant. Choose names that differ in more.",
        Code.BAD_IMAGE_NAME: "The name of an image begins the names of its targets and files. Use "
        "letters, digits, `-`, `_` and `.`, and begin with a letter or digit.",
        Code.BAD_GROUP_NAME: "The name of a group is one that bake does not take, or that the "
        "bake file needs for its own groups. Use letters, digits, `-` and `_`, and begin with a "
        "letter or digit.",
    },
    "Strings and templates": {
        Code.UNDEFINED_NAME: "An expression reads a name that nothing defines. Plain Jinja would "
        "print nothing for it, and `FROM python:` would go to the registry. Correct the name, or "
        "define it under `axes`, `set` or `data`.",
        Code.UNPRINTABLE: "An expression prints what has no text: null, a list, a mapping, half "
        "of a character. Plain Jinja would write `None` into the Dockerfile. Test for null first, "
        "join a list, name a key of a mapping.",
        Code.TEMPLATE_SYNTAX: "Jinja cannot read a template or a string. If `{{`, `{%` or `{#` is "
        "meant for a shell or for Docker, put it between `{% raw %}` and `{% endraw %}`.",
        Code.TEMPLATE_ERROR: "An expression was read but fails when it is computed. Correct it; "
        "values are text as written, so `| int` comes before arithmetic.",
        Code.TEMPLATE_LOOP: "Templates include, import or extend one another without end. Break "
        "it.",
        Code.UNSAFE_TEMPLATE: "An expression reaches into Python or makes something of absurd "
        "size. Templates may do neither, so that compiling a stranger's matrix is harmless. Do "
        "without it.",
        Code.UNDECLARED_VARIABLE: "`${NAME}` reads a bake variable, and none of this name is "
        "declared. Bake would look for it only when it builds. Declare it under `variables`; "
        "`$${` writes a literal `${`.",
        Code.INTERPOLATION: "After `${` stands more than a name and `}`. Bake would compute it as "
        "an expression of its own, unseen by all checks. Keep to `${NAME}`, or write `$${` for a "
        "literal `${`.",
        Code.DOLLAR_BEFORE_VARIABLE: "A `$` stands right before `${NAME}`. In a bake file that is "
        "the escape of a literal `${`, so the variable would not be read. Put another character "
        "between them.",
        Code.VARIABLE_CYCLE: "Defaults of variables name one another in a circle, or in too long "
        "a row. Bake could not resolve them. Give one of them a default of its own.",
        Code.EMPTY_KEY: "A key of a mapping renders to nothing. A label or argument without a "
        "name cannot be set. Give it a name in every variant.",
    },
    "Axes and rules": {
        Code.EMPTY_AXIS: "An axis has no value, so nothing could be combined with it. Give it at "
        "least one, or remove the axis.",
        Code.AXIS_EXPRESSION: "An axis that is written as text has to be one expression that "
        "gives a list. Name a list of a data file, or write the values as a list.",
        Code.BAD_VALUE: "A value of an axis becomes a part of names, filters and lists; this one "
        "is empty, too long, or holds a comma, an outer space or what cannot be printed. Give it "
        "a short name, and the text to templates under its `set`.",
        Code.QUOTED_KEYWORD: "A value such as `'true'` in quotes is text, and a template would "
        "find it true whatever it says. Write it without quotes, or choose another word.",
        Code.DUPLICATE_VALUE: "A list says one thing twice: a value of an axis, an axis of an "
        "image, or a platform in two spellings. Remove one.",
        Code.UNKNOWN_AXIS: "A pattern, a list of axes or a filter names an axis that is not "
        "declared. A rule with a misspelt axis would otherwise match nothing, or everything. "
        "Correct the name.",
        Code.UNKNOWN_VALUE: "A pattern or filter names a value that its axis does not have, so it "
        "could never match. Correct the value; `3.1` is often a `3.10` that another tool cut.",
        Code.BAD_RANGE: "A matcher begins as a version range and is none. Write it as in "
        "`>=3.10,<3.13`, each version in full; a value is negated by `!VALUE`.",
        Code.MATCHES_NOTHING: "A range, a glob or a list of negations takes no value of its axis, "
        "so the rule would never do anything. Correct it; the help lists the values.",
        Code.EMPTY_PATTERN: "A pattern, or the list of values for one axis, is empty. It would "
        "match everything, or nothing, and both are hardly meant. Name at least one axis and one "
        "value.",
        Code.NO_VARIANTS: "The rules leave an image without a single variant. It would vanish "
        "from the bake file without a word. Loosen a row of `exclude` or an `only`, or remove the "
        "image.",
        Code.TOO_MANY_VARIANTS: "The axes multiply to more variants than are allowed. List fewer "
        "`axes` for the image, say with `only` what goes together, or raise `--max-variants`.",
        Code.SET_CONFLICT: "Two values of one variant set the same name to different things. One "
        "would win by chance of order. Exclude the combination, or set the name in one place.",
    },
    "Images and families": {
        Code.UNKNOWN_IMAGE: "A pattern, a filter or `from` names no image that is declared. "
        "Correct it.",
        Code.PARENT_AXIS: "A parent image varies along an axis that its child lacks and that "
        "`with` does not fix, or `with` is about another axis. Which parent is meant would be a "
        "guess. Give the child the axis, or fix it: `from: {image: base, with: {ubuntu: 24.04}}`.",
        Code.MISSING_PARENT: "A variant stands on a variant of its parent image that the rules "
        "drop. Bake finds out only when that one target is built. Exclude it from the child too, "
        "or keep it in the parent.",
        Code.AMBIGUOUS_PARENT: "A variant could stand on several variants of its parent image. "
        "Let `with` fix one value of each axis that the child lacks.",
        Code.BAD_PARENT_NAME: "The name of a parent's target cannot stand in a `FROM`. BuildKit "
        "would not find the target by it, and the build fails late. Name the image in lower case, "
        "with single `-`, `_` or `.` between.",
        Code.PARENT_PLATFORM: "A target is built for a platform that the target it stands on "
        "lacks. The build would find nothing to stand on. Add the platform to the parent, or take "
        "it from the child.",
        Code.LINK_CYCLE: "Targets stand on one another in a circle, by `from` or by contexts "
        "`target:NAME`. Bake notices only when one of them is asked for. Let one stand on an "
        "image of a registry.",
        Code.UNKNOWN_TARGET: "A context `target:NAME` or a word of the command line names a "
        "target or group that there is not. Bake finds a missing link only when that one target "
        "is built. `compile-matrix list` shows all names.",
        Code.BAD_FROM: "A template renders a first `FROM` with too few or too many words, most "
        "often because a line that ends in a tag of Jinja loses its newline. Give FROM an image, "
        "and `AS name` behind it if wanted.",
        Code.NO_BASE: "A template renders no `FROM`, so it is no Dockerfile. Begin it with `FROM "
        "image`; look whether an `{% if %}` leaves it out.",
    },
    "Names of targets, tags and platforms": {
        Code.NAME_COLLISION: "Two variants or images would have one name in bake, or names that "
        "differ in case only. Bake merges two blocks of one name without a word, and on a Mac "
        "their files would be one. Give one of their values another `tag`, or rename an image.",
        Code.NAME_TOO_LONG: "The name of a target's Dockerfile is longer than file systems take. "
        "Give its values shorter `tag`s.",
        Code.BAD_FRAGMENT: "A value's part of the names holds white space, which no target, file "
        "or tag may. Give the value a `tag` without.",
        Code.GROUP_COLLISION: "A group would have the name of a target or of another group. Bake "
        "would take one for the other without a word. Rename one of them.",
        Code.EMPTY_GROUP: "A group of the author's own matches no target that the rules leave. "
        "Baking it would build nothing and succeed. Loosen its pattern, or remove it.",
        Code.DUPLICATE_TAG: "Two targets have the same tag. Bake builds and pushes both, and the "
        "last one keeps the tag. Tell them apart, for instance by `{{ variant }}`.",
        Code.BAD_FIELD: "Bake or BuildKit cannot read this value of a field: bake would refuse "
        "the whole file for it, or the build would fail. Write it as the help says.",
        Code.ILLEGAL_TAG: "No registry takes this tag. Bake accepts it, and the push fails when "
        "all is built. Write `[REGISTRY/]name[:tag]`, the name in lower case, the tag of at most "
        "128 letters, digits, `_`, `.` and `-`.",
        Code.ALIAS_MISMATCH: "An alias matches no variant, or several. It is a tag that moves, "
        "and several builds would fight for it; with none it would be published no more, and "
        "nobody would notice. Let its pattern match exactly one.",
        Code.DUPLICATE_CACHE: "Two targets write one cache. Bake lets them, and each overwrites "
        "what the other one wrote, so builds are slow for no visible reason. Tell them apart, for "
        "instance by `{{ target }}`.",
        Code.UNKNOWN_CACHE: "The short form `cache` knows the type `registry` and the modes `max` "
        "and `min`. Write other caches as `cache-from` and `cache-to`.",
        Code.UNKNOWN_PLATFORM: "BuildKit knows no such platform, or no target has it. Bake passes "
        "it on, and the build fails late. Write it as `linux/amd64`, `linux/arm64`, "
        "`linux/arm/v7`.",
        Code.NO_PLATFORM: "The platforms of an image and those of its values have nothing in "
        "common. The target would be built for whatever the builder runs on. Widen one of the "
        "lists, or exclude the combination.",
    },
    "Files and output": {
        Code.MISSING_FILE: "A file that is named is not there. Paths are relative to the folder "
        "of matrix.yaml; correct the path or add the file.",
        Code.MISSING_TEMPLATE: "A template that is named is not in `templates/`. Correct the "
        "name, which is relative to `templates/` also in `include` and `import`.",
        Code.MISSING_CONTEXT: "A build context is not a folder, or not there. Bake would find out "
        "when it builds. Name a folder, relative to matrix.yaml.",
        Code.NOT_A_FILE: "A folder, link, pipe or device stands where a file is read or written. "
        "Name a file, or move away what is in the way of the output.",
        Code.UNREADABLE_FILE: "A file or folder is there but cannot be read. Mend the link, or "
        "give yourself the right to read it.",
        Code.TOO_LARGE: "A file is larger than any matrix, template or data file needs, and is "
        "not read. Take out what does not belong there.",
        Code.BAD_PATH: "The text is no path that can be used here. `output` takes a folder below "
        "matrix.yaml: parts of letters, digits, `.`, `_` and `-`, none hidden.",
        Code.OUTSIDE_PROJECT: "A path leads out of the folder of matrix.yaml, by itself or by a "
        "link. Bake asks for a permission for such paths, and others do not have that file. Keep "
        "what is built beside or below matrix.yaml.",
        Code.OUTPUT_FOLDER: "The output folder cannot be one: a file is in the way, or a link "
        "leads elsewhere. Move it away, or set another `output`.",
        Code.STALE_FILES: "Generated files are not what matrix.yaml and its templates say now, as "
        "`--check` or a build found. Run compile-matrix, and commit what it writes if you commit "
        "generated files.",
        Code.NOT_OURS: "A file that compile-matrix did not write stands where one is to be "
        "written. It is never overwritten. Move it away, or delete it.",
        Code.CANNOT_READ: "What stands in the output folder cannot be read, so it is not known "
        "what would be overwritten. Mend it, or give yourself the right to read it.",
        Code.CANNOT_WRITE: "The disk or its rights do not allow to write. Nothing is changed, "
        "unless the message says how much was. Make room, or give yourself the right to write.",
    },
    "What changed": {
        Code.UNREADABLE_COMMIT: "Git cannot give the commit that the matrix is compared with. "
        "Fetch it first, for CI often clones the last commit alone, or compare with the registry.",
        Code.UNREACHABLE_REGISTRY: "A registry cannot be reached, or its TLS certificate is not "
        "trusted. An image in it counts neither as present nor as missing. Check the name and the "
        "network, then run the command again.",
        Code.REGISTRY_DENIED: "A registry denies access to a repository. Run `docker login` with "
        "an account that may access it.",
        Code.REGISTRY_ERROR: "A registry rejects a request, or responds unexpectedly. The message "
        "quotes the registry. Correct what it reports, or run the command again.",
    },
    "Locked bases": {
        Code.BAD_LOCK: "matrix.lock is not as compile-matrix writes it. Correct it at the place "
        "shown, or delete it and run `compile-matrix lock` again.",
        Code.CANNOT_RESOLVE: "A base image could not be looked up in its registry, so nothing is "
        "locked. The words are docker's. Correct the name, log in, or try again.",
        Code.BASE_PLATFORM: "A base image that is locked lacks a platform of a target that needs "
        "it. BuildKit would build on another platform's files, or fail late. Take another base, "
        "or narrow `platforms`.",
        Code.DOCKERFILE_SYNTAX: "A template renders text that BuildKit reads as no Dockerfile, so "
        "its base images cannot be found. Correct the template.",
        Code.UNKNOWN_BASE: "A word after `lock --upgrade` or `lock --check` names no base image "
        "of this matrix. Name one, its repository, or a glob.",
    },
    "Filters of the command line": {
        Code.NO_VARIANT_MATCHES: "Each word of the command line takes something, and all of them "
        "together take nothing. Each narrows what the others leave; take one away.",
        Code.INCOMPLETE_COMBINATION: "One combination is to be explained, and several targets "
        "have the values that are named. Name a value of each axis that is left open.",
        Code.BAKE_FILE: "A file given to `compare` is neither what `docker buildx bake` reads nor "
        "the JSON of its --print, or there is no buildx to read it. Correct it at the place "
        "shown, or give the JSON of `bake --print`.",
        Code.USAGE: "An option or argument of the command line is unknown, missing or invalid; the "
        "exit code is 2. `compile-matrix COMMAND --help` shows the usage.",
        Code.INTERNAL_ERROR: "This is a bug in compile-matrix; the exit code is 3. Please report "
        "it with the traceback that COMPILE_MATRIX_DEBUG=1 prints.",
    },
    "Building": {
        Code.FILTER_IN_ENVIRONMENT: "The environment holds an `ONLY_*`, most often an export that "
        "was forgotten. What is built or published would lack targets without a word. Unset it, "
        "and give FILTERs to the command.",
        Code.CANNOT_BUILD: "`docker buildx bake` cannot be run, or refuses every target alike: an "
        "option, the builder, the bake file. No target was begun. The words are docker's; correct "
        "what they name.",
        Code.NO_PUBLISH: "The matrix does not declare the variable that contains the version of a "
        'release. Add `publish: {version: "${VERSION_TAG}"}` with one of its variables.',
        Code.BAD_VERSION: "The version of a release is part of its tags, and no registry accepts "
        "this one. Use letters, digits, `.`, `_` and `-`.",
        Code.OTHER_VERSION: "The matrix reads the version from a file, and the environment "
        "overrides it, most often by a forgotten export. Unset the variable, or pass `--version`.",
        Code.NOTHING_TO_PUBLISH: "No selected target has a tag, or none has the platform of "
        "`--platform`. Add `tags` to the images, or select other targets.",
        Code.RESERVED_TAG: "A tag of a target is the tag of the release's record, so that each "
        "would replace the other. Rename the tag, or set `publish.staging` to another repository.",
        Code.EXISTING_TAG: "A version tag exists and refers to another image. Version tags are "
        "immutable: publish another version, or pass `--replace`.",
        Code.UNREADY_TARGET: "A target could not be built, merged or tested, so no tag was "
        "created. Correct the target and run `publish` again: staged images are reused.",
        Code.CONCURRENT_RELEASE: "Another run publishes the same version and keeps replacing "
        "images or tags of this run. Run one release at a time.",
        Code.UNKNOWN_RELEASE: "The registry has no record of a release with this version. "
        "`compile-matrix release list` shows all releases.",
        Code.BAD_RECORD: "The record of a release in the registry is invalid: it is damaged, or "
        "another program has written its tag. Publish another version, or delete the tag.",
        Code.MISSING_IMAGE: "An image of a release is no longer in the registry, so that no tag "
        "can be moved to it. Publish the release again, or promote another one.",
        Code.SELECTION: "The file given as `--selection` is no selection. Write one by "
        "`compile-matrix list --format selection`; one that names no target is one, too.",
    },
    "Warnings": {
        Code.UNUSED_PARENT: "An image stands on another by `from`, and its Dockerfile does not "
        "name that one, so it is built from something else. Begin the template with `FROM {{ "
        "parent }}`, or remove `from`.",
        Code.UNLOCKED_BASE: "A Dockerfile names an external image that matrix.lock does not hold, "
        "so it is not pinned; with `--locked` that is an error. Run `compile-matrix lock`.",
        Code.UNDECIDED_BASE: "An external image cannot be pinned, because compiling does not know "
        "which it is; with `--locked` that is an error. Write a name that is whole when "
        "compiling, one for each platform in a stage of its own.",
        Code.ROW_WITHOUT_EFFECT: "A row of `only`, `exclude` or `overrides` matches no variant, "
        "or drops none that is not dropped without it. It is there for nothing, or not what was "
        "meant. Remove it, or look at what the other rules leave.",
        Code.UNUSED_AXIS: "An axis is declared, and no image has it. List it there, or remove it.",
        Code.UNUSED_VALUE: "The rules drop every variant with this value. Loosen them, or remove "
        "it.",
        Code.UNUSED_VARIABLE: "A bake variable is declared, and nothing reads it, so setting it "
        "in the environment does nothing. Read it as `${NAME}`, or remove it.",
        Code.UNUSED_DATA: "A data file is named, and nothing reads it. Read it, or remove it.",
        Code.UNUSED_SET: "A name is `set`, and neither a template nor matrix.yaml reads it. Read "
        "it as `{{ name }}`, or remove it.",
        Code.AXIS_WITHOUT_EFFECT: "An axis changes nothing in what is generated, so one image "
        "gets several tags. Most often a template forgot to read it. Use it there, exclude the "
        "combinations, or give the image fewer axes.",
        Code.SAME_IMAGE: "Two targets are the same image under two names. Keep one of them, or "
        "look what was to tell them apart.",
        Code.NEWER_BUILDX: "The field needs a newer buildx than the oldest that reads the bake "
        "file. An older one drops it without a word. Require that version where you build, or do "
        "without.",
        Code.PARTLY_IGNORED: "Git ignores some of the generated files and not the others. A clone "
        "would hold a bake file without its Dockerfiles, or the reverse. Commit all of them, or "
        "ignore all of them.",
        Code.TRACKED_STATE: "Git tracks a file of `.compile-matrix/` that an up-to-date run would "
        "trust. Whoever wrote the commit could have forged it together with the generated files, "
        "so it is not used and every run compiles. Remove it from Git.",
        Code.NOT_A_VERSION: "A version range is asked of an axis with a value that is no version, "
        "and that no range takes. Name the value beside the range if it is meant, too.",
        Code.GROUP_LEFT_OUT: "The group of all targets with one value of an axis would have a "
        "name that is taken, so there is none. Select by `axis=value` or `ONLY_<AXIS>` instead, "
        "or rename what has the name.",
    },
}
"""Subject -> code -> explanation, in the order of the documentation."""
