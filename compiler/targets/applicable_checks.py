"""Determine which checks of `publish.checks` apply to a target."""

from compiler.matrix.matrix import Check, Matrix, Pattern
from compiler.matrix.pattern import holds, rule
from compiler.targets.target import Target


def applicable_checks(matrix: Matrix, target: Target) -> tuple[Check, ...]:
    """Return the checks of a target, in the order in which they run."""
    return tuple(
        check
        for check in matrix.checks.values()
        if check.pattern is None or matches(matrix, check.pattern, target)
    )


def matches(matrix: Matrix, pattern: Pattern, target: Target) -> bool:
    """Return whether a pattern matches a target."""
    wanted = rule(pattern, matrix.images[target.image])
    return wanted is not None and holds(wanted, target.values)
