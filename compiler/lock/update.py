"""The lock renewed: what Dockerfiles need, and what registries say of it.

Takes a project (`survey`); returns what is missing, unused or moved, and the lock as it should be.
Writes by `store` only. Refuses what cannot be looked up, and a base that lacks a platform.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from compiler.codes import Code
from compiler.constants import LOCK
from compiler.errors import Argument, Diagnostic, Problems, did_you_mean
from compiler.external.references import familiar
from compiler.lock.apply import Pinner, load_lock
from compiler.lock.diagnostics import Use
from compiler.lock.lockfile import Lock, Locked, write_lock
from compiler.lock.lookup import UnresolvedError, resolve_all
from compiler.output.diff import Change, Kind
from compiler.output.write import write
from compiler.render.render import Dockerfile, render
from compiler.render.templates import Templates
from compiler.source.project_files import Files
from compiler.targets.graph import closure, dependents
from compiler.targets.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A matrix whose bases are known."""

    plan: Plan
    dockerfiles: tuple[Dockerfile, ...]
    pinner: Pinner
    uses: Mapping[str, tuple[Use, ...]]
    """Familiar name -> who needs it, in the author's order."""
    undecided: tuple[Diagnostic, ...]
    """Warnings: what cannot be locked."""
    old: Lock
    text: bytes | None
    """The lock as it is on the disk; None where there is none."""

    def concerned(self, image: str) -> tuple[str, ...]:
        """Return the targets that name a base."""
        return tuple(dict.fromkeys(use.target.name for use in self.uses.get(image, ())))

    def above(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the targets that stand on these, directly or not."""
        names = frozenset(names)
        links = {target.name: tuple(target.links.values()) for target in self.plan.targets}
        reached = closure(names, dependents(links)) - names
        return tuple(name for name in links if name in reached)


def survey(plan: Plan, files: Files) -> Project:
    """Find the base images that a plan needs.

    Args:
        plan: what is planned.
        files: the project's files, from which it was read.

    Raises:
        CompileError: the lock is wrong, or a Dockerfile is none.
    """
    old = load_lock(files)
    templates = Templates(files)
    dockerfiles = render(plan.matrix, plan.targets, templates)
    pinner = Pinner(plan, templates)
    uses: dict[str, list[Use]] = {}
    undecided = Problems()
    for use in pinner.uses(dockerfiles):
        if use.base.fault:
            undecided.add(pinner.tell.unlocked(use), use.target.name)
        else:
            uses.setdefault(familiar(use.base.image), []).append(use)
    return Project(
        plan=plan,
        dockerfiles=dockerfiles,
        pinner=pinner,
        uses={image: tuple(found) for image, found in uses.items()},
        undecided=undecided.diagnostics(),
        old=old or Lock(),
        text=None if old is None else files.read(LOCK),
    )


def chosen(project: Project, words: Iterable[str]) -> tuple[str, ...]:
    """Return the bases that words name: an image, a repository, a glob; all if there are none.

    Raises:
        CompileError: a word names none.
    """
    words = tuple(words)
    known = sorted(project.uses)
    problems = Problems()
    found: set[str] = set()
    for word in words:
        plain = familiar(word).removesuffix(":latest")
        taken = {
            image
            for image in known
            if image in {word, familiar(word)}
            or fnmatchcase(image, word)
            or (image.rpartition(":")[0] == plain and ":" not in word.rpartition("/")[2])
        }
        found |= taken
        if not taken:
            where = Argument(name="IMAGE", text=word)
            listed = f"there are {', '.join(known[:5])}" if known else "no target needs one"
            near = did_you_mean(word, known, otherwise=listed)
            message = f"no base is named {word!r}"
            problems.add(
                Diagnostic(code=Code.UNKNOWN_BASE, message=message, location=where, help=near)
            )
    problems.refuse()
    return tuple(image for image in known if image in found or not words)


def look_up(
    project: Project, images: Iterable[str], done: Callable[[str], object]
) -> Mapping[str, Locked]:
    """Ask registries what these images are now.

    Raises:
        CompileError: with each that cannot be looked up.
    """
    found = resolve_all(images, done)
    problems = Problems()
    resolved: dict[str, Locked] = {}
    for image, answer in found.items():
        if isinstance(answer, UnresolvedError):
            place = project.pinner.tell.place(project.uses[image][0])
            problems.add(answer.at(place))
        else:
            resolved[image] = answer
    problems.refuse()
    return resolved


def renewed(
    project: Project, found: Mapping[str, Locked], dates: Mapping[str, str] | None = None
) -> Lock:
    """Return the lock with what was found, without what nothing needs.

    Raises:
        CompileError: a base lacks a platform of a target.
    """
    bases = {image: found.get(image) or project.old.bases[image] for image in project.uses}
    names = {target.name for target in project.plan.targets}
    days = {**project.old.refreshed, **(dates or {})}
    kept = {name: day for name, day in days.items() if name in names}
    lock = Lock(bases=bases, refreshed=kept)
    project.pinner.pin(project.dockerfiles, lock)
    return lock


def store(project: Project, lock: Lock, folder: Path) -> bool:
    """Write matrix.lock if it is not so already; tell whether that was done.

    Raises:
        CompileError: it cannot be written.
    """
    new = write_lock(lock).encode()
    if new == project.text:
        return False
    kind = Kind.CREATE if project.text is None else Kind.UPDATE
    write([Change(kind, LOCK, project.text, new)], folder)
    return True


def missing(project: Project) -> tuple[str, ...]:
    """Return the bases that are not locked."""
    return tuple(image for image in sorted(project.uses) if image not in project.old.bases)


def unused(project: Project) -> tuple[str, ...]:
    """Return what is locked and needed no more."""
    return tuple(image for image in sorted(project.old.bases) if image not in project.uses)
