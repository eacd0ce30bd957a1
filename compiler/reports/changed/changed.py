"""Two sets of fingerprints -> the targets that must be rebuilt, the reasons, and dependents."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from compiler.fingerprint.fingerprint import Fingerprint
from compiler.targets.graph import closure, dependents
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_UNDECLARED = "; no Dockerfile declares it, but a base image may"
"""Follows the reason that an argument without an `ARG` changed; see `can_change_image`."""


class Changed(NamedTuple):
    """A target that must be rebuilt."""

    target: Target
    reasons: tuple[str, ...]
    """One short sentence each; the target's own reasons come before those of its dependencies."""
    downstream: tuple[str, ...]
    """Its dependents, direct and indirect, in the plan's order."""


def all_changed(plan: Plan, now: Mapping[str, Fingerprint], reason: str) -> tuple[Changed, ...]:
    """Return all targets, for one reason."""
    below = downstream(now)
    return tuple(Changed(target, (reason,), below[target.name]) for target in plan.targets)


def differing(
    plan: Plan, now: Mapping[str, Fingerprint], then: Mapping[str, Fingerprint]
) -> Iterator[Changed]:
    """Yield the targets with another fingerprint than then, in the plan's order."""
    below = downstream(now)
    for target in plan.targets:
        current, before = now[target.name], then.get(target.name)
        if before is None:
            why: tuple[str, ...] = ("the target is new",)
        elif before.digest != current.digest:
            why = tuple(reasons(before, current, target.dockerfile)) or (
                "the order of its inputs changed",
            )
        else:
            continue
        yield Changed(target, why, below[target.name])


def unstaged(
    plan: Plan, now: Mapping[str, Fingerprint], missing: Mapping[str, str]
) -> tuple[Changed, ...]:
    """Return the targets that no staged image can take the place of, in the plan's order.

    Args:
        plan: all targets.
        now: the fingerprint of each target.
        missing: target -> the reason.
    """
    below = downstream(now)
    return tuple(
        Changed(target, (missing[target.name],), below[target.name])
        for target in plan.targets
        if target.name in missing
    )


def reasons(before: Fingerprint, now: Fingerprint, dockerfile: str) -> Iterator[str]:
    """Yield the differences between two fingerprints of a target, as sentences."""
    names = dict.fromkeys([*now.parts, *before.parts])
    for name in sorted(names, key=lambda name: name.startswith(("parent ", "target "))):
        old, new = before.parts.get(name), now.parts.get(name)
        if old != new:
            kind, _, argument = name.partition(".")
            undeclared = (before if new is None else now).undeclared
            note = _UNDECLARED if kind == "args" and argument in undeclared else ""
            yield f"{_reason(name, old, new, dockerfile)}{note}"


def _reason(name: str, old: str | None, new: str | None, dockerfile: str) -> str:
    kind, _, what = name.partition(" ")
    if name == "refreshed":
        return "matrix.lock requests a refresh"
    if kind == "base" and old is not None and new is not None:
        return f"base image {what} changed"
    shown = {
        "Dockerfile": dockerfile,
        "base": f"the lock of {what}",
        "file": what,
        "target": f"target {what}, which it copies from,",
    }.get(kind, name)
    return f"{shown} {'is new' if old is None else 'is gone' if new is None else 'changed'}"


def downstream(now: Mapping[str, Fingerprint]) -> dict[str, tuple[str, ...]]:
    """Return the dependents of each target, direct and indirect, in the plan's order."""
    children = dependents({name: inputs.linked for name, inputs in now.items()})
    order = {name: n for n, name in enumerate(now)}
    return {
        name: tuple(sorted(closure(children[name], children), key=order.__getitem__))
        for name in now
    }


def among(changes: Iterable[Changed], targets: Iterable[Target]) -> tuple[Changed, ...]:
    """Return the changes of these targets."""
    names = {target.name for target in targets}
    return tuple(change for change in changes if change.target.name in names)
