"""`compile-matrix init`: write a project that works."""

import json
import shlex
from pathlib import Path

import click

from compiler.cli.common_options import Command
from compiler.cli.context import Invocation, on_error, pass_invocation
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.cli.matrix_file import find_matrix
from compiler.reports.text import counted, printable


@click.command("init", cls=Command)
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=".")
@click.option("--minimal", is_flag=True, help="Write the smallest useful project: two files.")
@pass_invocation
def init_(invocation: Invocation, /, folder: Path, *, minimal: bool) -> None:
    """Write a working sample project.

    DIR is the current folder by default. An existing pyproject.toml or .gitignore is kept. If any
    other file of the project exists, nothing is written.

    \b
    Examples:
      compile-matrix init
      compile-matrix init base-images
      compile-matrix init --minimal
    """
    from compiler.output.scaffold import init

    above = find_matrix(folder) if folder.is_dir() else find_matrix()
    with on_error("nothing is written"):
        written = init(folder, minimal=minimal)
    if ".." in above.parts[len(folder.parts) :]:
        invocation.note(f"note: {above} is a project, too; the new one is independent of it")
    if invocation.output_format is DiagnosticFormat.JSON:
        files = [{"path": str(folder / path), "change": "create"} for path in written]
        click.echo(json.dumps({"version": 1, "files": files}, indent=1))
        return
    for path in written:
        click.echo(printable(str(folder / path)))
    click.echo(f"{counted(len(written), 'file')} written")
    steps = ["compile-matrix", "docker buildx bake --print"]
    if folder != Path():
        steps.insert(0, f"cd {shlex.quote(str(folder))}")
    click.echo("next: " + "\n      ".join(steps))
