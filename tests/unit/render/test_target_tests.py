"""The Dockerfile of a target's tests: each command is what a shell is given."""

from pathlib import Path

import pytest
from bake.oracle import lay


def steps(folder: Path, *tests: str) -> str:
    """Return what stands behind FROM in the Dockerfile of an image's tests."""
    image = {"template": "Dockerfile.j2", "tests": list(tests)}
    lay(folder, {"images": {"a": image}})
    return (folder / "dockerfiles/a-test.Dockerfile").read_text().partition("FROM a\n")[2]


def test_a_line_is_a_step(tmp_path: Path) -> None:
    """Each command is a step of its own; one that renders to nothing is none."""
    assert steps(tmp_path, "python --version", "{% if false %}x{% endif %}", "pip check") == (
        "RUN python --version\nRUN pip check\n"
    )


@pytest.mark.parametrize(
    "command",
    ['[ "$HOME" ]', '["a"]', "--mount=type=cache x", "cat <<EOF", "echo \\", "# nothing", "a\nb"],
)
def test_what_a_dockerfile_would_read_more_into_is_a_script(tmp_path: Path, command: str) -> None:
    """A JSON list, a flag of RUN, a here-document, a trailing backslash: all go to the shell."""
    assert steps(tmp_path, command) == f"RUN <<TEST\nset -e\n{command}\nTEST\n"


def test_the_end_of_a_script_is_no_line_of_it(tmp_path: Path) -> None:
    """A script may hold the word that would end it."""
    assert steps(tmp_path, "cat\nTEST\nTEST_") == "RUN <<TEST__\nset -e\ncat\nTEST\nTEST_\nTEST__\n"
