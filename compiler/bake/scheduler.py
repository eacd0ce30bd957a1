"""Build targets in batches, several at the same time, and continue after failures.

Takes a plan, names of targets, options, and a receiver of progress; returns an `Outcome`.
Promises that every target is tried unless one of its dependencies failed, that transient errors
are retried, and that no process is left behind, however the build ends.
Refuses what bake rejects for every target: an unknown option, the builder, the bake file.
"""

import queue
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from compiler.bake.bake_arguments import bake_arguments, platforms_of_build, single_target
from compiler.bake.batch_queue import Batch, BatchQueue
from compiler.bake.batches import (
    direct_dependencies,
    halve,
    linked_contexts,
    split_into_batches,
)
from compiler.bake.blame import CommonCause, find_blame
from compiler.bake.ledger import Ledger, Stopwatch
from compiler.bake.logs import TargetLogs
from compiler.bake.policy_files import PolicyFiles
from compiler.bake.process import BakeProcess, InterruptCounter, OutputQueue, stop_processes
from compiler.bake.rejection import rejection
from compiler.bake.results import BakeOptions, BuildReport, Outcome
from compiler.external import buildx
from compiler.external.scratch import scratch_folder
from compiler.external.transient_errors import LOST_LAYER, is_engine_unreachable
from compiler.targets.graph import closure, ordered
from compiler.targets.plan import Plan


MAX_ERROR_LINES = 25
"""Lines of a failed target's output that are reported."""
MAX_DELAY = 60.0
"""Maximum number of seconds between two attempts."""
TICK = 0.2
"""Seconds between two progress reports."""


def build(plan: Plan, targets: Iterable[str], options: BakeOptions, report: BuildReport) -> Outcome:
    """Build targets of a plan, or their tests; see the module.

    Raises:
        CompileError: bake rejects every target; the error quotes bake.
        OSError: the logs or the trace cannot be written.
        KeyboardInterrupt: raised again after all processes have been stopped.
    """
    with InterruptCounter() as interrupts, scratch_folder() as scratch:
        options = replace(options, var_option=buildx.has_variable_option())
        scheduler = _Scheduler(plan, list(dict.fromkeys(targets)), options, report, Path(scratch))
        try:
            return scheduler.run(interrupts)
        finally:
            stop_processes(scheduler.running, interrupts)
            scheduler.logs.flush()
            options.trace.save(options.folder)


