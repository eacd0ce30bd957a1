"""Artifacts to write in tests, and what the disk has afterwards."""

from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.constants import MARKER
from compiler.errors import CompileError, Location
from compiler.output.artifact import Artifact
from compiler.output.diff import Change
from compiler.output.manifest import PLAN_LINE, manifest


HEAD = f"# {MARKER} from matrix.yaml; do not edit.\n"


def artifacts(output: str = "dockerfiles", /, **targets: str) -> list[Artifact]:
    """Return the artifacts of a plan: target -> the text of its Dockerfile below the header."""
    prefix = f"{output}/" if output else ""
    paths = {name: f"{prefix}{name}.Dockerfile" for name in targets}
    uses = "".join(f'  dockerfile = "{path}"\n' for path in paths.values())
    bake = f"{HEAD}{PLAN_LINE}{prefix}matrix.json\n{uses}"
    plan = manifest(
        source="matrix.yaml",
        targets=[{"target": name, "dockerfile": path} for name, path in paths.items()],
        groups={},
    )
    return [
        *(Artifact(paths[name], f"{HEAD}{text}".encode()) for name, text in targets.items()),
        Artifact("docker-bake.hcl", bake.encode()),
        Artifact(f"{prefix}matrix.json", plan),
    ]


def project(*targets: str, output: str = "dockerfiles", text: str = "FROM a\n") -> list[Artifact]:
    """Return the artifacts of a plan whose Dockerfiles all have the same text."""
    return artifacts(output, **dict.fromkeys(targets, text))


def files(root: Path) -> dict[str, bytes]:
    """Return every file's bytes."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def brief(changes: tuple[Change, ...]) -> list[tuple[str, str]]:
    """Return the kind and path of each change."""
    return [(change.kind.value, change.path) for change in changes]


def refused(call: Callable[[], object]) -> list[tuple[str, str]]:
    """Return the code and path of each diagnostic that a call raises; each has a remedy."""
    with pytest.raises(CompileError) as caught:
        call()

    refusals = []
    for problem in caught.value.diagnostics:
        assert isinstance(problem.location, Location)
        assert problem.help
        assert problem.location.line == 0
        refusals.append((problem.code.value, problem.location.path))
    return refusals
