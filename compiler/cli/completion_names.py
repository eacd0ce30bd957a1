"""The names that the shell completes: axes, values, images, groups, targets and platforms.

They are read from matrix.json if the generated files are up to date, because that takes a third of
the time. The names are suggestions, so it does not matter that saved state is not evidence.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compiler.cli.context import Invocation
from compiler.constants import PLAN_FILE
from compiler.version import VERSION


if TYPE_CHECKING:
    from compiler.targets.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionNames:
    """The names of a matrix, each tuple in the order of the matrix."""

    values: Mapping[str, tuple[str, ...]]
    """Axis, `image` or `platform` -> what a filter can compare it with."""
    groups: tuple[str, ...]
    targets: tuple[str, ...]

    def filters(self, *, groups: bool) -> Iterator[str]:
        """Yield what a FILTER can begin with: axes with `=`, groups if wanted, targets."""
        yield from (f"{name}=" for name in self.values)
        yield from self.groups if groups else ()
        yield from self.targets


def find_names(invocation: Invocation) -> CompletionNames:
    """Return the names of the matrix, from matrix.json if it is up to date.

    Raises:
        CompileError: the matrix is invalid.
    """
    from compiler.output.saved_state import up_to_date

    state = up_to_date(invocation.folder, invocation.path.name, compiler=VERSION)
    if state is None:
        return _of_plan(invocation.plan())
    return _of_json(json.loads((invocation.folder / state.output / PLAN_FILE).read_bytes()))


def _of_plan(plan: "Plan") -> CompletionNames:
    axes = {axis.name: [value.text for value in axis.values] for axis in plan.matrix.axes.values()}
    return _names(
        axes,
        plan.matrix.images,
        (name for target in plan.targets for name in target.platforms),
        (group.name for group in plan.groups),
        (target.name for target in plan.targets),
    )


def _of_json(plan: Mapping[str, Any]) -> CompletionNames:
    axes: dict[str, dict[str, None]] = {}
    for target in plan["targets"]:
        for name, value in target["axes"].items():
            text = value if isinstance(value, str) else json.dumps(value)
            axes.setdefault(name, {})[text] = None
    return _names(
        axes,
        (target["image"] for target in plan["targets"]),
        (name for target in plan["targets"] for name in target.get("platforms", ())),
        plan["groups"],
        (target["target"] for target in plan["targets"]),
    )


def _names(
    axes: Mapping[str, Iterable[str]],
    images: Iterable[str],
    platforms: Iterable[str],
    groups: Iterable[str],
    targets: Iterable[str],
) -> CompletionNames:
    """Return names without repetitions."""
    values = {**axes, "image": images, "platform": (*dict.fromkeys(platforms), "local")}
    return CompletionNames(
        values={name: tuple(dict.fromkeys(texts)) for name, texts in values.items()},
        groups=tuple(groups),
        targets=tuple(targets),
    )
