"""`compile-matrix --watch`: compile again whenever a file changes that compiling reads."""

from contextlib import closing, suppress
from typing import TYPE_CHECKING, NoReturn

import click

from compiler.cli.compile import (
    Compiled,
    apply_changes,
    compile_project,
    print_result,
)
from compiler.cli.compile_options import CompileOptions
from compiler.cli.compile_summary import print_written
from compiler.cli.context import Invocation
from compiler.cli.failure import fail
from compiler.errors import DiagnosticError, on_error
from compiler.reports.text import counted, printable, shortened


if TYPE_CHECKING:
    from compiler.output.artifact import Compilation
    from compiler.output.watched_files import WatchedFiles


_STEP, _LONGEST = 50, 1000
"""Milliseconds without an event after which events are handled together, and at most."""
_FIRST = 500
"""Milliseconds after which changes are looked for that preceded watching."""
_NAMED = 3
"""Changed files that are named."""


def watch_files(invocation: Invocation, options: CompileOptions) -> NoReturn:
    """Compile now and after each change of a file that compiling read or wrote.

    Files count as changed if their contents differ from those of the last run, so that a run does
    not follow from what another run wrote. Invalid input is reported, and does not end the loop.

    Raises:
        KeyboardInterrupt: the user interrupts; no file is half-written.
        OSError: the project's folder cannot be watched.
    """
    is_first, is_valid = True, True
    while True:
        watched, is_now_valid = _compile(invocation, options, is_first=is_first)
        if is_now_valid and not is_valid:
            invocation.note("no errors")
        if is_first:
            files = counted(len(watched.digests), "file")
            invocation.note(f"watching {files}; press Ctrl-C to stop")
        is_first, is_valid = False, is_now_valid
        changed = _wait(watched)
        invocation.note(f"changed: {printable(shortened(changed, _NAMED))}")


def _compile(
    invocation: Invocation, options: CompileOptions, *, is_first: bool
) -> "tuple[WatchedFiles, bool]":
    """Compile and print the result; return the files to watch, and whether the input is valid."""
    from compiler.output.watched_files import WatchedFiles

    files, folder = invocation.files(), invocation.folder
    compilation: Compilation | None = None
    try:
        with on_error("nothing is written"):
            compilation = compile_project(invocation, options, files)
            compiled = apply_changes(invocation, options, compilation)
    except DiagnosticError as error:
        fail(error, invocation.output_format)
        artifacts = compilation.artifacts if compilation else ()
        return WatchedFiles.of_run(folder, files, artifacts, None), False
    with suppress(click.exceptions.Exit):  # Stale files do not end the loop.
        _print(invocation, options, compiled, is_first=is_first)
    watched = WatchedFiles.of_run(
        folder,
        files,
        compiled.compilation.artifacts,
        compiled.changes,
        is_written=not options.is_dry,
        output=compiled.compilation.plan.matrix.output,
    )
    return watched, True


def _print(
    invocation: Invocation, options: CompileOptions, compiled: Compiled, *, is_first: bool
) -> None:
    """Print the result of the first run as without --watch, and of the others what changed."""
    if is_first or options.is_dry:
        print_result(invocation, options, compiled)
    else:
        invocation.warn(compiled.warnings)
        print_written(invocation, len(compiled.compilation.plan.targets), compiled.changes)


def _wait(watched: "WatchedFiles") -> tuple[str, ...]:
    """Wait until files differ, and return their paths.

    Raises:
        OSError: the project's folder cannot be watched.
    """
    while True:
        try:
            changed = _next_difference(watched)
        except FileNotFoundError:  # A folder was removed before it could be watched.
            changed = watched.differences()
        if changed:
            return changed


def _next_difference(watched: "WatchedFiles") -> tuple[str, ...]:
    """Watch the folders until files differ; return nothing if other folders may have to be watched.

    That is so after an event without a difference, because it can be a folder that was replaced.
    """
    from watchfiles import watch

    is_relevant, is_checked = watched.filter(), False
    with closing(
        watch(
            *watched.folders(),
            watch_filter=lambda _, path: is_relevant(path),
            step=_STEP,
            debounce=_LONGEST,
            recursive=False,
            rust_timeout=_FIRST,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )
    ) as batches:
        for batch in batches:
            if is_checked and not batch:
                continue
            is_checked = True
            changed = watched.differences(path for _, path in batch)
            if changed or batch:
                return changed
    return ()
