"""Check the `ONBUILD` instructions that a build runs: those of its parents, and of its stages.

They run directly after `FROM`, in the context of the child, so the parent alone cannot be checked.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from compiler.external.references import context_name, lookup_name
from compiler.render.context_sources import context_sources
from compiler.render.dockerfile import DockerfileError, Instruction, ParsedDockerfile, Stage, read
from compiler.render.dockerfile_rules import Finding
from compiler.render.instruction_checks import Checked, problems
from compiler.render.mounted_ids import missing, mounts, provided
from compiler.render.render import Dockerfile
from compiler.render.shapes import Printed, Shape
from compiler.render.source_checks import SourceChecks
from compiler.render.stage_names import StageNames
from compiler.render.stage_order import certain_links
from compiler.render.structures import invalid
from compiler.targets.graph import closure
from compiler.targets.target import Target


_KEYWORD = "onbuild"


class InheritedTriggers:
    """Checks what the `ONBUILD` instructions of one plan do in the builds that run them."""

    def __init__(
        self,
        dockerfiles: Iterable[Dockerfile],
        sources: SourceChecks,
        variables: Mapping[str, str],
    ) -> None:
        """Take what the triggers depend on.

        Args:
            dockerfiles: all Dockerfiles of the plan with their targets.
            sources: the checks of what they read.
            variables: bake variable -> its default.
        """
        self._dockerfiles = {dockerfile.target.name: dockerfile for dockerfile in dockerfiles}
        self._sources, self._variables = sources, variables
        self._triggers: dict[str, tuple[str, ...]] = {}

    def findings(self, target: Target, text: str, frontend: str = "") -> tuple[Finding, ...]:
        """Return what is wrong with the instructions that a target's build runs after `FROM`.

        Each finding is located at that `FROM`.

        Args:
            target: the target.
            text: its Dockerfile.
            frontend: the frontend that its build arguments name; empty if the text decides.
        """
        if not target.links and _KEYWORD not in text.lower():
            return ()
        inherited = {
            context_name(name): lines
            for name, parent in target.links.items()
            if (lines := self._of(parent))
        }
        if not inherited and _KEYWORD not in text.lower():
            return ()
        try:
            parsed = read(text, frontend)
        except DockerfileError:
            return ()  # reported by the checks of the Dockerfile
        if parsed.foreign:
            return ()
        from compiler.render.context_reads import complete_stages

        try:
            stages = complete_stages(parsed.stages, (), inherited)
        except DockerfileError as error:
            return (invalid(error),)
        built = _surely_built(target, parsed, inherited)
        findings: list[Finding] = []
        for n, (before, after) in enumerate(zip(parsed.stages, stages, strict=True)):
            findings += self._added(target, parsed, before, after)
            if n in built:
                findings += _rejected(target, parsed, before, after)
        return tuple(findings)

    def _of(self, name: str) -> tuple[str, ...]:
        """Return the instructions that the image of a target triggers in its children."""
        dockerfile = self._dockerfiles.get(name)
        if dockerfile is None or _KEYWORD not in dockerfile.text.lower():
            return ()
        if name not in self._triggers:
            from compiler.render.build_inputs import build_inputs

            fields = dockerfile.target.fields
            inputs = build_inputs(dockerfile.text, fields, variables=self._variables)
            self._triggers[name] = inputs.reads().triggers
        return self._triggers[name]

    def _added(
        self, target: Target, parsed: ParsedDockerfile, before: Stage, after: Stage
    ) -> Iterator[Finding]:
        """Yield the findings in the instructions that a stage runs in addition to its own."""
        added = _added_instructions(before, after)
        if not added:
            return
        alone = parsed._replace(stages=(before._replace(instructions=added),), instructions=added)
        base = before.base
        plain = Printed(Shape(""))
        sources = [
            source._replace(instruction=f"ONBUILD {source.instruction} of {base.text}")
            for source in context_sources(alone)
            if source.instruction != "FROM"
        ]
        for finding in self._sources.findings(target, sources, plain):
            yield finding._replace(line=base.line, word=base.text)
        for mount in mounts(alone):
            ids = provided(target, mount.kind)
            if ids is not None and mount.id not in ids and "$" not in mount.id:
                yield missing(mount, mount.id, ids)._replace(line=base.line, word=base.text)


def _added_instructions(before: Stage, after: Stage) -> tuple[Instruction, ...]:
    """Return the instructions that a stage runs in addition to its own."""
    return after.instructions[: len(after.instructions) - len(before.instructions)]


def _surely_built(
    target: Target, parsed: ParsedDockerfile, inherited: Collection[str]
) -> frozenset[int]:
    """Return the stages that a target builds, by number, without those that start from a context.

    The triggers of a context are only known if it is another target.
    """
    contexts: Mapping[str, str] = target.fields.get("contexts", {})  # type: ignore[assignment]
    named = {*map(context_name, contexts)}
    stages = StageNames([stage.name for stage in parsed.stages], named)
    wanted = str(target.fields.get("target", "")).lower()
    last = [n for n, name in enumerate(stages.names) if not wanted or name == wanted][-1:]
    links = {n: to for n, to in certain_links(parsed).items() if n not in stages.replaced}
    unknown = {
        n
        for n, stage in enumerate(parsed.stages)
        if lookup_name(stage.base.text) in named.difference(inherited)
    }
    return closure(last, links) - stages.replaced - unknown


def _rejected(
    target: Target, parsed: ParsedDockerfile, before: Stage, after: Stage
) -> Iterator[Finding]:
    """Yield the errors in the inherited instructions of a stage that is built."""
    args: Mapping[str, str] = target.fields.get("args", {})  # type: ignore[assignment]
    base = before.base
    for instruction in _added_instructions(before, after):
        checked = Checked(instruction, parsed.escape, bool(parsed.frontend))
        for problem in problems(checked):
            if problem.argument not in args:
                reason = f"{problem.reason}, in an ONBUILD of {base.text}"
                yield Finding(problem.code, reason, problem.help, base.line, base.text)
