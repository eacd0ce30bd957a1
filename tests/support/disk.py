"""Plans to be written, and what the disk then holds."""

from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.constants import MARKER
from compiler.errors import CompileError
from compiler.output.artifact import Artifact
from compiler.output.manifest import PLAN_LINE, digest, seal
from compiler.output.write import Change


HEAD = f"# {MARKER} from matrix.yaml; do not edit.\n"


def project(*targets: str, output: str = "dockerfiles", text: str = "FROM a\n") -> list[Artifact]:
    """Return the artifacts of a plan."""
    prefix = f"{output}/" if output else ""
    files = {f"{prefix}{name}.Dockerfile": (HEAD + text).encode() for name in targets}
    files["docker-bake.hcl"] = f"{HEAD}{PLAN_LINE}{prefix}matrix.json\n{targets}\n".encode()
    plan = seal(
        source="matrix.yaml",
        compiler="1",
        inputs={"matrix.yaml": digest(b"")},
        outputs={path: digest(content) for path, content in files.items()},
        warnings=[],
        targets=[{"target": name} for name in targets],
        groups={},
    )
    return [*(Artifact(*file) for file in files.items()), Artifact(f"{prefix}matrix.json", plan)]


def files(root: Path) -> dict[str, bytes]:
    """Return every file's bytes."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def brief(changes: tuple[Change, ...]) -> list[tuple[str, str]]:
    """Return what happens to which file."""
    return [(change.kind.value, change.path) for change in changes]


def refused(call: Callable[[], object]) -> list[tuple[str, str]]:
    """Return the codes and places of what is refused; each has a remedy."""
    with pytest.raises(CompileError) as caught:
        call()

    assert all(found.help and found.location.line == 0 for found in caught.value.diagnostics)
    return [(found.code, found.location.path) for found in caught.value.diagnostics]
