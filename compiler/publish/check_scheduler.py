"""Run checks of images: in their order, some at a time, until all have ended."""

import os
import queue
from collections.abc import Mapping

from compiler.bake.logs import TargetLogs
from compiler.bake.process import InterruptCounter, stop_processes
from compiler.matrix.matrix import Check
from compiler.publish.check_marks import Mark, read_inputs, write_mark
from compiler.publish.check_process import CheckProcess, Events, check_environment
from compiler.publish.check_results import (
    PASSED,
    CheckResult,
    CheckState,
    Key,
    accept_failure,
)
from compiler.publish.request import PublishJob, PublishProgress
from compiler.publish.signatures import sign_before_tag


MAX_RUNS = 8
"""Maximum number of checks that run at the same time."""
SKIPPED = 77
"""The exit code of a check that does not apply on this machine."""
_TICK = 0.1
"""Seconds between two looks at timeouts and interrupts."""


class CheckScheduler:
    """Runs checks of images and remembers those that pass."""

    def __init__(
        self,
        job: PublishJob,
        progress: PublishProgress,
        marks: Mapping[Key, Mark],
        known: Mapping[Key, CheckResult],
    ) -> None:
        """Take what to run.

        Args:
            job: what to publish.
            progress: the staged images.
            marks: the checks to run, in an order in which each is after those that it needs.
            known: the results of other checks of the same images.
        """
        self._job, self._progress = job, progress
        self._marks = dict(marks)
        self._known = known
        self._applicable = frozenset([*marks, *known])
        self._waiting = list(marks)
        self.running: list[CheckProcess] = []
        self.results: dict[Key, CheckResult] = {}
        self._events: Events = queue.SimpleQueue()
        self._folder = job.request.options.folder
        self._logs = TargetLogs(self._folder, map(log_name, marks))

    def run(self) -> dict[Key, CheckResult]:
        """Run all checks and return their results.

        Raises:
            KeyboardInterrupt: raised again after all processes have been stopped.
            RegistryError: a mark cannot be written; all processes have been stopped.
            OSError: a log cannot be written.
        """
        with InterruptCounter() as interrupts:
            try:
                while self._waiting or self.running:
                    interrupts.check()
                    self._start()
                    self._receive()
                    for process in self.running:
                        process.stop_if_late()
                    self._job.report.tick()
            finally:
                stop_processes(self.running, interrupts)
                self._logs.flush()
        return self.results

    def _start(self) -> None:
        """Start the checks that can run now."""
        for key in list(self._waiting):
            blocked, is_ready = self._needs(key)
            check = self._marks[key].check
            if blocked:
                self._waiting.remove(key)
                self._finish(key, CheckResult(CheckState.BLOCKED, blocked))
            elif is_ready and len(self.running) < MAX_RUNS and self._runs_of(check) < check.jobs:
                self._waiting.remove(key)
                self.running.append(self._process(key))
                self._job.report.step(_activity(key), "running")

    def _needs(self, key: Key) -> tuple[str, bool]:
        """Return why a check cannot run, and otherwise whether all that it needs has ended."""
        target, _ = key
        is_ready = True
        for other in self._marks[key].check.needs:
            needed = (target, other)
            if needed not in self._applicable:
                continue
            result = self.results.get(needed, self._known.get(needed))
            if result is None:
                is_ready = False
            elif result.prevents_release:
                return f"it needs the check {other}, which {_ENDED[result.state]}", False
        return "", is_ready

    def _runs_of(self, check: Check) -> int:
        return sum(process.check.name == check.name for process in self.running)

    def _process(self, key: Key) -> CheckProcess:
        """Start the command of a check, whose log exists from now on, even without output."""
        target, _ = key
        self._logs.add(log_name(key), "")
        environment = check_environment(
            os.environ,
            self._job.items[target],
            self._progress.images[target],
            self._job.targets[target],
            self._job.version,
        )
        return CheckProcess(self._marks[key].check, target, environment, self._folder, self._events)

    def _receive(self) -> None:
        """Take the output and the ends of processes, waiting a moment for the first."""
        wait = _TICK if self.running else 0.0
        while True:
            try:
                process, chunk = self._events.get(wait > 0, wait or None)
            except queue.Empty:
                break
            wait = 0.0
            key = (process.target, process.check.name)
            if chunk:
                self._logs.add(log_name(key), process.text(chunk))
            else:
                self.running.remove(process)
                self._finish(key, self._result(key, process))
        self._logs.flush()

    def _result(self, key: Key, process: CheckProcess) -> CheckResult:
        """Return the result of a command that has ended; remember that it passed."""
        mark = self._marks[key]
        matrix = self._job.request.resolved.plan.matrix
        if process.code == SKIPPED and mark.check.may_skip and not process.timed_out:
            return CheckResult(CheckState.SKIPPED)
        if process.code or process.timed_out:
            failure = CheckResult(CheckState.FAILED, process.failure())
            target = self._job.targets[process.target]
            return accept_failure(matrix, target, mark.check, failure)
        if read_inputs(matrix, mark.check, self._folder) != mark.inputs:
            return CheckResult(CheckState.FAILED, "one of its `inputs` changed while it ran")
        sign = sign_before_tag(self._job.signatures, mark.repository)
        write_mark(self._job.registries, mark, sign)
        return PASSED

    def _finish(self, key: Key, result: CheckResult) -> None:
        self.results[key] = result
        detail = f": {result.reason}" if result.reason else ""
        until = f" (accepted until {result.until})" if result.until else ""
        state = "did not run" if result.state is CheckState.BLOCKED else result.state
        self._job.report.ended(_activity(key))
        self._job.report.say(f"{_activity(key)} {state}{detail}{until}")


_ENDED = {CheckState.FAILED: "failed", CheckState.BLOCKED: "has not passed"}


def _activity(key: Key) -> str:
    """Return how progress names the check of a target."""
    target, check = key
    return f"check {check} of {target}"


def log_name(key: Key) -> str:
    """Return the name of the log of one check of one target."""
    target, check = key
    return f"{target}.{check}"
