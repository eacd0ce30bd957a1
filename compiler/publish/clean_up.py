"""Delete what no kept release needs, so that no release loses anything at any time.

The order is that of `clean_up_notes`: announce what may be deleted, look again whether a tag leads
to it, then delete. Indexes come before their images, so that no tag ever names an incomplete image;
records come last, so that an interrupted clean-up is continued by the next.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from compiler.errors import Diagnostic, DiagnosticError
from compiler.external.registry.client import Registries
from compiler.external.registry.parallel import run_parallel
from compiler.matrix.matrix import Keep
from compiler.publish.deletion_run import DeletionRun
from compiler.publish.deletions import Deletion, plan_deletions
from compiler.publish.inventory import Inventory, StoredRelease
from compiler.publish.read_inventory import InventoryReader
from compiler.publish.retention import Retention
from compiler.publish.staging_time import write_staging_time
from compiler.releases.registry_record import record_tag, versions_in_tags


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUpPlan:
    """What a clean-up may delete."""

    inventory: Inventory
    deletions: tuple[Deletion, ...]
    kept_releases: tuple[str, ...]
    expired_releases: tuple[str, ...]
    undated: tuple[tuple[str, str], ...]
    """Repository and digest of images and records of unknown age, which are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUpResult:
    """What a clean-up has deleted."""

    deleted: tuple[Deletion, ...]
    kept: tuple[Deletion, ...]
    """What it has not deleted: because of an error, or because a tag leads to it meanwhile."""
    problems: tuple[Diagnostic, ...]
    """Why registries have not deleted something."""


def plan_clean_up(reader: InventoryReader, keep: Keep, now: datetime) -> CleanUpPlan:
    """Return what a clean-up may delete now; nothing is changed.

    Raises:
        RegistryError: something cannot be read.
    """
    inventory = reader.read()
    retention = Retention(inventory, keep, now)
    return CleanUpPlan(
        inventory=inventory,
        deletions=plan_deletions(retention, inventory),
        kept_releases=_versions(retention.kept_releases),
        expired_releases=_versions(retention.expired_releases),
        undated=tuple(dict.fromkeys(retention.undated())),
    )


def _versions(releases: Iterable[StoredRelease]) -> tuple[str, ...]:
    """Return the versions of releases, the newest first."""
    return tuple(versions_in_tags({record_tag(release.record.release) for release in releases}))


def clean_up(
    registries: Registries,
    plan: CleanUpPlan,
    plan_again: Callable[[], CleanUpPlan],
    say: Callable[[str], None],
) -> CleanUpResult:
    """Delete what a plan lists and what may still be deleted after it was announced.

    Args:
        registries: the registries of the matrix.
        plan: what may be deleted.
        plan_again: returns what may be deleted now.
        say: receives the progress as text.

    Raises:
        RegistryError: something cannot be read or announced; nothing was deleted.
        KeyboardInterrupt: raised again; another run continues.
    """
    # An image of unknown age ages from now on; otherwise no clean-up would delete it.
    run_parallel(
        lambda image: write_staging_time(registries, *image),
        {image: image for image in plan.undated},
    )
    run = DeletionRun(registries, say)
    deletable = run.without_refusals(plan.deletions)
    if deletable:
        run.announce(deletable)
        try:
            again = {deletion.image for deletion in plan_again().deletions}
            confirmed = [deletion for deletion in deletable if deletion.image in again]
            run.announce(confirmed)
            run.delete(confirmed)
            run.await_deletions()
        except DiagnosticError:
            run.end()
            raise
        run.end()  # not after an interrupt: a request may still be under way
    deleted = {deletion.image for deletion in run.deleted}
    return CleanUpResult(
        deleted=tuple(run.deleted),
        kept=tuple(deletion for deletion in plan.deletions if deletion.image not in deleted),
        problems=tuple(run.problems),
    )
