"""Arrange given targets as the data of a matrix.yaml: axes, images, fields, groups.

The result is exact by construction: a string with expressions is used only if it gives the text of
every target. What differs otherwise is an override. `adopt` proves the result by compiling it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.matrix.names import (
    BUILT_IN,
    IDENTIFIER,
    JINJA_GLOBALS,
    JINJA_WORDS,
    RESERVED_AXES,
    target_name,
)
from compiler.reports.adopt.fields import Layout, Variant, image_fields, shared_fields
from compiler.reports.adopt.fragments import (
    Naming,
    default_fragment,
    default_naming,
    kept_names,
)
from compiler.reports.adopt.groups import make_groups
from compiler.reports.adopt.image import Image, matcher, scalar, written_patterns
from compiler.reports.adopt.model import Given, GivenTarget, Leftover
from compiler.reports.adopt.patterns import missing, patterns


_RESERVED = {*BUILT_IN, *JINJA_WORDS, *JINJA_GLOBALS, *RESERVED_AXES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The data of a matrix.yaml."""

    data: dict[str, Any]
    """Mappings, lists, texts, true and false, in the order in which they are written."""
    images: tuple[Image, ...]
    leftovers: tuple[Leftover, ...]

    @property
    def names(self) -> dict[str, str]:
        """Given target -> target of the matrix."""
        return {
            target.name: name
            for image in self.images
            for target, name in zip(image.targets, image.names, strict=True)
        }


def arrange(
    existing: Given, *, apart: frozenset[str] = frozenset(), ungrouped: frozenset[str] = frozenset()
) -> Draft:
    """Return the matrix of these targets.

    Args:
        existing: the targets.
        apart: families whose targets become images of their own.
        ungrouped: groups that the matrix does not have.
    """
    leftovers: list[Leftover] = []
    axes: dict[str, dict[str, dict[str, Any]]] = {}
    images = _images(existing, apart, axes, leftovers)
    names = {
        target.name: name
        for image in images
        for target, name in zip(image.targets, image.names, strict=True)
    }
    fields: dict[str, dict[str, Any]] = {}
    users = Counter(axis for image in images for axis in image.axes)
    names_in_use = _names_in_use(images)
    for image in images:
        own = {axis for axis in image.axes if users[axis] == 1}
        variants = [
            Variant(target, row, names, _details(target, image, own, names_in_use))
            for target, row in zip(image.targets, image.rows, strict=True)
        ]
        layout = image_fields(variants, own=own)
        fields[image.name] = _image(image, layout, any_axes=bool(axes))
        for axis, values in layout.axis_fields.items():
            for value, changes in values.items():
                axes[axis][value].update(changes)
    data = {
        "variables": dict(existing.variables),
        "axes": {axis: _axis(values) for axis, values in axes.items()},
        "defaults": shared_fields(fields),
        "images": fields,
        "groups": make_groups(existing, images, names, ungrouped, leftovers),
    }
    return Draft(
        data={key: value for key, value in data.items() if value},
        images=tuple(images),
        leftovers=tuple(leftovers),
    )


def _images(
    existing: Given,
    apart: frozenset[str],
    axes: dict[str, dict[str, dict[str, Any]]],
    leftovers: list[Leftover],
) -> list[Image]:
    """Return the images, each with the targets of a family or with a single one; add their axes."""
    images: list[Image] = []
    all_names = {target.name for target in existing.targets}
    for family, targets in _families(existing, apart).items():
        naming = _naming(existing, family, targets, leftovers)
        own = {target.name for target in targets}
        if naming is None or naming.image in (all_names | {i.name for i in images}) - own:
            images += [_alone(target) for target in targets]
        else:
            images.append(_with_axes(targets, naming, axes))
    return images


def _families(existing: Given, apart: frozenset[str]) -> dict[str, list[GivenTarget]]:
    """Return the targets of each family, and every other target by itself."""
    families: dict[str, list[GivenTarget]] = {}
    for target in existing.targets:
        joined = target.family and target.family not in apart
        key = f"family {target.family}" if joined else f"target {target.name}"
        families.setdefault(key, []).append(target)
    return families


