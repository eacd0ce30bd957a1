"""Name variants: join the image's name and the fragments of its axis values."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Problems
from compiler.matrix.jinja import GLOBALS
from compiler.matrix.matrix import Matrix, Value
from compiler.matrix.model import Scalar
from compiler.matrix.names import target_name
from compiler.targets.expand import Variant


class Named(NamedTuple):
    """A variant with its names."""

    variant: Variant
    axes: Mapping[str, Scalar]
    """Axis -> this variant's value."""
    name: str
    """The name of its target."""
    joined: str
    """The non-empty fragments joined with `-`."""


def name_variants(matrix: Matrix, variants: tuple[Variant, ...], problems: Problems) -> list[Named]:
    """Return the variants with names, without those whose fragments are invalid.

    Invalid fragments are added to the problems.
    """
    counts: dict[str, int] = {}
    for variant in variants:
        counts[variant.image.name] = counts.get(variant.image.name, 0) + 1
    everything = {**GLOBALS, **matrix.data, **dict.fromkeys(matrix.axes)}
    known: dict[Value, str] = {}  # fragments that do not depend on the variant
    result = []
    for variant in variants:
        image, values = variant
        axes = {axis.name: value.value for axis, value in zip(image.axes, values, strict=True)}
        try:
            fragments = [
                fragment
                for axis, value in zip(image.axes, values, strict=True)
                if (
                    fragment := known[value]
                    if value in known
                    else _fragment(axis.name, value, everything | axes, matrix, known)
                )
            ]
        except CompileError as error:
            problems.extend(error.diagnostics)
            continue
        name = target_name(image.name, fragments, alone=counts[image.name] == 1)
        result.append(Named(variant, axes, name, "-".join(fragments)))
    return result


_SUPPLIED = 'values are literal; one expression may supply all of them: `AXIS: "{{ ... }}"`'


def _fragment(
    axis: str, value: Value, scope: Mapping[str, Any], matrix: Matrix, known: dict[Value, str]
) -> str:
    """Return the fragment of an axis value: its `tag`, or else the value itself."""
    if value.tag is not None:
        fragment = value.tag.render(scope)
        if len(fragment.split()) > 1 or fragment != fragment.strip():
            raise value.tag.refusal(
                Code.BAD_FRAGMENT, f"white space in the fragment {fragment!r}", "remove it"
            )
        if value.tag.constant is not None:
            known[value] = fragment
        return fragment
    if value.value and value.value is not True and len(value.value.split()) > 1:
        raise CompileError(
            [
                Diagnostic(
                    code=Code.BAD_FRAGMENT,
                    message=f"white space in the value {value.value!r}, which has no `tag`",
                    location=matrix.source.locate(value.route, key=True),
                    help=_SUPPLIED
                    if "{{" in value.value
                    else "set a `tag` without white space, which is used in names",
                )
            ]
        )
    known[value] = axis if value.value is True else value.value or ""
    return known[value]
