"""Warn about axes that do not change the image, and about targets that are the same image.

The work is linear in the number of Dockerfiles, and almost none if all texts are distinct.
"""

import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Problems, Severity
from compiler.matrix.matrix import Image, Matrix, Value
from compiler.matrix.template_files import FOLDER
from compiler.render.identical_images import sameness
from compiler.render.render import Dockerfile
from compiler.source.document import Route
from compiler.targets.target import Target


_MAX_LISTED = 3
"""Maximum number of combinations or templates that a message lists."""
_MAX_VALUES = 5
"""Maximum number of values that a message lists."""
_MAX_AXES = 3
"""Maximum number of axes in a condition."""


class _Line(NamedTuple):
    """Two or more targets of one image that differ in the value of a single axis."""

    members: list[int]
    values: tuple[Value, ...]
    """The axis values of one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """The targets that are compared."""

    matrix: Matrix
    targets: Sequence[Target]
    same: Sequence[int]
    """For each target, the index of one that is the same image."""
    shared: frozenset[str]
    """The axes that several images have."""


def effects(matrix: Matrix, dockerfiles: tuple[Dockerfile, ...]) -> tuple[Diagnostic, ...]:
    """Return warnings about axes without effect, and about targets that are the same image.

    Args:
        matrix: the matrix.
        dockerfiles: the Dockerfiles of all its targets.
    """
    if len({dockerfile.text for dockerfile in dockerfiles}) == len(dockerfiles):
        return ()  # if two parents are the same image, so are their texts
    same = sameness(dockerfiles)
    members: dict[str, list[int]] = {}
    for n, dockerfile in enumerate(dockerfiles):
        members.setdefault(dockerfile.target.image, []).append(n)
    varied = Counter(axis.name for name in members for axis in matrix.images[name].axes)
    compared = _Compared(
        matrix=matrix,
        targets=[dockerfile.target for dockerfile in dockerfiles],
        same=same,
        shared=frozenset(name for name, images in varied.items() if images > 1),
    )
    problems = Problems()
    blocks = list(range(len(dockerfiles)))
    for name, numbers in members.items():
        if len({same[n] for n in numbers}) < len(numbers):
            _idle_axes(compared, matrix.images[name], numbers, blocks, problems)
    _twice(compared, blocks, problems)
    return problems.diagnostics()


def _idle_axes(
    compared: _Compared, image: Image, numbers: list[int], blocks: list[int], problems: Problems
) -> None:
    """Warn about each axis of an image without effect; join the targets that this explains."""
    same, targets = compared.same, compared.targets
    strides = [1]
    for axis in image.axes:
        strides.append(strides[-1] * len(axis.values))
    codes = [
        sum(v.index * stride for v, stride in zip(targets[n].values, strides, strict=False))
        for n in numbers
    ]
    for position, axis in enumerate(image.axes):
        lines: dict[int, list[int]] = {}
        for n, code in zip(numbers, codes, strict=True):
            rest = code - targets[n].values[position].index * strides[position]
            lines.setdefault(rest, []).append(n)
        idle: list[_Line] = []
        alive: list[_Line] = []
        for line in lines.values():
            if len(line) > 1:
                kind = idle if len({same[n] for n in line}) == 1 else alive
                kind.append(_Line(line, targets[line[0]].values))
        if not idle:
            continue
        for line, _ in idle:
            for n in line:
                blocks[_block(blocks, n)] = _block(blocks, line[0])
        when = _when(image, position, idle, alive) if alive else ""
        problems.add(_idle_axis(compared, image, axis.name, [n for m, _ in idle for n in m], when))


def _block(blocks: list[int], n: int) -> int:
    """Return the representative of the targets that a target is joined with."""
    while blocks[n] != n:
        blocks[n] = n = blocks[blocks[n]]
    return n


def _idle_axis(
    compared: _Compared, image: Image, axis: str, numbers: list[int], when: str
) -> Diagnostic:
    locate = compared.matrix.source.locate
    tags = [len(compared.targets[n].tags) for n in numbers]
    builds = _count(sum(tags), "tag") if all(tags) else _count(len(numbers), "target")
    images = _count(len({compared.same[n] for n in numbers}), "image")
    of = f"{image.name}: " if axis in compared.shared else ""
    templates = _templates(compared, numbers)
    reads = f"{'it does' if len(templates) == 1 else 'they do'} not use {axis}"
    where = " there; exclude the combinations, or" if when else ";"
    return Diagnostic(
        code=Code.AXIS_WITHOUT_EFFECT,
        message=f"{of}axis {axis!r} has no effect{when}: {builds}, {images}",
        location=locate(("axes", axis), key=True),
        help=f"see {_listed(templates, 'and', _MAX_LISTED)}: {reads}{where} "
        "remove the axis from the image",
        severity=Severity.WARNING,
        related=(("in this image", locate(image.route, key=True)),),
    )


def _templates(compared: _Compared, numbers: list[int]) -> list[str]:
    """Return the paths of the templates of some targets, as diagnostics show them."""
    folder = posixpath.join(posixpath.dirname(compared.matrix.source.path), FOLDER)
    targets = [compared.targets[n] for n in numbers]
    paths = (
        posixpath.join(posixpath.dirname(folder), target.dockerfile)
        if target.is_existing
        else f"{folder}/{target.template}"
        for target in targets
    )
    return list(dict.fromkeys(paths))


def _when(image: Image, position: int, idle: list[_Line], alive: list[_Line]) -> str:
    """Return the shortest condition on other axes under which an axis has no effect."""
    others = [n for n in range(len(image.axes)) if n != position]
    values = {n: {line.values[n].index for line in idle} for n in others}
    # The conditions of all idle lines also match these other lines; in the end none may match.
    caught = {
        n: {m for m, line in enumerate(alive) if line.values[n].index in values[n]} for n in others
    }
    selective = [n for n in others if len(caught[n]) < len(alive)]
    for size in range(1, _MAX_AXES + 1):
        fits = [
            chosen
            for chosen in combinations(selective, size)
            if not set.intersection(*(caught[n] for n in chosen))
        ]
        if fits:
            best = min(fits, key=lambda chosen: sum(len(values[n]) for n in chosen))
            return " when " + " and ".join(_is(image, n, values[n], alive) for n in best)
    varied = [n for n in others if len({line.values[n].index for line in (*idle, *alive)}) > 1]
    conditions = [
        "when " + " and ".join(f"{image.axes[n].name} is {line.values[n].text}" for n in varied)
        for line in idle
    ]
    return f" {_listed(conditions, 'and', _MAX_LISTED)}"


def _is(image: Image, position: int, values: set[int], alive: list[_Line]) -> str:
    """Return a condition, `cuda is 12.4 or 12.8`; a negated one if that is shorter."""
    axis = image.axes[position]
    rest = {line.values[position].index for line in alive} - values
    if len(values) > _MAX_LISTED and rest and len(rest) < min(len(values), _MAX_LISTED):
        texts = [value.text for value in axis.values if value.index in rest]
        return f"{axis.name} is {'not' if len(texts) == 1 else 'neither'} {' nor '.join(texts)}"
    texts = [value.text for value in axis.values if value.index in values]
    return f"{axis.name} is {_listed(texts, 'or', _MAX_VALUES)}"


def _twice(compared: _Compared, blocks: list[int], problems: Problems) -> None:
    """Warn about targets that are the same image although each axis has an effect."""
    alike: dict[int, list[int]] = {}
    for n, first in enumerate(compared.same):
        alike.setdefault(first, []).append(n)
    located: dict[tuple[Route, ...], tuple[Location, ...]] = {}
    reports: dict[tuple[Location, ...], tuple[int, int, int, list[int]]] = {}
    for numbers in alike.values():
        earliest, *rest = numbers
        others = [n for n in rest if _block(blocks, n) != _block(blocks, earliest)]
        if not others:
            continue
        other = next((n for n in others if len(_apart(compared, earliest, n)) == 1), others[0])
        # Two values or images are reported once, however many pairs of targets they have, and so
        # are all values that one expression supplies.
        routes = _routes(compared, earliest, other)
        if routes not in located:
            places = [compared.matrix.source.locate(route, key=True) for route in routes]
            located[routes] = tuple(dict.fromkeys(places))
        reports.setdefault(located[routes], (earliest, other, len(numbers) - 2, []))[-1].append(
            earliest
        )
    for (place, *others_at), (earliest, other, more, pairs) in reports.items():
        extra = [f"{more} more"] if more else []
        if len(pairs) > 1:
            extra.append(f"{_count(len(pairs) - 1, 'pair')} like them")
        suffix = f" (and {', and '.join(extra)})" if extra else ""
        names = " and ".join(repr(compared.targets[n].name) for n in (earliest, other))
        templates = _listed(_templates(compared, [earliest, other]), "and", _MAX_LISTED)
        problems.add(
            Diagnostic(
                code=Code.SAME_IMAGE,
                message=f"targets {names} are the same image{suffix}",
                location=place,
                help=f"keep one of them, or make {templates} distinguish them",
                severity=Severity.WARNING,
                related=tuple(("the other target", location) for location in others_at),
            )
        )


def _apart(compared: _Compared, first: int, other: int) -> list[int]:
    """Return the positions of the axes in which two targets of one image differ."""
    left, right = compared.targets[first], compared.targets[other]
    if left.image != right.image:
        return []
    return [n for n, value in enumerate(left.values) if value is not right.values[n]]


def _routes(compared: _Compared, first: int, other: int) -> tuple[Route, ...]:
    """Return where two targets differ: at an axis value of each, or at their images."""
    targets = (compared.targets[first], compared.targets[other])
    apart = _apart(compared, first, other)
    if len(apart) == 1:
        return tuple(target.values[apart[0]].route for target in targets)
    images = dict.fromkeys(target.image for target in targets)
    return tuple(compared.matrix.images[image].route for image in images)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _listed(words: list[str], last: str, most: int) -> str:
    """Return words as prose, with `and` or `or` before the last.

    >>> _listed(["a", "b", "c"], "or", 3), _listed(["a", "b", "c", "d", "e"], "and", 2)
    ('a, b or c', 'a, b and 3 more')
    """
    shown = words if len(words) <= most else [*words[:most], f"{len(words) - most} more"]
    return f" {last} ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
