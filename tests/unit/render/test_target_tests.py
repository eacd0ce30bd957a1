"""The Dockerfile of a target's tests: a shell gets each command unchanged."""

from pathlib import Path

import pytest
from bake.oracle import lay, plan_json


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


def test_files_are_copied_after_the_commands(tmp_path: Path) -> None:
    """A copy needs no shell, and no command sees it; devices and mounts become flags."""
    tests = {
        "shell": ["a", {"run": "b\nc", "device": "x/y=all", "mount": ["type=tmpfs,target=/t"]}],
        "files": ["/bin/a b", "/c"],
        "labels": {"k": "v"},
        "user": "app",
        "entrypoint": ["/run", "${A}"],
        "size": "1GB",
    }
    image = {"template": "Dockerfile.j2", "tests": tests}
    lay(tmp_path, {"images": {"a": image}})

    text = (tmp_path / "dockerfiles/a-test.Dockerfile").read_text()

    assert text.startswith("# syntax=docker/dockerfile:1-labs\n# Generated")
    assert text.partition("FROM a\n")[2] == (
        "RUN a\n"
        "RUN --device=x/y=all --mount=type=tmpfs,target=/t <<TEST\nset -e\nb\nc\nTEST\n"
        'COPY --from=a ["/bin/a b", "/.compile-matrix/0/"]\n'
        'COPY --from=a ["/c", "/.compile-matrix/1/"]\n'
    )
    (target,) = plan_json(tmp_path)["targets"]
    assert target["tests"] == {
        **tests,
        "shell": ["a", {"run": "b\nc", "device": ["x/y=all"], "mount": ["type=tmpfs,target=/t"]}],
    }
