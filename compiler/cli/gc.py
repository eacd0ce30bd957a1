"""`compile-matrix gc`: delete from registries what no release needs."""

import os
from typing import TYPE_CHECKING

import click

from compiler.cli.common_options import Command, format_option
from compiler.cli.context import Invocation, pass_invocation
from compiler.reports.text import counted, printable, shortened


if TYPE_CHECKING:
    from compiler.matrix.matrix import Keep, Matrix
    from compiler.publish.clean_up import CleanUpPlan


_SHOWN = 3


@click.command("gc", cls=Command)
@click.option("--delete", is_flag=True, help="Delete; without this option, only list.")
@format_option("table", "json", "github", help="Format of the result.")
@pass_invocation
def gc_(invocation: Invocation, /, output_format: str, *, delete: bool) -> None:
    """List or delete images in registries that no release needs.

    `publish.keep` says what stays: the newest releases, everything younger than some days, floating
    tags, and everything that they lead to, with signatures. Tags and manifests of unknown purpose
    stay, and so do images of unknown age. Only repositories of this matrix are read.

    Registries delete manifests with all their tags. Their own garbage collection frees the space.

    \b
    Examples:
      compile-matrix gc
      compile-matrix gc --format json
      compile-matrix gc --delete
    """
    from compiler.bake.environment_values import require_repositories
    from compiler.cli.release_records import find_unsigned, no_releases
    from compiler.codes import Code
    from compiler.errors import DiagnosticError
    from compiler.external.registry.artifacts import utc_now
    from compiler.external.registry.client import Registries
    from compiler.external.registry.read_only import ReadOnlyRegistries
    from compiler.output.bake_resolved import ResolvedPlan
    from compiler.publish.clean_up import clean_up, plan_clean_up
    from compiler.publish.clean_up_output import format_deletions, format_plan, summarise
    from compiler.publish.items import all_repositories
    from compiler.publish.read_inventory import InventoryReader
    from compiler.releases.tag_templates import version_templates

    resolved = require_repositories(ResolvedPlan(invocation.plan(), os.environ))
    matrix = resolved.plan.matrix
    keep = _required_keep(matrix)
    invocation.warn(tuple(warning for warning in matrix.warnings if warning.code is Code.NO_GRACE))
    repositories = all_repositories(resolved)
    if not repositories:
        raise no_releases(matrix)
    registries = Registries(os.environ) if delete else ReadOnlyRegistries(os.environ)
    templates = version_templates(resolved)
    reader = InventoryReader(registries, repositories, templates, find_unsigned(matrix))
    plan = plan_clean_up(reader, keep, utc_now())
    _note_releases(invocation, plan)
    if isinstance(registries, ReadOnlyRegistries) and registries.denied:
        names = printable(shortened(registries.denied, _SHOWN))
        invocation.note(f"access denied, which counts as missing: {names}")
    result = None
    if delete and (plan.deletions or plan.undated):
        result = clean_up(
            registries, plan, lambda: plan_clean_up(reader, keep, utc_now()), invocation.note
        )
    deleted = None if result is None else result.deleted
    if output_format == "json":
        click.echo(format_plan(plan, deleted), nl=False)
    else:
        shown = plan.deletions if deleted is None else deleted
        click.echo(format_deletions(shown), nl=False)
    if result is None:
        advice = "; pass `--delete` to delete them" if plan.deletions else ""
        invocation.note(f"would delete {summarise(plan.deletions)}{advice}")
        return
    invocation.note(f"deleted {summarise(result.deleted)}")
    if result.problems:
        raise DiagnosticError(
            result.problems, outcome=f"{counted(len(result.kept), 'manifest')} not deleted"
        )


def _required_keep(matrix: "Matrix") -> "Keep":
    """Return what to keep.

    Raises:
        CompileError: the matrix does not say.
    """
    from compiler.codes import Code
    from compiler.errors import CompileError, Diagnostic

    if matrix.keep is not None:
        return matrix.keep
    route = () if matrix.version is None else ("publish",)
    raise CompileError(
        [
            Diagnostic(
                code=Code.NO_KEEP,
                message="the matrix does not say which releases to keep",
                location=matrix.source.locate(route),
                help="add `keep: {releases: 10, days: 180}` under `publish`",
            )
        ]
    )


def _note_releases(invocation: Invocation, plan: "CleanUpPlan") -> None:
    """Print which releases stay and which have expired, and what has no known age."""
    for state, versions in (("kept", plan.kept_releases), ("expired", plan.expired_releases)):
        names = printable(shortened(versions, _SHOWN)) or "none"
        invocation.note(f"releases {state}: {names}")
    if plan.undated:
        invocation.note(
            f"{counted(len(plan.undated), 'manifest')} of unknown age, which count as young; "
            "their age counts from the first `gc --delete`"
        )
