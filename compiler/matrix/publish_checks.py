"""Read `publish.checks` of matrix.yaml: commands that each staged image must pass."""

import re
from collections.abc import Collection, Mapping
from datetime import date

from compiler.codes import Code
from compiler.errors import CompileError, did_you_mean, listed
from compiler.matrix.dates import parse_date
from compiler.matrix.matrix import AcceptedFailure, Axis, Check, Pattern
from compiler.matrix.model import AcceptOptions, CheckOptions
from compiler.matrix.model import Pattern as RawPattern
from compiler.matrix.names import CHECK
from compiler.matrix.pattern import read_pattern
from compiler.matrix.reader import Reader
from compiler.source.document import Route
from compiler.source.project_files import FileError, Files


MAX_JOBS = 1000
MAX_COMMAND = 100_000
"""Maximum length of a command in bytes; Linux accepts a little more in one argument."""
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_COUNT = re.compile(r"[1-9][0-9]{0,3}\Z")
_ALLOWED = "allowed"


def read_checks(
    raw: Mapping[str, CheckOptions],
    *,
    axes: Mapping[str, Axis],
    images: Collection[str],
    files: Files,
    reader: Reader,
) -> dict[str, Check]:
    """Return the checks by name, each after those that it needs, and report errors.

    Args:
        raw: the checks as they are written.
        axes: the axes of the matrix, for patterns.
        images: the names of its images, for patterns.
        files: the project's files, among which `inputs` must exist.
        reader: receives the errors.
    """

    def pattern(raw: RawPattern, route: Route) -> Pattern:
        return read_pattern(raw, route, axes=axes, images=images, reader=reader)

    checks = {}
    for name, options in raw.items():
        route = ("publish", "checks", name)
        if not CHECK.match(name):
            reader.problem(
                Code.BAD_CHECK,
                f"invalid name for a check: {name!r}",
                route,
                "use at most 64 letters, digits, `-` and `_`, and begin with a letter or digit",
                key=True,
            )
        _check_options(name, options, raw, files, reader)
        checks[name] = Check(
            name=name,
            command=options.run,
            pattern=None if options.when is None else pattern(options.when, (*route, "when")),
            needs=tuple(other for other in options.needs if other in raw),
            inputs=tuple(options.inputs),
            timeout=_seconds(options.timeout, (*route, "timeout"), reader),
            jobs=int(options.jobs) if _COUNT.match(options.jobs) else 1,
            may_skip=options.skip == _ALLOWED,
            valid=None
            if options.valid is None
            else _seconds(options.valid, (*route, "valid"), reader),
            accepted=tuple(
                AcceptedFailure(
                    pattern=pattern(exception.when, (*route, "accept", n, "when")),
                    reason=exception.reason,
                    until=_read_date(exception, (*route, "accept", n), reader),
                )
                for n, exception in enumerate(options.accept)
            ),
        )
    return _ordered(checks, reader)


def _check_options(
    name: str, options: CheckOptions, names: Collection[str], files: Files, reader: Reader
) -> None:
    """Report invalid values of a check that need no conversion."""
    route: Route = ("publish", "checks", name)
    if not options.run.strip() or "\0" in options.run or len(options.run.encode()) > MAX_COMMAND:
        reader.problem(
            Code.BAD_CHECK,
            f"the check {name!r} has no valid command",
            route,
            f"write a command for `sh -c` of at most {MAX_COMMAND:,} bytes",
        )
    for n, other in enumerate(options.needs):
        if other not in names:
            reader.problem(
                Code.UNKNOWN_CHECK,
                f"no check is named {other!r}",
                (*route, "needs", n),
                did_you_mean(other, names, otherwise=f"the checks are {listed(names)}"),
            )
    for n, path in enumerate(options.inputs):
        try:
            files.read(path)
        except FileError as error:
            at = (*route, "inputs", n)
            reader.reject(CompileError([error.at(reader.source.locate(at))]), at)
    if options.skip not in {None, _ALLOWED}:
        reader.problem(
            Code.BAD_CHECK,
            f"invalid value for `skip`: {options.skip!r}",
            (*route, "skip"),
            f"write `skip: {_ALLOWED}`, or remove the key",
        )
    if not _COUNT.match(options.jobs) or int(options.jobs) > MAX_JOBS:
        reader.problem(
            Code.BAD_CHECK,
            f"invalid value for `jobs`: {options.jobs!r}",
            (*route, "jobs"),
            f"write a number from 1 to {MAX_JOBS}",
        )


def _seconds(text: str, route: Route, reader: Reader) -> int:
    """Return a duration in seconds."""
    match = _DURATION.match(text)
    if match is None:
        reader.problem(
            Code.BAD_CHECK,
            f"invalid duration: {text!r}",
            route,
            "write a number with its unit, such as `90s`, `10m`, `24h` or `7d`",
        )
        return 1
    return int(match[1]) * _SECONDS[match[2]]


def _read_date(options: AcceptOptions, route: Route, reader: Reader) -> date:
    """Return the last day of an exception; report an invalid date or reason."""
    if not options.reason.strip() or not options.reason.isprintable():
        reader.problem(
            Code.BAD_CHECK,
            "an exception needs a reason, in one line",
            (*route, "reason"),
            "write why the failure is accepted; the record of the release lists it",
        )
    if (until := parse_date(options.until)) is not None:
        return until
    reader.problem(
        Code.BAD_CHECK,
        f"invalid date: {options.until!r}",
        (*route, "until"),
        "write the last day as YYYY-MM-DD",
    )
    return date.min


def _ordered(checks: Mapping[str, Check], reader: Reader) -> dict[str, Check]:
    """Return checks after those that they need, otherwise in their order; report cycles."""
    ordered: dict[str, Check] = {}
    remaining = dict(checks)
    while remaining:
        ready = [name for name, check in remaining.items() if ordered.keys() >= set(check.needs)]
        if not ready:
            _report_cycle(remaining, reader)
            return {**ordered, **remaining}
        ordered[ready[0]] = remaining.pop(ready[0])
    return ordered


def _report_cycle(checks: Mapping[str, Check], reader: Reader) -> None:
    """Report one cycle among checks, each of which needs at least one of the others."""
    path: list[str] = []
    following = next(iter(checks))
    while following not in path:
        path.append(following)
        following = next(name for name in checks[following].needs if name in checks)
    cycle = [*path[path.index(following) :], following]
    reader.problem(
        Code.BAD_CHECK,
        f"checks need each other: {' -> '.join(cycle)}",
        ("publish", "checks", cycle[0], "needs"),
        "remove one of `needs`",
    )
