"""Tests in the build: the Dockerfile that runs a target's commands in the image just built."""

import re

from compiler.targets.target import Target


_MORE = re.compile(r"\n|<<|\\\Z|\A[\[#]|\A--")


def test_dockerfile(target: Target) -> str:
    """Return the Dockerfile of a target's tests: one step a command, each cached on its own."""
    return f"FROM {target.name}\n" + "".join(_step(command) for command in target.tests)


def _step(command: str) -> str:
    """Return the `RUN` of a command; as a script where a Dockerfile would read more into it.

    That is several lines, what looks like a here-document, a JSON list, or a flag of `RUN`.
    """
    text = command.strip("\n")
    plain = text.strip()
    if not _MORE.search(plain):
        return f"RUN {plain}\n"
    end = "TEST"
    while end in text.split("\n"):
        end += "_"
    return f"RUN <<{end}\nset -e\n{text}\n{end}\n"
