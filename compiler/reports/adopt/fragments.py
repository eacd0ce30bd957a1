"""Find an image's name and its fragments so that targets keep the names that they have."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from compiler.matrix.names import IMAGE, safe, target_name


_UNCLEAN = re.compile(r"[^A-Za-z0-9._-]")
"""What a fragment cannot contain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How the targets of an image are named."""

    image: str
    axes: tuple[str, ...]
    """The axes in the order of the fragments."""
    fragments: Mapping[str, Mapping[str, str]]
    """Axis -> value -> its fragment."""

    def names(self, values: Sequence[Mapping[str, str]]) -> list[str]:
        """Return the name of each target, by the values of its axes."""
        parts = (
            [self.fragments[axis][combination[axis]] for axis in self.axes]
            for combination in values
        )
        alone = len(values) == 1
        return [target_name(self.image, filter(None, part), alone=alone) for part in parts]


def kept_names(
    label: str, names: Sequence[str], values: Sequence[Mapping[str, str]]
) -> Naming | None:
    """Return a naming that results in exactly these names; None if there is none.

    Args:
        label: the image's name, if names begin with it.
        names: the names of the targets.
        values: for each target: axis -> value.
    """
    namings = [_by_words(label, names, values), _by_single_axis(names, values)]
    namings += [default_naming(label, values, dot) for dot in (".", "-", "")]
    for naming in filter(None, namings):
        if IMAGE.match(naming.image) and naming.names(values) == list(names):
            return naming
    return None


def default_naming(image: str, values: Sequence[Mapping[str, str]], dot: str = ".") -> Naming:
    """Return the naming of an image by the values themselves, or by their numbers.

    Args:
        image: the image's name.
        values: for each target: axis -> value.
        dot: what replaces each dot of a value.
    """
    axes = tuple(values[0])
    texts: dict[str, dict[str, str]] = {}
    numbers: dict[str, dict[str, str]] = {}
    for axis in axes:
        known = list(dict.fromkeys(combination[axis] for combination in values))
        written = [default_fragment(axis, value).replace(".", dot) for value in known]
        clean = [_UNCLEAN.sub("-", text) for text in written]
        numbered = [f"{axis}{n}" for n in range(1, len(known) + 1)]
        numbers[axis] = dict(zip(known, numbered, strict=True))
        same = len({safe(text) for text in clean}) == len(known)
        texts[axis] = dict(zip(known, clean, strict=True)) if same else numbers[axis]
    naming = Naming(image=image, axes=axes, fragments=texts)
    if len(set(naming.names(values))) == len(values):
        return naming
    return replace(naming, fragments=numbers)


def default_fragment(axis: str, value: str) -> str:
    """Return the fragment of a value without `tag`.

    >>> default_fragment("gpu", "true"), default_fragment("gpu", "false")
    ('gpu', '')
    """
    return {"true": axis, "false": "", "null": ""}.get(value, value)


def _by_words(
    label: str, names: Sequence[str], values: Sequence[Mapping[str, str]]
) -> Naming | None:
    """Return the naming of names that have the same number of words between hyphens."""
    words = [name.split("-") for name in names]
    if len({len(row) for row in words}) > 1:
        return None
    prefix: list[str] = []
    order: list[str] = []
    parts: dict[str, list[int]] = {}
    for place in range(len(words[0])):
        column = [row[place] for row in words]
        if len(set(column)) > 1:
            axis = next((a for a in values[0] if _depends_only_on(column, a, values)), None)
            if axis is None or (axis in parts and order[-1] != axis):
                return None
            if axis not in parts:
                order.append(axis)
            parts.setdefault(axis, []).append(place)
        elif order:
            parts[order[-1]].append(place)
        else:
            prefix.append(column[0])
    more = prefix[len(label.split("-")) :] if order else []
    if more and "-".join(prefix).startswith(f"{label}-"):
        prefix, first = label.split("-"), parts[order[0]][0]
        parts[order[0]] = [*range(first - len(more), first), *parts[order[0]]]
    constant = [axis for axis in values[0] if axis not in parts]
    fragments = {
        axis: {
            combination[axis]: "-".join(row[place] for place in parts.get(axis, ()))
            for combination, row in zip(values, words, strict=True)
        }
        for axis in (*order, *constant)
    }
    return Naming(image="-".join(prefix), axes=(*order, *constant), fragments=fragments)


def _depends_only_on(column: Sequence[str], axis: str, values: Sequence[Mapping[str, str]]) -> bool:
    known: dict[str, str] = {}
    return all(
        known.setdefault(combination[axis], word) == word
        for combination, word in zip(values, column, strict=True)
    )


def _by_single_axis(names: Sequence[str], values: Sequence[Mapping[str, str]]) -> Naming | None:
    """Return the naming of an image with one axis, of whose names one may have no fragment."""
    if len(values[0]) != 1:
        return None
    (axis,) = values[0]
    image = min(names, key=len)
    if not all(name == image or name.startswith(f"{image}-") for name in names):
        image = image.rpartition("-")[0]
    if not image or not all(f"{name}-".startswith(f"{image}-") for name in names):
        return None
    fragments = {
        combination[axis]: name[len(image) + 1 :]
        for combination, name in zip(values, names, strict=True)
    }
    return Naming(image=image, axes=(axis,), fragments={axis: fragments})
