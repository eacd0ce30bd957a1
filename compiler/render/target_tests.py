"""Write the Dockerfile that runs the tests of a target in its image."""

import json
import re
from collections.abc import Iterator

from compiler.matrix.matrix import ImagePart
from compiler.targets.image_tests import ImageTest
from compiler.targets.target import Target


DEVICE_SYNTAX = "docker/dockerfile:1-labs"
"""The Dockerfile syntax that has `RUN --device`."""
_MORE = re.compile(r"\n|<<|\\\Z|\A[\[#]|\A--")
_FOLDER = "/.compile-matrix"
"""Where files are copied to, in an image that is discarded."""


def test_dockerfile(target: Target) -> str:
    """Return the Dockerfile of a target's tests, with one step for each command and file."""
    return f"FROM {target.name}\n" + "".join(step for _, step in test_steps(target))


def test_syntax(target: Target) -> str:
    """Return the directive that the Dockerfile of a target's tests must begin with; mostly none."""
    return f"# syntax={DEVICE_SYNTAX}\n" if any(test.devices for test in target.tests) else ""


def test_steps(target: Target) -> Iterator[tuple[ImageTest, str]]:
    """Yield the tests that BuildKit runs, each with the instruction for it.

    A file is copied, which fails if it is missing: an image without a shell can run no command.
    Copies come last, so that no command sees them.
    """
    for test in target.tests:
        if test.part is ImagePart.SHELL:
            yield test, _step(test)
    for n, test in enumerate(test for test in target.tests if test.part is ImagePart.FILES):
        paths = json.dumps([test.value, f"{_FOLDER}/{n}/"], ensure_ascii=False)
        yield test, f"COPY --from={target.name} {paths}\n"


def _step(test: ImageTest) -> str:
    """Return the `RUN` of a command.

    A command is written as a script if a Dockerfile would read it differently from a shell: several
    lines, a here-document, a JSON list, or a flag of `RUN`.
    """
    flags = [*(f"--device={name}" for name in test.devices)]
    flags += [f"--mount={mount}" for mount in test.mounts]
    run = " ".join(["RUN", *flags])
    text = test.value.strip("\n")
    plain = text.strip()
    if not _MORE.search(plain):
        return f"{run} {plain}\n"
    end = "TEST"
    while end in text.split("\n"):
        end += "_"
    return f"{run} <<{end}\nset -e\n{text}\n{end}\n"
