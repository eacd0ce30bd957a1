"""Update matrix.lock: find the base images of a project, look them up, write the new lock.

`survey` finds them, `look_up` accesses registries, and only `store` writes. An image that cannot be
looked up, or that lacks a platform, is an error.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.codes import Code
from compiler.constants import LOCK
from compiler.errors import Argument, CompileError, Diagnostic, Problems, did_you_mean
from compiler.external.references import familiar
from compiler.lock.apply import Pinner, load_lock
from compiler.lock.diagnostics import Use
from compiler.lock.lockfile import Lock, Locked, write_lock
from compiler.lock.lookup import UnresolvedError, resolve_all
from compiler.output.diff import Change, Kind
from compiler.output.write import write
from compiler.render.render import Dockerfile, render
from compiler.render.templates import Templates
from compiler.source.globs import glob_matches
from compiler.source.project_files import Files
from compiler.targets.graph import closure, dependents
from compiler.targets.plan import Plan
from compiler.targets.target import link_graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A plan with its base images and its current lock."""

    plan: Plan
    dockerfiles: tuple[Dockerfile, ...]
    pinner: Pinner
    uses: Mapping[str, tuple[Use, ...]]
    """Familiar name -> its uses, in the order of matrix.yaml."""
    undecided: tuple[Diagnostic, ...]
    """Warnings about base images that cannot be locked."""
    old: Lock
    text: bytes | None
    """The content of the lock on disk; None if there is none."""

    def concerned(self, image: str) -> tuple[str, ...]:
        """Return the targets that use a base image."""
        return tuple(dict.fromkeys(use.target.name for use in self.uses.get(image, ())))

    def above(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the direct and indirect dependents of targets, in the plan's order."""
        names = frozenset(names)
        links = link_graph(self.plan.targets)
        reached = closure(names, dependents(links)) - names
        return tuple(name for name in links if name in reached)


def survey(plan: Plan, files: Files) -> Project:
    """Find the base images of a plan.

    Args:
        plan: the plan.
        files: the project's files.

    Raises:
        CompileError: the lock or a Dockerfile is invalid.
    """
    old = load_lock(files)
    templates, problems = Templates(files), Problems()
    dockerfiles = render(plan.matrix, plan.targets, templates, problems)
    problems.refuse()
    pinner = Pinner(plan, templates)
    uses: dict[str, list[Use]] = {}
    undecided = Problems()
    for use in pinner.uses(dockerfiles):
        if use.base.fault:
            undecided.add(pinner.diagnostics.unlocked(use), use.target.name)
        else:
            uses.setdefault(familiar(use.base.image), []).append(use)
    return Project(
        plan=plan,
        dockerfiles=dockerfiles,
        pinner=pinner,
        uses={image: tuple(all_) for image, all_ in uses.items()},
        undecided=undecided.diagnostics(),
        old=old or Lock(),
        text=None if old is None else files.read(LOCK),
    )


def chosen(project: Project, patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the base images that match any of these patterns; all if there are no patterns.

    A pattern is an image, a repository or a glob.

    Raises:
        CompileError: a pattern matches none.
    """
    patterns = tuple(patterns)
    known = sorted(project.uses)
    problems = Problems()
    selected: set[str] = set()
    for pattern in patterns:
        plain = familiar(pattern).removesuffix(":latest")
        matches = {
            image
            for image in known
            if image in {pattern, familiar(pattern)}
            or glob_matches(image, pattern)
            or (image.rpartition(":")[0] == plain and ":" not in pattern.rpartition("/")[2])
        }
        selected |= matches
        if not matches:
            where = Argument(name="IMAGE", text=pattern)
            listed = f"known images: {', '.join(known[:5])}" if known else "no target needs any"
            near = did_you_mean(pattern, known, otherwise=listed)
            message = f"unknown base image {pattern!r}"
            problems.add(
                Diagnostic(code=Code.UNKNOWN_BASE, message=message, location=where, help=near)
            )
    problems.refuse()
    return tuple(image for image in known if image in selected or not patterns)


def look_up(
    project: Project, images: Iterable[str], done: Callable[[str], object]
) -> Mapping[str, Locked]:
    """Look up the current digests of images in their registries.

    Args:
        project: the project.
        images: the images, by familiar name.
        done: called with the name of each image after its lookup.

    Raises:
        CompileError: with an error for each failed lookup.
    """
    results = resolve_all(images, done)
    problems = Problems()
    resolved: dict[str, Locked] = {}
    for image, result in results.items():
        if isinstance(result, UnresolvedError):
            place = project.pinner.diagnostics.locate(project.uses[image][0])
            problems.add(result.at(place))
        else:
            resolved[image] = result
    if problems:
        successes = f"; {len(resolved)} of {len(results)} lookups succeeded" if resolved else ""
        outcome = f"{LOCK} is unchanged{successes}"
        raise CompileError(problems.diagnostics(), outcome=outcome)
    return resolved


def renewed(
    project: Project, resolved: Mapping[str, Locked], dates: Mapping[str, str] | None = None
) -> Lock:
    """Return the new lock, without images and targets that no longer exist.

    Args:
        project: the project.
        resolved: image -> its new digest; other images keep theirs.
        dates: target -> date of its refresh; other targets keep theirs.

    Raises:
        CompileError: a base image lacks a platform of a target.
    """
    bases = {image: resolved.get(image) or project.old.bases[image] for image in project.uses}
    names = {target.name for target in project.plan.targets}
    days = {**project.old.refreshed, **(dates or {})}
    kept = {name: day for name, day in days.items() if name in names}
    lock = Lock(bases=bases, refreshed=kept)
    project.pinner.pin(project.dockerfiles, lock)
    return lock


def store(project: Project, lock: Lock, folder: Path) -> bool:
    """Write matrix.lock if it differs; return whether it was written.

    Raises:
        CompileError: the file cannot be written.
    """
    new = write_lock(lock).encode()
    if new == project.text:
        return False
    kind = Kind.CREATE if project.text is None else Kind.UPDATE
    write([Change(kind, LOCK, project.text, new)], folder)
    return True


def missing(project: Project) -> tuple[str, ...]:
    """Return the base images that are not in the lock."""
    return tuple(image for image in sorted(project.uses) if image not in project.old.bases)


def unused(project: Project) -> tuple[str, ...]:
    """Return the images in the lock that no target needs."""
    return tuple(image for image in sorted(project.old.bases) if image not in project.uses)
