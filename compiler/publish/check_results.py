"""Checks of the images of a release: which apply to a target, and their results."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from compiler.matrix.matrix import AcceptedFailure, Check, Matrix
from compiler.releases.record import RecordedCheck
from compiler.targets.applicable_checks import matches
from compiler.targets.target import Target


Key: TypeAlias = tuple[str, str]
"""The names of a target and of a check."""


class CheckState(StrEnum):
    """How a check of an image ended."""

    PASSED = "passed"
    SKIPPED = "skipped"
    """It did not apply on this machine; only with `skip: allowed`. It is not remembered."""
    ACCEPTED = "accepted"
    """It failed, and an exception accepts that."""
    FAILED = "failed"
    BLOCKED = "blocked"
    """It did not run, because another check did not pass."""


class CheckResult(NamedTuple):
    """How a check of an image ended, and why."""

    state: CheckState
    reason: str = ""
    """For a failure, what failed; for an accepted one, the reason of the exception."""
    until: str = ""
    """The last day of the exception."""

    @property
    def prevents_release(self) -> bool:
        """Return whether no tag may be created."""
        return self.state in {CheckState.FAILED, CheckState.BLOCKED}

    def recorded(self, check: str) -> RecordedCheck:
        """Return the result as it is recorded."""
        is_accepted = self.state is CheckState.ACCEPTED
        return RecordedCheck(
            check, self.state.value, self.reason if is_accepted else "", self.until
        )


PASSED = CheckResult(CheckState.PASSED)


def accept_failure(
    matrix: Matrix, target: Target, check: Check, failure: CheckResult
) -> CheckResult:
    """Return the result of a failed check: accepted if an exception for the target is in force."""
    current = find_accepted(matrix, target, check)
    if current is not None:
        return current
    ended = [exception.until for exception in _exceptions(matrix, target, check)]
    if ended:
        return failure._replace(reason=f"{failure.reason}; its exception ended on {max(ended)}")
    return failure


def find_accepted(matrix: Matrix, target: Target, check: Check) -> CheckResult | None:
    """Return the result of a check whose failure is accepted for a target; None if it is not."""
    for exception in _exceptions(matrix, target, check):
        if exception.until >= _today():
            return CheckResult(CheckState.ACCEPTED, exception.reason, exception.until.isoformat())
    return None


def _exceptions(matrix: Matrix, target: Target, check: Check) -> list[AcceptedFailure]:
    """Return the exceptions of a check for a target, also those that have ended."""
    return [exception for exception in check.accepted if matches(matrix, exception.pattern, target)]


def _today() -> date:
    return datetime.now(UTC).date()
