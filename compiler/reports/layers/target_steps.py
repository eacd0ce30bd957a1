"""Determine the steps that building each target executes on one platform."""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from compiler.errors import CompileError, Location
from compiler.fingerprint.context_files import UnreadableError
from compiler.lock.mirror import resolved_mirror, without_mirror
from compiler.output.artifact import Compilation
from compiler.output.bake_fields import Fields
from compiler.output.bake_resolved import ResolvedPlan
from compiler.output.emit import header_lines
from compiler.render.build_contexts import BuildContexts
from compiler.render.build_steps import (
    Build,
    ImageState,
    KnownStates,
    final_state,
    name_of,
    opaque_state,
)
from compiler.render.canonical import EPOCH
from compiler.render.dockerfile import DockerfileError, Instruction, ParsedDockerfile
from compiler.render.frontends import frontend_argument
from compiler.render.instruction_reads import Source, sources
from compiler.render.shared_parses import SharedParses
from compiler.reports.layers.context_contents import ContextContents
from compiler.source.project_files import Files
from compiler.targets.graph import closure, ordered
from compiler.targets.links import linked_target
from compiler.targets.target import Target


_EXECUTION = ("network", "shm-size", "ulimits")
"""Fields on which a `RUN` depends."""


class TargetSteps:
    """The steps of the targets of one plan; each is computed when it is first needed."""

    def __init__(
        self,
        compiled: Compilation,
        resolved: ResolvedPlan,
        platform: str,
        folder: str | os.PathLike[str],
        *,
        shown: str = "",
    ) -> None:
        """Take a compiled project.

        Args:
            compiled: the project.
            resolved: its plan for the environment of bake.
            platform: the platform that is built for.
            folder: the project's folder.
            shown: how diagnostics name that folder, in front of each path.
        """
        self._compiled, self._resolved, self._platform = compiled, resolved, platform
        self._targets = {target.name: target for target in compiled.plan.targets}
        self._shown = shown
        self._contents = ContextContents(folder)
        self._ignored = BuildContexts(Files(Path(folder), shown), compiled.plan.matrix.output)
        self._parses = SharedParses()
        self._parsed: dict[str, ParsedDockerfile | None] = {}
        self._known: dict[tuple[object, ...], KnownStates] = {}
        """What steps depend on besides a Dockerfile and its arguments -> known states."""
        self._computed: dict[str, tuple[tuple[ImageState, ...], ImageState]] = {}
        """Target -> the states of what it links to, and its state without a change."""

    def text(self, name: str) -> str:
        """Return the text of a target's Dockerfile, without the lines above it."""
        return self._compiled.dockerfiles[name]

    def parsed(self, name: str) -> ParsedDockerfile | None:
        """Return the Dockerfile of a target; None if another frontend reads it."""
        if name not in self._parsed:
            text = self.text(name)
            shapes = self._compiled.shapes.get(self._targets[name].template)
            printed = None if shapes is None else shapes.get(text)
            try:
                self._parsed[name] = self._parses.parse(text, printed, self._frontend(name))
            except DockerfileError:
                self._parsed[name] = None
        return self._parsed[name]

    def _frontend(self, name: str) -> str:
        """Return the frontend that the build arguments of a target name, or empty."""
        mirror = resolved_mirror(self._compiled.plan.matrix, self._resolved.variables)
        fields = without_mirror(self._resolved.fields[name], mirror)
        return frontend_argument(fields.get("args", {}))

    def states(
        self,
        names: Iterable[str],
        changed: Callable[[str, ParsedDockerfile], ParsedDockerfile] | None = None,
    ) -> dict[str, ImageState]:
        """Return the state of each target, with its steps; those of its parents come first.

        Args:
            names: the targets.
            changed: returns the Dockerfile of a target with a change whose effect is examined.

        Raises:
            CompileError: a file of a context cannot be read.
        """
        names = list(names)
        links = {name: tuple(linked.values()) for name, linked in self._links.items()}
        states: dict[str, ImageState] = {}
        try:
            for name in ordered(closure(names, links), links):
                states[name] = self._state(name, states, changed)
        except UnreadableError as error:
            location = Location(path=f"{self._shown}{error.path}", line=0)
            raise CompileError([error.at(location)]) from None
        return {name: states[name] for name in names}

    def file_texts(self, name: str, instructions: Iterable[Instruction]) -> tuple[str, ...] | None:
        """Return the text of the files of build contexts that some instructions read.

        Args:
            name: the target.
            instructions: some instructions of its Dockerfile.

        Returns:
            The texts; None if they are too large to be examined, or not in a known folder.
        """
        target, parsed = self._targets[name], self.parsed(name)
        escape = "" if parsed is None else parsed.escape
        read = frozenset(source for step in instructions for source in sources(step, escape))
        main = str(self._resolved.fields[name].get("context", "."))
        return self._contents.texts(main, self._own_ignored(target), self._named(name), read)

    def _own_ignored(self, target: Target) -> str | None:
        """Return the path of a target's Dockerfile if it has an ignore file of its own."""
        return target.dockerfile if self._ignored.own_ignore_file(target) else None

    def _named(self, name: str) -> Mapping[str, str]:
        return self._resolved.fields[name].get("contexts", {})  # type: ignore[return-value]

    @cached_property
    def _links(self) -> Mapping[str, Mapping[str, str]]:
        """Each target -> its named contexts that are targets."""
        return {
            name: {
                key: other
                for key, text in self._named(name).items()
                if (other := linked_target(text)) is not None and other in self._targets
            }
            for name in self._targets
        }

    def _state(
        self,
        name: str,
        known_states: Mapping[str, ImageState],
        changed: Callable[[str, ParsedDockerfile], ParsedDockerfile] | None,
    ) -> ImageState:
        linked = {key: known_states[other] for key, other in self._links[name].items()}
        below = tuple(map(id, linked.values()))
        parsed = original = self.parsed(name)
        if changed is not None and original is not None:
            parsed = changed(name, original)
        if parsed is original and name in self._computed:
            states, state = self._computed[name]
            if tuple(map(id, states)) == below:
                return state
        build, known = self._build(name, linked)
        text = self.text(name)
        if parsed is None:
            state = opaque_state(text, build)
        else:
            state = final_state(parsed, text, build, known)
        if parsed is original:
            self._computed[name] = (tuple(linked.values()), state)
        return state

    def _build(self, name: str, linked: Mapping[str, ImageState]) -> tuple[Build, KnownStates]:
        """Return what a target is built with, and the states that are known for equal builds."""
        fields, target = self._resolved.fields[name], self._targets[name]
        main, named = str(fields.get("context", ".")), self._named(name)
        uncached: Any = fields.get("no-cache-filter", ())
        arguments: Any = fields.get("args", {})
        own_ignored = self._own_ignored(target)

        def contents(context: str, source: Source) -> str:
            if context:
                return self._contents.identity(context, None, source)
            return self._contents.identity(main, own_ignored, source)

        build = Build(
            contents=contents,
            header=header_lines(target, self.text(name)),
            stage=str(fields.get("target", "")),
            platform=self._platform,
            arguments={key: value for key, value in arguments.items() if value is not None},
            contexts={**named, **linked},
            execution=_execution(fields),
            uncached=None if fields.get("no-cache") == "true" else tuple(uncached),
        )
        key = (
            *(own_ignored, main, build.header, build.stage),
            *(build.execution, build.uncached, build.arguments.get(EPOCH), tuple(named.items())),
            tuple((key, id(state)) for key, state in linked.items()),
        )
        return build, self._known.setdefault(key, {})


def _execution(fields: Fields) -> str:
    """Return what stands for the fields on which a `RUN` depends."""
    values: list[object] = [fields.get(name) for name in _EXECUTION]
    hosts: Any = fields.get("extra-hosts", {})
    return name_of(values, sorted(hosts))
