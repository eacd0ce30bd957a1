"""Combine layers with the last build: seconds and bytes of steps, and what bounds the build."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from compiler.bake.trace import RecordedBuild, TracedStep
from compiler.render.build_steps import Step
from compiler.reports.layers.layers import Cost, Layers, Recorded, Timed


MOST = 10
"""The number of most expensive steps that are reported."""
_STEP = re.compile(r"\[[\w-]+(?P<where>(?: [^\]]*)?) \d+/\d+\] (?P<text>.*)", re.DOTALL)


def match(layers: Layers, build: RecordedBuild) -> Recorded:
    """Return what a build says about layers.

    A step is found by its text, among the steps of its target. Steps of other builds or platforms
    have no cost.
    """
    by_target: defaultdict[str, list[tuple[str, TracedStep]]] = defaultdict(list)
    for traced in build.steps:
        for target, name in traced.names.items():
            match = _STEP.match(name)
            if match is not None and _is_on(match["where"], layers.platform):
                by_target[target].append((_plain(match["text"]), traced))
    costs: dict[str, Cost] = {}
    built: Counter[str] = Counter()
    for name, steps in layers.steps.items():
        for step, traced in _pairs(steps, by_target.get(name, ())):
            cost = Cost(traced.seconds, traced.transferred)
            costs[step.id] = max(cost, costs.get(step.id, cost))
            built[step.id] += 1
    known = [step for step in build.steps if not step.cached]
    return Recorded(
        steps=costs,
        targets={
            name: _total(costs[step.id] for step in steps if step.id in costs)
            for name, steps in layers.steps.items()
        },
        cores=build.cores,
        seconds=max((step.completed for step in build.steps), default=0.0),
        executed=sum(step.seconds for step in known),
        saved=sum(cost.seconds * (built[name] - 1) for name, cost in costs.items()),
        critical_path=tuple(map(_timed, _longest_chain(build.steps))),
        expensive=tuple(
            _timed(step) for step in sorted(known, key=lambda step: -step.seconds)[:MOST]
        ),
    )


def _is_on(where: str, platform: str) -> bool:
    """Return whether a step is one of a platform; BuildKit names it only if there are several."""
    platforms = [word for word in where.split() if "/" in word]
    if not platforms:
        return True
    builder, arrow, architecture = platforms[0].partition("->")  # linux/amd64->arm64
    return architecture in platform.split("/") if arrow else builder == platform


def _plain(text: str) -> str:
    return " ".join(text.split())


def _pairs(
    steps: Sequence[Step], traced: Sequence[tuple[str, TracedStep]]
) -> Iterator[tuple[Step, TracedStep]]:
    """Yield each step with the one of the build: of the same text, or else the next of its kind.

    BuildKit replaces the variables in the text of a `COPY`.
    """
    free = list(traced)
    unknown: list[Step] = []
    for step in steps:
        text = _plain(step.instruction)
        number = next((n for n, (other, _) in enumerate(free) if other == text), None)
        if number is None:
            unknown.append(step)
        else:
            yield step, free.pop(number)[1]
    for step in unknown:
        keyword = step.instruction.split(maxsplit=1)[0].upper()
        number = next((n for n, (other, _) in enumerate(free) if _is(other, keyword)), None)
        if number is not None:
            yield step, free.pop(number)[1]


def _is(text: str, keyword: str) -> bool:
    return text.partition(" ")[0].upper() == keyword


def _total(costs: Iterator[Cost]) -> Cost:
    seconds, transferred = 0.0, 0
    for cost in costs:
        seconds, transferred = seconds + cost.seconds, transferred + cost.transferred
    return Cost(seconds, transferred)


def _longest_chain(steps: Sequence[TracedStep]) -> list[TracedStep]:
    """Return the chain of steps, each an input of the next, that takes most seconds."""
    best: dict[int, float] = {}
    before: dict[int, int | None] = {}
    pending = list(range(len(steps)))
    active: set[int] = set()
    while pending:
        number = pending[-1]
        if number in best:
            pending.pop()
            continue
        open_ = [n for n in steps[number].inputs if n not in best and n not in active]
        if open_:
            active.add(number)
            pending += open_
            continue
        pending.pop()
        active.discard(number)
        inputs = [n for n in steps[number].inputs if n in best]
        previous = max(inputs, key=best.__getitem__, default=None)
        before[number] = previous
        best[number] = steps[number].seconds + (best[previous] if previous is not None else 0.0)
    chain: list[TracedStep] = []
    at = max(best, key=best.__getitem__, default=None)
    while at is not None:
        chain.append(steps[at])
        at = before[at]
    return [step for step in reversed(chain) if step.seconds > 0]


def _timed(step: TracedStep) -> Timed:
    name = next(iter(step.names.values()), "another step")
    return Timed(_plain(name), Cost(step.seconds, step.transferred), max(1, len(step.names)))
