"""The axes: their values in the order of matrix.yaml, and the options of each value."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, TypeAlias

from compiler.codes import Code
from compiler.matrix.build_fields import read_changes
from compiler.matrix.dates import parse_date
from compiler.matrix.level import kind
from compiler.matrix.matcher import spelling
from compiler.matrix.matrix import Axis, Value
from compiler.matrix.model import ImageOptions, ListedValue, Scalar, ValueOptions, keys
from compiler.matrix.names import BUILT_IN, RESERVED_AXES, only_variable
from compiler.matrix.pattern import read_pattern
from compiler.matrix.reader import Reader
from compiler.source.document import Route


_RawValue: TypeAlias = tuple[Scalar, ValueOptions, Route]
"""A value, its options, and its route."""

MAX_VALUE = 200
"""The longest value of an axis, in characters; longer text belongs under `set`."""


def read_axes(
    raw: Mapping[str, Any],
    images: Collection[str],
    reader: Reader,
) -> dict[str, Axis]:
    """Read `axes`: lists of values, or mappings value -> options."""
    options: dict[str, list[tuple[Scalar, ValueOptions, Route]]] = {}
    filters: dict[str, str] = {}
    for name, form in raw.items():
        options[name] = _values(name, form, reader)
        _check_name(name, filters.setdefault(only_variable(name), name), reader)
    bare = {
        name: Axis(
            name=name,
            values=tuple(_bare_value(n, value, at) for n, (value, _, at) in enumerate(all_)),
            indexes={spelling(value): n for n, (value, _, _) in enumerate(all_)},
            route=("axes", name),
        )
        for name, all_ in options.items()
    }
    return {
        axis.name: replace(
            axis,
            values=tuple(
                _value(bare_value, value_options, bare, images, reader)
                for bare_value, (_, value_options, _) in zip(
                    axis.values, options[axis.name], strict=True
                )
            ),
        )
        for axis in bare.values()
    }


def _check_name(name: str, same_filter: str, reader: Reader) -> None:
    """Report an axis whose `ONLY_` variable has another meaning.

    Args:
        name: the axis.
        same_filter: the first axis with this variable, which may be the axis itself.
        reader: collects what is wrong.
    """
    if name.lower() in RESERVED_AXES and name not in BUILT_IN:
        reader.problem(
            Code.RESERVED_NAME,
            f"axis {name!r} is reserved: {only_variable(name)} is another filter",
            ("axes", name),
            "choose another name",
            key=True,
        )
    if same_filter != name:
        reader.problem(
            Code.AXIS_FILTER_COLLISION,
            f"axes {same_filter!r} and {name!r} would have the same filter {only_variable(name)}",
            ("axes", name),
            "choose names that differ in more than case",
            key=True,
            related=(("the other axis", reader.source.locate(("axes", same_filter), key=True)),),
        )


def _values(name: str, form: Any, reader: Reader) -> list[tuple[Scalar, ValueOptions, Route]]:
    raw_values: list[_RawValue] = []
    first: dict[str, Route] = {}
    for value, options, at in _raw_values(name, form, reader):
        text = spelling(value)
        _check_value(value, at, reader, key=isinstance(form, dict))
        if text in first:
            reader.problem(
                Code.DUPLICATE_VALUE,
                f"axis {name!r} has the value {text!r} twice",
                at,
                "remove one of them",
                repaired=isinstance(form, list) and not isinstance(options, ListedValue),
                key=isinstance(form, dict),
                related=(
                    (
                        "first value",
                        reader.source.locate(first[text], key=isinstance(form, dict)),
                    ),
                ),
            )
            continue
        first[text] = at
        raw_values.append((value, options, at))
    return raw_values


def _raw_values(name: str, form: Any, reader: Reader) -> list[_RawValue]:
    """Return value, options and route of each value, whatever the form of the axis."""
    route = ("axes", name)
    if isinstance(form, str):
        reader.problem(
            Code.AXIS_EXPRESSION,
            "one expression is expected here",
            route,
            'write a list of values, or one expression such as "{{ releases.versions }}"',
        )
        return []
    if not form and not reader.valid.is_removed(route):
        reader.problem(Code.EMPTY_AXIS, f"axis {name!r} has no values", route, "add at least one")
    if isinstance(form, dict):
        return _long(form, route, reader)
    return _short(form, route, reader)


def _long(form: Mapping[Scalar, Any], route: Route, reader: Reader) -> list[_RawValue]:
    raw_values: list[_RawValue] = []
    for value, raw in form.items():
        at = (*route, value)
        if isinstance(raw, list):
            reader.problem(
                Code.WRONG_TYPE,
                f"the options of a value are a mapping, not {kind(raw)}",
                at,
                f"write the axis as a list, `{route[-1]}: [a, b]`, or {{}} behind each value",
            )
            raw_values.append((value, ValueOptions.read({}), at))
        else:
            raw_values.append((value, reader.valid.level(ValueOptions, at), at))
    return raw_values


def _short(form: list[Any], route: Route, reader: Reader) -> list[_RawValue]:
    none = ValueOptions.read({})
    listed: list[_RawValue] = []
    for n, value in enumerate(form):
        at = (*route, n)
        if isinstance(value, dict) and "value" in value:
            options = reader.valid.level(ListedValue, at)
            listed.append((options.value, options, at))
        elif value is None or isinstance(value, str | bool):
            listed.append((value, none, at))
        else:
            reader.incomplete.add(str(route[-1]))
            reader.problem(
                Code.WRONG_TYPE,
                f"a value of an axis is text, true, false or null, not {kind(value)}",
                at,
                _remedy(route, value),
            )
    return listed


def _remedy(route: Route, value: object) -> str:
    """Return the remedy for a list or mapping among the values of an axis."""
    name = str(route[-1])
    if isinstance(value, dict) and name in keys(ImageOptions):
        return f"`{name}` belongs to the top level or to an image, not to `axes`"
    if isinstance(value, dict):
        return "write text, or a mapping with the key `value`"
    return "write text"


def _check_value(value: Scalar, at: Route, reader: Reader, *, key: bool) -> None:
    if not isinstance(value, str):
        return
    if value in ("true", "false", "null"):
        reader.problem(
            Code.QUOTED_KEYWORD,
            f"{value!r} in quotes is text, which templates treat as true",
            at,
            f"write {value} without quotes, or choose another value",
            key=key,
        )
        return
    wrong = ""
    if not value.strip():
        wrong = "is empty"
    elif value != value.strip():
        wrong = "begins or ends with white space"
    elif "," in value:
        wrong = "contains a comma, which separates values in filters"
    elif not value.isprintable():
        wrong = "contains a character that cannot be printed"
    elif len(value) > MAX_VALUE:
        wrong = f"is longer than {MAX_VALUE} characters"
    if wrong:
        reader.problem(
            Code.BAD_VALUE,
            f"the value {value[:40]!r} {wrong}",
            at,
            "use a short value, and pass the text to templates under its `set`",
            key=key,
        )


def _bare_value(index: int, value: Scalar, at: Route) -> Value:
    """Return a value without its options: what patterns need."""
    return Value(
        value=value,
        text=spelling(value),
        index=index,
        tag=None,
        platforms=None,
        only=None,
        settings={},
        template=None,
        parent=None,
        fields={},
        route=at,
    )


def _value(
    bare: Value,
    options: ValueOptions,
    axes: Mapping[str, Axis],
    images: Collection[str],
    reader: Reader,
) -> Value:
    """Return a value with its options; `platforms` narrows, so it is not among the fields."""
    at = bare.route
    if not options.written and reader.is_sound(at):
        return bare
    changes = read_changes(options, at, axes=axes, images=images, reader=reader)
    platforms = changes["fields"].get("platforms")
    changes["fields"] = {
        name: field for name, field in changes["fields"].items() if name != "platforms"
    }
    only = None
    if options.only is not None:
        only = read_pattern(options.only, (*at, "only"), axes=axes, images=images, reader=reader)
    return Value(
        value=bare.value,
        text=bare.text,
        index=bare.index,
        tag=None if options.tag is None else reader.text(options.tag, (*at, "tag")),
        platforms=None if platforms is None else platforms.value,  # type: ignore[arg-type]
        only=only,
        eol=None if options.eol is None else _end_of_life(options.eol, (*at, "eol"), reader),
        **changes,
    )


def _end_of_life(text: str, route: Route, reader: Reader) -> date | None:
    """Return the last day of support; report an invalid date."""
    day = parse_date(text)
    if day is None:
        reader.problem(
            Code.BAD_FIELD,
            f"invalid value for `eol`: {text!r}",
            route,
            "write the last day of support as YYYY-MM-DD",
        )
    return day
