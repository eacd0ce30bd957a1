"""Name the steps that building a Dockerfile executes; equal names are shared steps."""

import json
from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType

from compiler.external.references import lookup_name
from compiler.render.canonical import declared_arguments, instruction_inputs
from compiler.render.dockerfile import DockerfileError, Instruction, ParsedDockerfile, read
from compiler.render.instruction_reads import sources
from compiler.render.stages import possible_numbers


_EXECUTED = frozenset({"RUN", "COPY", "ADD"})
_METADATA = frozenset({"CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER"})
_METADATA |= {"ONBUILD", "STOPSIGNAL", "VOLUME"}
"""Instructions that no later step depends on."""


def steps(
    text: str,
    *,
    context: str = ".",
    stage: str = "",
    arguments: Mapping[str, str] = MappingProxyType({}),
    contexts: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    """Return a name for each step, in order; two builds share a step exactly if its name is equal.

    The name of a step depends on its base, on the instructions before it, on the arguments that
    these declare, and on the contexts and stages that it reads. A `COPY --link` depends only on
    what it reads, without `--chmod`. A text that cannot be parsed is one step.

    Args:
        text: the Dockerfile.
        context: the build context.
        stage: the stage that is built; empty for the last.
        arguments: the build arguments, with anything that stands for their values.
        contexts: the named contexts.
    """
    try:
        parsed = read(text)
    except DockerfileError:
        parsed = None
    if parsed is None or parsed.foreign:
        return (_name(text, context, stage, [*arguments.items()], [*contexts.items()]),)
    naming = _Naming(parsed, context, arguments, contexts)
    for number in possible_numbers(parsed.stages, stage, parsed.escape):
        naming.walk(number)
    return tuple(naming.executed)


class _Naming:
    """Names the steps of one Dockerfile, stage by stage."""

    def __init__(
        self,
        parsed: ParsedDockerfile,
        context: str,
        arguments: Mapping[str, str],
        contexts: Mapping[str, str],
    ) -> None:
        self._parsed, self._context, self._arguments = parsed, context, arguments
        self._replaced = {lookup_name(name): value for name, value in contexts.items()}
        self._states: dict[str, str] = {}
        self.executed: dict[str, None] = {}

    def walk(self, number: int) -> None:
        """Name the steps of a stage, whose bases were walked before."""
        stage = self._parsed.stages[number]
        if stage.name and lookup_name(stage.name) in self._replaced:
            return
        state = _name(self._state(stage.base.text), stage.platform)
        if "$" in stage.base.text + stage.platform:
            state = _name(state, sorted(self._arguments.items()))
        for step in stage.instructions:
            if step.keyword not in _METADATA:
                state = self._step(step, state)
        self._states[str(number)] = state
        if stage.name:
            self._states[stage.name] = state

    def _step(self, step: Instruction, state: str) -> str:
        """Return the state after an instruction."""
        inputs = [
            self._state(source.name) if source.name else f"context {self._context}"
            for source in sources(step, self._parsed.escape)
        ]
        values = [self._arguments.get(name, "") for name in declared_arguments(step)]
        name = _name("" if _is_linked(step) else state, instruction_inputs(step), inputs, values)
        if step.keyword in _EXECUTED:
            self.executed[name] = None
        return _name(state, name)

    def _state(self, name: str) -> str:
        """Return the state of a stage, or what stands for a named context or an image."""
        plain = lookup_name(name)
        return self._replaced.get(plain) or self._states.get(name.lower(), plain)


def _is_linked(step: Instruction) -> bool:
    """Return whether a layer depends on nothing below it; `--chmod` turns `--link` off."""
    return (
        step.keyword in {"COPY", "ADD"}
        and ("--link" in step.flags or "--link=true" in step.flags)
        and not any(flag.startswith("--chmod=") for flag in step.flags)
    )


def _name(*inputs: object) -> str:
    return sha256(json.dumps(inputs).encode()).hexdigest()[:16]
