"""Read the JSON that `docker buildx bake --print` prints, with normalised targets.

Takes the text; returns a `Definition`. Refuses invalid JSON, and values of a wrong type, each with
its location.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NoReturn, TypeAlias

from compiler.codes import Code
from compiler.output.bake_fields import (
    CACHE_ONLY,
    COMPARED,
    PASSED,
    Fields,
    WrongKindError,
    doubled,
    normal,
    undoubled,
)
from compiler.output.definition import Definition, linked
from compiler.source.json_strictness import find_in_json, invalid_json
from compiler.source.positions import MOST_FINDINGS, RawDiagnostic, SourceText, refuse_file


CODE = Code.BAKE_FILE
REMEDY = "use a bake file, or the JSON that `docker buildx bake --print` prints"

_TOP = frozenset({"group", "target"})
_ALWAYS = frozenset({"context", "dockerfile"})
_RESOLVED = frozenset({"inherits", "matrix", "name"})
"""Fields of a bake file that bake --print does not print."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}\[\],:]|[^\s{}\[\],:"]+')

Route: TypeAlias = tuple[str | int, ...]


class _Number(str):
    """A number of JSON, as written."""

    __slots__ = ()


def parse(page: SourceText) -> dict[str, Any]:
    """Return the JSON of a bake file or of bake --print; numbers are text as written.

    Raises:
        CompileError: the text is not JSON, or has no targets.
    """
    data: Any = None
    try:
        data = json.loads(
            page.text,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_refused,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        page.refuse([invalid_json(error, code=CODE, remedy=REMEDY)])
    except (RecursionError, ValueError):
        # Escaped control characters are harmless here: values are only compared and shown.
        errors = [
            item for item in find_in_json(page.text) if item.code is not Code.CONTROL_CHARACTER
        ]
        if errors:
            page.refuse(errors)
    if not isinstance(data, dict) or (_TOP.isdisjoint(data) and "services" not in data):
        message = "the JSON has no `target`, so it is neither a bake file nor printed by bake"
        refuse_file(page.path, code=CODE, message=message, help=REMEDY)
    return data


def _refused(_: str) -> NoReturn:
    raise ValueError


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError
    return mapping


def is_source(data: Mapping[str, Any]) -> bool:
    """Return whether JSON is a bake file; the output of --print states each target completely."""
    targets = data.get("target")
    return not _TOP.issuperset(data) or (
        isinstance(targets, dict)
        and any(
            isinstance(target, dict)
            and not (target.keys() >= _ALWAYS and _RESOLVED.isdisjoint(target))
            for target in targets.values()
        )
    )


def read_printed(page: SourceText, data: Mapping[str, Any]) -> Definition:
    """Return the targets that bake --print prints.

    Args:
        page: the text, for the locations of errors.
        data: the JSON of that text.

    Raises:
        CompileError: values have a wrong type; one run reports all of them.
    """
    wrong: dict[Route, str] = {}
    targets: dict[str, Fields] = {}
    unknown: dict[str, None] = {}
    for name, target in _mappings(data, "target", wrong):
        try:
            targets[name] = normal(target)
        except WrongKindError as error:
            wrong["target", name, *error.route] = error.expected
        known = {*COMPARED, *PASSED}
        unknown.update((key, None) for key, item in target.items() if item and key not in known)
    named: set[str] = set()
    for name, group in _mappings(data, "group", wrong):
        members = group.get("targets") or []
        if not isinstance(members, list):
            wrong["group", name, "targets"] = "a list"
            continue
        for n, member in enumerate(members):
            if isinstance(member, str):
                named.add(member)
            else:
                wrong["group", name, "targets", n] = "text"
    if wrong:
        page.refuse(_findings(page, data, dict(list(wrong.items())[:MOST_FINDINGS])))
    dependencies = frozenset(
        name
        for name in linked(targets)
        if name in targets and name not in named and targets[name].get("output") == (CACHE_ONLY,)
    )
    if doubled(targets.values()):
        targets = {name: undoubled(fields) for name, fields in targets.items()}
    return Definition(targets=targets, dependencies=dependencies, unknown=tuple(unknown))


def _mappings(
    data: Mapping[str, Any], key: str, wrong: dict[Route, str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return the mappings below a key by name; record other values as errors."""
    mapping = data.get(key)
    if mapping is None:
        mapping = {}
    if not isinstance(mapping, dict):
        wrong[key,] = "a mapping"
        return
    for name, item in mapping.items():
        if isinstance(item, dict):
            yield name, item
        else:
            wrong[key, name] = "a mapping"


def _findings(
    page: SourceText, data: Mapping[str, Any], wrong: Mapping[Route, str]
) -> Iterator[RawDiagnostic]:
    """Yield the errors with their positions."""
    for route, (start, end) in _places(page.text, wrong):
        value: Any = data
        for step in route:
            value = value[step]
        yield RawDiagnostic(
            code=Code.WRONG_TYPE,
            message=f"{wrong[route]} is expected here, not {_kind(value)}",
            start=start,
            end=end,
            help="use the output of `docker buildx bake --print` unchanged",
        )


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case _Number():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _places(text: str, routes: Collection[Route]) -> Iterator[tuple[Route, tuple[int, int]]]:
    """Return where the values of these routes start in a valid JSON text."""
    path: list[str | int | None] = []  # index or key at each level; None before a key
    for match in _TOKEN.finditer(text):
        lexeme = match[0]
        if lexeme in ("}", "]"):
            path.pop()
        elif lexeme == ",":
            last = path[-1]
            path[-1] = last + 1 if isinstance(last, int) else None
        elif path and path[-1] is None:
            path[-1] = json.loads(lexeme)
        elif lexeme != ":":
            route = tuple(path)
            if route in routes:
                yield route, match.span()  # type: ignore[misc]
            if lexeme == "{":
                path.append(None)
            elif lexeme == "[":
                path.append(0)
