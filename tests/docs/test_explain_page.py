"""What docs/explain.md shows is what the command says."""

import re
import subprocess
import sys
from pathlib import Path


PAGE = (Path(__file__).parents[2] / "docs/explain.md").read_text(encoding="utf-8")


def test_the_page_shows_what_is_said(tmp_path: Path) -> None:
    """Each command of the page, run beside its matrix, prints what stands below it."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (matrix,) = [text for kind, text in blocks if kind == "yaml"]
    shown = [text for kind, text in blocks if kind == "console"]
    (tmp_path / "matrix.yaml").write_text(matrix)

    assert len(shown) == 2
    for text in shown:
        command = text.partition("\n")[0].removeprefix("$ compile-matrix ").split()
        done = subprocess.run(
            [sys.executable, "-m", "compiler", *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )

        assert text == f"$ compile-matrix {' '.join(command)}\n{done.stdout}"
