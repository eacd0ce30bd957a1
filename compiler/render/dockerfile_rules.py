"""Check one Dockerfile by itself: what BuildKit rejects although its parser reads it.

A Dockerfile may be a shape. A finding then contains marks in place of printed words.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Severity
from compiler.external.go_values import GO_BOOLEANS
from compiler.render.dockerfile import Instruction, ParsedDockerfile
from compiler.render.dockerfile_words import KEYWORDS
from compiler.render.frontends import directives
from compiler.render.shapes import Printed, is_marked


_VARIABLE = re.compile(r"(?<!\\)\$(?:(\w+)|\{(\w+)(?:\}|:?([+?#%/-])))", re.ASCII)
"""A variable, and its modifier: the `-` of `${NAME:-default}`."""
_SYNTAX = re.compile(r"\s*#\s*syntax\s*=\s*\S", re.IGNORECASE)
_STARTS = re.compile(rf"\s*({'|'.join(KEYWORDS)})\s+\S")
"""A line that starts with an instruction in upper case."""
AUTOMATIC_ARGUMENTS = frozenset(
    f"{side}{name}"
    for side in ("BUILD", "TARGET")
    for name in ("PLATFORM", "OS", "ARCH", "VARIANT", "STAGE")
)
"""Arguments that BuildKit defines in every Dockerfile."""
_LONGEST = 65_535
"""Bytes of the longest line that BuildKit reads."""
_LONGEST_MESSAGE = 400
"""Characters of a message, which can quote a word of any length."""


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

    def at(self, location: Location) -> Diagnostic:
        """Return the diagnostic for it."""
        message = self.message
        if len(message) > _LONGEST_MESSAGE:
            message = f"{message[: _LONGEST_MESSAGE // 2]}...{message[-_LONGEST_MESSAGE // 2 :]}"
        return Diagnostic(
            code=self.code,
            message=message,
            location=location,
            help=self.help,
            severity=self.severity,
        )


def rejected(parsed: ParsedDockerfile, text: str) -> Iterator[Finding]:
    """Yield the errors of a Dockerfile that need no knowledge of the matrix.

    A late argument with a default of its own is a warning.
    """
    for instruction in parsed.instructions if parsed.stages else ():
        if instruction.keyword == "FROM":
            break
        if instruction.keyword != "ARG":
            yield syntax(f"{instruction.keyword} precedes the first FROM", instruction.line)
    if not parsed.stages:
        first = next((instruction.line for instruction in parsed.instructions), 1)
        help_ = "begin the Dockerfile with `FROM image`"
        yield Finding(Code.NO_BASE, "the Dockerfile has no FROM", help_, first)
    yield from _check_options(text)
    for number, line in enumerate(text.split("\n"), 1) if len(text) > _LONGEST // 4 else ():
        if len(line.encode(errors="surrogatepass")) > _LONGEST:
            yield syntax(f"the line is longer than {_LONGEST:,} bytes", number)
    yield from _late_arguments(parsed)


def syntax(reason: str, line: int, help_: str = "correct the template") -> Finding:
    """Return the error for what BuildKit rejects in a line."""
    return Finding(Code.DOCKERFILE_SYNTAX, reason, help_, line)


def _check_options(text: str) -> Iterator[Finding]:
    """Yield an error for each invalid option of a `# check=`."""
    for directive in directives(text):
        # BuildKit reads the value up to the first space.
        options = directive.value.partition(" ")[0]
        for option in options.split(";") if directive.name == "check" else ():
            key, equals, setting = option.partition("=")
            is_known = equals and key in {"skip", "error", "experimental"}
            if not is_known or (key == "error" and setting not in GO_BOOLEANS):
                yield syntax(f"invalid check option {option!r}", directive.line)


def _late_arguments(parsed: ParsedDockerfile) -> Iterator[Finding]:
    """Yield a finding for each `ARG` that a `FROM` uses and that only a stage declares.

    It is a warning if BuildKit can build without the argument, by the text of `${NAME:-text}`.
    """
    early = {argument.name for argument in parsed.arguments} | AUTOMATIC_ARGUMENTS
    late = {
        argument.partition("=")[0]: argument
        for stage in reversed(parsed.stages)
        for instruction in reversed(stage.instructions)
        if instruction.keyword == "ARG"
        for argument in instruction.arguments
    }
    for stage in parsed.stages:
        modifiers: dict[str, set[str]] = {}
        for match in _VARIABLE.finditer(f"{stage.platform} {stage.base.text} {stage.name}"):
            modifiers.setdefault(match[1] or match[2], set()).add(match[3] or "")
        for name, used in modifiers.items():
            if name in late and name not in early:
                is_optional = used <= {"-", "+"}
                yield Finding(
                    Code.LATE_ARG,
                    f"argument {name!r} is {'ignored' if is_optional else 'empty'} in this FROM: "
                    "its ARG follows the first FROM",
                    f"declare `ARG {late[name]}` before the first FROM, and repeat `ARG {name}` in "
                    "each stage that uses it",
                    stage.base.line,
                    stage.base.text if name in stage.base.text else "",
                    Severity.WARNING if is_optional else Severity.ERROR,
                )


def suspicious(parsed: ParsedDockerfile, text: str) -> Iterator[Finding]:
    """Yield the warnings of a Dockerfile that need no knowledge of the matrix."""
    lines = text.split("\n")
    inside: set[int] = set()
    for instruction in parsed.instructions:
        inside.update(range(instruction.line, instruction.last_line + 1))
        yield from _continued(instruction, lines)
    for number, line in enumerate(lines, 1) if parsed.syntax is None else ():
        if number not in inside and _SYNTAX.match(line):
            is_first = number == 1
            yield Finding(
                Code.SYNTAX_WITHOUT_EFFECT,
                "this syntax directive has no effect: "
                + ("spaces precede it" if is_first else "other lines precede it"),
                "remove them" if is_first else "move it to the first line of the template",
                number,
                severity=Severity.WARNING,
            )


def _continued(instruction: Instruction, lines: list[str]) -> Iterator[Finding]:
    """Yield a warning for each continued line that starts like an instruction."""
    if instruction.line == instruction.last_line or instruction.keyword == "ONBUILD":
        return
    doubles = singles = 0
    for number in range(instruction.line, instruction.last_line + 1):
        line = lines[number - 1]
        if line.lstrip().startswith("#"):
            continue
        match = _STARTS.match(line) if number > instruction.line else None
        is_check = match and (instruction.keyword, match[1]) == ("HEALTHCHECK", "CMD")
        if match and not is_check and not doubles % 2 and not singles % 2:
            yield Finding(
                Code.CONTINUED_INSTRUCTION,
                f"{match[1]!r} is part of {instruction.keyword}: the line above continues here",
                "remove the escape character at the end of the line above",
                number,
                match[1],
                Severity.WARNING,
            )
        doubles, singles = doubles + line.count('"'), singles + line.count("'")
        if instruction.heredocs and "<<" in line:
            return


def confirmation(finding: Finding, printed: Printed, text: str) -> tuple[object, ...]:
    """Return what must be found in the text of a variant before a finding is reported.

    An invalid line that contains printed words is confirmed in each text, because it may be valid
    with other words.
    """
    whole = ""
    if finding.code in {Code.BAD_FROM, Code.DOCKERFILE_SYNTAX}:
        line = printed.shape.text.split("\n")[finding.line - 1 : finding.line]
        whole = text if not line or is_marked(line[0]) else ""
    return printed.shape, whole, finding.code, finding.line
