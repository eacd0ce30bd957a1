"""Decide which targets of a failed batch caused its errors, and whether a retry helps."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from compiler.bake.rawjson import OutputReader
from compiler.external.transient_errors import is_cancellation, transient_reason


class Blame(NamedTuple):
    """The targets that caused the errors of a batch.

    If there are permanent errors, transient ones do not matter: the rest of the batch is retried
    anyway. If both are empty, the cause is unknown.
    """

    permanent: Mapping[str, str]
    """Target -> its output and error."""
    transient: Mapping[str, str]
    """Target -> the reason for which it may be retried."""


def find_blame(
    reader: OutputReader,
    batch: Sequence[str],
    *,
    closures: Mapping[str, frozenset[str]],
    built: Collection[str],
    pinned: Collection[str],
) -> Blame:
    """Return which targets of a failed batch are to blame.

    Args:
        reader: the output of the bake process.
        batch: its targets.
        closures: target -> the target with all its dependencies.
        built: targets that earlier batches built.
        pinned: images that are known to exist, as `REPOSITORY@DIGEST`.
    """
    permanent: dict[str, str] = {}
    transient: dict[str, str] = {}
    for targets, error, output in reader.errors():
        culprits = find_culprits(targets, batch, closures, built)
        if reason := _retry_reason(error, pinned):
            transient.update(dict.fromkeys(culprits, reason))
        else:
            permanent.update(dict.fromkeys(culprits, f"{output.rstrip()}\n{error}".strip()))
    if not permanent and not transient and (reason := transient_reason(reader.messages)):
        transient = dict.fromkeys(batch, reason)
    return Blame(permanent, transient)


def find_culprits(
    targets: frozenset[str],
    batch: Sequence[str],
    closures: Mapping[str, frozenset[str]],
    built: Collection[str],
) -> list[str]:
    """Return the targets that a failed step belongs to.

    A parent's step is reported by its children as well: only targets that depend on no other
    target of the step are returned. A parent that an earlier batch built is replaced by its
    dependents in this batch. Names that no target has are left out.

    >>> closures = {"a": frozenset("a"), "b": frozenset("ab")}
    >>> find_culprits(frozenset("ab"), ["a", "b"], closures, [])
    ['a']
    >>> find_culprits(frozenset("a"), ["b"], closures, ["a"])
    ['b']
    """
    known = targets & closures.keys()
    roots = {name for name in known if not (closures[name] - {name}) & known}
    earlier = roots.intersection(built)
    return sorted(roots - earlier) + [name for name in batch if closures[name] & earlier]


def _retry_reason(error: str, pinned: Collection[str]) -> str | None:
    """Return why a retry helps against an error; None if it does not."""
    # BuildKit reports an existing image as missing when its registry fails.
    if any(f"{image}: not found" in error for image in pinned):
        return "the registry did not find an existing image"
    return transient_reason(error) or ("the step was cancelled" if is_cancellation(error) else None)


class CommonCause:
    """Detects errors that have the same cause in every batch, such as an unknown option."""

    def __init__(self) -> None:
        self._first: tuple[Sequence[str], str] | None = None

    def recurs(self, batch: Sequence[str], message: str) -> bool:
        """Return whether another batch failed last with the same message; remember this one."""
        recurring = (
            self._first is not None and self._first[1] == message and self._first[0] != batch
        )
        self._first = (batch, message)
        return recurring
