"""Prepare the fields of an image so that they can be rendered for each variant."""

import csv
import io
from collections.abc import Callable, Collection, Mapping
from functools import update_wrapper
from typing import Any, NamedTuple, NoReturn, TypeAlias, TypeVar

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic
from compiler.matrix.bake_strings import BakeString, interpolate
from compiler.matrix.field_table import ROWS, Kind
from compiler.matrix.matrix import Entry, Field, TagLists, WrittenTests
from compiler.matrix.strings import TemplateString
from compiler.matrix.unknown import Unknown, UnknownValueError
from compiler.targets.image_tests import ImageTest, render_tests


class RenderedTags(NamedTuple):
    """The tags of `shared` or `platform-tags`."""

    tags: tuple[BakeString, ...]
    """Version tags."""
    moving: tuple[BakeString, ...]
    """Floating tags."""


Rendered: TypeAlias = (
    bool
    | BakeString
    | tuple[BakeString, ...]
    | Mapping[BakeString, BakeString]
    | RenderedTags
    | tuple[ImageTest, ...]
)
"""A field's value for bake."""

Renderer: TypeAlias = Callable[[Mapping[str, Any]], Rendered]
"""Scope -> the field's value; raises `CompileError`. Equal scopes return the same object."""

T = TypeVar("T")

_OF_ONE_VARIANT = frozenset({"target", "variant"})
_SPLIT = frozenset({"tags", "moving", "repositories", "shared", "platform-tags"})
"""Fields of which an entry may render to several values, separated by white space."""
_MISSING = object()


def renderer(field: Field, variables: Collection[str]) -> Renderer:
    """Return the function that renders a field.

    A list entry that renders to nothing is left out. An entry of a field with tags may render to
    several tags, separated by white space. Annotations become bake's list of `key=value`.
    """
    value = field.value
    if isinstance(value, Unknown):
        return _unknown
    if isinstance(value, bool):
        return lambda _: value
    if isinstance(value, TemplateString):
        text = value
        return _remembered(lambda scope: interpolate(text, text.render(scope), variables), [text])
    if isinstance(value, tuple):
        return _remembered(
            lambda scope: _list(value, scope, variables, field=field.name),
            [text for entry in value for text in _texts(entry)],
        )
    if isinstance(value, TagLists):
        lists = value
        return _remembered(
            lambda scope: RenderedTags(
                _list(lists.tags, scope, variables, field=field.name),
                _list(lists.moving, scope, variables, field=field.name),
            ),
            [*lists.tags, *lists.moving],
        )
    if isinstance(value, WrittenTests):
        written = value.entries
        return _remembered(
            lambda scope: render_tests(written, scope, variables),
            [text for written_text in written for text in written_text.strings()],
        )
    assert value is not None  # noqa: S101 - merging removes fields that are null
    pairs = tuple(value.values())
    if ROWS[field.name].kind is Kind.PAIRS:
        return _remembered(
            lambda scope: tuple(
                BakeString(f"{key}={item}")
                for key, item in _mapping(pairs, scope, variables).items()
            ),
            _texts(pairs),
        )
    return _remembered(lambda scope: _mapping(pairs, scope, variables), _texts(pairs))


def _unknown(_: Mapping[str, Any]) -> NoReturn:
    raise UnknownValueError


def _texts(entry: Entry) -> list[TemplateString]:
    return (
        [entry] if isinstance(entry, TemplateString) else [text for pair in entry for text in pair]
    )


