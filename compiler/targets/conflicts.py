"""Find fields that two axis values, or two rows, of a variant set differently."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic
from compiler.matrix.field_table import MERGED
from compiler.matrix.matrix import Changes, Field, Matrix, Parent, TagLists, WrittenTests
from compiler.matrix.reader import grow
from compiler.matrix.strings import TemplateString
from compiler.matrix.unknown import UNKNOWN
from compiler.source.document import Route
from compiler.targets.field_rendering import renderer


_LATE = "platform-tags"

_Item: TypeAlias = tuple[str, str]
"""A field, and a key of it if levels merge its keys; otherwise an empty text."""


class _Setter(NamedTuple):
    """What one level sets."""

    written: object
    """As written; equal texts have equal results."""
    render: Callable[[Mapping[str, Any]], object]
    route: Route


class Contest(NamedTuple):
    """Two levels of equal precedence that set one item, perhaps to equal values."""

    levels: str
    """`axis values` or `rows`."""
    item: _Item
    first: _Setter
    second: _Setter

    def conflict(self, scope: Mapping[str, Any], matrix: Matrix) -> Diagnostic | None:
        """Return the error if both render to different values with the names of a variant.

        Raises:
            CompileError: one of them cannot be rendered.
        """
        if self.first.render(scope) == self.second.render(scope):
            return None
        locate, (name, key) = matrix.source.locate, self.item
        shown = key if name == "set" else f"{name}.{key}" if key else name
        help_ = (
            "set it in only one of them or in an override, or exclude the combination"
            if self.levels == "axis values"
            else "set it in only one of them, or in an override"
        )
        return Diagnostic(
            code=Code.SET_CONFLICT if name == "set" else Code.FIELD_CONFLICT,
            message=f"two {self.levels} set {shown!r} differently",
            location=locate(self.second.route, key=True),
            help=help_,
            related=(("also set here", locate(self.first.route, key=True)),),
        )


def contests(
    levels: str,
    changes: Sequence[Changes],
    above: Sequence[Changes],
    variables: Collection[str],
    *,
    settings: bool,
) -> tuple[Contest, ...]:
    """Return the items that several levels of equal precedence set, and that no level above sets.

    Args:
        levels: what the levels are, for messages.
        changes: the levels of equal precedence.
        above: the levels above them.
        variables: the declared bake variables.
        settings: whether names of `set` count.
    """
    if len(changes) < 2:  # noqa: PLR2004
        return ()
    decided = {item for change in above for item in _items(change, variables, settings=settings)}
    first: dict[_Item, _Setter] = {}
    contests: list[Contest] = []
    for change in changes:
        items = _items(change, variables, settings=settings)
        for item, setter in items.items():
            whole = (item[0], "")
            if item in decided or whole in decided:
                continue
            # Null removes all keys of a mapping, so it conflicts with each of them.
            rivals = [first[other] for other in dict.fromkeys((item, whole)) if other in first]
            if not item[1]:
                rivals += [it for (name, key), it in first.items() if name == item[0] and key]
            contests += [
                Contest(levels, item, rival, setter)
                for rival in rivals
                if rival.written != setter.written
            ]
        for item, setter in items.items():
            first.setdefault(item, setter)
    return tuple(contests)


def reject_conflicts(contests: Sequence[Contest], scope: Mapping[str, Any], matrix: Matrix) -> None:
    """Compare the values of a variant that several levels set.

    Raises:
        CompileError: values differ, or cannot be compared.
    """
    errors: list[Diagnostic] = []
    for contest in contests:
        try:
            conflict = contest.conflict(scope, matrix)
        except CompileError as error:
            errors += error.diagnostics
            continue
        if conflict is not None:
            errors.append(conflict)
    if errors:
        raise CompileError(errors)


def _items(change: Changes, variables: Collection[str], *, settings: bool) -> dict[_Item, _Setter]:
    items: dict[_Item, _Setter] = {}
    if change.template is not None:
        text = change.template
        items["template", ""] = _Setter(text.raw, text.render, text.route)
    if change.parent is not None:
        named = _named(change.parent)
        items["from", ""] = _Setter(named, lambda _: named, change.parent.route)
    known = (setting for setting in change.settings.values() if setting.tree is not UNKNOWN)
    for setting in known if settings else ():
        render = partial(grow, setting.tree)
        items["set", setting.name] = _Setter(_written(setting.tree), render, setting.route)
    for name, field in change.fields.items():
        if field.value is UNKNOWN:
            continue
        if field.value is None:
            items[name, ""] = _Setter(None, lambda _: None, field.route)
        elif name in MERGED and isinstance(field.value, Mapping):
            for key, pair in field.value.items():
                item = Field(name=name, value={key: pair}, route=field.route)
                route = (*field.route, key)
                items[name, key] = _Setter(_written(pair), renderer(item, variables), route)
        else:
            written = _written(field.value)
            # Strings of `platform-tags` need a platform, so they are compared as written.
            whole = partial(_same, written) if name == _LATE else renderer(field, variables)
            items[name, ""] = _Setter(written, whole, field.route)
    return items


def _same(value: object, _: Mapping[str, Any]) -> object:
    return value


def _named(parent: Parent) -> object:
    """Return the parent's image and the values of `with`, which can be compared."""
    fixed = parent.fixed.matchers if parent.fixed is not None else {}
    return parent.image, tuple(sorted((name, value.values) for name, value in fixed.items()))


def _written(value: Any) -> object:
    """Return a value with its strings as written, which can be compared."""
    if isinstance(value, TemplateString):
        return value.raw
    if isinstance(value, TagLists):
        return [_written(value.tags), _written(value.moving)]
    if isinstance(value, WrittenTests):
        return [(entry.part, [text.raw for text in entry.strings()]) for entry in value.entries]
    if isinstance(value, Mapping):
        return {key: _written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_written(item) for item in value]
    return value
