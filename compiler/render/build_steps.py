"""Name the steps that building a Dockerfile executes; equal names are shared steps."""

import json
from hashlib import sha256

from compiler.render.dockerfile import DockerfileError, read


_EXECUTED = frozenset({"RUN", "COPY", "ADD"})


def steps(text: str, *around: str) -> tuple[str, ...]:
    """Return a name for each step, in order; two builds share a step exactly if its name is equal.

    The name of a step depends on its base, on the instructions before it and on `around`. A text
    that cannot be parsed is one step.

    Args:
        text: the Dockerfile.
        around: what distinguishes builds of the same text, such as arguments and the context.
    """
    try:
        parsed = read(text)
    except DockerfileError:
        return (_name(text, *around),)
    if not parsed.understood:
        return (_name(text, *around),)
    executed: dict[str, None] = {}
    states: dict[str, str] = {}
    numbered: dict[str, str] = {}
    for number, stage in enumerate(parsed.stages):
        base = stage.base.text.lower()
        state = states.get(base, _name(base, *around))
        for instruction in stage.instructions:
            images = [word.text.lower() for word in instruction.images]
            state = _name(
                state,
                instruction.text,
                *(heredoc.content for heredoc in instruction.heredocs),
                *(source for name in images if (source := states.get(name) or numbered.get(name))),
            )
            if instruction.keyword in _EXECUTED:
                executed[state] = None
        numbered[str(number)] = state
        if stage.name:
            states[stage.name] = state
    return tuple(executed)


def _name(*inputs: str) -> str:
    return sha256(json.dumps(inputs).encode()).hexdigest()[:16]
