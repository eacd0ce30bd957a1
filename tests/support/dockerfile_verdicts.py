"""What compiling says about many Dockerfiles at once."""

import re
from collections.abc import Sequence
from pathlib import Path

from compiler.errors import CompileError, Diagnostic, Location
from compiler.pipeline import compile_matrix


def verdicts(
    folder: Path, texts: Sequence[str], contexts: Sequence[str] = ()
) -> list[list[Diagnostic]]:
    """Compile a matrix with an existing Dockerfile for each text.

    Args:
        folder: an empty folder; it then contains `NUMBER.Dockerfile` for each text, and the build
            context `context` with the file `a.txt`.
        texts: the Dockerfiles.
        contexts: the names of named contexts.

    Returns:
        The errors of each text.
    """
    (folder / "context").mkdir()
    (folder / "context/a.txt").touch()
    for number, text in enumerate(texts):
        (folder / f"{number}.Dockerfile").write_bytes(text.encode())
    numbers = ", ".join(f"'{number}'" for number in range(len(texts)))
    named = ", ".join(f"'{name}': context" for name in contexts)
    (folder / "matrix.yaml").write_text(
        f"axes: {{n: [{numbers}]}}\n"
        f"images: {{i: {{dockerfile: '{{{{ n }}}}.Dockerfile', context: context, "
        f"contexts: {{{named}}}}}}}\n"
    )
    found: list[list[Diagnostic]] = [[] for _ in texts]
    try:
        compile_matrix(folder / "matrix.yaml")
    except CompileError as error:
        for diagnostic in error.diagnostics:
            assert isinstance(diagnostic.location, Location), diagnostic
            match = re.search(r"(\d+)\.Dockerfile", diagnostic.location.path)
            assert match, diagnostic
            found[int(match[1])].append(diagnostic)
    return found
