"""Read `rows` of an image: each is a pattern with the fields of the variants that match it."""

from collections.abc import Collection, Mapping, Sequence

from compiler.codes import Code
from compiler.errors import did_you_mean
from compiler.matrix.build_fields import read_changes
from compiler.matrix.matrix import Axis, Override
from compiler.matrix.model import Pattern as RawPattern
from compiler.matrix.model import Row, keys
from compiler.matrix.pattern import read_pattern
from compiler.matrix.reader import Reader
from compiler.source.document import Route


def read_rows(
    rows: Sequence[Row],
    route: Route,
    *,
    axes: Mapping[str, Axis],
    images: Collection[str],
    reader: Reader,
) -> tuple[Override, ...]:
    """Read the rows at a route.

    Reports a row that mixes `when` with axes, an unknown key, and the flat form if an axis has the
    name of a field, because its key would mean both.
    """
    ambiguous = next((name for name in axes if name in keys(Row)), None)
    overrides = []
    for n, row in enumerate(rows):
        at = (*route, n)
        flat = row.others
        if row.when is None and ambiguous is not None and (flat or ambiguous in _written(row)):
            reader.problem(
                Code.AMBIGUOUS_ROW,
                f"{ambiguous!r} is an axis and a field",
                at,
                "write the axes of the row under `when`",
                related=(("the axis", reader.source.locate(axes[ambiguous].route, key=True)),),
            )
            continue
        pattern, pattern_at = (flat, at) if row.when is None else (row.when, (*at, "when"))
        matchers = {
            name: item
            for name, item in pattern.items()
            if row.when is not None or (_is_axis(name, axes) and isinstance(item, list))
        }
        _check_keys(flat, at, axes, reader, is_flat=row.when is None)
        if matchers or not pattern:
            when = read_pattern(matchers, pattern_at, axes=axes, images=images, reader=reader)
            changes = read_changes(row, at, axes=axes, images=images, reader=reader)
            overrides.append(Override(when=when, **changes))
    return tuple(overrides)


def _written(row: Row) -> set[str]:
    """Return the keys of a row as written."""
    return {row.declared[name].name for name in row.written if name in row.declared}


def _is_axis(name: str, axes: Mapping[str, Axis]) -> bool:
    return name in axes or name == "image"


def _check_keys(
    flat: RawPattern, route: Route, axes: Mapping[str, Axis], reader: Reader, *, is_flat: bool
) -> None:
    """Report keys between the fields of a row that are not axes, or that belong under `when`."""
    for name, item in flat.items():
        at = (*route, name)
        if not _is_axis(name, axes):
            if not reader.valid.is_removed(("axes",)):
                near = did_you_mean(name, [*axes, *keys(Row)], otherwise="name an axis or a field")
                message = f"unknown key {name!r}: neither an axis nor a field"
                reader.problem(Code.UNKNOWN_KEY, message, at, near, key=True)
        elif not is_flat:
            message = f"unexpected axis {name!r} next to `when`"
            reader.problem(Code.UNKNOWN_KEY, message, at, "write it under `when`", key=True)
        elif not isinstance(item, list):
            message = "a single value is expected here, not a mapping"
            reader.problem(Code.WRONG_TYPE, message, at, "write a value, or a list of values")
