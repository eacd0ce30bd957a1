"""The steps that `layers` predicts are those that BuildKit executes, cold and after a change."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest
from engine.steps import executed
from support import command
from support.engine import Engine

from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix
from compiler.render.build_steps import Step
from compiler.reports.layers.target_steps import TargetSteps
from compiler.targets.filters import local_platform


pytestmark = pytest.mark.engine

SEED = int(os.environ.get("LAYERS_SEED", "12"))
TARGETS = 24
FILES = {"a.txt": "a", "b.txt": "b", "sub/c.txt": "c", "sub/d.txt": "d", "idle.txt": "idle"}
CONTEXTS = ("main", "other")
NEW = "head -c 12 /dev/urandom"
"""Writes other bytes in each step, as different steps usually do."""
INSTRUCTIONS = (
    f"RUN {NEW} > /r1",
    f"RUN {NEW} > /r2 # $V",
    f"RUN --mount=type=bind,source=sub,target=/m {NEW} > /r3",
    f"RUN --mount=type=bind,from=extra,target=/m {NEW} > /r4",
    f"RUN --mount=type=cache,target=/cache {NEW} > /r5",
    f'RUN ["/bin/sh", "-c", "{NEW} > /r6"]',
    "COPY a.txt /c1/",
    "COPY ./a.txt /c1/",
    "COPY sub /c2/",
    "COPY --link sub /c2/",
    "COPY --link --chmod=644 b.txt /c3/",
    "COPY --chown=1:1 *.txt /c4/",
    "COPY $F ./c5",
    "COPY --from=extra a.txt /c6/",
    "COPY --link --from=first /first /c7/",
    "COPY <<E /c8\n$V\nE",
    "COPY <<'E' /c8\n$V\nE",
    "ADD b.txt /c3/",
    "ARG V=1",
    "ARG V=2",
    "ENV V=1",
    "ENV W=$V",
    "ENV F=a.txt",
    "ENV F=b.txt",
    "ENV PATH=/opt/bin:$PATH",
    "WORKDIR /w",
    "WORKDIR sub",
    "USER 1:1\nUSER 0:0",
    "LABEL a=b",
    "CMD true",
    'SHELL ["/bin/sh", "-e", "-c"]',
)


def write(folder: Path) -> None:
    """Write a project of random Dockerfiles, some of which are the base image of another target."""
    random = Random(SEED)  # noqa: S311 - reproducible
    for n in range(TARGETS):
        base = random.choice(("3.11", "3.13"))
        lines = [
            f"FROM python:{random.choice(('3.11', '3.13'))}-slim-bookworm AS first",
            f"COPY a.txt /first/\nRUN {NEW} > /first/r",
            f"FROM python:{base}-slim-bookworm",
            *random.sample(INSTRUCTIONS, k=4),
            "COPY . /all/",
        ]
        (folder / f"{n}.Dockerfile").write_text("\n".join(lines) + "\n")
    templates = folder / "templates"
    templates.mkdir()
    (templates / "child.j2").write_text("FROM {{ parent }}\nCOPY idle.txt ./\nENV X=1\nRUN true\n")
    (folder / "matrix.yaml").write_text(
        f"axes: {{n: [{', '.join(map(str, range(TARGETS)))}], context: [main, other]}}\n"
        "defaults: {network: none, contexts: {extra: extra}, args: {V: '{{ n }}'}}\n"
        "images:\n"
        "  app:\n"
        "    only: [{n: '!1*', context: main}, {n: '1*', context: other}]\n"
        "    dockerfile: '{{ n }}.Dockerfile'\n"
        "    context: '{{ context }}'\n"
        "    args: {V: '{% if n == \"3\" %}7{% endif %}'}\n"
        "  child:\n"
        "    from: app\n"
        "    template: child.j2\n"
        "    context: main\n"
        "    only: [{n: [2, 3, 4], context: main}]\n"
    )
    for context in (*CONTEXTS, "extra"):
        for name, content in FILES.items():
            path = folder / context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content} {context}")


def predicted(folder: Path) -> dict[str, Step]:
    """Compile the project and return its distinct steps."""
    compiled = compile_matrix(folder / "matrix.yaml")
    for artifact in compiled.artifacts:
        path = folder / artifact.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(artifact.content)
    known = TargetSteps(compiled, ResolvedPlan(compiled.plan, {}), local_platform(), folder)
    states = known.states([target.name for target in compiled.plan.targets])
    return {name: step for state in states.values() for name, step in state.steps.items()}


def bake(engine: Engine, folder: Path) -> list[str]:
    """Bake all targets at once, and return the steps that were executed."""
    output = ("--progress=rawjson", "--set=*.output=type=cacheonly", "--provenance=false")
    return executed(engine.docker("buildx", "bake", *output, cwd=folder).stderr)


def test_predicted_steps_are_executed(engine: Engine, tmp_path: Path) -> None:
    """Cold, each distinct step is executed once; after a change, only the steps that are new."""
    write(tmp_path)
    cold = predicted(tmp_path)
    engine.docker("buildx", "prune", "--all", "--force")
    ran = bake(engine, tmp_path)

    assert _counts(cold.values()) == _counts(ran), _texts(cold.values(), ran)
    for name in ("main/a.txt", "extra/a.txt", "main/idle.txt", "other/sub/d.txt"):
        (tmp_path / name).write_text(f"changed {name}")
        warm = predicted(tmp_path)
        new = [step for key, step in warm.items() if key not in cold]
        ran = bake(engine, tmp_path)

        assert _counts(new) == _counts(ran), f"{name}\n{_texts(new, ran)}"
        cold |= warm


def _texts(steps: Iterable[Step], ran: Iterable[str]) -> str:
    predicted = sorted(step.instruction for step in steps)
    return "\n".join(["predicted:", *predicted, "executed:", *sorted(ran, key=_text)])


def _text(name: str) -> str:
    """Return the instruction of a step that BuildKit executed."""
    return name.partition("] ")[2]


def _counts(steps: Iterable[Step | str]) -> Counter[str]:
    """Count the keywords of steps; BuildKit shows the instructions with variables replaced."""
    texts = [_text(step) if isinstance(step, str) else step.instruction for step in steps]
    return Counter(text.split()[0] for text in texts)


RECORDED = {
    "matrix.yaml": "axes: {n: [1, 2, 3]}\n"
    "images: {app: {template: t.j2, output: [type=cacheonly]}}\n",
    "templates/t.j2": f"FROM python:3.11-slim-bookworm\nRUN {NEW} > /took && sleep 2\n"
    "COPY f /f\nRUN echo {{ n }} && sleep 1\n",
    "f": "f",
}


def test_what_a_recorded_build_took(engine: Engine, tmp_path: Path) -> None:
    """`build` keeps BuildKit's trace; `layers --recorded` finds every step in it."""
    for name, content in RECORDED.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    env = dict(engine.env)
    command.call(tmp_path, env=env)
    command.call(tmp_path, "build", env=env)
    printed = command.call(tmp_path, "layers", "--recorded", "--format=json", env=env).stdout
    document = json.loads(printed)
    recorded = document["recorded"]

    for target in document["targets"]:
        first, copied, last = (step["seconds"] for step in target["steps"])
        assert first >= 2
        assert 0 <= copied < 2
        assert last >= 1
        assert target["seconds"] >= 3
    assert recorded["saved"] >= 4
    assert recorded["lower_bound"] >= 3
    assert recorded["seconds"] >= recorded["lower_bound"] * 0.99
    assert sum(step["seconds"] for step in recorded["critical_path"]) >= 3
    assert 3 <= len(recorded["expensive"]) <= 10