class _Scheduler:
    """Starts batches, listens to their processes, and decides what happens after a failure."""

    def __init__(
        self,
        plan: Plan,
        targets: Sequence[str],
        options: BakeOptions,
        report: BuildReport,
        scratch: Path,
    ) -> None:
        self._options, self._report, self._scratch = options, report, scratch
        self._contexts = linked_contexts(plan)
        self._platforms = platforms_of_build(plan, options)
        self._pins = dict(options.pins)
        self._dependencies = direct_dependencies(self._contexts, self._pins)
        self._targets = ordered(targets, self._dependencies)
        self._closures = {
            name: closure([name], self._dependencies)
            for name in (*self._dependencies, *self._targets)
        }
        self._requested = frozenset(self._targets)
        batches = split_into_batches(self._targets, self._dependencies, options.batch_size)
        self._queue = BatchQueue(batches, self._closures)
        self._ledger = Ledger(self._targets, self._closures)
        self._common_cause = CommonCause()
        self.logs = TargetLogs(options.folder, self._targets)
        self._lines: OutputQueue = queue.SimpleQueue()
        self._stopwatches: dict[BakeProcess, Stopwatch] = {}
        self._finished: set[str] = set()
        self._reported_warnings: set[str] = set()
        self._number = 0
        self._policies = PolicyFiles(plan, options.folder, scratch)
        self._step_seen = False

    @property
    def running(self) -> list[BakeProcess]:
        """Return the processes that have not ended."""
        return list(self._stopwatches)

    def run(self, interrupts: InterruptCounter) -> Outcome:
        """Build all targets and return the outcome."""
        self._report.begin(self._targets)
        while self._queue or self._stopwatches:
            interrupts.check()
            self._start_ready()
            self._listen()
        return self._ledger.outcome()

    def _start_ready(self) -> None:
        """Start all batches that may start, up to the number of jobs."""
        while len(self._stopwatches) < self._options.jobs:
            building = [name for process in self._stopwatches for name in process.batch]
            batch = self._queue.take_ready(time.monotonic(), building)
            if batch is None:
                return
            self._start(batch)

    def _start(self, batch: Batch) -> None:
        self._number += 1
        contexts, pins = self._contexts, self._pins
        arguments = bake_arguments(
            batch.targets, self._options, contexts, pins, self._finished, self._platforms
        )
        metadata = self._scratch / f"{self._number}.json"
        policy = self._policies.write(self._number, pins.values())
        only = single_target(batch.targets, contexts, pins)
        process = BakeProcess(
            batch.targets, arguments, self._options, metadata, self._lines, policy, only=only
        )
        self._stopwatches[process] = Stopwatch()

    def _listen(self) -> None:
        """Read output until none comes for a moment or a process ends."""
        end = time.monotonic() + TICK
        while (remaining := end - time.monotonic()) > 0:
            try:
                process, line = self._lines.get(timeout=remaining)
            except queue.Empty:
                break
            if not line:
                self._finish(process)
                break
            now = time.monotonic()
            for target, text, step in process.reader.read(line):
                self._stopwatches[process].record(target, now)
                self.logs.add(target, text)
                if step and target in self._requested:
                    self._report.step(target, step)
        self.logs.flush()
        self._report.tick()

    def _finish(self, process: BakeProcess) -> None:
        """Record the result of a process that has ended."""
        stopwatch = self._stopwatches.pop(process)
        for name in process.batch:
            if (seconds := stopwatch.seconds(name)) is not None:
                self._ledger.add_seconds(name, seconds)
        self._step_seen = self._step_seen or process.reader.started
        for text in process.reader.warnings:
            if text not in self._reported_warnings:
                self._reported_warnings.add(text)
                self._report.warned(text)
        if process.succeeded:
            self._record_success(process)
        else:
            self._handle_failure(process)

    def _record_success(self, process: BakeProcess) -> None:
        metadata = process.metadata()
        self._finished |= closure(process.batch, self._dependencies)
        pushed: dict[str, str] = {}
        for name in process.batch:
            self._ledger.record_built(name, metadata.get(name, {}))
            digest = metadata.get(name, {}).get("containerimage.digest")
            if digest and name in self._options.repositories:
                self._pins[name] = f"{self._options.repositories[name]}@{digest}"
                pushed[name] = digest
            self._report.built(name, self._ledger.seconds(name))
        if pushed and self._options.pushed is not None:
            self._options.pushed(pushed)

    def _handle_failure(self, process: BakeProcess) -> None:
        """Fail the targets that are to blame, and schedule the rest of the batch again."""
        blame = find_blame(
            process.reader,
            process.batch,
            closures=self._closures,
            built=self._ledger.built,
            pinned=self._pins.values(),
        )
        if blame.permanent:
            self._fail(blame.permanent)
            self._queue.put_first(self._ledger.unfinished(process.batch))
        elif blame.transient:
            self._retry(process, blame.transient)
        else:
            self._isolate(process)

    def _fail(self, errors: Mapping[str, str]) -> None:
        """Record permanent failures, and skip the dependents."""
        for name, error in errors.items():
            tail = "\n".join(error.splitlines()[-MAX_ERROR_LINES:])
            self._ledger.record_failed(name, tail)
            self.logs.end(name, tail)
            self._report.failed(name, tail, self.logs.display_path(name))
        skipped = self._ledger.skip_dependents()
        for name, parent in skipped.items():
            self._report.skipped(name, parent)
        self._queue.discard(skipped)

    def _retry(self, process: BakeProcess, reasons: Mapping[str, str]) -> None:
        """Schedule a batch again with a delay, in halves; fail targets without retries left."""
        message = process.reader.messages
        if not self._step_seen and is_engine_unreachable(message):
            raise rejection(message)
        attempts = {name: self._ledger.record_attempt(name) for name in reasons}
        lost = {name for name, reason in reasons.items() if reason == LOST_LAYER}
        self._options = replace(self._options, uncached=self._options.uncached | lost)
        exhausted = {
            name: f"{message}\nfailed after {attempts[name]} attempts: {reason}"
            for name, reason in reasons.items()
            if attempts[name] > self._options.retries
        }
        if exhausted:
            self._fail(exhausted)
        remaining = self._ledger.unfinished(process.batch)
        if not remaining:
            return
        delay = min(2.0 ** (max(attempts.values()) - 1), MAX_DELAY)
        self._report.again(remaining, next(iter(reasons.values())), delay)
        due = time.monotonic() + delay
        for half in reversed(halve(remaining)):
            self._queue.put_first(half, due)

    def _isolate(self, process: BakeProcess) -> None:
        """Halve a batch that failed for an unknown cause, until a single target is to blame."""
        message = process.reader.messages or "bake failed without a message"
        if not self._step_seen and self._common_cause.recurs(process.batch, message):
            raise rejection(message)
        if len(process.batch) == 1:
            self._fail({process.batch[0]: message})
        for half in reversed(halve(process.batch)):
            self._queue.put_first(self._ledger.unfinished(half))
