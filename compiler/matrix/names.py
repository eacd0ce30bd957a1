"""Names: what may be called what, and what things are called that we name ourselves."""

import re
from collections.abc import Iterable

from compiler.codes import Code


IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
"""A name that a template can read: axes, `set`, `data`."""

VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
"""A bake variable; a leading underscore is left to the generated file's own locals."""

TARGET = re.compile(r"[A-Za-z0-9_-]+\Z")
"""A target or group of bake (buildx bake/bake.go, validTargetNameChars)."""

IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
"""An image of matrix.yaml; its target has `_` for a dot. `_` in front is the shared target's."""

BUILT_IN = ("image", "target", "variant", "parent")
"""What every template sees beside axes, `set` and `data`."""

JINJA_WORDS = (
    frozenset({"and", "block", "call", "caller", "elif", "else", "extends", "False", "false"})
    | frozenset({"filter", "for", "from", "if", "import", "in", "include", "is", "kwargs"})
    | frozenset({"loop", "macro", "None", "none", "not", "or", "raw", "self", "set", "super"})
    | frozenset({"True", "true", "varargs", "with"})
)
"""Words that Jinja reads as its own."""

JINJA_GLOBALS = frozenset({"cycler", "dict", "joiner", "lipsum", "namespace", "range"})
"""Functions that every Jinja template sees."""

RESERVED_AXES = frozenset({"platform", "shard", "image", "target"})
"""Axes whose `ONLY_` variable or filter word means something else already."""

RESERVED_VARIABLES = frozenset({"CACHE", "MOVING"})
"""Variables that the bake file declares itself, beside `ONLY_*`."""

HCL_WORDS = frozenset(
    {"else", "endfor", "endif", "false", "for", "function", "group", "if", "in", "null"}
    | {"target", "true", "variable"}
)
"""Words that a bake file reads as its own."""

MAX_FILE_NAME = 255
"""Bytes of a file's name that every common file system takes."""

_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")


def safe(text: str) -> str:
    """Return the text with each character that bake refuses in a name as `_`.

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
        alone: whether the image has this one target only.

    >>> target_name("server", ["3.11", "gpu"], alone=False)
    'server-3_11-gpu'
    >>> target_name("server", [], alone=False)
    'server-default'
    """
    name = safe("-".join([image, *fragments]))
    if name == safe(image) and not alone:
        return f"{name}-default"
    return name


def group_name(axis: str, value: str) -> str:
    """Name the group of all targets with one value of an axis.

    >>> group_name("python", "3.11")
    'python-3_11'
    """
    return f"{axis}-{safe(value)}"


def why_not_readable(name: str, kind: str) -> tuple[Code, str, str] | None:
    """Tell why a template could not read a name: (code, message, help), or nothing.

    The kind is the word for what is named: `axis`, `set name`, `data name`.
    """
    if not IDENTIFIER.match(name):
        return (
            Code.NOT_AN_IDENTIFIER,
            f"{kind} {name!r} is no identifier",
            "use letters, digits and underscores, and begin with a letter",
        )
    if name in JINJA_WORDS:
        return Code.RESERVED_NAME, f"{kind} {name!r} is a word of Jinja", "choose another name"
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