def _naming(
    existing: Given, key: str, targets: Sequence[GivenTarget], leftovers: list[Leftover]
) -> Naming | None:
    """Return how a family's targets are named; None if each of them is an image."""
    family = key.removeprefix("family ")
    if family == key:
        return None
    values = [target.values for target in targets]
    if not existing.named:
        return default_naming(family, values)
    names = [target.name for target in targets]
    kept = kept_names(family, names, values)
    if kept is not None:
        return kept
    line = existing.lines.get(family, 0)
    if all(target.fields.get("tags") for target in targets):
        naming = default_naming(family, values)
        why = f"its targets have other names here: {names[0]} is {naming.names(values)[0]}"
        what = f"names of target '{family}'"
    else:
        naming = None
        why = "its targets have no tags, and names that no axes give; each is an image of its own"
        what = f"matrix of target '{family}'"
    leftovers.append(Leftover(path=existing.path, line=line, what=what, why=why))
    return naming


def _names_in_use(images: Sequence[Image]) -> Counter[str]:
    """Return how many axes have a name, or a detail of that name; reserved names count too."""
    counts = Counter(_RESERVED)
    for image in images:
        counts.update(list(image.axes))
        for axis_names in image.given_axes.values():
            details = (target.details.get(axis_names, {}) for target in image.targets)
            counts.update({name for names in details for name in names})
    return counts


def _details(
    target: GivenTarget, image: Image, own: Collection[str], used: Counter[str]
) -> dict[str, Mapping[str, str]]:
    """Return the details that strings may see by their names."""
    return {
        axis: {
            name: text
            for name, text in target.details.get(image.given_axes[axis], {}).items()
            if used[name] == 1 and IDENTIFIER.match(name)
        }
        for axis in image.axes
        if axis in own
    }


def _alone(target: GivenTarget) -> Image:
    name = target_name(target.name, (), alone=True)
    return Image(name=target.name, targets=(target,), names=(name,), rows=({},), axes={})


def _with_axes(
    targets: Sequence[GivenTarget], naming: Naming, axes: dict[str, dict[str, dict[str, Any]]]
) -> Image:
    """Return an image, and add its axes; equal axes of several images are one."""
    values = [target.values for target in targets]
    renamed: dict[str, str] = {}
    for axis in naming.axes:
        known = dict.fromkeys(combination[axis] for combination in values)
        base = axis.replace("-", "_")
        if not IDENTIFIER.match(base) or base in _RESERVED:
            base = f"axis_{base}" if not IDENTIFIER.match(f"{base}_") else f"{base}_"
        for name in (base, *(f"{base}_{n}" for n in range(2, len(axes) + 3))):
            options = {value: _tag(name, value, naming.fragments[axis][value]) for value in known}
            if axes.setdefault(name, options) == options:
                renamed[axis] = name
                break
    rows = tuple(
        {renamed[axis]: combination[axis] for axis in naming.axes} for combination in values
    )
    return Image(
        name=naming.image,
        targets=tuple(targets),
        names=tuple(naming.names(values)),
        rows=rows,
        axes={axis: tuple(axes[axis]) for axis in renamed.values()},
        given_axes={name: axis for axis, name in renamed.items()},
    )


def _tag(axis: str, value: str, fragment: str) -> dict[str, Any]:
    return {} if fragment == default_fragment(axis, value) else {"tag": fragment}


def _axis(values: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return an axis as a list of values, or as a mapping if a value has options."""
    if any(values.values()):
        return {scalar(value): dict(options) for value, options in values.items()}
    return [scalar(value) for value in values]


def _image(image: Image, layout: Layout, *, any_axes: bool) -> dict[str, Any]:
    """Return the fields of an image."""
    fields: dict[str, Any] = {"axes": list(image.axes)} if any_axes else {}
    if image.axes:
        excluded = missing(image.rows, image.axes)
        if excluded:
            fields["exclude"] = written_patterns(patterns(excluded, image.axes))
        if excluded is None or len(fields.get("exclude", ())) > len(image.rows):
            fields.pop("exclude", None)
            fields["only"] = written_patterns(patterns(image.rows, image.axes))
    fields.update(layout.fields)
    if layout.overrides:
        fields["overrides"] = [
            {"when": {axis: matcher(items) for axis, items in when}, **changes}
            for when, changes in layout.overrides.items()
        ]
    return fields
