"""Warn about build arguments that no Dockerfile declares: BuildKit ignores them.

The work is small unless something is reported: an argument whose name a line with `ARG` contains
counts as declared, and only other Dockerfiles are parsed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

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
from compiler.render.field_location import field_location, written_field
from compiler.render.render import Dockerfile
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


def unused_arguments(matrix: Matrix, dockerfiles: tuple[Dockerfile, ...]) -> Iterator[Diagnostic]:
    """Yield a warning for each argument that no Dockerfile of its targets declares.

    An image outside the matrix may declare an argument by `ONBUILD ARG`. Where a stage begins with
    such an image, only arguments are reported whose names are near that of another one.
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
            yield from _check(name, location, members, texts)


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


def _check(
    name: str, location: Location, members: Iterable[Dockerfile], texts: Mapping[str, str]
) -> Iterator[Diagnostic]:
    """Yield the warning for an argument, unless one of the Dockerfiles may declare it."""
    names: dict[str, None] = {}
    is_open = False
    for target, text, _ in members:
        known = _declared(target, text, texts)
        if known is None or name in known:
            return
        args: Mapping[str, object] = target.fields["args"]  # type: ignore[assignment]
        names |= dict.fromkeys(sorted(known - args.keys()))
        is_open = is_open or has_unknown_base(text, target.links)
    if is_open and nearest(name, names) is None:
        return
    yield Diagnostic(
        code=Code.UNUSED_ARG,
        message=f"unused build argument {name!r}: no Dockerfile declares it",
        location=location,
        help=did_you_mean(name, names, otherwise=f"declare it with `ARG {name}`, or remove it"),
        severity=Severity.WARNING,
    )


def _declared(target: Target, text: str, texts: Mapping[str, str]) -> frozenset[str] | None:
    """Return the arguments that a build declares, also for its parents; None if not known."""
    own = written_arguments(text)
    for parent in target.links.values():
        triggered = triggered_arguments(texts.get(parent, ""))
        own = None if own is None or triggered is None else own | triggered
    return own
