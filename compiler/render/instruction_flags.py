"""Check the flags of single instructions, as BuildKit does while it reads a Dockerfile."""

import re
from collections.abc import Iterator, Mapping

from compiler.external.go_values import parse_integer
from compiler.render.dockerfile import Instruction
from compiler.render.dockerfile_json import parse_ast
from compiler.render.shapes import without_marks


_SWITCH, _TEXT, _TEXTS = "switch", "text", "texts"
"""Kinds of flags: without a value or with a Boolean one; with a value; the same, repeatable."""

_COPIES = {"chmod": _TEXT, "chown": _TEXT, "exclude": _TEXTS, "link": _SWITCH}
_FLAGS: Mapping[str, Mapping[str, str]] = {
    "ADD": {**_COPIES, "checksum": _TEXT, "keep-git-dir": _SWITCH, "unpack": _SWITCH},
    "COPY": {**_COPIES, "from": _TEXT, "parents": _SWITCH},
    "FROM": {"platform": _TEXT},
    "HEALTHCHECK": dict.fromkeys(
        ("interval", "retries", "start-interval", "start-period", "timeout"), _TEXT
    ),
    "RUN": {"device": _TEXTS, "mount": _TEXTS, "network": _TEXT, "security": _TEXT},
}
"""Keyword -> flag -> kind, labs included; other instructions have no flags."""
_IGNORED = ("ARG", "STOPSIGNAL")
"""Instructions whose flags BuildKit does not look at."""
_VALUES = {"network": ("default", "host", "none"), "security": ("insecure", "sandbox")}

_DURATION = re.compile(
    r"(?P<sign>[-+]?)(?:0|(?P<parts>(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|[µμ]s|ms|s|m|h))+))", re.ASCII
)
_PART = re.compile(r"(?<![\d.])([\d.]+)([a-zµμ]+)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_SHORTEST = 1e-3
"""Seconds of the shortest interval of a health check that is not 0."""
_LONGEST = 2**63 / 1e9
"""Seconds above the longest duration."""
_LARGEST = 2**31
_BYTE_SPACE = re.compile("[\t\n\v\f\r \x85\xa0]")
"""Bytes that Go takes for spaces."""


def misread_character(instruction: Instruction, escape: str) -> str:
    """Return the character because of which BuildKit reads other flags than are written.

    BuildKit splits flags, and what follows in HEALTHCHECK, by byte. A byte of `à` is a space to it,
    and U+2028 is not.

    Returns:
        The character, or empty.
    """
    text = without_marks(instruction.text, "x")
    if text.isascii() or instruction.keyword not in _FLAGS:
        return ""
    rest = text.strip()[len(instruction.keyword) :]
    line = f"# escape={escape}\nUSER {rest}".encode().decode("latin-1")
    [read] = parse_ast(line).instructions
    flags = [*instruction.flags]
    if instruction.keyword == "HEALTHCHECK":
        flags += instruction.arguments[:1]
        read.flags += _BYTE_SPACE.split("".join(read.args), 1)[:1]
    if [without_marks(flag, "x").encode().decode("latin-1") for flag in flags] == read.flags:
        return ""
    return next(filter(_is_misread, text), "")


def _is_misread(character: str) -> bool:
    is_split = not {0x85, 0xA0}.isdisjoint(character.encode())
    return not character.isascii() and (character.isspace() or is_split)


def known_flags(keyword: str) -> tuple[str, ...]:
    """Return the flags of an instruction, in alphabetical order."""
    return tuple(sorted(_FLAGS.get(keyword, ())))


def flag_values(instruction: Instruction, name: str) -> Iterator[str]:
    """Yield the values of a flag."""
    for flag in instruction.flags:
        key, equals, value = flag.partition("=")
        if equals and key == f"--{name}":
            yield value


def switch(instruction: Instruction, name: str) -> bool | None:
    """Return the value of a switch; None without the flag."""
    if f"--{name}" in instruction.flags:
        return True
    value = next(flag_values(instruction, name), None)
    return None if value is None else value.lower() == "true"


def unknown_flag(instruction: Instruction) -> str:
    """Return the first flag that the instruction does not have; empty if there is none."""
    if _ignores_flags(instruction):
        return ""
    known = _FLAGS.get(instruction.keyword, {})
    names = (flag[2:].partition("=")[0] for flag in instruction.flags)
    return next((name for name in names if name not in known), "")


def invalid_flag(instruction: Instruction) -> str:
    """Return why BuildKit rejects a flag that it knows; empty if it does not."""
    if _ignores_flags(instruction):
        return ""
    known = _FLAGS.get(instruction.keyword, {})
    used = set()
    for flag in instruction.flags:
        name, equals, value = flag[2:].partition("=")
        kind = known.get(name, "")
        if kind in {_SWITCH, _TEXT} and name in used:
            return f"duplicate flag --{name}"
        used.add(name)
        if (not value) if equals and kind == _SWITCH else (kind and kind != _SWITCH and not equals):
            return f"the flag --{name} requires a value"
        if kind == _SWITCH and value.lower() not in {"", "true", "false"}:
            return f"invalid value for --{name}: {value!r}, must be `true` or `false`"
        if reason := _invalid_value(instruction.keyword, name, value):
            return reason
    return ""


def _ignores_flags(instruction: Instruction) -> bool:
    if instruction.keyword == "HEALTHCHECK":
        return [word.upper() for word in instruction.arguments[:1]] == ["NONE"]
    return instruction.keyword in _IGNORED


def _invalid_value(keyword: str, name: str, value: str) -> str:
    allowed = _VALUES.get(name) if keyword == "RUN" else None
    if allowed and value not in allowed:
        return f"invalid value for --{name}: {value!r}, must be one of {', '.join(allowed)}"
    if keyword != "HEALTHCHECK" or not value:
        return ""
    if name == "retries":
        number = parse_integer(value)
        is_valid = number is not None and 0 <= number < _LARGEST
        return "" if is_valid else f"invalid value for --retries: {value!r}, must be 0 or more"
    return _invalid_duration(name, value)


def _invalid_duration(name: str, value: str) -> str:
    match = _DURATION.fullmatch(value)
    if match is None:
        return f"invalid value for --{name}: {value!r}, write a duration such as `30s`"
    parts = _PART.findall(match["parts"] or "")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds >= _LONGEST:
        return f"invalid value for --{name}: {value!r} is too long"
    if seconds and (match["sign"] == "-" or seconds < _SHORTEST):
        return f"invalid value for --{name}: {value!r}, must be 0 or at least 1ms"
    return ""
