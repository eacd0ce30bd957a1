"""The fields of an image: one row for each, with every fact that a package needs about it.

The schema of matrix.yaml, merging, rendering, syntax checks, warnings, the bake file, comparison
and fingerprints read this table. To add a field, add a row, a golden test and a changelog line.
This module imports nothing slow, because `compile-matrix --help` loads it: it lists the fields as
choices of `compare --ignore`.
"""

from enum import Enum, auto
from typing import NamedTuple


class Kind(Enum):
    """The type of a field's value in matrix.yaml."""

    TEXT = "text"
    FLAG = "flag"
    LIST = "list"
    """A list of texts."""
    RECORDS = "records"
    """A list of `key=value,key=value`, or of mappings."""
    MAPPING = "mapping"
    """Names with texts; levels are merged by key."""
    PAIRS = "pairs"
    """A mapping that bake reads as a list of `key=value`; levels are merged by key."""
    CACHE = "cache"
    """The short form of a cache in a registry."""
    TAGS = "tags"
    """A list of version tags, or `{tags: [...], moving: [...]}`."""
    TESTS = "tests"
    """A list of commands, or a mapping of what is tested."""


class Syntax(Enum):
    """The syntax of a field's texts; `targets.field_syntax` checks it."""

    ANNOTATION = auto()
    ARGUMENT = auto()
    ATTESTATION = auto()
    CACHE_SOURCE = auto()
    CACHE_TARGET = auto()
    ENTITLEMENT = auto()
    HOST = auto()
    HOST_NAME = auto()
    NETWORK = auto()
    OUTPUT = auto()
    POLICY = auto()
    RESOURCE = auto()
    SECRET = auto()
    SIZE = auto()
    SSH = auto()
    ULIMIT = auto()


class FieldRow(NamedTuple):
    """One field of an image."""

    name: str
    """Its key in matrix.yaml, which is bake's attribute unless `in_bake` is false."""
    kind: Kind
    description: str
    """For the JSON Schema and the documentation, in Markdown."""
    syntax: Syntax | None = None
    decides: bool = False
    """Whether it is an input of the fingerprint, because another value changes the image."""
    distinguishes: bool = True
    """Whether two targets with different values are different images for `same-image`."""
    since: str = ""
    """The first version of buildx that supports it, if newer than the oldest supported one."""
    required: bool = False
    """Whether `build` and `publish` reject a buildx that ignores it, for safety."""
    merged_by_bake: bool = False
    """Whether bake merges it by key when one target inherits another (bake/bake.go, Merge)."""
    doubled: bool = False
    """Whether new versions of buildx print `${` doubled in its values."""
    default: str = ""
    """The text with the same meaning as no text."""
    in_bake: bool = True
    """Whether bake has an attribute of this name."""
    keys: Syntax | None = None
    """The syntax of its keys, if it is a mapping."""

    @property
    def merged(self) -> bool:
        """Whether levels of matrix.yaml are merged by key; other fields are replaced."""
        return self.kind in {Kind.MAPPING, Kind.PAIRS}


