"""Variants -> names: fragments joined, target by target."""

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
    """A variant and what it is called."""

    variant: Variant
    axes: Mapping[str, Scalar]
    """The image's axes and this variant's values."""
    name: str
    """The target's."""
    joined: str
    """The non-empty fragments joined with `-`."""


def name_variants(matrix: Matrix, variants: tuple[Variant, ...], problems: Problems) -> list[Named]:
    """Name variants; one whose fragments are wrong is noted and left out."""
    counts: dict[str, int] = {}
    for variant in variants:
        counts[variant.image.name] = counts.get(variant.image.name, 0) + 1
    everything = {**GLOBALS, **matrix.data, **dict.fromkeys(matrix.axes)}
    known: dict[Value, str] = {}  # fragments that are the same in every variant
    found = []
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
        found.append(Named(variant, axes, name, "-".join(fragments)))
    return found


def _fragment(
    axis: str, value: Value, scope: Mapping[str, Any], matrix: Matrix, known: dict[Value, str]
) -> str:
    """Return what a value adds to the variant's name: its `tag`, or what it is."""
    if value.tag is not None:
        fragment = value.tag.render(scope)
        if len(fragment.split()) > 1 or fragment != fragment.strip():
            raise value.tag.refusal(
                Code.BAD_FRAGMENT, f"the fragment {fragment!r} holds white space", "take it out"
            )
        if value.tag.constant is not None:
            known[value] = fragment
        return fragment
    if value.value and value.value is not True and len(value.value.split()) > 1:
        raise CompileError(
            [
                Diagnostic(
                    code=Code.BAD_FRAGMENT,
                    message=f"the value {value.value!r} holds white space, and has no `tag`",
                    location=matrix.source.locate(value.route, key=True),
                    help="give it a `tag` without: it becomes a part of names",
                )
            ]
        )
    known[value] = axis if value.value is True else value.value or ""
    return known[value]
