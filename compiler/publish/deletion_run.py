"""Announce and carry out deletions in registries; see `clean_up`."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from compiler.codes import Code
from compiler.errors import Diagnostic
from compiler.external.registry.client import Registries, RegistryError
from compiler.external.registry.parallel import pause, run_parallel
from compiler.external.registry.responses import (
    DeniedError,
    RejectedError,
    TaggedError,
    UnsupportedError,
)
from compiler.publish.clean_up_notes import (
    LEASE,
    MAX_DIGESTS,
    CleanUpNote,
    Image,
    new_note_tag,
    write_note,
)
from compiler.publish.deletions import Deletion
from compiler.publish.inventory import Kind
from compiler.reports.text import counted


_NO_CONTENT = f"sha256:{'0' * 64}"
"""A digest that no manifest has: to find out whether a registry deletes."""
_LAST = frozenset({Kind.RECORD, Kind.TIME})
"""What stays until everything else is deleted."""
_LOOKS = 5
"""Maximum number of looks at a manifest that was deleted and still exists."""


@dataclass(slots=True)
class DeletionRun:
    """A clean-up and what it has done so far."""

    registries: Registries
    say: Callable[[str], None]
    tag: str = field(default_factory=new_note_tag)
    """The tag of its notes."""
    deleted: list[Deletion] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)
    announced: dict[str, frozenset[str]] = field(default_factory=dict)
    """Repository -> the digests in its note."""
    uncertain: set[str] = field(default_factory=set)
    """The repositories in which a deletion may still take effect."""
    start: float = field(default_factory=time.monotonic)
    _notes: dict[str, str] = field(default_factory=dict)
    """Repository -> the digest of its note."""

    def without_refusals(self, deletions: Iterable[Deletion]) -> list[Deletion]:
        """Return the deletions in repositories that allow it; note why the others do not."""
        deletions = list(deletions)
        repositories = {deletion.repository: deletion.repository for deletion in deletions}
        refusals = run_parallel(self._refusal, repositories)
        for refusal in filter(None, refusals.values()):
            self.problems += refusal
        by_repository: dict[str, list[Deletion]] = defaultdict(list)
        for deletion in deletions:
            if refusals[deletion.repository] is None:
                by_repository[deletion.repository].append(deletion)
        return [deletion for own in by_repository.values() for deletion in own[:MAX_DIGESTS]]

    def _refusal(self, repository: str) -> list[Diagnostic] | None:
        """Return why nothing can be deleted in a repository; None if it can, or may."""
        try:
            self.registries.delete_manifest(repository, _NO_CONTENT)
        except UnsupportedError as error:
            return _explained(error, "the registry cannot delete manifests")
        except RejectedError:
            return None
        except RegistryError as error:
            return _explained(error, "nothing was deleted")
        return None

    def announce(self, deletions: Iterable[Deletion]) -> None:
        """Write what is to be deleted, and replace what was written before."""
        digests: dict[str, set[str]] = {name: set() for name in self.announced}
        for deletion in deletions:
            digests.setdefault(deletion.repository, set()).add(deletion.digest)
        self._write({name: frozenset(listed) for name, listed in digests.items()}, has_ended=False)
        self.start = time.monotonic()

    def _write(self, digests: Mapping[str, frozenset[str]], *, has_ended: bool) -> None:
        self.announced = {**self.announced, **digests}

        def write(name: str) -> str:
            has_settled = has_ended and name not in self.uncertain
            note = CleanUpNote(digests=digests[name], has_ended=has_settled)
            return write_note(self.registries, name, self.tag, note)

        written = run_parallel(write, {name: name for name in digests})
        for name, digest in written.items():
            replaced, self._notes[name] = self._notes.get(name, digest), digest
            if replaced != digest:
                with suppress(RegistryError):  # a small manifest without a tag is left
                    self.registries.delete_manifest(name, replaced)

    def delete(self, deletions: Iterable[Deletion]) -> None:
        """Delete manifests in their order.

        If one cannot be deleted, what it contains and what is about it stays. So do records and the
        notes of staged images: by these, the next clean-up knows that it may delete the rest, which
        can be in any repository.
        """
        steps: dict[tuple[int, int], dict[Image, Deletion]] = defaultdict(dict)
        for deletion in deletions:
            steps[deletion.order][deletion.image] = deletion
        stays: set[Image] = set()
        for order in sorted(steps):
            step = {
                image: deletion
                for image, deletion in steps[order].items()
                if not stays.intersection((image, (deletion.repository, deletion.subject)))
                and not (deletion.kind in _LAST and self.problems)
            }
            for image, failures in run_parallel(self._delete, step).items():
                if failures is None:
                    self.deleted.append(step[image])
                else:
                    self.problems += failures
            gone = {deletion.image for deletion in self.deleted}
            for image, deletion in steps[order].items():
                if image not in gone:
                    stays |= {image, *((deletion.repository, child) for child in deletion.children)}
            self.say(f"deleted {counted(len(self.deleted), 'manifest')}")

    def _delete(self, deletion: Deletion) -> list[Diagnostic] | None:
        """Delete a manifest; return why it was not deleted, otherwise None."""
        if time.monotonic() - self.start > LEASE:
            error = RegistryError(
                deletion.repository, "the clean-up takes too long", help_="run the command again"
            )
            return _explained(error, f"{deletion.digest} was not deleted")
        try:
            self._delete_manifest(deletion)
        except RegistryError as error:
            if not isinstance(error, RejectedError | DeniedError):
                self.uncertain.add(deletion.repository)
            return _explained(error, f"{deletion.digest} was not deleted")
        return None

    def _delete_manifest(self, deletion: Deletion) -> None:
        """Delete a manifest; its tags first if the registry demands that."""
        try:
            self.registries.delete_manifest(deletion.repository, deletion.digest)
        except TaggedError:
            for tag in deletion.tags:
                if self.registries.digest(deletion.repository, tag) == deletion.digest:
                    self.registries.delete_tag(deletion.repository, tag)
            self.registries.delete_manifest(deletion.repository, deletion.digest)

    def await_deletions(self) -> None:
        """Wait until the deleted manifests are gone; some registries delete late."""
        pending = {deletion.image: deletion.image for deletion in self.deleted}
        for number in range(_LOOKS):
            present = run_parallel(
                lambda image: self.registries.digest(*image) is not None, pending
            )
            pending = {image: image for image in pending if present[image]}
            if not pending or pause(0.25 * 2.0**number):
                break
        for repository, count in Counter(repository for repository, _ in pending).items():
            self.uncertain.add(repository)
            message = f"{counted(count, 'deleted manifest')} still in {repository}"
            help_ = "the registry deletes late; if a later clean-up lists them again, it keeps them"
            error = RegistryError(repository, message, code=Code.CANNOT_DELETE, help_=help_)
            self.problems += error.diagnostics

    def end(self) -> None:
        """Write that the clean-up has ended, unless deletions have not taken effect yet."""
        try:
            self._write(self.announced, has_ended=True)
        except RegistryError as error:
            self.problems += error.diagnostics


def _explained(error: RegistryError, reason: str) -> list[Diagnostic]:
    """Return the diagnostics of a registry that has not deleted something."""
    return [
        Diagnostic(
            code=Code.CANNOT_DELETE,
            message=f"{reason}: {diagnostic.message}",
            location=diagnostic.location,
            help="enable deletion in the registry, or use its own retention rules"
            if isinstance(error, UnsupportedError)
            else diagnostic.help,
        )
        for diagnostic in error.diagnostics
    ]
