"""Options of `publish`, and the requests that they describe."""

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from compiler.cli.bake_options import BakeFlags
from compiler.cli.context import Invocation
from compiler.reports.text import printable, shortened


if TYPE_CHECKING:
    from compiler.external.registry.client import Registries
    from compiler.fingerprint.fingerprint import ProjectInputs
    from compiler.output.artifact import Compilation
    from compiler.output.bake_resolved import ResolvedPlan
    from compiler.publish.request import PublishRequest
    from compiler.releases.record import ReleaseRecord
    from compiler.releases.version import Release
    from compiler.targets.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """The options of `publish`, except the format of its result."""

    filters: tuple[str, ...]
    selection: str | None
    version: str | None
    replace: bool = False
    no_moving: bool = False
    stage_only: bool = False
    platform: str = ""
    merge: bool = False
    checks: tuple[str, ...] = ()
    """The only checks to run; empty to publish or stage images."""
    dry_run: bool = False
    if_changed: bool = False
    skip_eol: bool = False
    """Whether targets whose support has ended are left out."""
    summary: str | None = None
    """The file to which a summary is appended."""
    flags: BakeFlags
    bake_arguments: tuple[str, ...] = ()
    builds: bool = True
    """Whether images may be built, so that buildx is required."""

    @property
    def complete(self) -> bool:
        """Return whether all targets of the matrix are to be published."""
        return not self.filters and self.selection is None and not self.skip_eol


_EXCLUSIVE = {
    "--stage-only": ("--merge", "--if-changed", "--checks"),
    "--checks": ("--merge", "--if-changed", "--replace", "--dry-run", "--platform"),
}
"""Option -> the options that cannot be combined with it."""


