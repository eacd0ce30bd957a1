"""Find where matrix.yaml writes a field of a target."""

from compiler.errors import Location
from compiler.matrix.matrix import Field, Matrix
from compiler.targets.target import Target


def written_field(target: Target, field: str) -> Field | None:
    """Return a target's field as written by the highest level that sets it."""
    return target.spec.written.get(field)


def field_location(target: Target, matrix: Matrix, field: str) -> Location:
    """Return where a target's field is written, or its image."""
    written = written_field(target, field)
    if written is None:
        return matrix.source.locate(matrix.images[target.image].route, key=True)
    return matrix.source.locate(written.route)
