"""Golden outputs: each case in this folder compiles to exactly the files in its `expected/`.

A case is a folder with matrix.yaml, templates/ and expected/. The case `sample` has only expected/:
its matrix is the one at the top of the repository. `pytest tests/golden --update-golden` rewrites
the expected files; review the difference before committing it.
"""

import shutil
from pathlib import Path

import pytest

from compiler.matrix.field_table import ROWS, TABLE
from compiler.pipeline import compile_matrix


HERE = Path(__file__).parent
CASES = sorted(path.name for path in HERE.iterdir() if (path / "matrix.yaml").is_file())


def expected_files(folder: Path) -> dict[str, bytes]:
    """Return path -> content of the expected files."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("case", ["sample", *CASES])
def test_the_output_is_as_expected(case: str, *, update_golden: bool) -> None:
    """Every generated file has exactly the expected bytes, and no file is missing."""
    project = HERE.parents[1] if case == "sample" else HERE / case
    expected = HERE / case / "expected"
    artifacts = compile_matrix(project / "matrix.yaml").artifacts
    if update_golden:
        shutil.rmtree(expected, ignore_errors=True)
        for artifact in artifacts:
            (expected / artifact.path).parent.mkdir(parents=True, exist_ok=True)
            (expected / artifact.path).write_bytes(artifact.content)

    assert {artifact.path: artifact.content for artifact in artifacts} == expected_files(expected)


def test_the_sample_has_the_packaged_template() -> None:
    """The copy of the sample shows where a project's own template is, and changes nothing."""
    project = HERE.parents[1]
    packaged = project / "compiler/docker-bake.hcl.j2"

    assert (project / "docker-bake.hcl.j2").read_bytes() == packaged.read_bytes()


def test_the_case_of_fields_has_every_field() -> None:
    """A field that is added to the language is added to a golden output, too."""
    targets = compile_matrix(HERE / "fields" / "matrix.yaml").plan.targets
    found = {name for target in targets for name in target.fields} | {
        row.name
        for row in TABLE
        for target in targets
        if not row.in_bake
        and ((value := getattr(target, row.name.replace("-", "_"))) is True or any(value or ()))
    }

    assert found == set(ROWS)
