"""The steps of builds: those in Dockerfiles, and those that BuildKit executed."""

import json
import re
from collections.abc import Iterable

from e2b_dockerfile_utils import DockerfileInstruction, parse_dockerfile_ast


_STEP = re.compile(r"\[.*\d+/\d+\] (?:ONBUILD )?(?:RUN|COPY|ADD) ")


def distinct(builds: Iterable[tuple[str, str]]) -> int:
    """Count the distinct prefixes of instructions that end in RUN, COPY or ADD.

    Takes pairs of a Dockerfile's text and its context. A step is identified by its base, all
    instructions before it, and the context if it reads that; one with `--link` does not depend on
    those instructions, so it is identified only by what it copies, unless `--chmod` turns that off.
    """
    found: set[object] = set()
    for text, context in builds:
        stages: dict[str, object] = {}
        state: object = ()
        name = ""
        for step in parse_dockerfile_ast(text).instructions:
            arguments = [argument.lower() for argument in step.args]
            if step.name.upper() == "FROM":
                state = stages.get(arguments[0], arguments[0])
                if "as" in arguments:
                    stages[arguments[-1]] = state
                    name = arguments[-1]
                else:
                    name = ""
                continue
            read = _read(step, stages, context)
            linked = "--link" in step.flags and not any("--chmod" in flag for flag in step.flags)
            key = (() if linked else state, step.original, read)
            if step.name.upper() in {"RUN", "COPY", "ADD"}:
                found.add(key)
            state = (state, key)
            if name:
                stages[name] = state
    return len(found)


def _read(step: DockerfileInstruction, stages: dict[str, object], context: str) -> object:
    """Return what an instruction reads in addition to its parent layers."""
    if step.name.upper() not in {"RUN", "COPY", "ADD"}:
        return ()
    sources = re.findall(r"\bfrom=([^\s,]+)", " ".join(step.flags))
    read: list[object] = [stages.get(source, source) for source in sources]
    binds = sum("type=bind" in flag for flag in step.flags)
    if (step.name.upper() == "RUN" and binds > len(sources)) or (
        step.name.upper() != "RUN" and not sources
    ):
        read.append(context)
    return tuple(read)


def executed(rawjson: str) -> list[str]:
    """Return the RUN, COPY and ADD steps that BuildKit executed, by `--progress=rawjson`."""
    names: dict[str, str] = {}
    cached: set[str] = set()
    for line in rawjson.splitlines():
        if not line.startswith("{"):
            continue
        for vertex in json.loads(line).get("vertexes") or ():
            if _STEP.match(vertex["name"]) and vertex.get("completed"):
                names[vertex["digest"]] = vertex["name"]
                if vertex.get("cached"):
                    cached.add(vertex["digest"])
    return [name for digest, name in names.items() if digest not in cached]
