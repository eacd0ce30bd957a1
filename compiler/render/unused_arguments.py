"""Warn about build arguments that no Dockerfile declares: BuildKit ignores them.

The work is small unless something is reported: an argument whose name a line with `ARG` contains
counts as declared, and only other Dockerfiles are parsed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Severity, did_you_mean, nearest
from compiler.matrix.bake_strings import variables_in
from compiler.matrix.matrix import Matrix
from compiler.render.build_arguments import (
    has_unknown_base,
    is_predefined,
    triggered_arguments,
    written_arguments,
)
from compiler.render.dockerfile import DockerfileError, ParsedDockerfile, read
from compiler.render.field_location import key_location, written_field
from compiler.render.frontends import SYNTAX
from compiler.render.render import Dockerfile
from compiler.render.shapes import Printed, Shape, is_marked
from compiler.render.structures import depends_on_marks
from compiler.render.templates import Templates
from compiler.targets.target import Target


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
    undeclared: dict[tuple[str, int], list[Dockerfile]] = {}
    """Argument, and the identity of the field that sets it -> Dockerfiles."""
    declared: dict[tuple[str, int], Target] = {}
    for dockerfile in _distinct(dockerfiles, templates):
        for name in _own_arguments(dockerfile.target):
            key = name, id(written_field(dockerfile.target, "args"))
            if key in declared:
                continue
            if _line(name).search(dockerfile.text):
                declared[key] = dockerfile.target
            else:
                undeclared.setdefault(key, []).append(dockerfile)
    undeclared = {key: members for key, members in undeclared.items() if key not in declared}
    by_target = {dockerfile.target.name: dockerfile for dockerfile in dockerfiles if undeclared}
    located: dict[str, set[Location]] = {}
    """Argument -> where it is declared, or reported."""
    for (name, _), members in undeclared.items():
        help_ = _undeclared(name, members, by_target, templates)
        if not help_:
            continue
        if name not in located:
            users = (target for key, target in declared.items() if key[0] == name)
            located[name] = {key_location(user, matrix, "args", name) for user in users}
        location = key_location(members[0].target, matrix, "args", name)
        if location not in located[name]:
            located[name].add(location)
            yield Diagnostic(
                code=Code.UNUSED_ARG,
                message=f"unused build argument {name!r}: no Dockerfile declares it",
                location=location,
                help=help_,
                severity=Severity.WARNING,
            )


def _distinct(dockerfiles: Iterable[Dockerfile], templates: Templates) -> Iterator[Dockerfile]:
    """Yield one Dockerfile of those that declare the same arguments and have the same ones.

    These are the Dockerfiles of one shape, unless its template prints the name of an argument.
    """
    known: set[tuple[object, ...]] = set()
    for dockerfile in dockerfiles:
        target = dockerfile.target
        args: Mapping[str, object] = target.fields.get("args", {})  # type: ignore[assignment]
        if args:
            shape = templates.shapes[target.template].of(dockerfile.text).shape
            key = (shape, tuple(args), id(written_field(target, "args")), *target.links.values())
            if key not in known:
                yield dockerfile
                if not _prints_arguments(shape):
                    known.add(key)


def _prints_arguments(shape: Shape) -> bool:
    """Return whether the names of arguments in a shape may depend on printed words."""
    try:
        parsed = read(shape.text)
    except DockerfileError:
        return True
    return depends_on_marks(parsed) or any(map(is_marked, written_arguments(parsed)))


def _own_arguments(target: Target) -> list[str]:
    """Return the arguments that only an `ARG` can use; none if they name another frontend."""
    args = target.fields.get("args")
    if not isinstance(args, Mapping) or SYNTAX in args:
        return []
    return [name for name in args if not is_predefined(name) and not variables_in(name)]


@lru_cache(maxsize=1024)
def _line(name: str) -> re.Pattern[str]:
    """Return the pattern of a line that declares an argument, alone or after `ONBUILD`."""
    keyword = r"^[ \t]*(?i:ONBUILD[ \t]+)?(?i:ARG)[ \t]"
    pattern = rf"{keyword}(?:[^\n]*[ \t])?{re.escape(name)}(?:[=\s]|\Z)"
    return re.compile(pattern, re.MULTILINE)


def _parsed(dockerfile: Dockerfile, templates: Templates) -> tuple[ParsedDockerfile, Printed]:
    """Return a Dockerfile with marks, as many are parsed at once, and the words they replace.

    Raises:
        DockerfileError: it cannot be parsed.
    """
    target, text, _ = dockerfile
    printed = templates.shapes[target.template].of(text)
    if _prints_arguments(printed.shape):
        printed = Printed(Shape(text))
    return read(printed.shape.text), printed


def _undeclared(
    name: str,
    members: Iterable[Dockerfile],
    by_target: Mapping[str, Dockerfile],
    templates: Templates,
) -> str:
    """Return the help for an argument; empty if one of the Dockerfiles may declare it."""
    names: dict[str, None] = {}
    is_open = False
    for dockerfile in members:
        target = dockerfile.target
        try:
            parsed, printed = _parsed(dockerfile, templates)
        except DockerfileError:
            return ""
        known = _declared(target, parsed, by_target)
        if known is None or name in known:
            return ""
        args: Mapping[str, object] = target.fields["args"]  # type: ignore[assignment]
        names |= dict.fromkeys(sorted(known - args.keys()))
        contexts: Mapping[str, str] = target.fields.get("contexts", {})  # type: ignore[assignment]
        is_open = is_open or has_unknown_base(parsed, printed.restore, contexts, target.links)
    if is_open and nearest(name, names) is None:
        return ""
    return did_you_mean(name, names, otherwise=f"declare it with `ARG {name}`, or remove it")


def _declared(
    target: Target, parsed: ParsedDockerfile, by_target: Mapping[str, Dockerfile]
) -> frozenset[str] | None:
    """Return the arguments that a build declares, also for its parents; None if not known."""
    names = None if parsed.foreign else written_arguments(parsed)
    for name in target.links.values():
        parent = by_target[name]
        args: Mapping[str, str] = parent.target.fields.get("args", {})  # type: ignore[assignment]
        triggered = triggered_arguments(parent.text, args)
        names = None if names is None or triggered is None else names | triggered
    return names
