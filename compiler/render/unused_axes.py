"""Dockerfiles -> warnings: an axis that changes nothing, one image built twice.

Takes a `Matrix` and its Dockerfiles; returns warnings, in file order.
Promises next to no work where no two Dockerfiles have one text, and work that grows no faster
than their number elsewhere. Refuses nothing.
"""

import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, Problems, Severity
from compiler.matrix.matrix import Image, Matrix, Value
from compiler.render.identical_images import sameness
from compiler.render.render import Dockerfile
from compiler.render.templates import FOLDER
from compiler.source.document import Route
from compiler.targets.target import Target


_TOLD = 3
"""How many lines, and how many templates, are told one by one."""
_SPELT = 5
"""How many values are told one by one."""
_MOST_AXES = 3
"""How many axes a condition may name."""


class _Line(NamedTuple):
    """Targets of one image that differ along one axis only; two or more."""

    members: list[int]
    values: tuple[Value, ...]
    """Those of one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """What is looked at."""

    matrix: Matrix
    targets: Sequence[Target]
    same: Sequence[int]
    """For each target the number of one that is the same image."""
    shared: frozenset[str]
    """The axes along which several images vary."""


def effects(matrix: Matrix, dockerfiles: tuple[Dockerfile, ...]) -> tuple[Diagnostic, ...]:
    """Warn of axes that change nothing in what is generated, and of targets that are one image.

    Args:
        matrix: what was read.
        dockerfiles: what its targets are built from, all of them.
    """
    if len({dockerfile.text for dockerfile in dockerfiles}) == len(dockerfiles):
        return ()  # not even of children: if two parents are the same, their texts are
    same = sameness(dockerfiles)
    members: dict[str, list[int]] = {}
    for n, dockerfile in enumerate(dockerfiles):
        members.setdefault(dockerfile.target.image, []).append(n)
    varied = Counter(axis.name for name in members for axis in matrix.images[name].axes)
    ground = _Compared(
        matrix=matrix,
        targets=[dockerfile.target for dockerfile in dockerfiles],
        same=same,
        shared=frozenset(name for name, images in varied.items() if images > 1),
    )
    problems = Problems()
    blocks = list(range(len(dockerfiles)))
    for name, numbers in members.items():
        if len({same[n] for n in numbers}) < len(numbers):
            _idle_axes(ground, matrix.images[name], numbers, blocks, problems)
    _twice(ground, blocks, problems)
    return problems.diagnostics()


def _idle_axes(
    ground: _Compared, image: Image, numbers: list[int], blocks: list[int], problems: Problems
) -> None:
    """Warn of each axis of an image that changes nothing, and join in blocks what that explains."""
    same, targets = ground.same, ground.targets
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
                found = idle if len({same[n] for n in line}) == 1 else alive
                found.append(_Line(line, targets[line[0]].values))
        if not idle:
            continue
        for line, _ in idle:
            for n in line:
                blocks[_block(blocks, n)] = _block(blocks, line[0])
        when = _when(image, position, idle, alive) if alive else ""
        problems.add(_idle_axis(ground, image, axis.name, [n for m, _ in idle for n in m], when))


def _block(blocks: list[int], n: int) -> int:
    """Return the number that stands for all that one is joined with."""
    while blocks[n] != n:
        blocks[n] = n = blocks[blocks[n]]
    return n


def _idle_axis(
    ground: _Compared, image: Image, axis: str, numbers: list[int], when: str
) -> Diagnostic:
    locate = ground.matrix.source.locate
    tags = [len(ground.targets[n].tags) for n in numbers]
    builds = _count(sum(tags), "tag") if all(tags) else _count(len(numbers), "target")
    images = _count(len({ground.same[n] for n in numbers}), "image")
    of = f"{image.name}: " if axis in ground.shared else ""
    templates = _templates(ground, numbers)
    reads = f"{'it does' if len(templates) == 1 else 'they do'} not read {axis}"
    where = " there; exclude the combinations, or" if when else ";"
    return Diagnostic(
        code=Code.AXIS_WITHOUT_EFFECT,
        message=f"{of}{axis} changes nothing{when}: {builds}, {images}",
        location=locate(("axes", axis), key=True),
        help=f"see {_listed(templates, 'and', _TOLD)}: {reads}{where} give the image fewer axes",
        severity=Severity.WARNING,
        related=(("in this image", locate(image.route, key=True)),),
    )


def _templates(ground: _Compared, numbers: list[int]) -> list[str]:
    """Return the templates of some targets as diagnostics name files."""
    folder = posixpath.join(posixpath.dirname(ground.matrix.source.path), FOLDER)
    names = dict.fromkeys(ground.targets[n].template for n in numbers)
    return [f"{folder}/{name}" for name in names]


def _when(image: Image, position: int, idle: list[_Line], alive: list[_Line]) -> str:
    """Say for which values of the other axes an axis changes nothing, as shortly as can be."""
    others = [n for n in range(len(image.axes)) if n != position]
    taken = {n: {line.values[n].index for line in idle} for n in others}
    # What holds of all idle lines holds of these living ones too; it must be none in the end.
    caught = {
        n: {m for m, line in enumerate(alive) if line.values[n].index in taken[n]} for n in others
    }
    telling = [n for n in others if len(caught[n]) < len(alive)]
    for size in range(1, _MOST_AXES + 1):
        fits = [
            chosen
            for chosen in combinations(telling, size)
            if not set.intersection(*(caught[n] for n in chosen))
        ]
        if fits:
            best = min(fits, key=lambda chosen: sum(len(taken[n]) for n in chosen))
            return " when " + " and ".join(_is(image, n, taken[n], alive) for n in best)
    varied = [n for n in others if len({line.values[n].index for line in (*idle, *alive)}) > 1]
    told = [
        "when " + " and ".join(f"{image.axes[n].name} is {line.values[n].text}" for n in varied)
        for line in idle
    ]
    return f" {_listed(told, 'and', _TOLD)}"


def _is(image: Image, position: int, taken: set[int], alive: list[_Line]) -> str:
    """Say `cuda is 12.4 or 12.8`; by what it is not where these are many and those are few."""
    axis = image.axes[position]
    left = {line.values[position].index for line in alive} - taken
    if len(taken) > _TOLD and left and len(left) < len(taken) and len(left) < _TOLD:
        words = [value.text for value in axis.values if value.index in left]
        return f"{axis.name} is {'not' if len(words) == 1 else 'neither'} {' nor '.join(words)}"
    words = [value.text for value in axis.values if value.index in taken]
    return f"{axis.name} is {_listed(words, 'or', _SPELT)}"


def _twice(ground: _Compared, blocks: list[int], problems: Problems) -> None:
    """Warn of targets that are the same image and that no idle axis explains."""
    alike: dict[int, list[int]] = {}
    for n, first in enumerate(ground.same):
        alike.setdefault(first, []).append(n)
    found: dict[tuple[Route, ...], tuple[int, int, int, list[int]]] = {}
    for numbers in alike.values():
        one, *rest = numbers
        others = [n for n in rest if _block(blocks, n) != _block(blocks, one)]
        if not others:
            continue
        other = next((n for n in others if len(_apart(ground, one, n)) == 1), others[0])
        # Two values, or two images, are told of once, however many pairs they give.
        routes = _routes(ground, one, other)
        found.setdefault(routes, (one, other, len(numbers) - 2, []))[-1].append(one)
    for routes, (one, other, more, pairs) in found.items():
        place, *its = (ground.matrix.source.locate(route, key=True) for route in routes)
        extra = [f"{more} more"] if more else []
        if len(pairs) > 1:
            extra.append(f"{_count(len(pairs) - 1, 'pair')} like them")
        suffix = f" (and {', and '.join(extra)})" if extra else ""
        names = " and ".join(repr(ground.targets[n].name) for n in (one, other))
        templates = _listed(_templates(ground, [one, other]), "and", _TOLD)
        problems.add(
            Diagnostic(
                code=Code.SAME_IMAGE,
                message=f"targets {names} are the same image{suffix}",
                location=place,
                help=f"keep one of them, or let {templates} tell them apart",
                severity=Severity.WARNING,
                related=tuple(("the other one", location) for location in its),
            )
        )


def _apart(ground: _Compared, one: int, other: int) -> list[int]:
    """Return the positions of the axes in which two targets of one image differ."""
    mine, its = ground.targets[one], ground.targets[other]
    if mine.image != its.image:
        return []
    return [n for n, value in enumerate(mine.values) if value is not its.values[n]]


def _routes(ground: _Compared, one: int, other: int) -> tuple[Route, ...]:
    """Return where to see what tells two targets apart: at a value of each, or their images."""
    targets = (ground.targets[one], ground.targets[other])
    apart = _apart(ground, one, other)
    if len(apart) == 1:
        return tuple(target.values[apart[0]].route for target in targets)
    images = dict.fromkeys(target.image for target in targets)
    return tuple(ground.matrix.images[image].route for image in images)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _listed(words: list[str], last: str, most: int) -> str:
    """Write words as a person would, the last after `and` or `or`.

    >>> _listed(["a", "b", "c"], "or", 3), _listed(["a", "b", "c", "d", "e"], "and", 2)
    ('a, b or c', 'a, b and 3 more')
    """
    told = words if len(words) <= most else [*words[:most], f"{len(words) - most} more"]
    return f" {last} ".join(filter(None, (", ".join(told[:-1]), told[-1])))
