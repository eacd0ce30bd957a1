"""Check the values of `tests` that BuildKit or a registry would reject, or never match, later."""

import re
from collections.abc import Callable, Mapping

from compiler.codes import Code
from compiler.errors import Diagnostic, Problems
from compiler.matrix.bake_strings import substitute
from compiler.matrix.matrix import ImagePart
from compiler.matrix.sizes import SIZE_FORM, parse_size
from compiler.targets.field_locations import TargetUnderCheck
from compiler.targets.image_tests import ImageTest, find_test


_PATH = re.compile(r"/[^\x00-\x1f\x7f*?\[\]\\$\"]+\Z")
"""A path that `COPY` reads literally."""
_MOUNT = re.compile(r"[a-z]+=\S+\Z")
_DEVICE = re.compile(r"[^\s,]\S*\Z")


def _path(test: ImageTest, _: Mapping[str, str]) -> str:
    wanted = 'an absolute path without `*`, `?`, `[`, `]`, `$`, `"` and `\\`'
    return "" if _PATH.match(test.value) else wanted


def _size(test: ImageTest, _: Mapping[str, str]) -> str:
    return "" if parse_size(test.value) is not None else SIZE_FORM


def _label(test: ImageTest, values: Mapping[str, str]) -> str:
    return "" if substitute(test.key, values).strip() else "the key of a label"


def _command(test: ImageTest, _: Mapping[str, str]) -> str:
    if any(not _DEVICE.match(device) for device in test.devices):
        return "devices without white space, such as nvidia.com/gpu=all"
    if any(not _MOUNT.match(mount) for mount in test.mounts):
        return "mounts as `RUN --mount` has them, such as type=secret,id=token"
    return ""


_CHECKS: Mapping[ImagePart, Callable[[ImageTest, Mapping[str, str]], str]] = {
    ImagePart.FILES: _path,
    ImagePart.LABELS: _label,
    ImagePart.SHELL: _command,
    ImagePart.SIZE: _size,
}
"""Checks of one test: each returns what it expects instead, or nothing for a valid test."""


class ImageTestChecks:
    """Checks the tests of targets; equal tests are checked once."""

    def __init__(self, values: Mapping[str, str], problems: Problems) -> None:
        """Take the values of the bake variables, and the collector of errors."""
        self._values, self._problems = values, problems
        self._checked: dict[ImageTest, Diagnostic | None] = {}
        """Test -> what is wrong with it."""

    def check(self, subject: TargetUnderCheck, tests: tuple[ImageTest, ...]) -> None:
        """Check the tests of one target."""
        for test in tests:
            if test not in self._checked:
                self._checked[test] = self._error(subject, test)
            error = self._checked[test]
            if error is not None:
                self._problems.add(error, subject.name)

    def _error(self, subject: TargetUnderCheck, test: ImageTest) -> Diagnostic | None:
        """Return what is wrong with a test."""
        check = _CHECKS.get(test.part)
        expected = check(test, self._values) if check is not None else ""
        return _invalid(subject, test, expected) if expected else None


def _invalid(subject: TargetUnderCheck, test: ImageTest, expected: str) -> Diagnostic:
    written = subject.written["tests"]
    return Diagnostic(
        code=Code.BAD_FIELD,
        message="invalid flags of a command of `tests`"
        if test.part is ImagePart.SHELL
        else f"invalid value for `{test.part}` of `tests`: {(test.key or test.value)[:80]!r}",
        location=find_test(subject.matrix, written, subject.scope, test),
        help=f"write {expected}",
    )
