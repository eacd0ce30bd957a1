"""Write the Dockerfile that runs the tests of a target in its image."""

import re

from compiler.targets.target import Target


_MORE = re.compile(r"\n|<<|\\\Z|\A[\[#]|\A--")


def test_dockerfile(target: Target) -> str:
    """Return the Dockerfile of a target's tests, with one step for each command."""
    return f"FROM {target.name}\n" + "".join(_step(command) for command in target.tests)


def _step(command: str) -> str:
    """Return the `RUN` of a command.

    A command is written as a script if a Dockerfile would read it differently from a shell: several
    lines, a here-document, a JSON list, or a flag of `RUN`.
    """
    text = command.strip("\n")
    plain = text.strip()
    if not _MORE.search(plain):
        return f"RUN {plain}\n"
    end = "TEST"
    while end in text.split("\n"):
        end += "_"
    return f"RUN <<{end}\nset -e\n{text}\n{end}\n"
