"""The tests of a target: what its image is checked for, rendered for one variant."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from compiler.errors import CompileError, Diagnostic, Location
from compiler.matrix.bake_strings import interpolate
from compiler.matrix.matrix import Field, ImagePart, Matrix, WrittenTest, WrittenTests
from compiler.matrix.strings import TemplateString


class ImageTest(NamedTuple):
    """One test of an image."""

    part: ImagePart
    value: str
    """The command, path or expected value; of a label in bake's syntax. `entrypoint` is JSON."""
    key: str = ""
    """The key of a label, in bake's syntax."""
    devices: tuple[str, ...] = ()
    """`RUN --device` of a command."""
    mounts: tuple[str, ...] = ()
    """`RUN --mount` of a command."""

    @property
    def is_step(self) -> bool:
        """Whether BuildKit runs it; all other tests need the image's configuration."""
        return self.part in {ImagePart.SHELL, ImagePart.FILES}


def render_tests(
    written: Iterable[WrittenTest], scope: Mapping[str, Any], variables: Collection[str]
) -> tuple[ImageTest, ...]:
    """Render tests with the names of a variant; commands and paths that are empty are left out.

    Raises:
        CompileError: with the errors of all strings.
    """
    tests: list[ImageTest] = []
    errors: list[Diagnostic] = []
    for test in written:
        try:
            tests += _rendered(test, scope, variables)
        except CompileError as error:
            errors += error.diagnostics
    if errors:
        raise CompileError(errors)
    return tuple(tests)


def _rendered(
    test: WrittenTest, scope: Mapping[str, Any], variables: Collection[str]
) -> Iterator[ImageTest]:
    def texts(strings: Iterable[TemplateString]) -> list[str]:
        return [text for string in strings for text in string.items(scope)]

    match test.part:
        case ImagePart.LABELS:
            assert test.key is not None  # noqa: S101 - each label has a key
            key, value = (
                interpolate(text, text.render(scope), variables)
                for text in (test.key, test.texts[0])
            )
            yield ImageTest(test.part, value, key)
        case ImagePart.ENTRYPOINT:
            yield ImageTest(test.part, json.dumps(texts(test.texts), ensure_ascii=False))
        case ImagePart.USER | ImagePart.SIZE:
            yield ImageTest(test.part, test.texts[0].render(scope))
        case ImagePart.SHELL | ImagePart.FILES:
            devices, mounts = (
                tuple(text for text in texts(strings) if text.strip())
                for strings in (test.devices, test.mounts)
            )
            for text in texts(test.texts):
                if text.strip():
                    yield ImageTest(test.part, text, "", devices, mounts)


def find_test(matrix: Matrix, field: Field, scope: Mapping[str, Any], test: ImageTest) -> Location:
    """Return where a test is written.

    Args:
        matrix: the matrix.
        field: `tests` of the target.
        scope: the names that its strings see.
        test: one of its tests.
    """
    for entry in field.value.entries if isinstance(field.value, WrittenTests) else ():
        if entry.part is test.part and test in _rendered(entry, scope, matrix.variables):
            return matrix.source.locate(entry.route)
    return matrix.source.locate(field.route)


def tests_as_json(tests: Iterable[ImageTest]) -> list[Any] | dict[str, Any]:
    """Return tests as matrix.yaml has them: a list if all are commands, otherwise a mapping."""
    by_part: dict[ImagePart, list[ImageTest]] = {}
    for test in tests:
        by_part.setdefault(test.part, []).append(test)
    commands = [_command(test) for test in by_part.get(ImagePart.SHELL, ())]
    if by_part.keys() == {ImagePart.SHELL}:
        return commands
    fields: dict[str, Any] = {}
    for part, several in by_part.items():
        match part:
            case ImagePart.SHELL:
                fields[part] = commands
            case ImagePart.FILES:
                fields[part] = [test.value for test in several]
            case ImagePart.LABELS:
                fields[part] = {test.key: test.value for test in several}
            case ImagePart.ENTRYPOINT:
                fields[part] = json.loads(several[0].value)
            case _:
                fields[part] = several[0].value
    return fields


def _command(test: ImageTest) -> Any:
    flags = {"device": list(test.devices), "mount": list(test.mounts)}
    used = {name: texts for name, texts in flags.items() if texts}
    return {"run": test.value, **used} if used else test.value
