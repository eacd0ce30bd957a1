"""Find where matrix.yaml writes a field of a target."""

from collections.abc import Mapping

from compiler.errors import Location
from compiler.matrix.bake_strings import interpolate
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


def key_location(target: Target, matrix: Matrix, field: str, key: str) -> Location:
    """Return where a key of a mapping is written, by the highest level that sets the field."""
    written = written_field(target, field)
    value = written.value if written is not None else None
    for name, _ in value.values() if isinstance(value, Mapping) else ():
        if interpolate(name, name.render(target.scope), matrix.variables) == key:
            return name.locate()
    return field_location(target, matrix, field)
