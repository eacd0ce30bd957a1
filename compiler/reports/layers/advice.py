"""Advise changes of templates after which fewer steps are distinct.

Each change keeps what the images contain, as far as `safe_changes` can decide, and is tried: its
steps are counted before it is advised. Changes are independent of each other.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from compiler.render.build_steps import EXECUTED, Step
from compiler.render.dockerfile import Instruction, ParsedDockerfile
from compiler.render.templates import Templates
from compiler.reports.layers.instruction_uses import (
    Use,
    can_link,
    can_precede,
    with_first,
    with_instructions,
)
from compiler.reports.layers.layers import Advice, distinct
from compiler.reports.layers.safe_changes import may_follow, set_names
from compiler.reports.layers.target_steps import TargetSteps
from compiler.reports.layers.template_places import Place, Places
from compiler.reports.text import counted
from compiler.targets.target import Target


_PLACED = EXECUTED | {"ENV", "ARG"}
"""The instructions whose places matter."""


class Adviser:
    """Looks for changes that save steps of some targets."""

    def __init__(
        self,
        known: TargetSteps,
        targets: Sequence[Target],
        steps: Mapping[str, tuple[Step, ...]],
        templates: Templates,
    ) -> None:
        """Take the targets, their steps, and the templates of their Dockerfiles."""
        self._known, self._targets, self._templates = known, targets, templates
        self._places = Places(templates)
        self._before = distinct(steps)
        self._ids: defaultdict[str, set[str]] = defaultdict(set)
        for sequence in steps.values():
            for step in sequence:
                self._ids[step.instruction].add(step.id)
        self._changed: dict[tuple[int, str], Instruction] = {}

    def advise(self) -> tuple[Advice, ...]:
        """Return the changes, those that save most first."""
        places = self._uses()
        hints = [*self._moves(places), *self._links(places), *self._parents(places)]
        return tuple(sorted(hints, key=lambda hint: (-hint.saves, hint.path, hint.line, hint.code)))

    def _uses(self) -> dict[Place, list[Use]]:
        """Return the instructions at each place; each Dockerfile has at most one of them there."""
        places: defaultdict[Place, list[Use]] = defaultdict(list)
        repeated: set[Place] = set()
        for target in self._targets:
            parsed = self._known.parsed(target.name)
            if parsed is None:
                continue
            own: set[Place] = set()
            lines = self._lines(target)
            for number, stage in enumerate(parsed.stages):
                for index, step in enumerate(stage.instructions):
                    place = self._place(target, step, lines)
                    if place is not None:
                        repeated.update({place} & own)
                        own.add(place)
                        places[place].append(Use(target, parsed, number, index))
        return {place: uses for place, uses in places.items() if place not in repeated}

    def _lines(self, target: Target) -> list[str]:
        return self._known.text(target.name).split("\n")

    def _place(self, target: Target, step: Instruction, lines: Sequence[str]) -> Place | None:
        """Return where an instruction is in the template of a Dockerfile with these lines."""
        if step.keyword not in _PLACED:
            return None
        return self._places.of(target.template, lines, step)

    def _moves(self, places: Mapping[Place, Sequence[Use]]) -> Iterator[Advice]:
        """Yield variables that can be set below steps that do not depend on them."""
        for place, uses in places.items():
            if uses[0].step.keyword not in {"ENV", "ARG"}:
                continue
            if any(use.target.links for use in uses):
                continue
            common: dict[Place, int] = {}
            for number, use in enumerate(uses):
                after = dict(self._destinations(place, use))
                common = after if not number else {k: v for k, v in common.items() if k in after}
                if not common:
                    break
            else:
                end = max(common, key=lambda place: place.last)
                moved = {use.target.name: (use, end) for use in uses}
                saves = self._saves(partial(self._moved, moved))
                if saves > 0:
                    yield self._moving(place, end, uses, common[end], saves)

    def _destinations(self, place: Place, use: Use) -> Iterator[tuple[Place, int]]:
        """Yield the steps that a variable can follow, and how many it is then moved below."""
        names, crossed, repeated = set_names(use.step), 0, False
        lines = self._lines(use.target)
        other = [
            step
            for number, stage in enumerate(use.parsed.stages)
            for step in (stage.instructions if number != use.stage else ())
        ]
        for number, step in enumerate(use.instructions[use.number + 1 :], use.number + 2):
            files: tuple[str, ...] | None = ()
            if step.keyword == "RUN":
                read = (*other, *use.instructions[:number])
                files = self._known.file_texts(use.target.name, read)
            if files is None or not may_follow(names, step, files):
                return
            if step.keyword in EXECUTED:
                crossed += 1
                repeated = repeated or len(self._ids[step.text]) > 1
                after = self._place(use.target, step, lines)
                if repeated and after and self._places.is_movable(place, after):
                    yield after, crossed

    def _moved(
        self, moved: Mapping[str, tuple[Use, Place]], name: str, parsed: ParsedDockerfile
    ) -> ParsedDockerfile:
        if name not in moved:
            return parsed
        use, end = moved[name]
        steps = list(use.instructions)
        step = steps.pop(use.number)
        lines = self._lines(use.target)
        at = next(n for n, step in enumerate(steps) if self._place(use.target, step, lines) == end)
        steps.insert(at + 1, step)
        return with_instructions(parsed, use.stage, steps)

    def _moving(
        self, place: Place, end: Place, uses: Sequence[Use], crossed: int, saves: int
    ) -> Advice:
        step = uses[0].step
        what = f"{step.keyword} {set_names(step)[0]}{'=' if step.keyword == 'ENV' else ''}"
        repeated = "the same step" if crossed == 1 else f"the same {crossed:,} steps"
        message = (
            f"{counted(len(uses), 'target')} repeat {repeated} because `{what}` differs above: "
            f"move it below line {end.last}, {counted(saves, 'step')} fewer"
        )
        return self._advice("move-down", message, place, saves)

    def _links(self, places: Mapping[Place, Sequence[Use]]) -> Iterator[Advice]:
        """Yield `COPY` instructions whose layers could be shared over different base images."""
        for place, uses in places.items():
            if not self._is_repeated(uses) or not all(map(can_link, uses)):
                continue
            steps = {id(use.step) for use in uses}
            saves = self._saves(partial(self._linked, steps))
            if saves > 0:
                message = (
                    f"this COPY could use `--link`, so that its layer does not depend on the "
                    f"layers below it: {counted(saves, 'step')} fewer"
                )
                yield self._advice("link-copy", message, place, saves)

    def _linked(self, steps: set[int], _name: str, parsed: ParsedDockerfile) -> ParsedDockerfile:
        for number, stage in enumerate(parsed.stages):
            if any(id(step) in steps for step in stage.instructions):
                changed = [
                    self._with_link(step) if id(step) in steps else step
                    for step in stage.instructions
                ]
                parsed = with_instructions(parsed, number, changed)
        return parsed

    def _with_link(self, step: Instruction) -> Instruction:
        key = (id(step), "--link")
        if key not in self._changed:
            self._changed[key] = step._replace(flags=("--link", *step.flags))
        return self._changed[key]

    def _parents(self, places: Mapping[Place, Sequence[Use]]) -> Iterator[Advice]:
        """Yield layers of several images that a common parent could contain."""
        copies: defaultdict[tuple[str, str, str], list[tuple[Place, Use]]] = defaultdict(list)
        for place, uses in places.items():
            for use in uses if uses[0].step.keyword == "COPY" else ():
                context = str(use.target.fields.get("context", "."))
                contexts = str(use.target.fields.get("contexts", ""))
                copies[use.step.text, context, contexts].append((place, use))
        for (text, _, _), members in copies.items():
            uses = [use for _, use in members]
            images = {use.target.image for use in uses}
            if len(images) < 2 or not self._is_repeated(uses):  # noqa: PLR2004
                continue
            if not all(map(can_precede, uses)):
                continue
            moved = {use.target.name: use for use in uses}
            saves = self._saves(partial(with_first, moved))
            if saves > 0:
                message = (
                    f"`{' '.join(text.split())}` is copied into {counted(len(images), 'image')} "
                    f"and could be in a common parent: {counted(saves, 'step')} fewer"
                )
                yield self._advice("common-parent", message, members[0][0], saves)

    def _is_repeated(self, uses: Sequence[Use]) -> bool:
        """Return whether an instruction is more distinct steps than it has texts."""
        texts = {use.step.text for use in uses}
        return len(set().union(*(self._ids[text] for text in texts))) > len(texts)

    def _saves(self, changed: Callable[[str, ParsedDockerfile], ParsedDockerfile]) -> int:
        """Return how many fewer steps are distinct after a change."""
        states = self._known.states([target.name for target in self._targets], changed)
        return self._before - len({step for state in states.values() for step in state.steps})

    def _advice(self, code: str, message: str, place: Place, saves: int) -> Advice:
        path = self._templates.locate(place.template, place.first).path
        return Advice(code=code, message=message, path=path, line=place.first, saves=saves)
