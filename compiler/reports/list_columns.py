"""The columns of `list`: their names, their cells, and the order that they give."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from compiler.codes import Code
from compiler.errors import Argument, Diagnostic, Problems, did_you_mean, listed
from compiler.matrix.bake_strings import BakeString
from compiler.matrix.matcher import spelling
from compiler.reports.end_of_life import earliest_end
from compiler.targets.plan import Plan, described
from compiler.targets.target import Target


class Column(NamedTuple):
    """One column of a table of targets."""

    title: str
    cell: Callable[[Target], str]
    key: Callable[[Target], Any]
    """What the column is sorted by."""


_DIGITS = re.compile(r"(\d+)")


def _natural(text: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts numbers in a text by value.

    >>> sorted(["a-3.10", "a-3.9"], key=_natural)
    ['a-3.9', 'a-3.10']
    """
    pieces = filter(None, _DIGITS.split(text))
    return [
        (not piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in pieces
    ]


def _column(title: str, cell: Callable[[Target], str]) -> Column:
    return Column(title, cell, lambda target: _natural(cell(target)))


def _joined(title: str, values: Callable[[Target], Iterable[str]], separator: str = " ") -> Column:
    return _column(title, lambda target: separator.join(values(target)))


def _platform_tags(target: Target) -> list[BakeString]:
    return [
        tag
        for platform_tags in target.platform_tags
        for tag in (*platform_tags.tags, *platform_tags.moving)
    ]


_FIXED: Mapping[str, Column] = {
    "target": _column("TARGET", attrgetter("name")),
    "image": _column("IMAGE", attrgetter("image")),
    "variant": _column("VARIANT", attrgetter("variant")),
    "platforms": _joined("PLATFORMS", attrgetter("platforms"), ","),
    "tags": _joined("TAGS", attrgetter("tags")),
    "floating-tags": _joined("FLOATING TAGS", lambda target: (*target.moving, *target.aliases)),
    "shared-tags": _joined("SHARED TAGS", lambda target: (*target.shared[0], *target.shared[1])),
    "platform-tags": _joined("PLATFORM TAGS", _platform_tags),
    "repositories": _joined("REPOSITORIES", lambda target: target.repositories or ()),
    "parent": _column("PARENT", lambda target: target.parent or ""),
    "dockerfile": _column("DOCKERFILE", attrgetter("dockerfile")),
    "eol": _column("EOL", lambda target: str(earliest_end(target) or "")),
    "context": _column("CONTEXT", lambda target: str(described(target)["context"])),
}
"""Columns that do not depend on the matrix; an axis of such a name has no column."""

_OPTIONAL = ("floating-tags", "shared-tags", "platform-tags")
"""Columns that a table has by default only if a target has such tags."""


def known_columns(plan: Plan) -> dict[str, Column]:
    """Return the columns of a plan's targets by name: those of all plans, groups and axes."""
    axes = {name: _axis(name) for name in plan.matrix.axes}
    groups: dict[str, list[str]] = {}
    for group in plan.groups:
        for target in group.targets:
            groups.setdefault(target, []).append(group.name)
    named = _joined("GROUPS", lambda target: groups.get(target.name, ()))
    return {**axes, **_FIXED, "groups": named}


def _axis(name: str) -> Column:
    """Return the column of an axis, in the order of its values; a missing value comes first."""

    def cell(target: Target) -> str:
        return spelling(target.axes[name]) if name in target.axes else ""

    def key(target: Target) -> int:
        return target.values[[*target.axes].index(name)].index if name in target.axes else -1

    return Column(name.upper(), cell, key)


def default_columns(plan: Plan, targets: Sequence[Target]) -> tuple[str, ...]:
    """Return the names of the columns that a table has unless the user chooses them.

    An axis that no target has is left out, and so are kinds of tags that none has.
    """
    axes = [name for name in plan.matrix.axes if any(name in target.axes for target in targets)]
    known = known_columns(plan)
    others = [name for name in _OPTIONAL if any(map(known[name].cell, targets))]
    return tuple(dict.fromkeys(("target", "image", *axes, "platforms", "tags", *others)))


def sort_targets(plan: Plan, targets: Sequence[Target], names: str) -> tuple[Target, ...]:
    """Return targets sorted by the columns that an option names; `-NAME` sorts downwards.

    Values of an axis are in the order of matrix.yaml; numbers in texts are sorted by value.

    Raises:
        CompileError: a column does not exist.
    """
    columns = known_columns(plan)
    chosen = [(name.removeprefix("-"), name.startswith("-")) for name in _split(names)]
    _check("--sort", names, [name for name, _ in chosen], columns)
    result = list(targets)
    for name, is_reversed in reversed(chosen):
        result.sort(key=columns[name].key, reverse=is_reversed)
    return tuple(result)


def chosen_columns(plan: Plan, names: str) -> tuple[str, ...]:
    """Return the names of the columns that an option lists, without repetitions.

    Raises:
        CompileError: a column does not exist.
    """
    chosen = tuple(dict.fromkeys(_split(names)))
    _check("--columns", names, chosen, known_columns(plan))
    return chosen


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",")]


def _check(option: str, text: str, names: Iterable[str], known: Collection[str]) -> None:
    """Report the names that are not columns.

    Raises:
        CompileError: with each of them.
    """
    problems = Problems()
    for name in names:
        if name not in known:
            otherwise = f"columns are {listed(known)}"
            problems.add(
                Diagnostic(
                    code=Code.UNKNOWN_COLUMN,
                    message=f"unknown column {name!r}" if name else "missing name of a column",
                    location=Argument.within(option, text, name),
                    help=did_you_mean(name, known, otherwise=otherwise),
                )
            )
    problems.refuse()
