"""Check staged images with the commands of `publish.checks`, before any tag is created.

Each check runs once per image: a check that passed on another machine, or in an earlier run, is not
repeated. Checks run only in `publish`, which needs credentials of registries, so that a branch of a
stranger never starts one.
"""

from collections.abc import Iterable, Mapping

from compiler.codes import Code
from compiler.errors import Argument, Diagnostic, DiagnosticError, did_you_mean, listed
from compiler.external.registry.parallel import run_parallel
from compiler.publish.check_marks import Mark, find_mark, read_inputs
from compiler.publish.check_results import (
    PASSED,
    CheckResult,
    CheckState,
    Key,
    find_accepted,
)
from compiler.publish.check_scheduler import CheckScheduler
from compiler.publish.request import (
    NOTHING_BUILT,
    SOME_TAGS,
    STAGED,
    PublishJob,
    PublishProgress,
    TargetState,
)
from compiler.publish.signatures import SignedImage
from compiler.releases.record import RecordedCheck
from compiler.targets.applicable_checks import applicable_checks


_NOT_PASSED = CheckResult(CheckState.BLOCKED, "has not passed")
"""The state of a check that `--checks` leaves out and that no machine has passed."""
_SEE_LOG = "see its log .compile-matrix/logs/TARGET.CHECK.log; checks that passed are not repeated"


def reject_unknown_checks(job: PublishJob) -> None:
    """Reject names of `--checks` that the matrix does not have.

    Raises:
        DiagnosticError: with all of these names.
    """
    checks = job.request.resolved.plan.matrix.checks
    unknown = [name for name in job.request.checks if name not in checks]
    if unknown:
        raise DiagnosticError(
            [
                Diagnostic(
                    code=Code.UNKNOWN_CHECK,
                    message=f"no check is named {name!r}",
                    location=Argument(name="--checks", text=name),
                    help=did_you_mean(
                        name,
                        checks,
                        otherwise=f"the checks are {listed(checks)}"
                        if checks
                        else "matrix.yaml has no `publish.checks`",
                    ),
                )
                for name in unknown
            ],
            outcome=NOTHING_BUILT,
        )


def find_marks(job: PublishJob, progress: PublishProgress, names: Iterable[str]) -> dict[Key, Mark]:
    """Return the checks of staged images with their marks, in the order in which they run.

    Args:
        job: what to publish.
        progress: the staged images.
        names: the targets.

    Raises:
        DiagnosticError: an input of a check cannot be read.
    """
    matrix = job.request.resolved.plan.matrix
    if not matrix.checks:
        return {}
    folder = job.request.options.folder
    applicable = {name: applicable_checks(matrix, job.targets[name]) for name in names}
    used = {check.name for checks_of in applicable.values() for check in checks_of}
    inputs = {name: read_inputs(matrix, matrix.checks[name], folder) for name in used}
    return {
        (name, check.name): Mark(
            check, job.items[name].repository, progress.images[name].digest, inputs[check.name]
        )
        for check in matrix.checks.values()
        for name, checks_of in applicable.items()
        if any(check.name == other.name for other in checks_of)
    }


def find_passed(job: PublishJob, marks: Mapping[Key, Mark]) -> dict[Key, CheckResult]:
    """Return the results of the checks that the registry remembers as passed.

    Where images are signed, only signed marks count.
    """
    digests = run_parallel(lambda mark: find_mark(job.registries, mark), marks)
    passed = {
        key: SignedImage(marks[key].repository, digest) for key, digest in digests.items() if digest
    }
    if job.signatures is not None:
        signed = job.signatures.find_signed(passed.values())
        passed = {key: mark for key, mark in passed.items() if mark in signed}
    return dict.fromkeys(passed, PASSED)


def _report_checked(
    job: PublishJob, pending: Iterable[Key], results: Mapping[Key, CheckResult]
) -> None:
    """Report the targets of which no check prevents a release."""
    unready = {target for (target, _), result in results.items() if result.prevents_release}
    checked = dict.fromkeys(target for target, _ in results if target not in unready)
    job.reached(TargetState.CHECKED, checked, {target for target, _ in pending})


def ensure_checked(job: PublishJob, progress: PublishProgress) -> None:
    """Run all checks that selected images have not passed; with `--checks`, only those.

    An image that this run has checked is not checked again.

    Raises:
        PublishError: with all checks that failed or could not run.
        KeyboardInterrupt: raised again after all commands have been stopped.
    """
    matrix = job.request.resolved.plan.matrix
    marks = {
        key: mark
        for key, mark in find_marks(job, progress, job.selected).items()
        if progress.checked.get(key, ("", PASSED))[0] != mark.digest
    }
    if not marks:
        return
    results = find_passed(job, marks)
    requested = job.request.checks or matrix.checks
    pending = {
        key: mark for key, mark in marks.items() if key not in results and key[1] in requested
    }
    for target, name in marks.keys() - results.keys() - pending.keys():
        accepted = find_accepted(matrix, job.targets[target], matrix.checks[name])
        results[target, name] = accepted or _NOT_PASSED
    if pending:
        progress.is_outdated = True
        job.report.say(f"checking images: {len(pending)} to run, {len(marks) - len(pending)} known")
        results |= CheckScheduler(job, progress, pending, results).run()
    progress.checked |= {
        key: (marks[key].digest, result)
        for key, result in results.items()
        if result is not _NOT_PASSED
    }
    _report_checked(job, pending, results)
    reasons = [
        (key[0], f"the check {key[1]} failed: {results[key].reason}")
        if results[key].state is CheckState.FAILED
        else (key[0], f"the check {key[1]} did not run: {results[key].reason}")
        for key in pending
        if results[key].prevents_release
    ]
    if reasons:
        outcome = SOME_TAGS if progress.overtaken else STAGED
        raise job.error(Code.FAILED_CHECK, reasons, help_=_SEE_LOG, outcome=outcome)


def find_known_checks(job: PublishJob, progress: PublishProgress, names: Iterable[str]) -> None:
    """Note the results of checks of images that another run has checked and published.

    Raises:
        RegistryError: a registry cannot be read.
    """
    marks = find_marks(job, progress, names)
    results = find_passed(job, marks)
    matrix = job.request.resolved.plan.matrix
    for name, check in marks.keys() - results.keys():
        accepted = find_accepted(matrix, job.targets[name], matrix.checks[check])
        if accepted is not None:
            results[name, check] = accepted
    progress.checked |= {key: (marks[key].digest, result) for key, result in results.items()}


def recorded_checks(
    job: PublishJob, progress: PublishProgress, name: str
) -> tuple[RecordedCheck, ...]:
    """Return the results of a target's checks as they are recorded."""
    digest = progress.images[name].digest
    results = (
        (check, progress.checked.get((name, check)))
        for check in job.request.resolved.plan.matrix.checks
    )
    return tuple(
        result[1].recorded(check) for check, result in results if result and result[0] == digest
    )
