"""The command line: options, the terminal, exit codes."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import click

from compiler.cli.build import build_
from compiler.cli.changed import changed_
from compiler.cli.ci import ci_
from compiler.cli.compare import compare_
from compiler.cli.compile import compile_
from compiler.cli.context import Invocation
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.cli.explain import explain_
from compiler.cli.failure import INTERRUPTED, fail, requested_format
from compiler.cli.init import init_
from compiler.cli.list import list_
from compiler.cli.lock import lock_
from compiler.cli.publish import publish_
from compiler.cli.release import release_
from compiler.cli.schema import schema_
from compiler.constants import MAX_VARIANTS
from compiler.errors import DiagnosticError
from compiler.version import VERSION


COMMANDS = (
    *(list_, build_, publish_, release_, changed_, explain_),
    *(lock_, init_, ci_, compare_, schema_),
)
"""In the order in which help shows them."""


EPILOG = """\b
Examples:
  compile-matrix                        compile matrix.yaml of this folder
  compile-matrix --check                in CI: fail if the generated files are stale
  compile-matrix list python=3.11       what there is with Python 3.11
  compile-matrix build                  build everything in parts, and keep going
  docker buildx bake                    build everything at once
  ONLY_GPU=true docker buildx bake      build what has gpu=true

\b
Shell completion:
  bash   eval "$(_COMPILE_MATRIX_COMPLETE=bash_source compile-matrix)" in ~/.bashrc, and there
         COMP_WORDBREAKS=${COMP_WORDBREAKS//=} so that values behind = are completed, too
  zsh    eval "$(_COMPILE_MATRIX_COMPLETE=zsh_source compile-matrix)" in ~/.zshrc
  fish   _COMPILE_MATRIX_COMPLETE=fish_source compile-matrix | source in config.fish
"""


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
@click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(path_type=Path),
    default="matrix.yaml",
    metavar="FILE",
    help="The matrix; everything else is found beside it.  [default: matrix.yaml]",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if the files are stale.")
@click.option("--diff", is_flag=True, help="As --check, and show what would change.")
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in DiagnosticFormat]),
    default=DiagnosticFormat.TEXT.value,
    help="How errors are written: for people, as JSON, as GitHub annotations.",
)
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
@click.option("--locked", is_flag=True, help="Refuse a base image that is not in matrix.lock.")
@click.option(
    "--max-variants",
    "limit",
    type=click.IntRange(min=1),
    default=MAX_VARIANTS,
    envvar="COMPILE_MATRIX_MAX_VARIANTS",
    show_default=True,
    show_envvar=True,
    metavar="N",
    help="Refuse a matrix with more variants.",
)
@click.version_option(VERSION, prog_name="compile-matrix", message="%(prog)s %(version)s")
@click.pass_context
def cli(
    context: click.Context,
    path: Path,
    *,
    check: bool,
    diff: bool,
    form: str,
    strict: bool,
    locked: bool,
    limit: int,
) -> None:
    """Compile matrix.yaml and templates/ to docker-bake.hcl and a Dockerfile for each target.

    Writes only what differs, and nothing at all if anything is wrong.
    """
    given = Invocation(path, context.obj or DiagnosticFormat(form), limit)
    if context.invoked_subcommand is None:
        compile_(given, check=check or diff, diff=diff, strict=strict, locked=locked)
    elif check or diff or strict or locked:
        option = "--check" if check else "--diff" if diff else "--strict" if strict else "--locked"
        raise click.UsageError(f"{option} goes with compiling, not with a command", context)
    context.obj = given


for command in COMMANDS:
    cli.add_command(command)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 success, 1 invalid input or a failure, 2 usage, 3 a bug, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    arguments = sys.argv[1:] if arguments is None else arguments
    output_format = requested_format(arguments)
    try:
        code = cli.main(
            arguments, prog_name="compile-matrix", standalone_mode=False, obj=output_format
        )
    except click.exceptions.Abort:
        click.echo("interrupted; no file is half-written", err=True)
        return INTERRUPTED
    except Exception as error:
        expected = (DiagnosticError, click.ClickException, OSError)
        if os.environ.get("COMPILE_MATRIX_DEBUG") and not isinstance(error, expected):
            raise
        return fail(error, output_format)
    return code if isinstance(code, int) else 0
