"""Check the options of a `RUN --mount`, as BuildKit does."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from compiler.external.go_values import GO_BOOLEANS, is_size
from compiler.render.dockerfile_words import mount_fields
from compiler.render.stage_folders import Folder
from compiler.render.step_words import known_word
from compiler.render.word_syntax import invalid_word


class MountProblem(NamedTuple):
    """Why a mount is rejected."""

    reason: str
    is_late: bool = True
    """Whether it is rejected only in a stage that is built."""
    depends_on_folder: bool = False
    """Whether it is rejected because of the working folder."""


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
_MOST_DIGITS = 20


def _number(value: str, base: int) -> bool:
    digits = "".join(map(str, range(base)))
    is_number = re.fullmatch(f"[{digits}]+", value) is not None
    return is_number and len(value.lstrip("0")) < _MOST_DIGITS and int(value, base) < 2**32


_VALID: Mapping[str, Callable[[str], bool]] = {
    "type": lambda value: value.lower() in _TYPES,
    "sharing": lambda value: value.lower() in {"shared", "private", "locked"},
    "size": is_size,
    "mode": lambda value: _number(value, 8),
    "uid": lambda value: _number(value, 10),
    "gid": lambda value: _number(value, 10),
    "required": GO_BOOLEANS.__contains__,
    **dict.fromkeys(_SWITCHES, GO_BOOLEANS.__contains__),
}
"""Option -> whether a value is valid."""


def mount_problem(
    text: str, escape: str, folder: Folder, values: Mapping[str, str]
) -> MountProblem | None:
    """Return why BuildKit rejects the value of a `--mount`; None if it may accept it.

    Values with other variables are not known before the build: they are accepted.

    Args:
        text: the value.
        escape: the Dockerfile's escape character.
        folder: the working folder, to which the `target` is relative.
        values: the variables whose values are known.
    """
    fields = mount_fields(text)
    if fields is None:
        return MountProblem(f"--mount={text} is not a list of options", is_late=False)
    for field in fields:
        key, _, value = field.partition("=")
        if key.lower() == "from" and re.search(r"\$.", value):
            reason = "`from` of a mount does not expand variables: name the image in a `FROM`"
            return MountProblem(reason, is_late=False)
    options: dict[str, str | None] = {"type": "bind"}
    for field in fields:
        if reason := _add_option(options, field, escape, values):
            return MountProblem(reason)
    if reason := _invalid_combination(options):
        return MountProblem(reason)
    return _problem_of_target(options, folder)


def _add_option(
    options: dict[str, str | None], field: str, escape: str, values: Mapping[str, str]
) -> str:
    """Add an option to those before it, or return why it is invalid."""
    key, equals, text = field.partition("=")
    key = key.lower()
    if not equals and key not in _SWITCHES and key != "required":
        return f"the option {field!r} of a mount requires a value"
    if reason := invalid_word(text, escape):
        return reason
    value = known_word(text, values, escape) if equals else "true"
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
    return ""


def _invalid_combination(options: Mapping[str, str | None]) -> str:
    """Return why options that are valid by themselves are invalid together."""
    kind = options["type"]
    if kind is None:
        return ""
    filled = {name for name, value in options.items() if value != ""}
    for name in options:
        without = _WITHOUT.get(name, ())
        if kind in without and (name in filled or kind not in _OPTIONAL):
            return f"a mount of type {kind} does not have the option {name!r}"
    if kind != "secret":
        return ""
    if filled.isdisjoint(("id", "source", "target")):
        return "a mount of type secret requires `id`, `source` or `target`"
    both = {"source", "id"} <= filled
    return "a mount of type secret cannot have both `source` and `id`" if both else ""


def _problem_of_target(options: Mapping[str, str | None], folder: Folder) -> MountProblem | None:
    """Return the problem of a mount over the root of the file system.

    BuildKit accepts some spellings of an absolute target, such as `//`, and then cannot start the
    container.
    """
    kind, target = options["type"], options.get("target", "")
    if kind in {None, *_OPTIONAL} or target is None or folder.joined(target) != "/":
        return None
    reason = f"a mount of type {kind} requires a `target` other than /"
    return MountProblem(reason, depends_on_folder=not target.startswith("/"))
