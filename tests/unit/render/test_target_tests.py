"""The Dockerfile of a target's tests: a shell gets each command unchanged."""

from pathlib import Path

import pytest
from bake.oracle import lay


def steps(folder: Path, *tests: str) -> str:
    """Return the lines after FROM in the Dockerfile of an image's tests."""
    image = {"template": "Dockerfile.j2", "tests": list(tests)}
    lay(folder, {"images": {"a": image}})
    return (folder / "dockerfiles/a-test.Dockerfile").read_text().partition("FROM a\n")[2]


def test_a_line_is_a_step(tmp_path: Path) -> None:
    """Each command is one step; a command that renders to nothing is left out."""
    assert steps(tmp_path, "python --version", "{% if false %}x{% endif %}", "pip check") == (
        "RUN python --version\nRUN pip check\n"
    )


@pytest.mark.parametrize(
    "command",
    ['[ "$HOME" ]', '["a"]', "--mount=type=cache x", "cat <<EOF", "echo \\", "# nothing", "a\nb"],
)
def test_special_commands_are_scripts(tmp_path: Path, command: str) -> None:
    """A JSON list, a flag of RUN, a here-document, a trailing backslash: all go to the shell."""
    assert steps(tmp_path, command) == f"RUN <<TEST\nset -e\n{command}\nTEST\n"


def test_the_end_marker_is_not_in_the_script(tmp_path: Path) -> None:
    """A script may contain the usual end marker."""
    assert steps(tmp_path, "cat\nTEST\nTEST_") == "RUN <<TEST__\nset -e\ncat\nTEST\nTEST_\nTEST__\n"
