"""The steps of the selected targets on one platform, and which targets share them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from compiler.render.build_steps import Step
from compiler.targets.target import Target


class Cost(NamedTuple):
    """What something took in a recorded build."""

    seconds: float
    transferred: int
    """Bytes that were downloaded, pushed or transferred from a context."""


class Timed(NamedTuple):
    """A step of a recorded build."""

    name: str
    cost: Cost
    targets: int
    """The number of targets that have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the last build says about layers."""

    steps: Mapping[str, Cost]
    """Id -> what the step took; 0 if it was cached. Steps that were not built are left out."""
    targets: Mapping[str, Cost]
    """Target -> what its steps took, shared ones included."""
    cores: int
    seconds: float
    """From the start of the first step to the end of the last."""
    executed: float
    """The sum of the seconds of all executed steps, downloads and exports included."""
    saved: float
    """The seconds of steps that other targets did not execute again."""
    critical_path: tuple[Timed, ...]
    """The longest chain of steps that depend on each other."""
    expensive: tuple[Timed, ...]
    """The steps that took most, the longest first."""

    @property
    def lower_bound(self) -> float:
        """The seconds below which these cores cannot execute these steps."""
        chain = sum(step.cost.seconds for step in self.critical_path)
        return max(self.executed / self.cores, chain)


NULL = "null"
"""The value of an axis that an image lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A change of a file after which fewer distinct steps are executed."""

    code: str
    message: str
    path: str
    line: int
    """From 1."""
    saves: int
    """The number of distinct steps that are no longer executed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The steps of targets on one platform; those of a parent are steps of its children."""

    platform: str
    targets: tuple[Target, ...]
    """In the plan's order."""
    steps: Mapping[str, tuple[Step, ...]]
    """Target -> its steps, dependencies first."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The groups of matrix.yaml -> their targets."""
    advice: tuple[Advice, ...] = ()
    recorded: Recorded | None = None
    """What the last build says about these steps, if that is asked for."""

    @property
    def total(self) -> int:
        """The number of steps, shared ones counted for each target."""
        return sum(map(len, self.steps.values()))

    def users(self) -> dict[str, list[str]]:
        """Return the targets of each distinct step, by its id, in the plan's order."""
        users: dict[str, list[str]] = {}
        for target in self.targets:
            for step in self.steps[target.name]:
                users.setdefault(step.id, []).append(target.name)
        return users


def distinct(steps: Mapping[str, tuple[Step, ...]]) -> int:
    """Return the number of distinct steps of targets."""
    return len({step.id for sequence in steps.values() for step in sequence})


def axis_values(targets: tuple[Target, ...]) -> dict[str, Callable[[Target], str]]:
    """Return how the value of each axis that differs is read from a target, `image` first.

    The value is `null` for an axis that an image lacks.
    """
    from compiler.matrix.matcher import spelling

    names = dict.fromkeys(name for target in targets for name in target.axes)

    def reader(name: str) -> Callable[[Target], str]:
        return lambda target: spelling(target.axes[name]) if name in target.axes else NULL

    readers: dict[str, Callable[[Target], str]] = {"image": lambda target: target.image}
    readers |= {name: reader(name) for name in names}
    return {name: read for name, read in readers.items() if len(set(map(read, targets))) > 1}
