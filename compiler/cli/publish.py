"""The command `publish`: its options, progress and result."""

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from compiler.cli.bake_options import BakeFlags, PassingOn, add_bake_options
from compiler.cli.completion import complete_filter
from compiler.cli.context import Invocation, on_error
from compiler.cli.failure import INTERRUPTED
from compiler.cli.progress_display import build_progress


if TYPE_CHECKING:
    from compiler.external.registry.client import Registries
    from compiler.publish.request import PublishRequest, PublishResult


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """The options of `publish`, except the format of its result."""

    filters: tuple[str, ...]
    selection: str | None
    version: str | None
    replace: bool
    no_moving: bool
    stage_only: bool
    platform: str
    merge: bool
    flags: BakeFlags
    bake_arguments: tuple[str, ...]


@click.command("publish", cls=PassingOn)
@click.argument(
    "filters",
    nargs=-1,
    metavar="[FILTER]... [-- BAKE_ARGUMENT...]",
    shell_complete=complete_filter,
)
@click.option(
    "--selection", type=click.Path(), metavar="FILE", help="Publish only targets of this selection."
)
@click.option("--version", metavar="VERSION", help="Publish this version.")
@click.option("--replace", is_flag=True, help="Replace existing version tags.")
@click.option("--no-moving", is_flag=True, help="Do not move floating tags.")
@click.option("--stage-only", is_flag=True, help="Only build and stage one --platform.")
@click.option("--platform", default="", metavar="PLATFORM", help="Platform for --stage-only.")
@click.option("--merge", is_flag=True, help="Merge staged platforms instead of building.")
@add_bake_options
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Format of the result.",
)
@click.pass_context
def publish_(
    context: click.Context,
    /,
    filters: tuple[str, ...],
    selection: str | None,
    version: str | None,
    platform: str,
    *,
    replace: bool,
    no_moving: bool,
    stage_only: bool,
    merge: bool,
    flags: BakeFlags,
    output_format: str,
) -> None:
    """Publish a release: build and stage missing images, then create all tags or none.

    The version is the value of the variable in `publish.version` of matrix.yaml. Images that are
    already staged with the same fingerprint are reused. All others are built as by `build`, pushed
    to the staging repository and tested. When every image is ready, its tags are created by
    digest. Floating tags come last, and are never moved to an older version. The record of the
    release is pushed as release-VERSION and written to .compile-matrix/release.json.

    If a target fails, no tag is created and the exit code is 1. Another run reuses everything that
    is staged. Arguments after `--` are passed to bake; only --allow and --debug are accepted.

    \b
    Examples:
      compile-matrix publish
      compile-matrix publish image=server --version v1.4-rc1
      compile-matrix publish --platform linux/arm64 --stage-only
      compile-matrix publish --merge
    """
    invocation = Invocation.of(context)
    options = PublishOptions(
        filters=filters,
        selection=selection,
        version=version,
        replace=replace,
        no_moving=no_moving,
        stage_only=stage_only,
        platform=platform,
        merge=merge,
        flags=flags,
        bake_arguments=PassingOn.passed(context),
    )
    _check(options)
    from compiler.external.registry.client import Registries
    from compiler.publish.output import PublishFormat, format_kept_tags, format_result

    start = time.monotonic()
    registries = Registries(os.environ)
    try:
        request = _request(invocation, options)
        if selection is not None and not request.targets:
            invocation.note_empty_selection()
            return
        with on_error("staged images are kept, and the next run reuses them"):
            result = _publish(request, registries)
    except KeyboardInterrupt:
        click.echo("interrupted: run the same command again to continue", err=True)
        context.exit(INTERRUPTED)
    if result.record:
        from compiler.output.local_folder import write_local

        write_local(invocation.folder, "release.json", result.record.to_text().encode())
    if output_format == PublishFormat.JSON:
        for line in format_kept_tags(result):
            click.echo(line, err=True)
    click.echo(
        format_result(result, PublishFormat(output_format), time.monotonic() - start), nl=False
    )


def _check(options: PublishOptions) -> None:
    """Reject options that exclude each other, and arguments that would change the images."""
    if options.stage_only and options.merge:
        raise click.UsageError("--stage-only and --merge exclude each other")
    if options.stage_only != bool(options.platform):
        raise click.UsageError("--stage-only and --platform require each other")
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


def _request(invocation: Invocation, options: PublishOptions) -> "PublishRequest":
    """Return the request that the options describe."""
    from compiler.bake.preconditions import reject_filters, require_buildx, require_fields
    from compiler.fingerprint.fingerprint import project_fingerprints
    from compiler.fingerprint.set_overrides import override
    from compiler.output.bake_resolved import ResolvedPlan
    from compiler.publish.request import PublishRequest
    from compiler.releases.version import release_version
    from compiler.targets.filters import select
    from compiler.targets.selection_file import selected

    reject_filters(os.environ)
    files = invocation.files()
    planned = ResolvedPlan(invocation.plan(files), os.environ)
    release = release_version(planned, options.version)
    require_buildx()
    compiled = invocation.compile_fresh(planned.plan, files)
    require_fields(compiled.plan)
    targets = select(compiled.plan, options.filters)
    if options.selection is not None:
        targets = selected(compiled.plan, targets, options.selection)
    released = planned.with_plan(compiled.plan).with_variable(release.variable, release.version)
    resolved = override(released, options.flags.sets)
    return PublishRequest(
        resolved=resolved,
        fingerprints=project_fingerprints(
            compiled, resolved, invocation.folder, shown=invocation.shown
        ),
        dockerfiles=compiled.dockerfiles,
        targets=tuple(target.name for target in targets),
        release=release,
        options=replace(
            options.flags.options(invocation.folder),
            extra=options.bake_arguments,
            environment={release.variable: release.version},
        ),
        refreshed=frozenset(compiled.refreshed),
        replace=options.replace,
        move_floating_tags=not options.no_moving,
        merge=options.merge,
        platform=_platform(options.platform),
    )


def _platform(text: str) -> str:
    """Return the canonical form of `--platform`; empty if the option is absent."""
    from compiler.external.references import canonical_platform
    from compiler.targets.filters import local_platform

    platform = local_platform() if text == "local" else canonical_platform(text)
    if text and platform is None:
        raise click.UsageError(f"invalid value for --platform: {text!r}")
    return platform or ""


def _publish(request: "PublishRequest", registries: "Registries") -> "PublishResult":
    """Publish and show the progress."""
    from compiler.publish.publish import publish

    progress = build_progress()
    try:
        return publish(request, registries, progress)
    finally:
        progress.end()
