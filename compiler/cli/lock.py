"""`compile-matrix lock`: write matrix.lock, and print what changed in it."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from compiler.cli.common_options import Command
from compiler.cli.completion import complete_base
from compiler.cli.context import Invocation, pass_invocation
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.cli.lock_output import BaseChange, lock_changes, print_json, print_users
from compiler.cli.lookup_progress import lookup_progress
from compiler.constants import LOCK
from compiler.errors import on_error
from compiler.reports.text import counted, printable


if TYPE_CHECKING:
    from compiler.lock.lockfile import Lock
    from compiler.lock.update import Project


@click.command("lock", cls=Command)
@click.argument("arguments", nargs=-1, metavar="[IMAGE | FILTER]...", shell_complete=complete_base)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a base image has changed.")
@click.option("--upgrade", is_flag=True, help="Update locked base images to their current digests.")
@click.option("--refresh", is_flag=True, help="Rebuild targets once without the cache.")
@click.option(
    "--date",
    "day",
    metavar="DATE",
    help="Date to record with --refresh.  [default: today, UTC]",
)
@pass_invocation
def lock_(
    invocation: Invocation,
    /,
    arguments: tuple[str, ...],
    *,
    check: bool,
    upgrade: bool,
    refresh: bool,
    day: str | None,
) -> None:
    """Lock base images to digests in matrix.lock.

    It contains the digest of each external image that the Dockerfiles use. Compiling then pins
    these images: `FROM python:3.11-slim@sha256:...`. Without options, missing images are added,
    unused ones are removed, and the others are kept. Digests are looked up with `docker buildx
    imagetools` and your credentials. Images that match `lock.verify` of matrix.yaml must be signed:
    cosign verifies their digests before anything is written. If it has `lock.mirror`, images that
    the mirror lacks are copied to it.

    With --upgrade or --check, IMAGE is a base image, its repository, or a glob; the default is all
    base images. With --refresh, FILTER selects targets as in `list`; the default is all targets.

    \b
    Examples:
      compile-matrix lock
      compile-matrix lock --check
      compile-matrix lock --upgrade 'python:*' nvidia/cuda
      compile-matrix lock --refresh image=server
    """
    from compiler.lock.lockfile import is_date
    from compiler.lock.update import survey
    from compiler.lock.verified import unused_entries

    if check + upgrade + refresh > 1:
        raise click.UsageError("use at most one of --check, --upgrade and --refresh")
    if arguments and not (check or upgrade or refresh):
        raise click.UsageError("images and filters need --check, --upgrade or --refresh")
    if day is not None and not refresh:
        raise click.UsageError("--date needs --refresh")
    day = day or datetime.now(UTC).date().isoformat()
    if not is_date(day):
        raise click.UsageError(f"invalid value for --date: {day!r}; write it as 2026-11-23")
    files = invocation.files()
    project = survey(invocation.plan(files), files)
    invocation.warn((*project.undecided, *unused_entries(project.plan.matrix, project.uses)))
    if check:
        if _check(invocation, project, arguments):
            raise click.exceptions.Exit(1)
    else:
        _update(invocation, project, arguments, upgrade=upgrade, day=day if refresh else "")


def _check(invocation: Invocation, project: "Project", patterns: tuple[str, ...]) -> bool:
    """Print which base images differ from matrix.lock; return whether any does."""
    from compiler.lock.update import chosen, look_up, missing, unused
    from compiler.lock.verify import require_cosign, verify_bases

    images = chosen(project, patterns)
    absent = [image for image in missing(project) if image in images]
    present = [image for image in images if image not in absent]
    require_cosign(project)
    with lookup_progress(len(present)) as done:
        current = look_up(project, present, done)
    locked = project.old.bases
    verify_bases(project, replace(project.old, bases={image: locked[image] for image in current}))
    changed = [image for image in current if current[image].digest != locked[image].digest]
    changes = [BaseChange(image, "missing") for image in absent]
    changes += [
        BaseChange(image, "changed", locked[image].digest, current[image].digest)
        for image in changed
    ]
    changes += [BaseChange(image, "unused") for image in (() if patterns else unused(project))]
    if invocation.output_format is DiagnosticFormat.JSON:
        print_json(changes, len(images), project, {})
        return bool(absent or changed)
    for change in changes:
        click.echo(change.text)
        if change.change != "unused":
            print_users(project, change.image)
    if absent:
        invocation.note("run compile-matrix lock")
    if changed:
        invocation.note("run compile-matrix lock --upgrade")
    if not absent and not changed:
        click.echo(f"{counted(len(images), 'base image')}: up to date")
    return bool(absent or changed)


def _update(
    invocation: Invocation,
    project: "Project",
    arguments: tuple[str, ...],
    *,
    upgrade: bool,
    day: str,
) -> None:
    """Write matrix.lock and print the differences; `day` is the date of a refresh."""
    from compiler.lock.update import chosen, look_up, missing, renewed, store
    from compiler.lock.verify import require_cosign, verify_bases
    from compiler.targets.filters import select

    images = dict.fromkeys(missing(project))
    if upgrade:
        images.update(dict.fromkeys(chosen(project, arguments)))
    dates = {target.name: day for target in select(project.plan, arguments)} if day else {}
    require_cosign(project)
    with lookup_progress(len(images)) as done:
        current = look_up(project, sorted(images), done)
    lock = renewed(project, current, dates)
    verified = verify_bases(project, lock)
    if verified:
        invocation.note(f"{counted(verified, 'signature')} verified")
    copied = _fill_mirror(project, lock)
    changed = store(project, lock, invocation.folder)
    changes = lock_changes(project.old.bases, lock.bases)
    if invocation.output_format is DiagnosticFormat.JSON:
        print_json(changes, len(lock.bases), project, dates, copied)
        return
    for change in changes:
        click.echo(change.text)
    for image, copy in (copied or {}).items():
        click.echo(printable(f"{image}: copied to {copy}"))
    if dates:
        click.echo(f"{counted(len(dates), 'target')} refreshed: {day}")
    _summarize(invocation, lock, changed=changed)


def _fill_mirror(project: "Project", lock: "Lock") -> Mapping[str, str] | None:
    """Copy base images that the mirror lacks.

    Returns:
        Base image -> the name of its copy; None without a mirror.

    Raises:
        RegistryError: the mirror cannot be read.
        CompileError: an image cannot be copied.
    """
    if not project.plan.matrix.lock.mirror:
        return None
    from compiler.bake.environment_values import require_repositories
    from compiler.external.registry.client import Registries
    from compiler.lock.copies import copies, copy_images, missing_copies
    from compiler.lock.mirror import resolved_mirror
    from compiler.output.bake_resolved import ResolvedPlan

    registries = Registries(os.environ)
    plan = project.plan
    resolved = require_repositories(ResolvedPlan(plan, os.environ))
    mirror = resolved_mirror(plan.matrix, resolved.variables)
    wanted = copies(project, lock, mirror)
    with on_error(f"{LOCK} is unchanged"):
        images = missing_copies(wanted, registries)
        with lookup_progress(len(images), "copying") as done:
            copy_images(wanted, images, registries, done)
    return {image: wanted[image].reference for image in images}


def _summarize(invocation: Invocation, lock: "Lock", *, changed: bool) -> None:
    result = "written" if changed else "up to date"
    click.echo(f"{counted(len(lock.bases), 'base image')}: {invocation.shown}matrix.lock {result}")
    if changed:
        click.echo("next: compile-matrix")
