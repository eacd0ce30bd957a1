"""Check the options of a `RUN --mount`, as BuildKit does."""

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from compiler.render.dockerfile_words import GO_BOOLEANS, mount_fields
from compiler.render.word_syntax import invalid_word, plain_word


class MountProblem(NamedTuple):
    """Why a mount is rejected, and whether only in a stage that is built."""

    reason: str
    is_late: bool


_TYPES = ("bind", "cache", "secret", "ssh", "tmpfs")
_OWNED = ("cache", "secret", "ssh")
"""Types of mounts that have a mode and an owner."""
_OPTIONAL = ("secret", "ssh")
"""Types of mounts that may be missing."""
_WITHOUT = {
    **dict.fromkeys(("mode", "uid", "gid"), ("bind", "tmpfs")),
    "from": ("secret",),
    "sharing": ("bind", "secret", "ssh", "tmpfs"),
    "source": ("ssh",),
}
"""Option -> the types of mounts that do not have it, wherever the type is written."""
_SWITCHES = frozenset({"readonly", "ro", "readwrite", "rw"})
_TEXTS = {"from": "from", "source": "source", "src": "source", "id": "id", "env": "env"} | (
    dict.fromkeys(("target", "dst", "destination"), "target")
)
_SIZE = re.compile(r"[0-9]+(?:\.[0-9]*)? ?(?:[kmgtp]i?b?|b)?", re.IGNORECASE)


def _number(value: str, base: int) -> bool:
    digits = "".join(map(str, range(base)))
    return bool(re.fullmatch(f"[{digits}]+", value)) and int(value, base) < 2**32


_VALID: Mapping[str, Callable[[str], bool]] = {
    "type": lambda value: value.lower() in _TYPES,
    "sharing": lambda value: value.lower() in {"shared", "private", "locked"},
    "size": lambda value: _SIZE.fullmatch(value) is not None,
    "mode": lambda value: _number(value, 8),
    "uid": lambda value: _number(value, 10),
    "gid": lambda value: _number(value, 10),
    "required": GO_BOOLEANS.__contains__,
    **dict.fromkeys(_SWITCHES, GO_BOOLEANS.__contains__),
}
"""Option -> whether a value is valid."""


def mount_problem(text: str, escape: str, *, has_folder: bool = False) -> MountProblem | None:
    """Return why BuildKit rejects the value of a `--mount`; None if it may accept it.

    Values with variables are not known before the build: they are accepted. Without a `target`, a
    mount is at the working folder, which is `/` unless `has_folder`.
    """
    fields = mount_fields(text)
    if fields is None:
        return MountProblem(f"--mount={text} is not a list of options", is_late=False)
    for field in fields:
        key, _, value = field.partition("=")
        if key.lower() == "from" and re.search(r"\$.", value):
            reason = "`from` of a mount does not expand variables: name the image in a `FROM`"
            return MountProblem(reason, is_late=False)
    reason = _invalid_options(fields, escape, has_folder=has_folder)
    return MountProblem(reason, is_late=True) if reason else None


def _invalid_options(fields: list[str], escape: str, *, has_folder: bool) -> str:
    """Return why the options are invalid, checked in BuildKit's order."""
    options: dict[str, str | None] = {"type": "bind"}
    for field in fields:
        key, equals, text = field.partition("=")
        key = key.lower()
        if not equals and key not in _SWITCHES and key != "required":
            return f"the option {field!r} of a mount requires a value"
        if reason := invalid_word(text, escape):
            return reason
        value = plain_word(text, escape) if equals else "true"
        valid = _VALID.get(key)
        if valid is None and key not in _TEXTS:
            return f"unknown option {key!r} of a mount"
        kind = options["type"]
        allowed = {"required": _OPTIONAL, "size": ("tmpfs",)}.get(key)
        if allowed and kind is not None and kind not in allowed:
            return f"a mount of type {kind} does not have the option {key!r}"
        if valid is not None and value is not None and not valid(value):
            return f"invalid value for the option {key!r} of a mount: {value!r}"
        lower = key == "type" and value is not None
        options[_TEXTS.get(key, key)] = value.lower() if lower and value else value
    return _invalid_combination(options, has_folder=has_folder)


def _invalid_combination(options: Mapping[str, str | None], *, has_folder: bool) -> str:
    """Return why options that are valid by themselves are invalid together."""
    kind = options["type"]
    if kind is None:
        return ""
    filled = {name for name, value in options.items() if value != ""}
    for name in options:
        without = _WITHOUT.get(name, ())
        if kind in without and (name in filled or kind not in _OPTIONAL):
            return f"a mount of type {kind} does not have the option {name!r}"
    if kind == "secret":
        if filled.isdisjoint(("id", "source", "target")):
            return "a mount of type secret requires `id`, `source` or `target`"
        both = {"source", "id"} <= filled
        return "a mount of type secret cannot have both `source` and `id`" if both else ""
    target = options.get("target", "")
    if kind == "ssh" or target is None:
        return ""
    # A relative target is below the working folder, which is not known here.
    is_root = target.startswith("/") and not posixpath.normpath(target).strip("/")
    is_root = is_root or not (target or has_folder)
    return f"a mount of type {kind} requires a `target` other than /" if is_root else ""
