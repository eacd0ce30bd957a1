"""Check the values of single instructions, as BuildKit does when it builds their stage."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias

from compiler.external.addresses import is_address
from compiler.external.go_values import is_ip_address
from compiler.render.dockerfile import Instruction
from compiler.render.git_queries import is_repository
from compiler.render.instruction_flags import flag_values
from compiler.render.instruction_reads import is_heredoc
from compiler.render.step_words import known_word
from compiler.render.word_syntax import invalid_word


_URL = re.compile(r"(?:https?|git|ssh)://|[\w-]+@[\w.-]+:", re.ASCII)
"""What BuildKit does not read as a path of the context in a COPY."""
_DOWNLOAD = re.compile("https?://", re.IGNORECASE)
"""What ADD downloads, unless it is a Git repository."""
_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_REQUIRED = re.compile(r"\$\{\w+:?\?", re.ASCII)
"""A variable that must have a value; `known_word` leaves it in a word if it has none."""
_OCTAL = re.compile(r"[0-7]{1,100}")
_SYMBOLIC = re.compile(r"[ugoa]*(?:[-+=][rwxXstugo]*)+")
_LARGEST_MODE = 0o7777
_PORTS = re.compile(r"(\+?[0-9]{1,100})(?:-(\+?[0-9]{1,100}))?")
_LARGEST_PORT = 65_535
_PROTOCOLS = ("", "sctp", "tcp", "udp")
_SIGNALS = frozenset(
    (
        *("ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT"),
        *("KILL", "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM"),
        *("TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU"),
        *("XFSZ", "RTMIN", "RTMAX", *(f"RTMIN+{n}" for n in range(1, 16))),
        *(f"RTMAX-{n}" for n in range(1, 15)),
    )
)
_Value: TypeAlias = Callable[[str], str | None]
"""Returns a word without quotes; None if its value is not known before the build."""


def invalid_value(instruction: Instruction, escape: str, values: Mapping[str, str]) -> str:
    """Return why BuildKit cannot build an instruction that it can read; empty if it may.

    `ARG` is not checked: its value does not matter if the target overrides it.

    Args:
        instruction: the instruction.
        escape: the Dockerfile's escape character.
        values: the variables whose values are known.
    """
    for word in _expanded(instruction):
        if reason := invalid_word(word, escape):
            return reason
        if values and _REQUIRED.search(word) and known_word(word, values, escape) == word:
            return f"a variable that {word!r} requires has no value"
    for document in instruction.heredocs if instruction.keyword in {"ADD", "COPY"} else ():
        reason = invalid_word(document.content, "\\", skip_quotes=True) if document.expands else ""
        if reason:
            return reason.partition(", in ")[0] + f", in the here-document {document.name!r}"
    check = _CHECKS.get(instruction.keyword)
    return check(instruction, lambda word: known_word(word, values, escape)) if check else ""


def _expanded(instruction: Instruction) -> Iterator[str]:
    """Yield the words whose variables BuildKit expands."""
    match instruction.keyword:
        case "ENV" | "LABEL":
            yield from instruction.arguments[::3]
            yield from instruction.arguments[1::3]
        case "EXPOSE" | "STOPSIGNAL" | "USER" | "VOLUME" | "WORKDIR":
            yield from instruction.arguments
        case "ADD" | "COPY":
            for name in ("chmod", "chown", "checksum"):
                yield from flag_values(instruction, name)
            yield from (word for word in instruction.arguments if not is_heredoc(word, instruction))
        case _:
            return


def _expose(instruction: Instruction, value: _Value) -> str:
    for word in instruction.arguments:
        ports = value(word)
        # BuildKit splits the values of variables, and leaves out `''`.
        is_split = "$" in word and '"' not in word
        for port in (ports.split() if is_split else [ports]) if ports else ():
            if not _are_ports(port):
                return f"invalid port {port!r}: write for instance `80` or `80-90/udp`"
    return ""


@lru_cache(maxsize=4096)  # a variable can repeat many
def _are_ports(text: str) -> bool:
    """Return whether a text is `[[address:]port:]port[/protocol]`; ports may be ranges."""
    *rest, own = text.split(":")
    ports, _, protocol = own.partition("/")
    address = ":".join(rest[:-1])
    if protocol.lower() not in _PROTOCOLS or (address and not is_ip_address(address)):
        return False
    sizes = []
    for match in map(_PORTS.fullmatch, [ports, *(part for part in rest[-1:] if part)]):
        if match is None or not int(match[1]) <= int(match[2] or match[1]) <= _LARGEST_PORT:
            return False
        sizes.append(int(match[2] or match[1]) - int(match[1]))
    return not sizes[0] or sizes[0] == sizes[-1]


def _stopsignal(instruction: Instruction, value: _Value) -> str:
    signal = value(instruction.arguments[0])
    if signal is None:
        return ""
    is_number = re.fullmatch(r"[-+]?[0-9]{1,18}", signal) and int(signal)
    if is_number or signal.upper().removeprefix("SIG") in _SIGNALS:
        return ""
    return f"invalid signal {signal!r}"


def _volume(instruction: Instruction, value: _Value) -> str:
    # BuildKit ignores the spaces of words that it reads, not those of values.
    are_empty = (value(word) == "" or not word.strip() for word in instruction.arguments)
    return "a path in VOLUME is empty" if any(are_empty) else ""


def _copy(instruction: Instruction, value: _Value) -> str:
    for word in flag_values(instruction, "chmod"):
        mode = value(word)
        if mode and not _is_mode(mode):
            return f"invalid value for --chmod: {mode!r}, write for instance `755` or `u+x`"
    sources = [
        value(word) for word in instruction.arguments[:-1] if not is_heredoc(word, instruction)
    ]
    remote = [source is None or is_address(source) for source in sources]
    checksums = [value(word) for word in flag_values(instruction, "checksum")]
    if instruction.keyword == "COPY":
        if source := next((source for source in filter(None, sources) if _URL.match(source)), ""):
            return f"COPY does not download {source!r}: use ADD"
    elif any(checksums) and (len(sources) != 1 or not all(remote)):
        return "--checksum requires one source that is a URL or a Git repository"
    elif len(sources) == 1 and _is_download(sources[0] or ""):
        for checksum in checksums:
            if checksum and not _CHECKSUM.fullmatch(checksum):
                return f"invalid value for --checksum: {checksum!r}, write `sha256:` and 64 digits"
    return ""


def _is_download(source: str) -> bool:
    return bool(_DOWNLOAD.match(source)) and not is_repository(source)


def _is_mode(text: str) -> bool:
    if _OCTAL.fullmatch(text):
        return int(text, 8) <= _LARGEST_MODE
    return all(map(_SYMBOLIC.fullmatch, text.split(",")))


_CHECKS: Mapping[str, Callable[[Instruction, _Value], str]] = {
    "ADD": _copy,
    "COPY": _copy,
    "EXPOSE": _expose,
    "STOPSIGNAL": _stopsignal,
    "VOLUME": _volume,
}
CHECKED_VALUES = frozenset(_CHECKS)
"""The instructions whose values are checked."""
