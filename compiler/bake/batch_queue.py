"""Decide which batch may start next; no clock, no process."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Batch(NamedTuple):
    """Targets that one bake process builds."""

    targets: tuple[str, ...]
    due: float = 0.0
    """The time before which the batch must not start."""


class BatchQueue:
    """Batches that have not started yet, in order."""

    def __init__(
        self, batches: Iterable[Sequence[str]], closures: Mapping[str, frozenset[str]]
    ) -> None:
        """Create the queue.

        Args:
            batches: the batches, parents before their children.
            closures: target -> the target with all its dependencies.
        """
        self._batches = [Batch(tuple(targets)) for targets in batches]
        self._closures = closures

    def __bool__(self) -> bool:
        """Return whether any batch is left."""
        return bool(self._batches)

    def take_ready(self, now: float, running: Iterable[str]) -> Batch | None:
        """Remove and return the first batch that may start now.

        A batch may start when it is due and none of its dependencies is queued or running.

        Args:
            now: the current time.
            running: the targets that are being built.
        """
        unfinished = {name for batch in self._batches for name in batch.targets}
        unfinished.update(running)
        for batch in self._batches:
            needed = frozenset[str]().union(*(self._closures[name] for name in batch.targets))
            if batch.due <= now and not (needed & unfinished) - set(batch.targets):
                self._batches.remove(batch)
                return batch
        return None

    def put_first(self, targets: Iterable[str], due: float = 0.0) -> None:
        """Insert a batch in front of all others; no targets make no batch."""
        if names := tuple(targets):
            self._batches.insert(0, Batch(names, due))

    def discard(self, targets: Iterable[str]) -> None:
        """Remove targets from all batches."""
        discarded = frozenset(targets)
        self._batches = [
            Batch(names, due)
            for batch, due in self._batches
            if (names := tuple(name for name in batch if name not in discarded))
        ]
