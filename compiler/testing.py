"""Tests in the build: the Dockerfile that runs a target's commands in the image just built."""

from compiler.artifact import MARKER
from compiler.resolve import Target


SUFFIX = "-test"
"""Behind the name of a target: the target that tests it."""


def test_dockerfile(target: Target) -> str:
    """Return the Dockerfile of a target's tests: one step a command, each cached on its own.

    A command of one line is written as it is, so that `RUN`'s flags and its JSON form can be used.
    """
    steps = "".join(_step(command) for command in target.tests)
    return f"# {MARKER} from matrix.yaml; do not edit.\nFROM {target.name}\n{steps}"


def _step(command: str) -> str:
    text = command.strip("\n")
    if "\n" not in text and "<<" not in text and not text.rstrip().endswith("\\"):
        return f"RUN {text.strip()}\n"
    end = "TEST"
    while end in text.split("\n"):
        end += "_"
    return f"RUN <<{end}\nset -e\n{text}\n{end}\n"
