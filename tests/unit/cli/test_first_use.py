"""What a new user meets: missing folders, wrong options, keys that the matrix lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import call


MATRIX = "axes: {python: [3.12]}\nimages: {app: {template: base/Dockerfile.j2}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the folder of a project with one target."""
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    (tmp_path / "templates/base").mkdir(parents=True)
    (tmp_path / "templates/base/Dockerfile.j2").write_text("FROM python:{{ python }}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([], "templates/ does not exist: write the template to templates/base/Dockerfile.j2"),
        (["templates/.keep"], "templates/ contains no template: write the template to templates/"),
        (["templates/x/other.j2"], "templates in templates/: x/other.j2"),
        (["templates/Dockerfile.j2"], "did you mean 'Dockerfile.j2'?"),
        (["templates"], "remove the file in place of a folder of this path"),
    ],
)
def test_a_missing_template_says_what_to_do(tmp_path: Path, kept: list[str], expected: str) -> None:
    """A missing folder, an empty one, and other templates differ."""
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    for path in kept:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()

    assert f"help: {expected}" in call(tmp_path, code=1).stderr


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("--max-variants", ""),
        ("--check=1", ""),
        ("changed --since", "changed"),
        ("build --push=3", "build"),
        ("list --selection", "list"),
        ("list --format", "list"),
        ("release --max-variants", "release"),
        ("release show --format", "release show"),
        ("release promote", "release promote"),
        ("ci github --shards", "ci github"),
        ("lock --refresh --check", "lock"),
        ("init a b", "init"),
    ],
)
def test_a_usage_error_points_to_the_help_of_its_command(
    project: Path, words: str, command: str
) -> None:
    """Also an error of the parser, which does not know the command."""
    done = call(project, *words.split(), code=2)

    assert f"`{f'compile-matrix {command}'.strip()} --help` shows the usage" in done.stderr


@pytest.mark.parametrize(
    "words", ["eol", "eol --within 90d", "list --columns target,eol", "list --columns eol"]
)
def test_a_matrix_without_eol_says_what_to_add(project: Path, words: str) -> None:
    """An empty list would look as if no support ever ends."""
    matrix = project / "matrix.yaml"
    hint = "such as `python: {3.12: {eol: 2028-10-31}}`"

    assert hint in call(project, *words.split()).stderr
    matrix.write_text(MATRIX.replace("[3.12]", "{3.12: {eol: 2028-10-31}, 3.13: {}}"))
    assert hint not in call(project, *words.split()).stderr


def test_lock_requires_cosign_before_it_looks_up_images(project: Path) -> None:
    """No image is counted first."""
    matrix = project / "matrix.yaml"
    matrix.write_text(
        MATRIX
        + "lock: {verify: {'docker.io/library/python': {keyless: {identity: a@example.com, issuer: https://issuer.example}}}}\n"
    )
    program = project / "docker"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    unsigned = call(project, "lock", env={"PATH": str(project)}, code=1).stderr

    assert "cosign is not installed" in unsigned
    assert "looking up" not in unsigned


@pytest.mark.parametrize("name", ["page.txt", "public/index", "matrix.yaml"])
def test_the_page_of_report_must_end_with_html(project: Path, name: str) -> None:
    """A path is not taken for a filter."""
    done = call(project, "report", name, code=2)

    assert f"the name of the page must end with .html: {name!r}" in done.stderr


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("images: {a: {axes: [x]}}\n", 1, "help: declare it under `axes`"),
        ("exclude: [{x: 1}]\nimages: {a: {}}\n", 1, "help: declare it under `axes`"),
        ("axes: {y: [1]}\nexclude: [{os: 1}]\nimages: {a: {}}\n", 2, "help: the axes are y"),
        (
            "images:\n<<<<<<< HEAD\n  a: {}\n=======\n  b: {}\n>>>>>>> other\n",
            2,
            "a merge conflict of Git is not resolved here",
        ),
    ],
)
def test_remedies_fit_the_matrix(tmp_path: Path, text: str, place: int, expected: str) -> None:
    """A list of no axes is not a remedy; a merge conflict is not a mistake of indentation."""
    (tmp_path / "matrix.yaml").write_text(text)

    done = call(tmp_path, code=1)

    assert f"matrix.yaml:{place}:" in done.stderr
    assert expected in done.stderr
