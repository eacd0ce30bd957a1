"""`compile-matrix init`: write a project that works, or a matrix of existing builds."""

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.cli.common_options import Command
from compiler.cli.context import Invocation, pass_invocation
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.cli.matrix_file import find_matrix
from compiler.codes import Code
from compiler.errors import on_error
from compiler.reports.text import counted, inert, printable


if TYPE_CHECKING:
    from compiler.reports.adopt.adopt import Adoption
    from compiler.reports.adopt.model import Leftover

_BAKE = "docker-bake.hcl"
_KEPT = "old-bake.hcl"
"""Where the next steps move a bake file that has the name of the generated one."""


@click.command("init", cls=Command)
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=".")
@click.option("--minimal", is_flag=True, help="Write the smallest useful project: two files.")
@click.option(
    "--from",
    "origin",
    metavar="FILE",
    type=click.Path(),
    help="Write a matrix of existing builds: of a bake file, the JSON of `bake --print`, a GitHub "
    "Actions workflow, or a folder of Dockerfiles.",
)
@pass_invocation
def init_(invocation: Invocation, /, folder: Path, *, minimal: bool, origin: str | None) -> None:
    """Write a working sample project, or a matrix of existing builds.

    DIR is the current folder by default. An existing pyproject.toml or .gitignore is kept. If any
    other file of the project exists, nothing is written.

    With --from, the matrix contains the builds of an existing definition, with their Dockerfiles
    unchanged. Paths in the definition are relative to DIR: name the folder in which bake runs.
    The matrix is compiled and compared with the definition before it is written; what it cannot
    contain is listed, with the reason.

    \b
    Examples:
      compile-matrix init
      compile-matrix init base-images
      compile-matrix init --minimal
      compile-matrix init --from docker-bake.hcl
      compile-matrix init --from .github/workflows/images.yml
      compile-matrix init --from images
    """
    if origin is not None:
        if minimal:
            raise click.UsageError("--minimal and --from cannot be used together")
        _adopt(invocation, origin, folder)
        return
    from compiler.output.scaffold import init

    above = find_matrix(folder) if folder.is_dir() else find_matrix()
    with on_error("nothing is written"):
        written = init(folder, minimal=minimal)
    if ".." in above.parts[len(folder.parts) :]:
        invocation.note(f"note: {above} is a project, too; the new one is independent of it")
    _show(invocation, folder, written, ["compile-matrix", "docker buildx bake --print"])


def _adopt(invocation: Invocation, origin: str, folder: Path) -> None:
    """Write a matrix of the builds of a definition."""
    from compiler.output.scaffold import create, refuse_present
    from compiler.reports.adopt.adopt import adopt
    from compiler.reports.adopt.model import MATRIX
    from compiler.reports.adopt.read_definition import read_given_definition
    from compiler.source.positions import refuse_file

    with on_error("nothing is written"):
        if not (folder.is_dir() or os.path.exists(origin)):
            help_ = "name a bake file, a workflow, or a folder of Dockerfiles"
            message = f"missing file or folder: '{origin}'"
            refuse_file(origin, code=Code.MISSING_FILE, message=message, help=help_)
        if not folder.is_dir():
            message, help_ = f"there is no folder '{folder}'", "name the folder in which bake runs"
            refuse_file(str(folder), code=Code.MISSING_FILE, message=message, help=help_)
        refuse_present(folder, [MATRIX])
        adoption = adopt(read_given_definition(origin, folder), folder, limit=invocation.limit)
        create(folder, adoption.files)
    steps = ["compile-matrix"]
    compared = Path(origin)
    if not adoption.comparable:
        steps.append("docker buildx bake --print")
        _show(invocation, folder, tuple(adoption.files), steps, adoption)
        return
    if compared.absolute() == (folder / _BAKE).absolute():
        steps.insert(0, f"mv {_BAKE} {_KEPT}")
        compared = Path(_KEPT)
    elif folder != Path():
        compared = compared.absolute()
    steps.append(f"compile-matrix compare {shlex.quote(str(compared))}")
    _show(invocation, folder, tuple(adoption.files), steps, adoption)


def _show(
    invocation: Invocation,
    folder: Path,
    written: tuple[str, ...],
    steps: list[str],
    adoption: "Adoption | None" = None,
) -> None:
    """Print what was written, what an adopted matrix does not contain, and the next steps."""
    leftovers = adoption.leftovers if adoption else ()
    if invocation.output_format is DiagnosticFormat.JSON:
        files = [{"path": str(folder / path), "change": "create"} for path in written]
        entry: dict[str, object] = {"version": 1, "files": files}
        if adoption:
            entry["left_out"] = [
                {
                    "path": leftover.path,
                    "line": leftover.line,
                    "what": leftover.what,
                    "why": leftover.why,
                }
                for leftover in leftovers
            ]
        click.echo(json.dumps(entry, indent=1))
        return
    for path in written:
        click.echo(printable(str(folder / path)))
    counts = f"{counted(len(written), 'file')} written"
    if adoption:
        counts += f": {counted(adoption.targets, 'target')} of {counted(adoption.images, 'image')}"
    click.echo(counts)
    if leftovers:
        click.echo("not in the matrix:")
    for leftover in leftovers:
        click.echo(f"  {_line(leftover)}")
    if folder != Path():
        steps = [f"cd {shlex.quote(str(folder))}", *steps]
    click.echo("next: " + "\n      ".join(printable(step) for step in steps))


def _line(leftover: "Leftover") -> str:
    place = f"{leftover.path}:{leftover.line}" if leftover.line else leftover.path
    return inert(printable(f"{place}: {leftover.what}: {leftover.why}"))
