"""Check names, list the reserved ones, and create the names of targets and groups."""

import re
from collections.abc import Collection, Iterable

from compiler.codes import Code
from compiler.errors import listed, suggest


IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
"""A name that templates can use: of an axis, a `set` value or data."""

VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
"""The name of a bake variable; a leading underscore is reserved for the generated file."""

TARGET = re.compile(r"[A-Za-z0-9_-]+\Z")
"""The name of a target or group in bake (bake/bake.go, validTargetNameChars)."""

CHECK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
"""The name of a check; it is part of the name of a log."""

IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
"""The name of an image. A leading `_` is reserved for shared targets of the bake file."""

BUILT_IN = ("image", "target", "variant", "parent", "platform")
"""Names that strings see in addition to axes, `set` and `data`: `platform` in `platform-tags`."""

JINJA_WORDS = (
    frozenset({"and", "block", "call", "caller", "elif", "else", "extends", "False", "false"})
    | frozenset({"filter", "for", "from", "if", "import", "in", "include", "is", "kwargs"})
    | frozenset({"loop", "macro", "None", "none", "not", "or", "raw", "self", "set", "super"})
    | frozenset({"True", "true", "varargs", "with"})
)
"""Keywords of Jinja."""

JINJA_GLOBALS = frozenset({"cycler", "dict", "joiner", "lipsum", "namespace", "range"})
"""Functions of Jinja that every template sees."""

RESERVED_AXES = frozenset({"platform", "shard", "image", "target"})
"""Axis names whose `ONLY_` variable or filter already has another meaning."""

RESERVED_VARIABLES = frozenset({"CACHE", "MOVING"})
"""Variables that the generated bake file declares, in addition to `ONLY_*`."""

SECRET_VARIABLES = frozenset({"DOCKER_AUTH_CONFIG", "GITHUB_TOKEN"})
"""Variables of the environment that contain credentials: none may become part of an image."""
SIGNING_PREFIX = "COSIGN_"
"""The start of variables with the key that signs images: builds and checks never see them."""
_SECRET_PREFIXES = ("ACTIONS_", SIGNING_PREFIX)
RESERVED_PREFIXES = ("ONLY_", "BAKE_", "BUILDX_", *_SECRET_PREFIXES)
"""The start of variables that the bake file, bake or credentials use."""

HCL_WORDS = frozenset(
    {"else", "endfor", "endif", "false", "for", "function", "group", "if", "in", "null"}
    | {"target", "true", "variable"}
)
"""Keywords of bake files."""

MAX_FILE_NAME = 255
"""The longest file name, in bytes, that common file systems accept."""

_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")


def safe(text: str) -> str:
    """Replace each character that bake does not accept in a name by `_`.

    >>> safe("3.11+cu12")
    '3_11_cu12'
    """
    return _UNSAFE.sub("_", text)


def only_variable(axis: str) -> str:
    """Return the bake variable that filters an axis.

    >>> only_variable("live_reload")
    'ONLY_LIVE_RELOAD'
    """
    return f"ONLY_{axis.upper()}"


def target_name(image: str, fragments: Iterable[str], *, alone: bool) -> str:
    """Name the target of one variant.

    Args:
        image: the image's name.
        fragments: the non-empty fragments of the variant, in the order of its axes.
        alone: whether the image has only this target.

    >>> target_name("server", ["3.11", "gpu"], alone=False)
    'server-3_11-gpu'
    >>> target_name("server", [], alone=False)
    'server-default'
    """
    name = "-".join([image, *fragments])
    return safe(f"{name}-default" if name == image and not alone else name)


def group_name(axis: str, value: str) -> str:
    """Name the group of all targets with one value of an axis.

    >>> group_name("python", "3.11")
    'python-3_11'
    """
    return f"{axis}-{safe(value)}"


def why_not_readable(name: str, kind: str) -> tuple[Code, str, str] | None:
    """Return code, message and help if templates cannot use a name; None for a valid name.

    The kind is `axis`, `set name` or `data name`.
    """
    if not IDENTIFIER.match(name):
        return (
            Code.NOT_AN_IDENTIFIER,
            f"{kind} {name!r} is not an identifier",
            "use letters, digits and underscores, and begin with a letter",
        )
    if name in JINJA_WORDS:
        return Code.RESERVED_NAME, f"{kind} {name!r} is a keyword of Jinja", "choose another name"
    if name in JINJA_GLOBALS:
        return (
            Code.RESERVED_NAME,
            f"{kind} {name!r} hides a function of Jinja",
            "choose another name",
        )
    if name in BUILT_IN:
        return (
            Code.RESERVED_NAME,
            f"{kind} {name!r} hides a built-in name",
            f"choose another name than {', '.join(BUILT_IN)}",
        )
    return None


def is_secret_variable(name: str) -> bool:
    """Return whether a variable of the environment is reserved for credentials.

    >>> is_secret_variable("COSIGN_PASSWORD"), is_secret_variable("HOME")
    (True, False)
    """
    return name in SECRET_VARIABLES or name.startswith(_SECRET_PREFIXES)


def no_axis(name: str) -> str:
    """Return the message for a name that is not an axis."""
    return f"no axis is named {name!r}"


def near_axis(meant: str | None, axes: Collection[str]) -> str:
    """Return the help for a name that is not an axis.

    Args:
        meant: what the name most likely means, if anything is near.
        axes: the axes of the matrix.
    """
    known = f"the axes are {listed(axes)}" if axes else "declare it under `axes`"
    return suggest(meant, otherwise=known)


def no_variable(name: str) -> str:
    """Return the message for a name that is not a bake variable."""
    return f"no variable is named {name!r}"
