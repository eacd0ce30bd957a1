"""`compile-matrix init`: write a working project."""

from pathlib import Path

import click

from compiler.cli.context import on_error
from compiler.reports.text import counted


@click.command("init")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=".")
def init_(folder: Path) -> None:
    """Write a working project to DIR, or to this folder: a sample to be changed.

    Nothing is written if any of its files is there already.

    \b
    Examples:
      compile-matrix init
      compile-matrix init base-images
    """
    import shlex

    from compiler.output.scaffold import init

    with on_error("nothing is written"):
        written = init(folder)
    for path in written:
        click.echo(folder / path)
    click.echo(f"{counted(len(written), 'file')} written")
    steps = ["compile-matrix", "docker buildx bake --print"]
    if folder != Path():
        steps.insert(0, f"cd {shlex.quote(str(folder))}")
    click.echo("next: " + "\n      ".join(steps))