def remembered(
    render: Callable[[Mapping[str, Any]], T], names: frozenset[str]
) -> Callable[[Mapping[str, Any]], T]:
    """Return a function that renders once for all scopes with equal values of these names.

    Its attribute `__wrapped__` is the given function.
    """
    if not _OF_ONE_VARIANT.isdisjoint(names):
        return render
    ordered = tuple(sorted(names))
    single = ordered[0] if len(ordered) == 1 else None
    memo: dict[Any, T] = {}

    def once(scope: Mapping[str, Any]) -> T:
        # `true` and 1 are equal, and are printed differently.
        if single is not None:
            value = scope.get(single, _MISSING)
            key = value if value.__class__ is str else (value.__class__, value)
        else:
            values = [scope.get(name, _MISSING) for name in ordered]
            key = (*values, *[value.__class__ for value in values])
        try:
            result = memo.get(key)
        except TypeError:  # a list or mapping of `set` or data
            return render(scope)
        if result is None:
            result = memo[key] = render(scope)
        return result

    def first(scope: Mapping[str, Any]) -> T:
        if not memo:
            memo[()] = render(scope)
        return memo[()]

    return update_wrapper(once if names else first, render)


def _remembered(render: Renderer, texts: list[TemplateString]) -> Renderer:
    return remembered(render, frozenset().union(*(text.names for text in texts)))


def _list(
    entries: tuple[Entry, ...],
    scope: Mapping[str, Any],
    variables: Collection[str],
    field: str,
) -> tuple[BakeString, ...]:
    texts: list[BakeString] = []
    errors: list[Diagnostic] = []
    for entry in entries:
        try:
            if not isinstance(entry, TemplateString):
                pairs = _mapping(entry, scope, variables)
                texts.append(_agent(entry, pairs) if field == "ssh" else _record(pairs))
                continue
            for rendered in entry.items(scope):
                parts = rendered.split() if field in _SPLIT else [rendered]
                texts += [interpolate(entry, part, variables) for part in parts if part]
        except CompileError as error:
            errors += error.diagnostics
    if errors:
        raise CompileError(errors)
    return tuple(texts)


def _mapping(
    pairs: tuple[tuple[TemplateString, TemplateString], ...],
    scope: Mapping[str, Any],
    variables: Collection[str],
) -> dict[BakeString, BakeString]:
    mapping: dict[BakeString, BakeString] = {}
    errors: list[Diagnostic] = []
    for key, value in pairs:
        try:
            name = interpolate(key, key.render(scope), variables)
            if name in mapping:
                message = f"duplicate key {name!r} after rendering"
                raise key.refusal(Code.DUPLICATE_KEY, message, "remove one of them")
            if not name:
                raise key.refusal(
                    Code.EMPTY_KEY, "a key renders to nothing", "make sure that it is never empty"
                )
            mapping[name] = interpolate(value, value.render(scope), variables)
        except CompileError as error:
            errors += error.diagnostics
    if errors:
        raise CompileError(errors)
    return mapping


def _agent(
    entry: tuple[tuple[TemplateString, TemplateString], ...], pairs: Mapping[BakeString, BakeString]
) -> BakeString:
    """Return an entry of `ssh` in bake's syntax, `id=paths` or only the id."""
    for key, _ in entry:
        if key.raw not in {"id", "paths"}:
            raise key.refusal(Code.UNKNOWN_KEY, f"unknown key {key.raw!r}", "known keys: id, paths")
    id_, paths = (pairs.get(BakeString(key), "") for key in ("id", "paths"))
    if not id_:
        raise entry[0][0].refusal(
            Code.MISSING_KEY, "missing key 'id'", "add one, for instance `id: default`"
        )
    return BakeString(f"{id_}={paths}" if paths else id_)


def _record(pairs: Mapping[BakeString, BakeString]) -> BakeString:
    """Return pairs in bake's syntax, `key=value,key=value`, quoted as CSV.

    >>> pairs = {"type": "local", "dest": "a,b"}
    >>> str(_record({BakeString(k): BakeString(v) for k, v in pairs.items()}))
    'type=local,"dest=a,b"'
    """
    line = io.StringIO()
    csv.writer(line).writerow(f"{key}={value}" for key, value in pairs.items())
    return BakeString(line.getvalue().removesuffix("\r\n"))
