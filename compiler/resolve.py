"""Variants -> targets: names, scopes, and every field of bake rendered.

Takes a `Matrix` and its variants; returns one `Target` each, in the same order.
Promises that names and tags are legal and no two targets share one, that platforms are known,
and that equal fields of one image's targets are the same object where no variant decides them.
Refuses what bake would take in silence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from compiler.check import Checks
from compiler.environment import GLOBALS
from compiler.errors import CompileError, Diagnostic, Problems
from compiler.expand import Variant
from compiler.fields import Rendered, Renderer, renderer
from compiler.files import Files
from compiler.matrix import Image, Matrix, Setting, Value
from compiler.model import Scalar
from compiler.names import target_name
from compiler.reader import grow
from compiler.text import Interpolated


class Target(NamedTuple):
    """One build of one variant."""

    name: str
    image: str
    axes: Mapping[str, Scalar]
    """The image's axes and this variant's values."""
    values: tuple[Value, ...]
    """The same in full, in the order of the image's axes."""
    variant: str
    """The non-empty fragments joined with `-`."""
    template: str
    """The Dockerfile's template, below `templates/`."""
    dockerfile: str
    """The Dockerfile's path, relative to matrix.yaml."""
    scope: Mapping[str, Any]
    """What its templates see."""
    fields: Mapping[str, Rendered]
    """Bake's fields, by name, in bake's order; `context` and `platforms` only if given."""

    @property
    def platforms(self) -> tuple[Interpolated, ...]:
        """Its platforms; none where the builder decides."""
        return self.fields.get("platforms", ())  # type: ignore[return-value]

    @property
    def tags(self) -> tuple[Interpolated, ...]:
        """Its tags, in bake's form."""
        return self.fields.get("tags", ())  # type: ignore[return-value]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What is the same for all variants of one image."""

    image: Image
    alone: bool
    scope: dict[str, Any]
    settings: tuple[Setting, ...]
    plain: bool
    """Whether no value of its axes has a `set`."""
    fragments: dict[Value, str]
    """The fragments met so far that are the same in every variant."""
    fields: tuple[tuple[str, Renderer], ...]


def resolve(matrix: Matrix, variants: tuple[Variant, ...], files: Files) -> tuple[Target, ...]:
    """Resolve variants.

    Args:
        matrix: what was read.
        variants: what it expands to.
        files: where contexts are looked up.

    Raises:
        CompileError: with everything that is wrong in any of them.
    """
    problems = Problems()
    counts: dict[Image, int] = {}
    for variant in variants:
        counts[variant.image] = counts.get(variant.image, 0) + 1
    grounds = {
        image: _ground(image, matrix, alone=counts.get(image) == 1)
        for image in matrix.images.values()
    }
    checks = Checks(matrix, files, problems)
    targets = []
    for variant in variants:
        target = _target(variant, grounds[variant.image], matrix, checks, problems)
        if target is not None:
            targets.append(target)
    if not problems:  # a target that is refused would be missed by those that link to it
        checks.links(targets)
    problems.refuse()
    return tuple(targets)


def _ground(image: Image, matrix: Matrix, *, alone: bool) -> _Ground:
    return _Ground(
        image=image,
        alone=alone,
        scope={**GLOBALS, **matrix.data, **dict.fromkeys(matrix.axes)},
        settings=tuple(image.settings.values()),
        plain=not any(value.settings for axis in image.axes for value in axis.values),
        fragments={},
        fields=tuple(
            (name, renderer(field, matrix.variables)) for name, field in image.fields.items()
        ),
    )


def _target(
    variant: Variant, ground: _Ground, matrix: Matrix, checks: Checks, problems: Problems
) -> Target | None:
    """Resolve one variant; what is wrong with it goes to the problems."""
    image, values = ground.image, variant.values
    axes = {axis.name: value.value for axis, value in zip(image.axes, values, strict=True)}
    scope = ground.scope | axes
    try:
        fragments = [
            fragment
            for axis, value in zip(image.axes, values, strict=True)
            if (
                fragment := ground.fragments[value]
                if value in ground.fragments
                else _fragment(axis.name, value, scope, ground, matrix)
            )
        ]
    except CompileError as error:
        problems.extend(error.diagnostics)
        return None
    name = target_name(image.name, fragments, alone=ground.alone)
    joined = "-".join(fragments)
    fields: dict[str, Rendered] = {}
    template = ""
    try:
        if ground.settings or not ground.plain:
            scope.update(_settings(ground.settings, values, scope, matrix))
        scope.update(image=image.name, target=name, variant=joined, parent=None)
    except CompileError as error:
        problems.extend(error.diagnostics, name)
        return None
    sound = True
    try:
        template = image.template.render(scope)
    except CompileError as error:
        problems.extend(error.diagnostics, name)
        sound = False
    for field, render in ground.fields:
        try:
            rendered = render(scope)
        except CompileError as error:
            problems.extend(error.diagnostics, name)
            sound = False
            continue
        if rendered or rendered is False:
            fields[field] = rendered
    if not sound:
        return None
    checks.target(name, variant, fields, scope)
    return Target(
        name=name,
        image=image.name,
        axes=axes,
        values=values,
        variant=joined,
        template=template,
        dockerfile=f"{matrix.output}/{name}.Dockerfile",
        scope=scope,
        fields=fields,
    )


def _fragment(
    axis: str, value: Value, scope: Mapping[str, Any], ground: _Ground, matrix: Matrix
) -> str:
    """Return what a value adds to the variant's name: its `tag`, or what it is."""
    if value.tag is not None:
        fragment = value.tag.render(scope)
        if len(fragment.split()) > 1 or fragment != fragment.strip():
            raise value.tag.refusal(
                "bad-fragment", f"the fragment {fragment!r} holds white space", "take it out"
            )
        if value.tag.constant is not None:
            ground.fragments[value] = fragment
        return fragment
    if value.value and value.value is not True and len(value.value.split()) > 1:
        raise CompileError(
            [
                Diagnostic(
                    code="bad-fragment",
                    message=f"the value {value.value!r} holds white space, and has no `tag`",
                    location=matrix.source.locate(value.route, key=True),
                    help="give it a `tag` without: it becomes a part of names",
                )
            ]
        )
    fragment = axis if value.value is True else value.value or ""
    ground.fragments[value] = fragment
    return fragment


def _settings(
    settings: Iterable[Setting], values: tuple[Value, ...], scope: Mapping[str, Any], matrix: Matrix
) -> dict[str, Any]:
    """Merge what `set` gives: the image's, then the values'; two values must agree."""
    given: dict[str, Any] = {}
    faults: list[Diagnostic] = []
    for setting in settings:
        try:
            given[setting.name] = setting.tree if setting.constant else grow(setting.tree, scope)
        except CompileError as error:
            faults += error.diagnostics
    if faults:
        raise CompileError(faults)
    owners: dict[str, Setting] = {}
    for value in values:
        for name, setting in value.settings.items():
            tree = setting.tree if setting.constant else grow(setting.tree, scope)
            if name in owners and given[name] != tree:
                locate = matrix.source.locate
                raise CompileError(
                    [
                        Diagnostic(
                            code="set-conflict",
                            message=f"two values set {name!r} differently",
                            location=locate(setting.route, key=True),
                            help="exclude the combination, or set it in one place",
                            related=(("also set here", locate(owners[name].route, key=True)),),
                        )
                    ]
                )
            owners[name] = setting
            given[name] = tree
    return given
