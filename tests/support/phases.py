"""Run the phases of the compiler on the text of a matrix, without a project on disk."""

from __future__ import annotations

from pathlib import Path

from compiler.constants import MAX_VARIANTS
from compiler.errors import CompileError, Diagnostic, Problems
from compiler.matrix.load import load
from compiler.matrix.matrix import Matrix
from compiler.source.document import Source
from compiler.source.project_files import Files
from compiler.targets.expand import Variant, expand
from compiler.targets.plan import Plan, plan
from compiler.targets.resolve import resolve
from compiler.targets.target import Target
from support.matrices import flow
from support.reference_model import Matrix as Document


FILES = Files(Path(__file__).parents[2])
"""A project folder: the phases look for the context `.` in it, and for nothing else."""


def read(text: str | Document) -> Matrix:
    """Load a matrix."""
    document = text if isinstance(text, str) else flow(text)
    return load(Source.parse(document, "matrix.yaml"), FILES)


def variants(text: str | Document, limit: int = MAX_VARIANTS) -> tuple[Variant, ...]:
    """Return the variants of a matrix."""
    problems = Problems()
    found = expand(read(text), problems, limit).variants
    problems.refuse()
    return found


def spelt(expanded: tuple[Variant, ...]) -> list[str]:
    """Return variants as `image a b`, by the values of their axes."""
    return [
        " ".join([variant.image.name, *(value.text for value in variant.values)])
        for variant in expanded
    ]


def targets(text: str | Document) -> dict[str, Target]:
    """Return the targets of a matrix by name."""
    return {target.name: target for target in _resolved(read(text))}


def plan_of(text: str | Document) -> Plan:
    """Return the plan of a matrix."""
    problems = Problems()
    matrix = read(text)
    planned = plan(matrix, _resolved(matrix), problems)
    problems.refuse()
    return planned


def _resolved(matrix: Matrix) -> tuple[Target, ...]:
    problems = Problems()
    valid, expanded = expand(matrix, problems)
    resolved = resolve(valid, expanded, FILES, problems)
    problems.refuse()
    return resolved


def faults(text: str | Document) -> list[Diagnostic]:
    """Return the errors that the phases up to targets report; none for a valid matrix."""
    try:
        targets(text)
    except CompileError as error:
        return list(error.diagnostics)
    return []


def codes(text: str | Document) -> list[str]:
    """Return the codes of those errors."""
    return [fault.code for fault in faults(text)]
