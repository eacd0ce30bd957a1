"""Check what a Dockerfile names in `FROM`, `--from` and `--platform`, as BuildKit does."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from compiler.external.references import is_image_name
from compiler.render.dockerfile import Argument, Word
from compiler.render.dockerfile_rules import AUTOMATIC_ARGUMENTS, Finding, syntax
from compiler.render.shapes import Printed
from compiler.render.stage_names import StageNames
from compiler.render.word_syntax import LimitError, expand_word, invalid_word


_UNKNOWN = "\ue003"
"""Placeholder for a value that is not known before the build."""
_OS = re.compile(r"[\w-]+(?:\([\w.-]*(?:\+[\w.-]+)*\))?", re.ASCII)
_PART = re.compile(r"[\w.-]+", re.ASCII)
_MOST_PARTS = 3
_SINGLE = frozenset(
    (
        *("aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js"),
        *("linux", "macos", "nacl", "netbsd", "openbsd", "plan9", "solaris", "windows", "zos"),
        *("386", "aarch64", "amd64", "amd64p32", "arm", "arm64", "arm64be", "armbe", "armel"),
        *("armhf", "i386", "loong64", "mips", "mips64", "mips64le", "mips64p32", "mips64p32le"),
        *("mipsle", "ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc"),
        *("sparc64", "wasm", "x86-64", "x86_64"),
    )
)
"""Operating systems and architectures that containerd reads without the other part."""


class Base(NamedTuple):
    """What one `FROM` names, or one `--from` or mount."""

    word: Word
    platform: str = ""
    """The value of `--platform`, or empty."""
    is_from: bool = True
    stage: int = 0
    """The number of the stage."""


def base_finding(
    base: Base,
    stages: StageNames,
    values: Mapping[str, str],
    escape: str,
    printed: Printed,
) -> Finding | None:
    """Return the error if BuildKit rejects the name or the platform of a base.

    Args:
        base: the base, in the shape.
        stages: the stages.
        values: the arguments that a `FROM` can use.
        escape: the Dockerfile's escape character.
        printed: the words that the marks replace.
    """
    written, platform = printed.restore(base.word.text), printed.restore(base.platform)
    reason = ""
    if base.is_from:
        name, reason = _expanded(written, values, escape)
        if name == "":
            reason = f"the image of this FROM is empty: {written}"
    else:
        name = written if "$" not in written else None
    if base.is_from:
        is_stage = name in stages.names[: base.stage]
    else:
        is_stage = name is not None and stages.number(name) is not None
    if name and not is_stage and not is_image_name(name):
        reason = f"invalid name of an image: {name!r}"
    if not reason and platform:
        value, reason = _expanded(platform, values, escape)
        if value is not None and not is_platform(value):
            reason = f"invalid platform {value!r}" if value else f"{platform!r} is empty"
    finding = syntax(reason, base.word.line)
    return finding._replace(word=base.word.text) if reason else None


def _expanded(text: str, values: Mapping[str, str], escape: str) -> tuple[str | None, str]:
    """Return a text with its arguments, None if unknown; and why it cannot be read."""
    if reason := invalid_word(text, escape):
        return None, reason
    try:
        value = expand_word(text, values, escape)
    except LimitError:
        return None, ""
    except ValueError as error:
        return None, str(error).removeprefix("failed to process ")
    return (None if _UNKNOWN in value else value), ""


def argument_values(
    arguments: Iterable[Argument], args: Mapping[str, str | None], escape: str, printed: Printed
) -> Mapping[str, str]:
    """Return the arguments that each `FROM` can use.

    Args:
        arguments: the `ARG` before the first `FROM`, with marks.
        args: the build arguments of the target; None where bake decides the value.
        escape: the Dockerfile's escape character.
        printed: the words that the marks replace.
    """
    values = dict.fromkeys(AUTOMATIC_ARGUMENTS, _UNKNOWN)
    values |= {name: args[name] or _UNKNOWN for name in AUTOMATIC_ARGUMENTS & args.keys()}
    for argument in arguments:
        name = printed.restore(argument.name)
        if name in args:
            value = args[name]
            values[name] = _UNKNOWN if value is None else value
        elif argument.default is not None:
            default, _ = _expanded(printed.restore(argument.default), values, escape)
            values[name] = _UNKNOWN if default is None else default
    return values


def known_arguments(
    arguments: Iterable[Argument], args: Mapping[str, str | None], escape: str, printed: Printed
) -> Mapping[str, str | None]:
    """Return what `argument_values` returns, with None for values that are not known."""
    values = argument_values(arguments, args, escape, printed)
    return {name: None if value == _UNKNOWN else value for name, value in values.items()}


def is_platform(text: str) -> bool:
    """Return whether BuildKit can read a platform, known or not.

    >>> is_platform("linux/arm64"), is_platform("arm64"), is_platform("linux/a/b/c")
    (True, True, False)
    """
    os, *rest = text.split("/")
    if not rest:
        return os.lower() in _SINGLE
    is_short = len(rest) < _MOST_PARTS
    return is_short and bool(_OS.fullmatch(os)) and all(map(_PART.fullmatch, rest))
