"""A matrix as the phases see it, without a project on disk."""

from __future__ import annotations

from pathlib import Path

from compiler.constants import MAX_VARIANTS
from compiler.errors import CompileError, Diagnostic
from compiler.matrix.load import load
from compiler.matrix.matrix import Matrix
from compiler.source.document import Source
from compiler.source.project_files import Files
from compiler.targets.expand import Variant, expand
from compiler.targets.resolve import resolve
from compiler.targets.target import Target
from support.brute import Matrix as Document
from support.matrices import flow


FILES = Files(Path(__file__).parents[2])
"""Where a context `.` is found, and nothing else is needed."""


def read(text: str | Document) -> Matrix:
    """Load a matrix."""
    document = text if isinstance(text, str) else flow(text)
    return load(Source.parse(document, "matrix.yaml"), FILES)


def variants(text: str | Document, limit: int = MAX_VARIANTS) -> tuple[Variant, ...]:
    """Return the variants of a matrix."""
    return expand(read(text), limit)


def spelt(found: tuple[Variant, ...]) -> list[str]:
    """Return variants as `image a b`, by the values of their axes."""
    return [" ".join([one.image.name, *(value.text for value in one.values)]) for one in found]


def targets(text: str | Document) -> dict[str, Target]:
    """Return the targets of a matrix by name."""
    matrix = read(text)
    return {target.name: target for target in resolve(matrix, expand(matrix), FILES)}


def faults(text: str | Document) -> list[Diagnostic]:
    """Return what is wrong with a matrix up to its targets; nothing if it is right."""
    try:
        targets(text)
    except CompileError as error:
        return list(error.diagnostics)
    return []


def codes(text: str | Document) -> list[str]:
    """Return the codes of what is wrong."""
    return [fault.code for fault in faults(text)]
