"""A Dockerfile -> the steps that building it executes, each known by all that it stands on."""

import json
from hashlib import sha256


_EXECUTED = frozenset({"RUN", "COPY", "ADD"})


def steps(text: str, *around: str) -> tuple[str, ...]:
    """Return a name for each step, in order; two builds share a step exactly if it has one name.

    A step is known by its base, the instructions before it and what is around it: a shared step is
    executed once. Where the text is not understood it is one step.

    Args:
        text: the Dockerfile.
        around: what tells builds of one text apart, such as arguments and the context.
    """
    from e2b_dockerfile_utils import DockerfileSyntaxError, parse_dockerfile_ast

    try:
        instructions = parse_dockerfile_ast(text).instructions
    except (DockerfileSyntaxError, ValueError):
        return (_name(text, *around),)
    found: dict[str, None] = {}
    stages: dict[str, str] = {}
    state, stage = _name(*around), ""
    for step in instructions:
        said = [step.original, *(doc.content for doc in step.heredocs)]
        if step.name == "FROM":
            base = step.args[0].lower() if step.args else ""
            state = stages.get(base, _name(base, *around))
            stage = step.args[-1].lower() if len(step.args) > 1 else ""
        else:
            sources = [name for name in stages if f"from={name}" in step.original.lower()]
            state = _name(state, *said, *(stages[name] for name in sources))
            if step.name in _EXECUTED:
                found[state] = None
        if stage:
            stages[stage] = state
    return tuple(found)


def _name(*parts: str) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()[:16]
