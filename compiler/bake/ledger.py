"""Record the state of each target: built, failed or skipped, attempts, seconds."""

from collections.abc import Iterable, Mapping, Sequence

from compiler.bake.results import Metadata, Outcome


class Ledger:
    """The state of all targets of one build."""

    def __init__(self, targets: Sequence[str], closures: Mapping[str, frozenset[str]]) -> None:
        """Create the ledger.

        Args:
            targets: the requested targets, in build order.
            closures: target -> the target with all its dependencies.
        """
        self._targets = dict.fromkeys(targets)
        self._closures = closures
        self._built: dict[str, Metadata] = {}
        self._failed: dict[str, str] = {}
        self._skipped: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        self._seconds: dict[str, float] = {}

    @property
    def built(self) -> Mapping[str, Metadata]:
        """The targets that are built, with bake's metadata."""
        return self._built

    def seconds(self, target: str) -> float:
        """Return the seconds that a target has taken so far."""
        return self._seconds.get(target, 0.0)

    def add_seconds(self, target: str, seconds: float) -> None:
        """Add the seconds of one attempt."""
        self._seconds[target] = self.seconds(target) + seconds

    def record_attempt(self, target: str) -> int:
        """Count a failed attempt; return how many there have been."""
        self._attempts[target] = self._attempts.get(target, 0) + 1
        return self._attempts[target]

    def record_built(self, target: str, metadata: Metadata) -> None:
        """Record that a target is built."""
        self._built[target] = metadata

    def record_failed(self, target: str, error: str) -> None:
        """Record that a target failed permanently."""
        self._failed[target] = error

    def skip_dependents(self) -> dict[str, str]:
        """Mark all unfinished dependents of failed targets as skipped.

        Returns:
            Each newly skipped target -> the first failed target that it depends on, by name.
        """
        skipped = {
            name: min(failed)
            for name in self.unfinished(self._targets)
            if name not in self._built and (failed := self._closures[name] & self._failed.keys())
        }
        self._skipped |= skipped
        return skipped

    def unfinished(self, targets: Iterable[str]) -> tuple[str, ...]:
        """Return the targets that are neither failed nor skipped."""
        return tuple(
            name for name in targets if name not in self._failed and name not in self._skipped
        )

    def outcome(self) -> Outcome:
        """Return the outcome of the build, in build order."""
        return Outcome(
            built={name: self._built[name] for name in self._targets if name in self._built},
            failed=dict(self._failed),
            skipped={name: self._skipped[name] for name in self._targets if name in self._skipped},
            seconds={name: self.seconds(name) for name in self._targets},
        )


class Stopwatch:
    """The time from the first step to the last of each target in one bake process."""

    def __init__(self) -> None:
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def record(self, target: str, now: float) -> None:
        """Record that a target was active at a time."""
        self._first.setdefault(target, now)
        self._last[target] = now

    def seconds(self, target: str) -> float | None:
        """Return the seconds of a target; None if it was never active."""
        if target not in self._first:
            return None
        return self._last[target] - self._first[target]
