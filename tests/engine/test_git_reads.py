"""BuildKit reads the folder `.git` of a context where the unit tests say."""

import shutil
from pathlib import Path

from support.engine import Engine
from support.git_reads import CONTENT, IGNORED, KEPT, NOT_IGNORED, READ, write_context


def test_buildkit_reads_git_where_the_unit_tests_say(engine: Engine, tmp_path: Path) -> None:
    """Each instruction is a stage; the last one shows what all of them copied."""
    context = tmp_path / "context"
    context.mkdir()
    write_context(context)
    instructions = (*READ, *KEPT)
    stages = [f"FROM scratch AS s{n}\n{text}\n" for n, text in enumerate(instructions)]
    copies = [f"COPY --from=s{n} / /{n}/\n" for n in range(len(instructions))]
    dockerfile = "".join([*stages, "FROM scratch\n", *copies])

    assert _with_git(engine, context, dockerfile) == {str(n) for n in range(len(READ))}

    for number, ignored in enumerate((*IGNORED, *NOT_IGNORED)):
        (context / ".dockerignore").write_text(ignored)
        found = _with_git(engine, context, "FROM scratch\nCOPY . /x\n")
        assert bool(found) is (number >= len(IGNORED)), ignored


def _with_git(engine: Engine, context: Path, dockerfile: str) -> set[str]:
    """Build an image, and return its top folders with a file of `.git`."""
    (context.parent / "Dockerfile").write_text(dockerfile)
    out = context.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    engine.docker(
        *("buildx", "build", f"--output=type=local,dest={out}", "--file=Dockerfile", "context"),
        cwd=context.parent,
    )
    return {
        path.relative_to(out).parts[0]
        for path in out.rglob("*")
        if path.is_file() and not path.is_symlink() and path.read_text() == CONTENT
    }
