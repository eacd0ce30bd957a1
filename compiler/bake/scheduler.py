"""Build targets by bake: bounded parts, as many at once as allowed, and on after each failure.

Takes a plan, names of targets, options, and who is to be told; returns an `Outcome`.
Promises that every target is tried unless one that it stands on failed, that what passes by
itself is tried again, and that no process is left, however it ends.
Refuses what bake refuses for every target alike: an option, the builder, the bake file.
"""

import queue
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from compiler.bake.bake_arguments import bake_words
from compiler.bake.batches import along, contexts, halves, links, ordered, split
from compiler.bake.logs import Logs
from compiler.bake.process import Bake, Interrupts, stop
from compiler.bake.results import BakeOptions, Metadata, Outcome, Report
from compiler.bake.transient_errors import canceled, engine_away, passing, refusal
from compiler.targets.plan import Plan


TAIL = 25
"""Lines of what a failing target said that are told."""
LONGEST = 60.0
"""Seconds between two attempts, at most."""
TICK = 0.2


class _Part(NamedTuple):
    targets: tuple[str, ...]
    due: float = 0.0


def build(plan: Plan, targets: Iterable[str], options: BakeOptions, report: Report) -> Outcome:
    """Build targets of a plan, and tests of them; see the module.

    Raises:
        CompileError: bake refuses everything, in its words; or the logs cannot be written.
        KeyboardInterrupt: as it came, when all is stopped.
    """
    prefix = "compile-matrix-"
    with Interrupts() as interrupts, tempfile.TemporaryDirectory(prefix=prefix) as scratch:
        builder = _Builder(plan, list(dict.fromkeys(targets)), options, report, Path(scratch))
        try:
            return builder.run(interrupts)
        finally:
            stop(builder.running, interrupts)
            builder.logs.flush()


