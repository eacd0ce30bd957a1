"""Check one Dockerfile by itself: what BuildKit rejects although its parser reads it.

A Dockerfile may be a shape. A finding then contains marks in place of printed words.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Severity
from compiler.render.dockerfile import Instruction, ParsedDockerfile


_VARIABLE = re.compile(r"(?<!\\)\$(?:(\w+)|\{(\w+)\})", re.ASCII)
"""A variable without a default of its own."""
_AUTOMATIC = frozenset(
    f"{side}{name}"
    for side in ("BUILD", "TARGET")
    for name in ("PLATFORM", "OS", "ARCH", "VARIANT", "STAGE")
)
_LEAST_ARGUMENTS = {
    **dict.fromkeys(("ARG", "EXPOSE", "LABEL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"), 1),
    **dict.fromkeys(("ADD", "COPY"), 2),
}
_NAMED = 3
"""The arguments of `FROM image AS name`."""


class Finding(NamedTuple):
    """What is wrong in a Dockerfile, and where."""

    code: Code
    message: str
    help: str
    line: int
    """The line of the Dockerfile."""
    word: str = ""
    """The word of this line that is wrong; empty for the line."""
    severity: Severity = Severity.ERROR


def rejected(parsed: ParsedDockerfile) -> Iterator[Finding]:
    """Yield the errors of a Dockerfile that need no knowledge of the matrix."""
    before = True
    for instruction in parsed.instructions:
        reason = ""
        if instruction.keyword == "FROM":
            before = False
            reason = _invalid_from(instruction)
        elif before and instruction.keyword != "ARG":
            reason = f"{instruction.keyword} precedes the first FROM"
        elif len(instruction.arguments) < _LEAST_ARGUMENTS.get(instruction.keyword, 0):
            least = _LEAST_ARGUMENTS[instruction.keyword]
            reason = f"{instruction.keyword} requires {least} argument{'s' * (least > 1)} or more"
        if reason:
            yield Finding(Code.DOCKERFILE_SYNTAX, reason, "correct the template", instruction.line)
    yield from _late_arguments(parsed)
    yield from _missing_stages(parsed)


def _invalid_from(instruction: Instruction) -> str:
    arguments = instruction.arguments
    if len(arguments) == 1 or (len(arguments) == _NAMED and arguments[1].lower() == "as"):
        return ""
    return "FROM requires `image` or `image AS name`"


def _late_arguments(parsed: ParsedDockerfile) -> Iterator[Finding]:
    """Yield an error for each `ARG` that a `FROM` uses and that only a stage declares."""
    early = {argument.name for argument in parsed.arguments} | _AUTOMATIC
    late = {
        argument.partition("=")[0]
        for stage in parsed.stages
        for instruction in stage.instructions
        if instruction.keyword == "ARG"
        for argument in instruction.arguments
    }
    for stage in parsed.stages:
        used = _VARIABLE.findall(f"{stage.platform} {stage.base.text} {stage.name}")
        for name in dict.fromkeys(plain or braced for plain, braced in used):
            if name in late - early:
                yield Finding(
                    Code.LATE_ARG,
                    f"argument {name!r} is empty in this FROM: its ARG follows the first FROM",
                    f"declare `ARG {name}` before the first FROM",
                    stage.base.line,
                    stage.base.text if name in stage.base.text else "",
                )


def _missing_stages(parsed: ParsedDockerfile) -> Iterator[Finding]:
    """Yield an error for each number of `--from` that no stage has."""
    last = len(parsed.stages) - 1
    for stage in parsed.stages:
        for instruction in stage.instructions:
            for word in instruction.images if instruction.keyword == "COPY" else ():
                number = word.text
                if number.isascii() and number.isdigit() and int(number) > last:
                    yield Finding(
                        Code.UNKNOWN_STAGE,
                        f"unknown stage {number} in --from: the last stage is {last}",
                        "write the number or the name of a stage of this Dockerfile",
                        word.line,
                        f"--from={number}",
                    )
