"""Find where matrix.yaml writes a field of a target."""

from compiler.errors import Location
from compiler.matrix.matrix import Field, Matrix
from compiler.matrix.pattern import holds, rule
from compiler.targets.target import Target


def written_field(target: Target, matrix: Matrix, field: str) -> Field | None:
    """Return a target's field as written: in an override, or in its image or `defaults`."""
    image = matrix.images[target.image]
    for override in reversed(image.overrides):
        condition = rule(override.when, image)
        if field in override.fields and condition is not None and holds(condition, target.values):
            return override.fields[field]
    return image.fields.get(field)


def field_location(target: Target, matrix: Matrix, field: str) -> Location:
    """Return where a target's field is written, or its image."""
    written = written_field(target, matrix, field)
    if written is None:
        return matrix.source.locate(matrix.images[target.image].route, key=True)
    return matrix.source.locate(written.route)