class _Builder:
    def __init__(
        self,
        plan: Plan,
        targets: Sequence[str],
        options: BakeOptions,
        report: Report,
        scratch: Path,
    ) -> None:
        self._options, self._report, self._scratch = options, report, scratch
        self._contexts = contexts(plan)
        self._pins = dict(options.pins)
        self._links = links(self._contexts, self._pins)
        self._left = dict.fromkeys(ordered(targets, self._links))
        self._along = {name: along([name], self._links) for name in self._left}
        self._waiting = [_Part(part) for part in split(self._left, self._links, options.batch_size)]
        self.running: list[Bake] = []
        self.logs = Logs(options.folder, self._left)
        self._said: queue.SimpleQueue[tuple[Bake, bytes]] = queue.SimpleQueue()
        self._built: dict[str, Metadata] = {}
        self._done: set[str] = set()
        self._failed: dict[str, str] = {}
        self._skipped: dict[str, str] = {}
        self._tries: dict[str, int] = {}
        self._seconds: dict[str, float] = {}
        self._begun: dict[tuple[Bake, str], float] = {}
        self._last: dict[tuple[Bake, str], float] = {}
        self._started = 0
        self._warned: set[str] = set()
        self._seen = False
        self._refused: tuple[tuple[str, ...], str] | None = None

    def run(self, interrupts: Interrupts) -> Outcome:
        """Build everything, and return what came of it."""
        self._report.begin(list(self._left))
        while self._waiting or self.running:
            interrupts.check()
            self._start()
            self._listen()
        order = list(self._left)
        return Outcome(
            built={name: self._built[name] for name in order if name in self._built},
            failed=dict(self._failed),
            skipped={name: self._skipped[name] for name in order if name in self._skipped},
            seconds={name: self._seconds.get(name, 0.0) for name in order},
        )

    # --- Starting -------------------------------------------------------------------------------

    def _start(self) -> None:
        """Start the parts that are due and whose parents are built, as many as may run."""
        open_ = {name for bake in self.running for name in bake.part}
        open_.update(name for part in self._waiting for name in part.targets)
        for part in list(self._waiting):
            if len(self.running) >= self._options.jobs:
                return
            needed = frozenset().union(*(self._along[name] for name in part.targets))
            if part.due <= time.monotonic() and not (needed & open_) - set(part.targets):
                self._waiting.remove(part)
                self._started += 1
                metadata = self._scratch / f"{self._started}.json"
                words = bake_words(
                    part.targets, self._options, self._contexts, self._pins, self._done
                )
                bake = Bake(part.targets, words, self._options, metadata, self._said)
                self.running.append(bake)

    # --- Listening ------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Take what is said, until nothing is for a moment or a bake process ends."""
        end = time.monotonic() + TICK
        while (left := end - time.monotonic()) > 0:
            try:
                bake, line = self._said.get(timeout=left)
            except queue.Empty:
                break
            if not line:
                self.running.remove(bake)
                self._ended(bake)
                break
            now = time.monotonic()
            for target, text, step in bake.watch.read(line):
                self._begun.setdefault((bake, target), now)
                self._last[bake, target] = now
                self.logs.add(target, text)
                if step and target in self._left:
                    self._report.step(target, step)
        self.logs.flush()
        self._report.tick()

    def _ended(self, bake: Bake) -> None:
        for name in bake.part:
            if (bake, name) in self._begun:
                spent = self._last.pop((bake, name)) - self._begun.pop((bake, name))
                self._seconds[name] = self._seconds.get(name, 0.0) + spent
        self._seen = self._seen or bake.watch.seen
        for text in bake.watch.warnings:
            if text not in self._warned:
                self._warned.add(text)
                self._report.warned(text)
        if bake.succeeded:
            metadata = bake.metadata()
            self._done |= along(bake.part, self._links)
            for name in bake.part:
                self._built[name] = metadata.get(name, {})
                digest = self._built[name].get("containerimage.digest")
                if digest and name in self._options.places:
                    self._pins[name] = f"{self._options.places[name]}@{digest}"
                self._report.built(name, self._seconds.get(name, 0.0))
            return
        self._blame(bake)

    # --- When a bake fails ----------------------------------------------------------------------

    def _blame(self, bake: Bake) -> None:
        """Find which targets failed for good, and see to the others of the part."""
        broken: dict[str, str] = {}
        shaken: dict[str, str] = {}
        for names, error, said in bake.watch.errors():
            roots = self._roots(names, bake.part)
            if why := self._passing(error):
                shaken.update(dict.fromkeys(roots, why))
            else:
                broken.update(dict.fromkeys(roots, f"{said.rstrip()}\n{error}".strip()))
        if broken:
            self._fail(broken)
            self._again(bake.part, 0.0)
        elif shaken or (why := passing(bake.watch.words)):
            self._wait(bake, shaken or dict.fromkeys(bake.part, str(why)))
        else:
            self._unknown(bake)

    def _passing(self, error: str) -> str | None:
        """Return what will pass by itself about an error, or None.

        A registry that fails lets BuildKit say of an image that is there that it is not.
        """
        if any(f"{image}: not found" in error for image in self._pins.values()):
            return "the registry does not find what it has"
        return passing(error) or ("it was stopped" if canceled(error) else None)

    def _roots(self, names: frozenset[str], part: Sequence[str]) -> list[str]:
        """Return those that stand on none of the others: of a parent's step its children say, too.

        For a parent that was built in an earlier part stand those of this part that need it.
        """
        roots = [name for name in names if not (along([name], self._links) - {name}) & names]
        earlier = {name for name in roots if name in self._built}
        roots = sorted({*roots} - earlier)
        return roots + [name for name in part if self._along[name] & earlier]

    def _fail(self, broken: dict[str, str]) -> None:
        """Note targets that failed for good, and those that stand on them."""
        for name, said in broken.items():
            tail = "\n".join(said.splitlines()[-TAIL:])
            self._failed[name] = tail
            self._report.failed(name, tail, self.logs.shown(name))
        done = {*self._built, *self._failed, *self._skipped}
        for name in self._left:
            if name not in done and (parents := sorted(self._along[name] & self._failed.keys())):
                self._skipped[name] = parents[0]
                self._report.skipped(name, parents[0])
        self._waiting = [
            _Part(left, due)
            for part, due in self._waiting
            if (left := tuple(name for name in part if name not in self._skipped))
        ]

    def _again(self, part: Iterable[str], delay: float) -> None:
        """Try again what of a part has neither failed nor lost its parent."""
        left = tuple(n for n in part if n not in self._failed and n not in self._skipped)
        if left:
            self._waiting.insert(0, _Part(left, time.monotonic() + delay))

    def _wait(self, bake: Bake, shaken: dict[str, str]) -> None:
        """Try a part again in a while, in halves, unless that was done too often."""
        words = bake.watch.words
        if not self._seen and engine_away(words):
            raise refusal(words)
        tries = 0
        broken = {}
        for name, why in shaken.items():
            self._tries[name] = self._tries.get(name, 0) + 1
            tries = max(tries, self._tries[name])
            if self._tries[name] > self._options.retries:
                broken[name] = f"{words}\ngiven up after {self._tries[name]} attempts: {why}"
        if broken:
            self._fail(broken)
        left = [n for n in bake.part if n not in self._failed and n not in self._skipped]
        if not left:
            return
        delay = min(2.0 ** (tries - 1), LONGEST)
        self._report.again(left, next(iter(shaken.values())), delay)
        for half in reversed(halves(left)):
            self._again(half, delay)

    def _unknown(self, bake: Bake) -> None:
        """Part what failed without saying which target did; refuse what all would fail of."""
        words = bake.watch.words or "bake failed and did not say why"
        if not self._seen:
            if self._refused and self._refused[1] == words and self._refused[0] != bake.part:
                raise refusal(words)
            self._refused = (bake.part, words)
        if len(bake.part) == 1:
            self._fail({bake.part[0]: words})
        for half in reversed(halves(bake.part)):
            self._again(half, 0.0)
