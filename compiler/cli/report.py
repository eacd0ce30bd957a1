"""`compile-matrix report`: write a page that shows a matrix, its images and its builds."""

import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.cli.changed import Considered, Question, considering, find_changes
from compiler.cli.common_options import Command, against_option, selection_option, since_option
from compiler.cli.completion import complete_filter, complete_platform
from compiler.cli.context import Invocation, pass_invocation
from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location


if TYPE_CHECKING:
    from compiler.bake.trace import RecordedBuild
    from compiler.reports.layers.layers import Layers
    from compiler.targets.target import Target

PAGE = "matrix.html"
"""The page unless the user names a file, in the folder of matrix.yaml."""
_SUFFIXES = (".html", ".htm")
_PATH = re.compile(r"[^=<>!*./]*[./][^=<>!*]*")
"""Finds what can be a path, and neither a filter nor the name of a target."""


@click.command("report", cls=Command)
@click.argument("arguments", nargs=-1, metavar="[FILE] [FILTER]...", shell_complete=complete_filter)
@click.option(
    "--platform",
    metavar="PLATFORM",
    shell_complete=complete_platform,
    help="Show the steps on this platform.  [default: the one that most targets have]",
)
@selection_option("Show only targets in this file.")
@since_option("Show what changed since this Git commit.")
@against_option("Show what is not yet staged in the registry.")
@click.option(
    "--releases",
    is_flag=True,
    help="Show all releases: their sizes, and what changed. Reads the registry.",
)
@pass_invocation
def report_(
    invocation: Invocation,
    /,
    arguments: tuple[str, ...],
    platform: str | None,
    selection: str | None,
    commit: str | None,
    against: str | None,
    *,
    releases: bool,
) -> None:
    """Write an HTML page that shows the matrix: targets, origins of values, layers, builds.

    The page is one file. It needs no network and no other file, so it can be opened from disk,
    attached to a message, or published. It shows the last `build` or `publish` as a timeline if one
    is recorded. The same matrix and the same record give the same bytes.

    FILE ends with .html; the default is matrix.html in the folder of matrix.yaml. `-` is the
    standard output. A file that compile-matrix did not write is not replaced. FILTER selects
    targets as in `list`; the page itself can filter, too.

    \b
    Examples:
      compile-matrix report
      compile-matrix report public/index.html image=server
      compile-matrix report --since origin/main
      compile-matrix report --against registry --releases
      compile-matrix report - > matrix.html
    """
    if commit is not None and against is not None:
        raise click.UsageError("use either --since REV or --against registry")
    file, filters = _split(arguments)
    question = Question(
        filters=filters, commit=commit, against=against, selection=selection, sets=()
    )
    content = _page(invocation, question, platform, releases=releases)
    if file == "-":
        click.echo(content, nl=False)
    else:
        _write(invocation, file, content)


def _split(arguments: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Return the file that the first argument names, if it names one, and the filters.

    Raises:
        UsageError: the first argument is the path of another file.
    """
    if arguments and (arguments[0] == "-" or arguments[0].lower().endswith(_SUFFIXES)):
        return arguments[0], arguments[1:]
    if arguments and _PATH.fullmatch(arguments[0]):
        raise click.UsageError(f"the name of the page must end with .html: {arguments[0]!r}")
    return None, arguments


def _page(
    invocation: Invocation, question: Question, platform: str | None, *, releases: bool
) -> bytes:
    """Return the bytes of the page.

    Raises:
        DiagnosticError: the matrix or an argument is invalid, or the registry cannot be read.
    """
    from compiler.cli.release_records import read_releases
    from compiler.reports.page.document import Content, page_document
    from compiler.reports.page.html import page_html

    with considering(invocation, question) as considered:
        changes = find_changes(question, considered)[0] if question.is_compared else None
    content = Content(
        compiled=considered.compiled,
        resolved=considered.resolved,
        targets=considered.targets,
        layers=_layers(considered, platform),
        source=invocation.path.name,
        shown=invocation.shown,
        filters=question.filters,
        build=_recorded(invocation),
        compared_with=question.commit or "the registry",
        changes=changes,
        releases=tuple(read_releases(invocation)) if releases else None,
    )
    return page_html(page_document(content))


def _layers(considered: Considered, platform: str | None) -> "Layers":
    """Return the layers of the targets that have a platform.

    Raises:
        CompileError: no target has it, or a file of a context cannot be read.
    """
    from compiler.reports.layers.report import find_layers
    from compiler.targets.filters import has_platform, local_platform, select

    plan, targets = considered.compiled.plan, considered.targets
    if platform is None:
        chosen = _most_frequent(targets)
    else:
        select(plan, (f"platform={platform}",))
        chosen = local_platform() if platform == "local" else platform
    return find_layers(
        considered.compiled,
        considered.resolved,
        tuple(target for target in targets if not target.platforms or has_platform(target, chosen)),
        chosen,
        considered.invocation.folder,
        shown=considered.invocation.shown,
    )


def _most_frequent(targets: "tuple[Target, ...]") -> str:
    """Return the platform that most targets have, the first of several; never this machine's."""
    counts = Counter(str(platform) for target in targets for platform in target.platforms)
    return max(counts, key=counts.__getitem__, default="linux/amd64")


def _recorded(invocation: Invocation) -> "RecordedBuild | None":
    """Return the last build; None, with a warning if its record is damaged, without one."""
    from compiler.bake.trace import read_trace
    from compiler.cli.layers import damaged_record

    try:
        return read_trace(invocation.folder)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        invocation.warn_of([CompileError([damaged_record(invocation, error)])])
        return None


def _write(invocation: Invocation, file: str | None, content: bytes) -> None:
    """Write the page as a whole.

    Raises:
        CompileError: a link leads out of the project, another file is in the way, or the file
            cannot be written.
    """
    from compiler.output.artifact import Artifact
    from compiler.output.write import update_file

    path = invocation.folder / PAGE if file is None else Path(file)
    project, absolute = Path(os.path.abspath(invocation.folder)), Path(os.path.abspath(path))
    root = project if absolute.is_relative_to(project) else absolute.parent
    if not root.is_dir():
        raise CompileError(
            [
                Diagnostic(
                    code=Code.CANNOT_WRITE,
                    message=f"cannot write '{path}': its folder does not exist",
                    location=Location(path=str(path), line=0),
                    help="create the folder",
                )
            ]
        )
    changes = update_file(Artifact(absolute.relative_to(root).as_posix(), content), root)
    state = "written" if changes else "up to date"
    invocation.note(f"{path}: {state} ({len(content) / 1_000_000:.1f} MB)")
