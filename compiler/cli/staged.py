"""`compile-matrix staged`: print the staged images that have not passed all checks."""

import os

import click

from compiler.cli.bake_options import BakeFlags
from compiler.cli.common_options import (
    Command,
    checks_option,
    format_option,
    selection_option,
    set_option,
)
from compiler.cli.completion import complete_filter
from compiler.cli.context import Invocation, pass_invocation
from compiler.cli.publish_options import PublishOptions
from compiler.cli.publish_request import compile_release
from compiler.constants import GITHUB_JOBS


@click.command("staged", cls=Command)
@click.argument("filters", nargs=-1, metavar="[FILTER]...", shell_complete=complete_filter)
@selection_option("Consider only targets in this file.")
@click.option("--version", metavar="VERSION", help="Version of the release.")
@set_option("Override a field, as for `publish`")
@checks_option("Consider only these checks.")
@format_option(
    "table",
    "json",
    "github",
    "selection",
    help="Format: a table, JSON, a job matrix for GitHub with a job for each target and check, or "
    "a file for --selection.",
)
@pass_invocation
def staged_(
    invocation: Invocation,
    /,
    filters: tuple[str, ...],
    selection: str | None,
    version: str | None,
    sets: tuple[str, ...],
    checks: tuple[str, ...],
    output_format: str,
) -> None:
    """List staged images that have not passed all checks of `publish.checks`.

    An image is staged by `publish --stage-only`. `publish --checks NAMES` runs checks of staged
    images on any machine; `publish` runs all others and creates the tags.

    \b
    Examples:
      compile-matrix staged
      compile-matrix staged --checks gpu --format github
      compile-matrix staged --checks gpu --format selection > gpu.json
      compile-matrix publish --checks gpu --selection gpu.json
    """
    from compiler.cli.progress_display import Lines
    from compiler.external.registry.client import Registries
    from compiler.publish.unchecked import find_unchecked
    from compiler.publish.unchecked_output import UncheckedFormat, format_unchecked

    options = PublishOptions(
        filters=filters,
        selection=selection,
        version=version,
        stage_only=True,
        checks=checks,
        flags=BakeFlags(sets=sets),
        builds=False,
    )
    release = compile_release(invocation, options)
    if not release.targets:
        invocation.note_empty_selection()
    silent = Lines(lambda _: None)
    unchecked = find_unchecked(release.request(), Registries(os.environ), silent)
    click.echo(format_unchecked(unchecked.images, UncheckedFormat(output_format)), nl=False)
    if unchecked.unready:
        invocation.note(f"{unchecked.unready} of {len(release.targets)} are not staged and tested")
    jobs = sum(len(image.pending) for image in unchecked.images)
    if output_format == UncheckedFormat.GITHUB and jobs > GITHUB_JOBS:
        invocation.note(
            f"GitHub accepts at most {GITHUB_JOBS} jobs in one matrix, and these are {jobs:,}; "
            "pass FILTERs or --checks"
        )
    elif not unchecked.images:
        invocation.note("every staged image has passed its checks")
