"""Shell completion of the words that name axes, values, groups and targets."""

from contextlib import suppress
from pathlib import Path

import click

from compiler.cli.context import Invocation
from compiler.cli.diagnostic_output import DiagnosticFormat
from compiler.constants import MAX_VARIANTS


def complete_filter(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Offer axes, their values, groups and targets."""
    return _offered(context, incomplete, groups=True)


def complete_target(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Offer axes, their values and targets."""
    return _offered(context, incomplete, groups=False)


def _offered(context: click.Context, incomplete: str, *, groups: bool) -> list[str]:
    """Return words that begin so; none where the matrix is not readable."""
    with suppress(Exception):
        path = (context.parent or context).params.get("path") or "matrix.yaml"
        plan = Invocation(Path(path), DiagnosticFormat.TEXT, MAX_VARIANTS).plan()
        matrix = plan.matrix
        words = [f"image={name}" for name in matrix.images]
        words += [
            f"{axis.name}={value.text}" for axis in matrix.axes.values() for value in axis.values
        ]
        words += [group.name for group in plan.groups if groups]
        words += [target.name for target in plan.targets]
        return [word for word in words if word.startswith(incomplete)]
    return []
