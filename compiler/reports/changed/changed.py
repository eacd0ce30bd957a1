"""Two sets of fingerprints -> the targets that must be rebuilt, the reasons, and dependents."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from compiler.constants import MAX_VARIANTS
from compiler.errors import CompileError
from compiler.external.git_checkout import project_at
from compiler.fingerprint.fingerprint import Fingerprint, project_fingerprints
from compiler.fingerprint.set_overrides import override
from compiler.output.artifact import Compilation
from compiler.output.bake_resolved import ResolvedPlan
from compiler.output.write import update
from compiler.pipeline import compile_matrix
from compiler.targets.graph import closure, dependents
from compiler.targets.plan import Plan
from compiler.targets.target import Target


class Changed(NamedTuple):
    """A target that must be rebuilt."""

    target: Target
    fingerprint: str
    reasons: tuple[str, ...]
    """One short sentence each; the target's own reasons come before those of its dependencies."""
    downstream: tuple[str, ...]
    """Its dependents, direct and indirect, in the plan's order."""


def changed_since(
    compiled: Compilation,
    path: Path,
    commit: str,
    environment: Mapping[str, str],
    now: Mapping[str, Fingerprint],
    *,
    sets: Sequence[str] = (),
    limit: int = MAX_VARIANTS,
) -> tuple[Changed, ...]:
    """Return the targets that differ from the same matrix at a commit, in the plan's order.

    If the commit has no matrix, or it does not compile there, all targets are returned.

    Args:
        compiled: the matrix compiled now.
        path: the matrix file.
        commit: any name of a commit that git accepts.
        environment: overrides bake variables, in both states.
        now: the fingerprint of each target.
        sets: the values of `--set`, for both states.
        limit: the maximum number of variants.

    Raises:
        CompileError: git cannot read the commit.
    """
    with project_at(path.parent, commit) as folder:
        if not (folder / path.name).is_file():
            return tuple(_all(compiled.plan, now, f"{path.name} did not exist at {commit}"))
        try:
            before = compile_matrix(folder / path.name, limit=limit)
            # A build context may contain generated files that git ignores.
            update(before.artifacts, folder, before.plan.matrix.output)
            known = [target.name for target in compiled.plan.targets]
            resolved = override(ResolvedPlan(before.plan, environment), sets, known=known)
            then = project_fingerprints(before, resolved, folder)
        except CompileError as error:
            first = error.diagnostics[0]
            why = f"{path.name} did not compile at {commit}: {first.message}"
            return tuple(_all(compiled.plan, now, why))
    return tuple(_differing(compiled.plan, now, then))


def _all(plan: Plan, now: Mapping[str, Fingerprint], reason: str) -> Iterator[Changed]:
    below = downstream(now)
    for target in plan.targets:
        yield Changed(target, now[target.name].digest, (reason,), below[target.name])


def _differing(
    plan: Plan, now: Mapping[str, Fingerprint], then: Mapping[str, Fingerprint]
) -> Iterator[Changed]:
    below = downstream(now)
    for target in plan.targets:
        mine, before = now[target.name], then.get(target.name)
        if before is None:
            why: tuple[str, ...] = ("the target is new",)
        elif before.digest != mine.digest:
            why = tuple(reasons(before, mine, target.dockerfile)) or (
                "the order of its inputs changed",
            )
        else:
            continue
        yield Changed(target, mine.digest, why, below[target.name])


def unstaged(
    plan: Plan,
    now: Mapping[str, Fingerprint],
    staged: Mapping[str, bool],
    repositories: Mapping[str, str],
) -> tuple[Changed, ...]:
    """Return the targets whose fingerprint is not staged.

    Args:
        plan: all targets.
        now: the fingerprint of each target.
        staged: target -> whether its fingerprint is staged, for targets with a repository.
        repositories: target -> its repository, for the same targets.
    """
    below = downstream(now)
    return tuple(
        Changed(
            target,
            now[target.name].digest,
            (
                f"{repositories[target.name]} has no image with this fingerprint"
                if target.name in repositories
                else "the target has no tag, so it has no repository",
            ),
            below[target.name],
        )
        for target in plan.targets
        if target.name in now and not staged.get(target.name, False)
    )


def reasons(before: Fingerprint, now: Fingerprint, dockerfile: str) -> Iterator[str]:
    """Yield the differences between two fingerprints of a target, as sentences."""
    names = dict.fromkeys([*now.parts, *before.parts])
    for name in sorted(names, key=lambda name: name.startswith(("parent ", "target "))):
        old, new = before.parts.get(name), now.parts.get(name)
        if old != new:
            yield _reason(name, old, new, dockerfile)


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
    children = dependents({name: one.linked for name, one in now.items()})
    order = {name: n for n, name in enumerate(now)}
    return {
        name: tuple(sorted(closure(children[name], children), key=order.__getitem__))
        for name in now
    }


def among(changes: Iterable[Changed], targets: Iterable[Target]) -> tuple[Changed, ...]:
    """Return the changes of these targets."""
    names = {target.name for target in targets}
    return tuple(change for change in changes if change.target.name in names)
