"""Find the line of matrix.yaml on which a test of a target is written, also from its output."""

import json

from compiler.matrix.matrix import Matrix
from compiler.targets.image_tests import ImageTest, find_test
from compiler.targets.target import Target


def locate_test(matrix: Matrix, target: Target, test: ImageTest) -> str:
    """Return the file and line of a test of a target."""
    place = find_test(matrix, target.spec.written["tests"], target.scope, test)
    return f"{place.path}:{place.line}"


def locate_failed_test(matrix: Matrix, target: Target, output: str) -> str:
    """Return the file and line of the test that has failed; those of `tests` if it is not known.

    Args:
        matrix: the matrix.
        target: the target.
        output: the output of its tests; BuildKit quotes the command, or the missing path.
    """
    steps = [test for test in target.tests if test.is_step]
    named = [step for step in steps if json.dumps(step.value.strip())[1:-1] in output]
    if not named and len(steps) != 1:
        place = matrix.source.locate(target.spec.written["tests"].route, key=True)
        return f"{place.path}:{place.line}"
    return locate_test(matrix, target, max(named or steps, key=lambda test: len(test.value)))