TABLE = (
    FieldRow(
        "description",
        Kind.TEXT,
        "A description of the image, shown by bake.",
        distinguishes=False,
        since="0.17",
    ),
    FieldRow(
        "annotations",
        Kind.PAIRS,
        "Annotations of the image, by key.",
        Syntax.ANNOTATION,
        doubled=True,
    ),
    FieldRow(
        "attest",
        Kind.RECORDS,
        "Attestations: provenance, SBOM.",
        Syntax.ATTESTATION,
        decides=True,
        distinguishes=False,
    ),
    FieldRow("context", Kind.TEXT, "The build context; the default is `.`.", decides=True),
    FieldRow(
        "contexts",
        Kind.MAPPING,
        "Further contexts, for `COPY --from=NAME`: name -> folder, URL, `docker-image://...` or "
        "`target:...`.",
        decides=True,
        merged_by_bake=True,
    ),
    FieldRow(
        "args",
        Kind.MAPPING,
        "Build arguments.",
        decides=True,
        merged_by_bake=True,
        doubled=True,
        keys=Syntax.ARGUMENT,
    ),
    FieldRow("labels", Kind.MAPPING, "Labels of the image.", merged_by_bake=True, doubled=True),
    FieldRow(
        "tags",
        Kind.LIST,
        "Version tags, which are immutable: each tag always refers to the same build.",
        distinguishes=False,
    ),
    FieldRow(
        "cache-from",
        Kind.RECORDS,
        "Caches to read.",
        Syntax.CACHE_SOURCE,
        distinguishes=False,
    ),
    FieldRow(
        "cache-to",
        Kind.RECORDS,
        "Caches to write.",
        Syntax.CACHE_TARGET,
        distinguishes=False,
    ),
    FieldRow("target", Kind.TEXT, "The stage to build; the default is the last.", decides=True),
    FieldRow("secret", Kind.RECORDS, "Secrets for `RUN --mount=type=secret`.", Syntax.SECRET),
    FieldRow("ssh", Kind.RECORDS, "SSH agents for `RUN --mount=type=ssh`.", Syntax.SSH),
    FieldRow("platforms", Kind.LIST, "Platforms such as `linux/arm64`.", decides=True),
    FieldRow(
        "output",
        Kind.RECORDS,
        "What to do with the result: `type=...`.",
        Syntax.OUTPUT,
        decides=True,
    ),
    FieldRow("pull", Kind.FLAG, "Look for newer base images.", distinguishes=False),
    FieldRow("no-cache", Kind.FLAG, "Build without cache.", distinguishes=False),
    FieldRow(
        "network",
        Kind.TEXT,
        "Network of `RUN` steps: `default`, `host`, `none`.",
        Syntax.NETWORK,
        decides=True,
        since="0.17",
        default="default",
    ),
    FieldRow("no-cache-filter", Kind.LIST, "Stages to build without cache.", distinguishes=False),
    FieldRow("shm-size", Kind.TEXT, "Size of `/dev/shm`: `2g`.", Syntax.SIZE, decides=True),
    FieldRow(
        "ulimits",
        Kind.LIST,
        "Limits of `RUN` steps: `nofile=1024:2048`.",
        Syntax.ULIMIT,
        decides=True,
    ),
    FieldRow(
        "entitlements",
        Kind.LIST,
        "Privileges that the build needs: `network.host`, `security.insecure`.",
        Syntax.ENTITLEMENT,
        since="0.17",
    ),
    FieldRow(
        "extra-hosts",
        Kind.MAPPING,
        "Host names that `RUN` steps can resolve: name -> address.",
        Syntax.HOST,
        decides=True,
        since="0.25",
        keys=Syntax.HOST_NAME,
    ),
    FieldRow(
        "policy",
        Kind.RECORDS,
        "Source policies that the inputs of the build must satisfy: `filename=extra.rego`.",
        Syntax.POLICY,
        distinguishes=False,
        since="0.31",
        required=True,
    ),
    FieldRow(
        "resources",
        Kind.LIST,
        "Resource limits of `RUN` steps: `memory=2g`, `cpu-quota=50000`.",
        Syntax.RESOURCE,
        distinguishes=False,
        since="0.35",
    ),
    FieldRow(
        "moving",
        Kind.LIST,
        "Floating tags, which follow the newest build; pushed if `MOVING` is `true`.",
        in_bake=False,
    ),
    FieldRow(
        "repositories",
        Kind.LIST,
        "Repositories of the image. Tags are then written without a repository, and each tag "
        "exists in every repository. Images are staged in the first.",
        in_bake=False,
    ),
    FieldRow(
        "shared",
        Kind.TAGS,
        "Tags that several targets share: `{tags: [...], moving: [...]}`. Each is an index of the "
        "images of all targets that have it; only `publish` creates it.",
        in_bake=False,
    ),
    FieldRow(
        "platform-tags",
        Kind.TAGS,
        "Tags of a single platform, in addition to those of the index: a list of version tags, or "
        "`{tags: [...], moving: [...]}`. The strings see `platform`; only `publish` creates them.",
        in_bake=False,
    ),
    FieldRow(
        "cache",
        Kind.CACHE,
        "A registry cache for each target: `{type: registry, ref: ...}`; used if `CACHE` is `read` "
        "or `write`.",
        in_bake=False,
    ),
    FieldRow(
        "reproducible",
        Kind.FLAG,
        "Whether two builders make the same image: sets `SOURCE_DATE_EPOCH`, rewrites times of "
        "files, and attaches no provenance.",
        in_bake=False,
    ),
    FieldRow(
        "tests",
        Kind.TESTS,
        "Tests of the built image: a list of shell commands that `bake test` runs in it, or a "
        "mapping with `shell`, `files`, `labels`, `user`, `entrypoint`, `size`.",
        in_bake=False,
    ),
)
"""Every field, in the order of the bake file and of all reports (bake/bake.go, Target)."""

ROWS = {row.name: row for row in TABLE}
"""The rows by name."""

BAKE_ROWS = tuple(row for row in TABLE if row.in_bake)
"""The rows of bake's own attributes."""

MERGED = frozenset(row.name for row in TABLE if row.merged)
"""Fields that levels of matrix.yaml merge by key; all others are replaced."""
