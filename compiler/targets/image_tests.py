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
    for one in written:
        try:
            tests += _rendered(one, scope, variables)
        except CompileError as error:
            errors += error.diagnostics
    if errors:
        raise CompileError(errors)
    return tuple(tests)


def _rendered(
    one: WrittenTest, scope: Mapping[str, Any], variables: Collection[str]
) -> Iterator[ImageTest]:
    def texts(strings: Iterable[TemplateString]) -> list[str]:
        return [text for string in strings for text in string.items(scope)]

    match one.part:
        case ImagePart.LABELS:
            assert one.key is not None  # noqa: S101 - each label has a key
            key, value = (
                interpolate(text, text.render(scope), variables) for text in (one.key, one.texts[0])
            )
            yield ImageTest(one.part, value, key)
        case ImagePart.ENTRYPOINT:
            yield ImageTest(one.part, json.dumps(texts(one.texts), ensure_ascii=False))
        case ImagePart.USER | ImagePart.SIZE:
            yield ImageTest(one.part, one.texts[0].render(scope))
        case ImagePart.SHELL | ImagePart.FILES:
            devices, mounts = (
                tuple(text for text in texts(strings) if text.strip())
                for strings in (one.devices, one.mounts)
            )
            for text in texts(one.texts):
                if text.strip():
                    yield ImageTest(one.part, text, "", devices, mounts)


def find_test(matrix: Matrix, field: Field, scope: Mapping[str, Any], test: ImageTest) -> Location:
    """Return where a test is written.

    Args:
        matrix: the matrix.
        field: `tests` of the target.
        scope: the names that its strings see.
        test: one of its tests.
    """
    for one in field.value.entries if isinstance(field.value, WrittenTests) else ():
        if one.part is test.part and test in _rendered(one, scope, matrix.variables):
            return matrix.source.locate(one.route)
    return matrix.source.locate(field.route)


def tests_as_json(tests: Iterable[ImageTest]) -> list[Any] | dict[str, Any]:
    """Return tests as matrix.yaml has them: a list if all are commands, otherwise a mapping."""
    by_part: dict[ImagePart, list[ImageTest]] = {}
    for one in tests:
        by_part.setdefault(one.part, []).append(one)
    commands = [_command(one) for one in by_part.get(ImagePart.SHELL, ())]
    if by_part.keys() == {ImagePart.SHELL}:
        return commands
    found: dict[str, Any] = {}
    for part, several in by_part.items():
        match part:
            case ImagePart.SHELL:
                found[part] = commands
            case ImagePart.FILES:
                found[part] = [one.value for one in several]
            case ImagePart.LABELS:
                found[part] = {one.key: one.value for one in several}
            case ImagePart.ENTRYPOINT:
                found[part] = json.loads(several[0].value)
            case _:
                found[part] = several[0].value
    return found


def _command(one: ImageTest) -> Any:
    flags = {"device": list(one.devices), "mount": list(one.mounts)}
    used = {name: texts for name, texts in flags.items() if texts}
    return {"run": one.value, **used} if used else one.value
