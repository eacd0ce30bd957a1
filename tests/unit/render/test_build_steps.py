"""The steps that building a Dockerfile executes."""

from __future__ import annotations

from pathlib import Path

from engine.steps import distinct

from compiler.pipeline import compile_matrix
from compiler.render.build_steps import steps


PROJECT = Path(__file__).parents[3]


def test_the_sample_has_the_steps_of_an_independent_count() -> None:
    """The engine tests compare the same independent count with what BuildKit executes."""
    compiled = compile_matrix(PROJECT / "matrix.yaml")
    builds = [
        (compiled.dockerfiles[target.name], str(target.fields.get("context", ".")))
        for target in compiled.plan.targets
    ]
    named = {step for text, context in builds for step in steps(text, context=context)}

    assert len(named) == distinct(builds)
