"""Stages of shards -> a job matrix for GitHub or a child pipeline for GitLab."""

import json
from collections.abc import Iterator, Sequence

from compiler.reports.ci.shards import Shard


HOOK = ".compile-matrix"
"""The hidden job in an included file that GitLab's jobs extend."""


def github(stages: Sequence[Sequence[Shard]]) -> str:
    """Return `{"stages": [{"include": [...]}, ...], "shards": N}`, one line.

    Each entry has `name`, `stage`, `shard`, `steps`, `targets`, and `selection`: the content of a
    file for `--selection`.
    """
    stages_json = [
        {
            "include": [
                {
                    "name": _title(stage, n, len(shards), len(stages)),
                    "stage": stage,
                    "shard": n,
                    "steps": shard.steps,
                    "targets": shard.targets,
                    "selection": _selection(shard),
                }
                for n, shard in enumerate(shards, 1)
            ]
        }
        for stage, shards in enumerate(stages, 1)
    ]
    return json.dumps({"stages": stages_json, "shards": sum(map(len, stages))}) + "\n"


def gitlab(stages: Sequence[Sequence[Shard]], include: str = "") -> str:
    """Return a child pipeline with one job for each shard.

    The variable SELECTION of a job contains its selection. The job builds and tests these targets
    without pushing, because a merge request must not create version tags. If a project file is
    included, its hidden job `.compile-matrix` defines the commands instead. A pipeline without
    targets has one job that does nothing, because GitLab requires a job.
    """
    return "".join(f"{line}\n" for line in _pipeline(stages, include))


def _pipeline(stages: Sequence[Sequence[Shard]], include: str) -> Iterator[str]:
    if include:
        yield f"include: {{local: {json.dumps(include)}}}"
    names = [f"stage-{n}" for n in range(1, len(stages) + 1)]
    yield f"stages: {json.dumps(names or ['stage-1'])}"
    if not stages:
        yield from ("nothing changed:", "  stage: stage-1", '  script: ["true"]')
    for stage, shards in enumerate(stages, 1):
        for n, shard in enumerate(shards, 1):
            yield f"{json.dumps(_title(stage, n, len(shards), len(stages)))}:"
            yield f"  stage: stage-{stage}"
            yield f"  variables: {{SELECTION: {json.dumps(_selection(shard))}}}"
            if include:
                yield f"  extends: {HOOK}"
            else:
                yield "  script:"
                yield "    - compile-matrix"
                yield "    - printf '%s' \"$SELECTION\" > selection.json"
                yield "    - compile-matrix build --selection selection.json --test"


def _title(stage: int, shard: int, shards: int, stages: int) -> str:
    before = f"stage {stage}, " if stages > 1 else ""
    return f"{before}shard {shard} of {shards}"


def _selection(shard: Shard) -> str:
    return json.dumps({"version": 1, "targets": shard.targets})
