"""The command `publish`: its options, progress and result."""

import json
import os
import time
from typing import TYPE_CHECKING

import click

from compiler.cli.bake_options import BakeFlags, PassingOn, add_bake_options
from compiler.cli.common_options import checks_option, format_option, selection_option
from compiler.cli.completion import complete_filter, complete_platform
from compiler.cli.context import Invocation
from compiler.cli.failure import INTERRUPTED
from compiler.cli.progress_display import Lines, build_progress
from compiler.cli.publish_options import PublishOptions, check_options
from compiler.cli.publish_request import CompiledRelease, compile_release, find_unchanged
from compiler.cli.summary_file import (
    RECORD_FILE,
    append_summary,
    previous_release,
    summary_option,
    wants_summary,
)
from compiler.errors import DiagnosticError, on_error
from compiler.reports.text import shortened


if TYPE_CHECKING:
    from compiler.external.registry.client import Registries
    from compiler.external.registry.read_only import ReadOnlyRegistries
    from compiler.publish.output import PublishFormat


@click.command("publish", cls=PassingOn)
@click.argument(
    "filters",
    nargs=-1,
    metavar="[FILTER]... [-- BAKE_ARGUMENT...]",
    shell_complete=complete_filter,
)
@selection_option("Publish only targets of this selection.")
@click.option("--version", metavar="VERSION", help="Publish this version.")
@click.option("--replace", is_flag=True, help="Replace existing version tags.")
@click.option("--no-moving", is_flag=True, help="Do not move floating tags.")
@click.option("--stage-only", is_flag=True, help="Only build, stage and test; create no tag.")
@click.option(
    "--platform",
    default="",
    metavar="PLATFORM",
    shell_complete=complete_platform,
    help="Stage only this platform, for --merge.",
)
@click.option("--merge", is_flag=True, help="Merge staged platforms instead of building.")
@checks_option("Only run these checks of staged images; create no tag.")
@click.option("--dry-run", is_flag=True, help="Print what would be done; write nothing.")
@click.option(
    "--if-changed",
    is_flag=True,
    help="Publish only if an image, target or tag differs from the latest release; otherwise print "
    "the version of that release.",
)
@click.option(
    "--skip-eol",
    is_flag=True,
    help="Leave out targets with a value whose support has ended, and keep their tags.",
)
@summary_option
@add_bake_options
@format_option("table", "json", "github", help="Format of the result.")
@click.pass_context
def publish_(
    context: click.Context,
    /,
    filters: tuple[str, ...],
    selection: str | None,
    version: str | None,
    platform: str,
    summary: str | None,
    *,
    replace: bool,
    no_moving: bool,
    stage_only: bool,
    merge: bool,
    checks: tuple[str, ...],
    dry_run: bool,
    if_changed: bool,
    skip_eol: bool,
    flags: BakeFlags,
    output_format: str,
) -> None:
    """Publish a release: build and stage missing images, then create all tags or none.

    The version is the value of the variable in `publish.version` of matrix.yaml. Images that are
    already staged with the same fingerprint are reused. All others are built as by `build`, pushed
    to the staging repository and tested. Then the checks of `publish.checks` run that an image has
    not passed yet, here or on another machine. When every image is ready, its tags are created by
    digest. Floating tags come last, and are never moved to an older version. The record of the
    release is pushed as release-VERSION and written to .compile-matrix/release.json.

    If a target or check fails, no tag is created and the exit code is 1. Another run reuses
    everything that is staged, and repeats no check that passed. Arguments after `--` are passed to
    bake; only --allow and --debug are accepted.

    With --if-changed, the latest release is the one that `release latest` prints.

    \b
    Examples:
      compile-matrix publish
      compile-matrix publish --dry-run
      compile-matrix publish --if-changed --format json
      compile-matrix publish image=server --version v1.4-rc1
      compile-matrix publish --stage-only
      compile-matrix publish --checks gpu --selection gpu.json
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
        checks=checks,
        builds=not checks,
        dry_run=dry_run,
        if_changed=if_changed,
        skip_eol=skip_eol,
        summary=summary,
        flags=flags,
        bake_arguments=PassingOn.passed(context),
    )
    check_options(options)
    from compiler.publish.output import PublishFormat

    try:
        _run(invocation, options, PublishFormat(output_format))
    except KeyboardInterrupt:
        click.echo("interrupted: run the same command again to continue", err=True)
        context.exit(INTERRUPTED)


def _run(invocation: Invocation, options: PublishOptions, output_format: "PublishFormat") -> None:
    """Publish, or print what would be published."""
    from compiler.external.registry.client import Registries
    from compiler.external.registry.read_only import ReadOnlyRegistries

    release = compile_release(invocation, options)
    if release.ended:
        names = shortened(release.ended, 3)
        invocation.note(f"not published, because support has ended: {names}")
    if not release.targets:
        invocation.note_empty_selection()
        if output_format == "json":
            click.echo(json.dumps({"version": 1, "targets": []}))
        return
    preview = ReadOnlyRegistries(os.environ) if options.dry_run else None
    registries = Registries(os.environ) if preview is None else preview
    unchanged = find_unchanged(release, registries) if options.if_changed else None
    if unchanged is not None:
        invocation.note(f"nothing differs from {unchanged.release}")
        as_json = output_format == "json"
        click.echo(unchanged.to_text() if as_json else f"{unchanged.release}\n", nl=False)
        if wants_summary(options.summary):
            from compiler.reports.markdown import markdown

            release_name = markdown(unchanged.release)
            append_summary(options.summary, f"### Nothing differs from {release_name}\n\n")
    elif preview is not None:
        _print_preview(release, preview, output_format)
    else:
        _publish(release, registries, output_format)


def _print_preview(
    release: CompiledRelease, registries: "ReadOnlyRegistries", output_format: "PublishFormat"
) -> None:
    """Print what would be published."""
    from compiler.codes import Code
    from compiler.errors import Diagnostic, Repository, Severity
    from compiler.publish.preview import preview
    from compiler.publish.preview_output import format_preview

    silent = Lines(lambda _: None)
    previewed = preview(release.request(), registries, silent)
    release.invocation.warn(
        tuple(
            Diagnostic(
                code=Code.REGISTRY_DENIED,
                message=f"access to {repository} was denied, so its images count as missing",
                location=Repository(name=repository),
                help="this is normal before the first release; otherwise run `docker login`",
                severity=Severity.WARNING,
            )
            for repository in previewed.unreadable
        )
    )
    click.echo(format_preview(previewed, output_format), nl=False)
    if wants_summary(release.options.summary):
        from compiler.publish.summary import preview_summary

        earlier = previous_release(registries, release.resolved, previewed.release)
        text = preview_summary(release.compiled.plan, previewed, earlier)
        append_summary(release.options.summary, text)


def _publish(
    release: CompiledRelease, registries: "Registries", output_format: "PublishFormat"
) -> None:
    """Publish with progress on stderr, write the record and print the result."""
    from compiler.output.local_folder import write_local
    from compiler.publish.output import format_notes, format_result
    from compiler.publish.publish import publish
    from compiler.publish.summary import failure_summary, result_summary

    is_summarized = wants_summary(release.options.summary)
    version = release.release.version
    earlier = previous_release(registries, release.resolved, version) if is_summarized else None
    request, progress, start = release.request(), build_progress(), time.monotonic()
    try:
        with on_error("staged images are kept, and the next run reuses them"):
            result = publish(request, registries, progress)
    except DiagnosticError as error:
        if is_summarized:
            append_summary(release.options.summary, failure_summary(version, error))
        raise
    finally:
        progress.end()
    if result.record:
        folder = release.invocation.folder
        write_local(folder, RECORD_FILE, result.record.to_text().encode())
    if output_format == "json":
        for line in format_notes(result):
            click.echo(line, err=True)
    click.echo(format_result(result, output_format, time.monotonic() - start), nl=False)
    if is_summarized:
        text = result_summary(release.compiled.plan, result, earlier)
        append_summary(release.options.summary, text)