def check_options(options: PublishOptions) -> None:
    """Reject options that exclude each other, and arguments that would change the images.

    Raises:
        UsageError: for the first of them.
    """
    is_set = {
        "--stage-only": options.stage_only,
        "--checks": bool(options.checks),
        "--merge": options.merge,
        "--if-changed": options.if_changed,
        "--replace": options.replace,
        "--dry-run": options.dry_run,
        "--platform": bool(options.platform),
    }
    for option, others in _EXCLUSIVE.items():
        for other in others:
            if is_set[option] and is_set[other]:
                raise click.UsageError(f"{option} and {other} exclude each other")
    if options.platform and not options.stage_only:
        raise click.UsageError("--platform requires --stage-only")
    for argument in options.flags.sets:
        key = argument.partition("=")[0].removesuffix("+").split(".")[1:2]
        if key and key[0] in {"tags", "push", "load", "output"}:
            raise click.UsageError(
                f"--set: {key[0]} of a release cannot be overridden: {argument!r}"
            )
    # Fingerprints ignore these arguments, and a target among them would be pushed as it is.
    arguments = iter(options.bake_arguments)
    for argument in arguments:
        if argument == "--allow":
            next(arguments, None)
        elif not argument.startswith("--allow=") and argument not in {"--debug", "-D"}:
            raise click.UsageError(
                f"only --allow and --debug can be passed to bake, not {argument!r}: "
                "use matrix.yaml, FILTERs or --set in front of `--`"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRelease:
    """A compiled matrix with the options of `publish`; it can describe any version."""

    invocation: Invocation
    options: PublishOptions
    compiled: "Compilation"
    resolved: "ResolvedPlan"
    """The plan for the environment of the command."""
    inputs: "ProjectInputs"
    """The files of contexts; each is read once for all versions."""
    targets: tuple[str, ...]
    """The names of the selected targets."""
    ended: tuple[str, ...]
    """Targets that --skip-eol leaves out."""
    release: "Release"
    """The version that the options and the environment name."""

    def request(self, version: str | None = None) -> "PublishRequest":
        """Return the request to publish a version; by default the one that the options name."""
        from compiler.bake.preconditions import require_values
        from compiler.fingerprint.set_overrides import override
        from compiler.publish.request import PublishRequest

        options, compiled, folder = self.options, self.compiled, self.invocation.folder
        release = self.release if version is None else self.release._replace(version=version)
        released = self.resolved.with_variable(release.variable, release.version)
        moves = release.is_final and not options.no_moving
        require_values(released, self.targets, moves=moves, published=True)
        resolved = override(released, options.flags.sets)
        return PublishRequest(
            resolved=resolved,
            fingerprints=self.inputs.fingerprints(compiled, resolved),
            dockerfiles=compiled.dockerfiles,
            targets=self.targets,
            release=release,
            options=replace(
                options.flags.options(folder),
                extra=options.bake_arguments,
                variables=released.overridden,
            ),
            read_again=lambda: compile_release(self.invocation, options).request(version),
            refreshed=frozenset(compiled.refreshed),
            replace=options.replace,
            move_floating_tags=not options.no_moving,
            merge=options.merge,
            platform=_platform(options.platform),
            stage_only=options.stage_only,
            checks=options.checks,
            preview=options.dry_run,
        )


def compile_release(invocation: Invocation, options: PublishOptions) -> CompiledRelease:
    """Compile the matrix and select the targets to publish.

    Raises:
        CompileError: the matrix, the environment, the version or a filter is invalid, or the
            generated files are stale.
    """
    from compiler.bake.preconditions import (
        reject_filters,
        reject_other_policy,
        require_buildx,
        require_fields,
    )
    from compiler.fingerprint.fingerprint import ProjectInputs
    from compiler.output.bake_resolved import ResolvedPlan
    from compiler.releases.version import release_version
    from compiler.targets.filters import select
    from compiler.targets.selection_file import selected

    reject_filters(os.environ)
    files = invocation.files()
    planned = ResolvedPlan(invocation.plan(files), os.environ)
    release = release_version(planned, options.version)
    if options.builds:
        require_buildx()
    compiled = invocation.compile_fresh(planned.plan, files)
    if options.builds:
        require_fields(compiled.plan)
        reject_other_policy(compiled.plan, os.environ)
    targets = select(compiled.plan, options.filters)
    if options.selection is not None:
        targets = selected(compiled.plan, targets, options.selection)
    ended = _ended(targets) if options.skip_eol else frozenset[str]()
    return CompiledRelease(
        invocation=invocation,
        options=options,
        compiled=compiled,
        resolved=planned.with_plan(compiled.plan),
        inputs=ProjectInputs(invocation.folder, shown=invocation.shown),
        targets=tuple(target.name for target in targets if target.name not in ended),
        ended=tuple(target.name for target in targets if target.name in ended),
        release=release,
    )


def _platform(text: str) -> str:
    """Return the canonical form of `--platform`; empty if the option is absent."""
    from compiler.external.platforms import canonical_platform
    from compiler.targets.filters import local_platform

    platform = local_platform() if text == "local" else canonical_platform(text)
    if text and platform is None:
        raise click.UsageError(f"invalid value for --platform: {text!r}")
    return platform or ""


def _ended(targets: "tuple[Target, ...]") -> frozenset[str]:
    """Return the names of the targets whose support has ended."""
    from compiler.cli.today import utc_today
    from compiler.reports.end_of_life import has_ended

    today = utc_today()
    return frozenset(target.name for target in targets if has_ended(target, today))


def find_unchanged(release: CompiledRelease, registries: "Registries") -> "ReleaseRecord | None":
    """Return the latest release if a new one would not differ from it; otherwise print why."""
    from compiler.cli.release_records import find_unsigned
    from compiler.publish.changes import find_changes
    from compiler.publish.items import all_repositories, record_repositories
    from compiler.releases.latest import find_latest
    from compiler.releases.registry_record import choose_repository

    repository = choose_repository(registries, record_repositories(release.resolved))
    if repository is None:
        return None
    complete = release.options.complete
    targets = () if complete else release.targets
    repositories = all_repositories(release.resolved)
    unsigned = find_unsigned(release.resolved.plan.matrix)
    record, damaged = find_latest(registries, repository, repositories, targets, unsigned)
    release.invocation.warn_of(damaged)
    if record is None:
        release.invocation.note("no release has been published")
        return None
    request = release.request(record.release)
    changes = find_changes(registries, request, record, complete=complete)
    if not changes:
        return record
    differences = printable(shortened(changes, 3, "; "))
    release.invocation.note(f"differs from {record.release}: {differences}")
    return None
