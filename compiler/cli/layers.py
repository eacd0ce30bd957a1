"""`compile-matrix layers`: print the steps of targets, and which of them are shared."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from compiler.cli.common_options import Command, format_option, selection_option
from compiler.cli.completion import complete_filter, complete_platform
from compiler.cli.context import Invocation, pass_invocation
from compiler.cli.terminal import table_width
from compiler.codes import Code
from compiler.constants import LOCAL_FOLDER
from compiler.errors import Argument, CompileError, Diagnostic, Location


if TYPE_CHECKING:
    from compiler.reports.layers.layers import Layers


def add_layer_options(verb: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds filters, `--platform` and `--selection`.

    Args:
        verb: what the command does with steps and targets, for the help.
    """
    options = (
        click.argument("filters", nargs=-1, metavar="[FILTER]...", shell_complete=complete_filter),
        click.option(
            "--platform",
            default="local",
            metavar="PLATFORM",
            shell_complete=complete_platform,
            help=f"{verb} the steps on this platform.  [default: local, this machine's platform]",
        ),
        selection_option(f"{verb} only targets in this file."),
    )

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.command("layers", cls=Command)
@add_layer_options("Show")
@click.option(
    "--recorded",
    is_flag=True,
    help="Add what the last `build` or `publish` took: seconds, bytes, and its critical path.",
)
@format_option("text", "json", help="Format of the steps: a tree, or JSON.")
@pass_invocation
def layers_(
    invocation: Invocation,
    /,
    filters: tuple[str, ...],
    platform: str,
    selection: str | None,
    *,
    recorded: bool,
    output_format: str,
) -> None:
    """Show the steps that targets share, and where they begin to differ.

    A step is a RUN, COPY or ADD. The steps of a target include those of its parents and of the
    stages that it needs. Steps are distinct if BuildKit executes each of them: their cache keys
    differ. Branches of the tree with the same instructions are one branch. Below the tree are the
    first step that depends on each axis, and changes with which fewer steps are distinct.

    FILTER selects targets as in `list`; targets without the platform are left out. The matrix is
    compiled; no file is written.

    \b
    Examples:
      compile-matrix layers
      compile-matrix layers image=server python=3.11,3.13
      compile-matrix layers --platform linux/arm64
      compile-matrix layers --format json > layers.json
      compile-matrix build --no-cache && compile-matrix layers --recorded
    """
    from compiler.reports.layers.output import layers_json, layers_text

    layers = compiled_layers(invocation, filters, platform, selection)
    if recorded:
        layers = _with_recorded(invocation, layers)
    if output_format == "json":
        for text in layers_json(layers):
            click.echo(text, nl=False)
    else:
        click.echo(layers_text(layers, terminal=table_width()), nl=False)


def _with_recorded(invocation: Invocation, layers: "Layers") -> "Layers":
    """Return layers with what the last build took.

    Raises:
        DiagnosticError: no build is recorded, or the record is damaged.
    """
    from dataclasses import replace

    from compiler.bake.trace import read_trace
    from compiler.reports.layers.recorded import match

    try:
        build = read_trace(invocation.folder)
    except (OSError, ValueError) as error:
        raise CompileError([damaged_record(invocation, error)]) from None
    return replace(layers, recorded=match(layers, build))


def damaged_record(invocation: Invocation, error: OSError | ValueError) -> Diagnostic:
    """Return the diagnostic of a record of the last build that is missing or cannot be read."""
    from compiler.bake.trace import TRACE

    missing = isinstance(error, FileNotFoundError)
    return Diagnostic(
        code=Code.MISSING_FILE if missing else Code.UNREADABLE_FILE,
        message="no build is recorded"
        if missing
        else f"the recorded build cannot be read: {error}",
        location=Location(path=f"{invocation.shown}{LOCAL_FOLDER}/{TRACE}", line=0),
        help="run `compile-matrix build` first",
    )


def compiled_layers(
    invocation: Invocation,
    filters: tuple[str, ...],
    platform: str,
    selection: str | None,
    *,
    advise: bool = True,
) -> "Layers":
    """Compile the matrix and return the layers of the selected targets.

    Args:
        invocation: the run of the command line.
        filters: the filters.
        platform: the platform, or `local`.
        selection: the file that selects targets, if any.
        advise: whether to look for advice.

    Raises:
        CompileError: the matrix, a filter, the platform or the selection is invalid.
    """
    from compiler.external.platforms import canonical_platform
    from compiler.reports.layers.report import find_layers
    from compiler.targets.filters import has_platform, local_platform, select
    from compiler.targets.platforms import near_platform
    from compiler.targets.selection_file import selected

    if "," in platform:
        raise click.UsageError("--platform takes one platform")
    if platform != "local" and canonical_platform(platform) is None:
        unknown = Diagnostic(
            code=Code.UNKNOWN_PLATFORM,
            message=f"unknown platform {platform!r}",
            location=Argument(name="--platform", text=platform),
            help=near_platform(platform),
        )
        raise CompileError([unknown])
    compiled = invocation.compile()
    targets = select(compiled.plan, filters)
    if not all(target.platforms for target in targets):  # Those without have any platform.
        targets = tuple(
            target for target in targets if not target.platforms or has_platform(target, platform)
        )
    else:
        targets = select(compiled.plan, (*filters, f"platform={platform}"))
    if selection is not None:
        targets = selected(compiled.plan, targets, selection)
        if not targets:
            invocation.note_empty_selection()
    return find_layers(
        compiled,
        invocation.resolve(compiled.plan, targets),
        targets,
        local_platform() if platform == "local" else platform,
        invocation.folder,
        shown=invocation.shown,
        advise=advise,
    )
