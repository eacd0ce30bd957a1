"""Warn about build arguments that no Dockerfile declares: BuildKit ignores them.

The work is small unless something is reported: an argument whose name a line with `ARG` contains
counts as declared, and only other Dockerfiles are parsed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Severity, did_you_mean, nearest
from compiler.matrix.bake_strings import interpolate, variables_in
from compiler.matrix.matrix import Field, Matrix
from compiler.render.build_arguments import (
    has_unknown_base,
    is_predefined,
    triggered_arguments,
    written_arguments,
)
from compiler.render.dockerfile import DockerfileError, ParsedDockerfile, read
from compiler.render.field_location import field_location, written_field
from compiler.render.render import Dockerfile
from compiler.render.shapes import Printed, Shape, is_marked
from compiler.render.structures import depends_on_marks
from compiler.render.templates import Templates
from compiler.targets.target import Target


_FRONTEND = "BUILDKIT_SYNTAX"
"""The argument that selects another frontend, which may read any argument."""


class _Keys:
    """The places of matrix.yaml where the arguments of targets are written."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._places: dict[tuple[int, str], Location] = {}

    def locate(self, target: Target, name: str) -> Location:
        """Return where the key of an argument is written, by the highest level that sets it."""
        field = written_field(target, "args")
        if (id(field), name) not in self._places:
            self._places[id(field), name] = self._find(target, field, name)
        return self._places[id(field), name]

    def _find(self, target: Target, field: Field | None, name: str) -> Location:
        value = field.value if field is not None else None
        for key, _ in value.values() if isinstance(value, Mapping) else ():
            if interpolate(key, key.render(target.scope), self._matrix.variables) == name:
                return key.locate()
        return field_location(target, self._matrix, "args")


def unused_arguments(
    matrix: Matrix, dockerfiles: tuple[Dockerfile, ...], templates: Templates
) -> Iterator[Diagnostic]:
    """Yield a warning for each argument that no Dockerfile of its targets declares.

    An image outside the matrix may declare an argument by `ONBUILD ARG`. Where a stage begins with
    such an image, only arguments are reported whose names are near that of another one.

    Args:
        matrix: the matrix.
        dockerfiles: the Dockerfiles of its targets.
        templates: the templates that they were rendered from.
    """
    keys = _Keys(matrix)
    undeclared: dict[tuple[str, Location], list[Dockerfile]] = {}
    declared: set[tuple[str, Location]] = set()
    for dockerfile in dockerfiles:
        for name in _own_arguments(dockerfile.target):
            key = name, keys.locate(dockerfile.target, name)
            if key in declared:
                continue
            if _line(name).search(dockerfile.text):
                declared.add(key)
            else:
                undeclared.setdefault(key, []).append(dockerfile)
    texts = {dockerfile.target.name: dockerfile.text for dockerfile in dockerfiles}
    for (name, location), members in undeclared.items():
        if (name, location) not in declared:
            yield from _check(name, location, _shaped(members, templates), texts)


def _own_arguments(target: Target) -> list[str]:
    """Return the arguments of a target that only an `ARG` can use."""
    args = target.fields.get("args")
    if not isinstance(args, Mapping) or _FRONTEND in args:
        return []
    return [name for name in args if not is_predefined(name) and not variables_in(name)]


@lru_cache(maxsize=1024)
def _line(name: str) -> re.Pattern[str]:
    """Return the pattern of a line that declares an argument, alone or after `ONBUILD`."""
    keyword = r"^[ \t]*(?i:ONBUILD[ \t]+)?(?i:ARG)[ \t]"
    pattern = rf"{keyword}(?:[^\n]*[ \t])?{re.escape(name)}(?:[=\s]|\Z)"
    return re.compile(pattern, re.MULTILINE)


class _Shaped(NamedTuple):
    """A target, and its Dockerfile, which may be the shape of several."""

    target: Target
    parsed: ParsedDockerfile
    printed: Printed

    @property
    def arguments(self) -> frozenset[str]:
        """All arguments that the Dockerfile declares."""
        return frozenset(map(self.printed.restore, written_arguments(self.parsed)))

    @property
    def has_unknown_base(self) -> bool:
        """Whether a stage begins with an image outside the matrix."""
        stages = self.parsed.stages
        bases = (self.printed.restore(stage.base.text) for stage in stages)
        names = {self.printed.restore(stage.name) for stage in stages if stage.name}
        return has_unknown_base(bases, names, self.target.links)


def _shaped(members: Iterable[Dockerfile], templates: Templates) -> Iterator[_Shaped | None]:
    """Yield one target of each shape, so that many targets take the time of a few.

    None is yielded for a Dockerfile that cannot be parsed, or that another frontend reads.
    """
    known: set[tuple[Shape, tuple[str, ...]]] = set()
    for target, text, _ in members:
        printed = templates.shapes[target.template].of(text)
        key = printed.shape, tuple(target.links.values())
        if key in known:
            continue
        try:
            parsed = read(printed.shape.text)
            if depends_on_marks(parsed):
                parsed, printed = read(text), Printed(Shape(text))
        except DockerfileError:
            yield None
            continue
        if not any(map(is_marked, written_arguments(parsed))):
            known.add(key)
        yield None if parsed.foreign else _Shaped(target, parsed, printed)


def _check(
    name: str, location: Location, members: Iterable[_Shaped | None], texts: Mapping[str, str]
) -> Iterator[Diagnostic]:
    """Yield the warning for an argument, unless one of the Dockerfiles may declare it."""
    names: dict[str, None] = {}
    is_open = False
    for member in members:
        known = _declared(member, texts) if member else None
        if member is None or known is None or name in known:
            return
        args: Mapping[str, object] = member.target.fields["args"]  # type: ignore[assignment]
        names |= dict.fromkeys(sorted(known - args.keys()))
        is_open = is_open or member.has_unknown_base
    if is_open and nearest(name, names) is None:
        return
    yield Diagnostic(
        code=Code.UNUSED_ARG,
        message=f"unused build argument {name!r}: no Dockerfile declares it",
        location=location,
        help=did_you_mean(name, names, otherwise=f"declare it with `ARG {name}`, or remove it"),
        severity=Severity.WARNING,
    )


def _declared(member: _Shaped, texts: Mapping[str, str]) -> frozenset[str] | None:
    """Return the arguments that a build declares, also for its parents; None if not known."""
    names = member.arguments
    for parent in member.target.links.values():
        triggered = triggered_arguments(texts.get(parent, ""))
        if triggered is None:
            return None
        names |= triggered
    return names
