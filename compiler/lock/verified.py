"""Find which base images must be signed before they are locked."""

from collections.abc import Iterable

from compiler.codes import Code
from compiler.errors import Diagnostic, Severity
from compiler.external.references import canonical_tag
from compiler.matrix.matrix import Matrix
from compiler.matrix.verified_bases import VerifiedBases


def find_entry(matrix: Matrix, image: str) -> VerifiedBases | None:
    """Return the first entry of `lock.verify` that matches a base image."""
    name = canonical_tag(image) or image
    return next((entry for entry in matrix.lock.verify if entry.matches(name)), None)


def unused_entries(matrix: Matrix, images: Iterable[str]) -> tuple[Diagnostic, ...]:
    """Return a warning for each entry of `lock.verify` that matches none of the base images."""
    used = {find_entry(matrix, image) for image in images} if matrix.lock.verify else set()
    return tuple(
        Diagnostic(
            code=Code.UNUSED_VERIFY,
            message=f"no base image matches {entry.pattern!r}, so nothing is verified",
            location=entry.location,
            help="write a pattern of full names, such as docker.io/library/*",
            severity=Severity.WARNING,
        )
        for entry in matrix.lock.verify
        if entry not in used
    )
