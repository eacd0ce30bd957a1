"""What the options of `publish` ask for: a compiled release, and requests to publish it."""

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from compiler.cli.context import Invocation
from compiler.cli.publish_options import PublishOptions
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

    def check(self, release: "Release") -> None:
        """Check what the environment gives the targets in a version.

        Raises:
            CompileError: a variable has no value or an invalid one.
        """
        from compiler.bake.environment_values import require_values

        released = self.resolved.with_variable(release.variable, release.version)
        moves, files = release.is_final and not self.options.no_moving, self.invocation.files()
        require_values(released, files, self.targets, moves=moves, published=True)

    def request(self, version: str | None = None) -> "PublishRequest":
        """Return the request to publish a version; by default the one that the options name."""
        from compiler.fingerprint.set_overrides import override
        from compiler.publish.request import PublishRequest

        options, compiled, folder = self.options, self.compiled, self.invocation.folder
        release = self.release if version is None else self.release._replace(version=version)
        if release != self.release:
            self.check(release)
        released = self.resolved.with_variable(release.variable, release.version)
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
    from compiler.reports.end_of_life import explain_missing_ends
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
    if options.skip_eol and (missing := explain_missing_ends(compiled.plan.matrix)):
        invocation.note(missing)
    compiled_release = CompiledRelease(
        invocation=invocation,
        options=options,
        compiled=compiled,
        resolved=planned.with_plan(compiled.plan),
        inputs=ProjectInputs(invocation.folder, shown=invocation.shown),
        targets=tuple(target.name for target in targets if target.name not in ended),
        ended=tuple(target.name for target in targets if target.name in ended),
        release=release,
    )
    compiled_release.check(release)
    return compiled_release


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
