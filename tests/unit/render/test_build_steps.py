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


def test_a_linked_copy_with_a_mode_depends_on_its_base() -> None:
    """BuildKit ignores `--link` of a copy with `--chmod`."""
    text = "FROM {}\nCOPY --link {}a /a\n"
    linked, other = (steps(text.format(base, "")) for base in ("debian", "alpine"))
    changed, another = (steps(text.format(base, "--chmod=644 ")) for base in ("debian", "alpine"))

    assert linked == other
    assert changed != another
