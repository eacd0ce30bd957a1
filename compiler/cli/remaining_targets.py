"""Keep the selection of the targets that the last build did not build: `failed.json`."""

import shlex
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

import click

from compiler.cli.context import Invocation
from compiler.constants import LOCAL_FOLDER, REMAINING_FILE
from compiler.reports.text import counted


@contextmanager
def remaining_kept(
    invocation: Invocation, names: Sequence[str], finished: Collection[str]
) -> Iterator[None]:
    """Keep the selection right while targets are built, however the build ends.

    All targets are written first, in case this process is killed. If the build is interrupted or
    rejected, those that are not finished replace them.

    Args:
        invocation: names the project.
        names: the targets to build.
        finished: the targets that are built so far; it grows during the build.
    """
    _write(invocation, names)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # The reason of the failure is reported, for example a full disk.
            save_remaining(invocation, [name for name in names if name not in finished])
        raise


def save_remaining(invocation: Invocation, names: Sequence[str]) -> None:
    """Write the selection of the targets that were not built, and print how to build them."""
    _write(invocation, names)
    selection = shlex.quote(f"{invocation.shown}{LOCAL_FOLDER}/{REMAINING_FILE}")
    click.echo(
        f"{counted(len(names), 'target')} not built; "
        f"to continue: compile-matrix build --selection {selection}",
        err=True,
    )


def remove_remaining(invocation: Invocation) -> None:
    """Remove the selection: everything was built."""
    from compiler.output.local_folder import remove_local

    remove_local(invocation.folder, REMAINING_FILE)


def _write(invocation: Invocation, names: Sequence[str]) -> None:
    from compiler.output.local_folder import write_local
    from compiler.targets.selection_file import as_selection

    write_local(invocation.folder, REMAINING_FILE, as_selection(names).encode())
