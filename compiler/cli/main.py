"""The command line: options, commands, exit codes."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from typing import Any

import click

from compiler.cli.common_options import Group
from compiler.cli.compile import run_compile
from compiler.cli.compile_options import CompileOptions, add_compile_options
from compiler.cli.context import Invocation
from compiler.cli.failure import INTERRUPTED, fail, is_bug, requested_format
from compiler.version import VERSION


COMMANDS: Mapping[str, str] = {
    "list": "List targets with their axes, platforms and tags.",
    "build": "Build targets with `docker buildx bake` in batches; continue after failures.",
    "publish": "Publish a release: build and stage missing images, then create all tags or none.",
    "staged": "List staged images that have not passed all checks of `publish.checks`.",
    "release": "List, show and compare releases, and move floating tags to one of them.",
    "gc": "List or delete images in registries that no release needs.",
    "changed": "List targets that must be rebuilt, and why.",
    "explain": "Show where each value, tag, platform and rule of a target comes from.",
    "layers": "Show the steps that targets share, and where they begin to differ.",
    "graph": "Draw what the targets of a matrix share, from the first step to the images.",
    "report": (
        "Write an HTML page that shows the matrix: targets, origins of values, layers, builds."
    ),
    "lock": "Lock base images to digests in matrix.lock.",
    "eol": "List the axis values whose support ends, the earliest first, and their targets.",
    "init": "Write a working sample project, or a matrix of existing builds.",
    "ci": "Print CI jobs that build targets, in stages of shards of similar size.",
    "compare": "Compare this matrix with an existing bake file, target by target.",
    "schema": "Print the JSON Schema of matrix.yaml, for editors and validators.",
    "completion": (
        "Print the script with which a shell completes commands, options, filters and releases."
    ),
    "compile": "Compile the matrix, as `compile-matrix` without a command does.",
}
"""Command -> the first sentence of its help, in the order of help.

The command `NAME` is `NAME_` in the module `compiler.cli.NAME`. Help lists the commands without
loading these modules.
"""


EPILOG = """\b
Examples:
  compile-matrix                    compile matrix.yaml of this folder
  compile-matrix --check            in CI: fail if generated files are stale
  compile-matrix list python=3.11   list the targets with Python 3.11
  compile-matrix build              build all targets in batches
  docker buildx bake                build all targets at once
  ONLY_GPU=true docker buildx bake  build the targets with gpu=true
"""


class _Commands(Mapping[str, click.Command]):
    """The commands; the module of a command is imported when the command is used."""

    def __getitem__(self, name: str) -> click.Command:
        if name not in COMMANDS:
            raise KeyError(name)
        command: click.Command = getattr(import_module(f"compiler.cli.{name}"), f"{name}_")
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Main(Group):
    """The program; it lists its commands in the order of `COMMANDS`."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        """Take what click takes."""
        super().__init__(*arguments, **settings)
        self.commands = _Commands()  # type: ignore[assignment]  # click changes it in add_command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order in which they were added."""
        del ctx
        return list(self.commands)

    def summaries(self) -> Mapping[str, str]:
        """Return the first sentence of the help of each command, without loading them."""
        return COMMANDS


@click.group(
    cls=Main,
    top=True,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
@click.version_option(VERSION, prog_name="compile-matrix", message="%(prog)s %(version)s")
@click.pass_context
@add_compile_options
def cli(context: click.Context, *, options: CompileOptions) -> None:
    """Compile matrix.yaml and templates/ to docker-bake.hcl and a Dockerfile for each target.

    Writes only files that differ, and nothing if there is an error.
    """
    if context.invoked_subcommand is None:
        run_compile(Invocation.of(context), options)
        return
    for name, is_given in asdict(options).items():
        if is_given:
            raise click.UsageError(
                f"--{name} cannot be used before the command {context.invoked_subcommand!r}",
                context,
            )


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 success, 1 invalid input or a failure, 2 usage, 3 a bug, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    arguments = sys.argv[1:] if arguments is None else arguments
    output_format = requested_format(arguments)
    if "_COMPILE_MATRIX_COMPLETE" in os.environ:
        from compiler.cli.shells import register_shells

        register_shells()
    try:
        code = cli.main(
            arguments, prog_name="compile-matrix", standalone_mode=False, obj=output_format
        )
    except click.exceptions.Abort:
        click.echo("interrupted; no file is half-written", err=True)
        return INTERRUPTED
    except Exception as error:
        if is_bug(error) and os.environ.get("COMPILE_MATRIX_DEBUG"):
            raise
        return fail(error, output_format)
    return code if isinstance(code, int) else 0
