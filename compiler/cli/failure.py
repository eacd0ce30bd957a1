"""Every failure of a run as diagnostics in the selected format, and as an exit code."""

import os
import re
import signal
import sys
from collections.abc import Iterable, Sequence

import click

from compiler.cli.diagnostic_output import DiagnosticFormat, report
from compiler.cli.terminal import is_coloured
from compiler.codes import Code
from compiler.errors import (
    Argument,
    Diagnostic,
    DiagnosticError,
    Location,
    Severity,
    did_you_mean,
)
from compiler.reports.text import counted


_CHOICE = re.compile(r"'([^']*)' is not one of (.*)")
_QUOTED = re.compile(r"'([^']*)'")
_INTEGER = re.compile(r"is not a valid integer(?: range)?")
_AT_LEAST = re.compile(r"in the range x>=(\d+)")
_BETWEEN = re.compile(r"in the range (\d+)<=x<=(\d+)")

INVALID, USAGE, INTERNAL = 1, 2, 3
INTERRUPTED = 128 + signal.SIGINT

_BUG = (
    "This is a bug in compile-matrix. Please report it; "
    "set COMPILE_MATRIX_DEBUG=1 for the traceback."
)


class CommandError(click.UsageError):
    """A missing or unknown command, with the help that its diagnostic shows."""

    def __init__(self, message: str, context: click.Context, *, help_: str) -> None:
        """Take the message, the context of the group, and what to do."""
        super().__init__(message, context)
        self.help = help_


def requested_format(arguments: Sequence[str]) -> DiagnosticFormat:
    """Return the format of diagnostics: the first `--format`, if it is `json` or `github`.

    It is read before the arguments are parsed, because a usage error needs it, too.

    >>> requested_format(["list", "--format", "json"])
    <DiagnosticFormat.JSON: 'json'>
    >>> requested_format(["list", "--format=names"])
    <DiagnosticFormat.TEXT: 'text'>
    """
    for position, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option == "--":
            break
        if option == "--format":
            if not equals:
                value = next(iter(arguments[position + 1 : position + 2]), "")
            return DiagnosticFormat(value) if value in {"json", "github"} else DiagnosticFormat.TEXT
    return DiagnosticFormat.TEXT


def is_bug(error: Exception) -> bool:
    """Return whether an error is neither the user's nor the operating system's."""
    return not isinstance(error, (DiagnosticError, click.ClickException, OSError))


def write(diagnostics: Sequence[Diagnostic], output_format: DiagnosticFormat) -> None:
    """Write diagnostics to stderr; nothing if there are none."""
    if diagnostics:
        text = report(diagnostics, output_format, colour=is_coloured(sys.stderr))
        click.echo(text, err=True, nl=False, color=True)


def fail(error: Exception, output_format: DiagnosticFormat) -> int:
    """Write what went wrong to stderr and return the exit code."""
    match error:
        case DiagnosticError() if all(
            diagnostic.code is Code.USAGE for diagnostic in error.diagnostics
        ):
            write(error.diagnostics, output_format)
            return USAGE
        case DiagnosticError():
            write(error.diagnostics, output_format)
            if output_format is DiagnosticFormat.TEXT:
                click.echo(_count(error.diagnostics, error.outcome), err=True)
            return INVALID
        case click.ClickException():
            write([_usage(error)], output_format)
            return error.exit_code
        case BrokenPipeError():
            # The reader has closed the pipe: nothing more can be shown, and nothing needs to be.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return INVALID
        case OSError():
            write([_unusable(error)], output_format)
            return INVALID
        case _:
            bug = Diagnostic(
                code=Code.INTERNAL_ERROR,
                message=f"{type(error).__name__}: {error}",
                location=Argument(name="compile-matrix"),
                help=_BUG,
            )
            write([bug], output_format)
            return INTERNAL


def _count(diagnostics: Iterable[Diagnostic], outcome: str) -> str:
    count = sum(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    return f"{counted(count, 'error')}{f'; {outcome}' if outcome else ''}"


def _usage(error: click.ClickException) -> Diagnostic:
    """Return a usage error of click as a diagnostic."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "compile-matrix"
    message = " ".join(error.format_message().split()).removesuffix(".")
    name, help_ = "compile-matrix", f"`{command} --help` shows the usage"
    if isinstance(error, CommandError):
        help_ = error.help
    elif isinstance(error, click.NoSuchOption):
        name, message = error.option_name, f"unknown option {error.option_name!r}"
        if name == "--dry-run":
            help_ = "`compile-matrix --check` or `--diff` writes nothing"
        elif error.possibilities:
            help_ = f"did you mean {' or '.join(sorted(error.possibilities))}?"
    elif isinstance(error, click.BadParameter):
        message, help_ = _explain_value(message, help_)
    return Diagnostic(
        code=Code.USAGE,
        message=message[:1].lower() + message[1:],
        location=Argument(name=name),
        help=help_,
    )


def _explain_value(message: str, help_: str) -> tuple[str, str]:
    """Return message and help for an invalid value of an option or argument, in plain words.

    Args:
        message: the message of click.
        help_: the help if no choice is similar.

    >>> _explain_value("0 is not in the range x>=1.", "")[0]
    '0 is not in the range: at least 1.'
    """
    if choice := _CHOICE.search(message):
        return message, did_you_mean(choice[1], _QUOTED.findall(choice[2]), otherwise=help_)
    message = _INTEGER.sub("is not a whole number", message)
    message = _AT_LEAST.sub(r"in the range: at least \1", message)
    return _BETWEEN.sub(r"in the range: \1 to \2", message), help_


def _unusable(error: OSError) -> Diagnostic:
    """Return a failure to read or write that no phase has explained."""
    reason = (error.strerror or str(error)).lower()
    if error.filename is None:
        message = f"the output cannot be written: {reason}"
        location: Location | Argument = Argument(name="stdout")
    else:
        message = f"the file cannot be read or written: {reason}"
        location = Location(path=os.fsdecode(error.filename), line=0)
    return Diagnostic(
        code=Code.CANNOT_WRITE,
        message=message,
        location=location,
        help="check the free space and the permissions",
        cause=reason,
    )
