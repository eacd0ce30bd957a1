"""Apply `--set TARGET.key[.name]=value` to the fields of targets, as bake would.

Rejects arguments that bake rejects, and those that would build another image than was compiled.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from compiler.codes import Code
from compiler.errors import Argument, Diagnostic, DiagnosticError, did_you_mean
from compiler.matrix.field_table import BAKE_ROWS, Kind
from compiler.output.bake_fields import normal
from compiler.output.bake_resolved import ResolvedPlan
from compiler.source.globs import glob_matches


DECIDING = tuple(row.name for row in BAKE_ROWS if row.decides)
"""The fields of bake that decide the content of an image."""

_NAMED = frozenset(row.name for row in BAKE_ROWS if row.kind is Kind.MAPPING)
"""Keys that require a name."""
_LISTS = {"platform": "platforms", "output": "output", "attest": "attest"}
"""Keys of which several values form a list, and the fields that they set."""
_ADDED = frozenset({"attest"})
"""Keys whose values are added to those of the matrix."""
_PLAIN = frozenset({"context", "shm-size", "target"})
_LOST = frozenset({"network", "ulimits"})
"""Keys that bake accepts and then ignores."""
_RENAMED = {"secret": "secrets"}
"""Fields that have another name as keys of `--set`."""
_WITHOUT_EFFECT = frozenset(
    {_RENAMED.get(row.name, row.name) for row in BAKE_ROWS if not row.decides} - {"description"}
    | {"load", "push"}
)
"""Keys that do not change the content of an image."""
_KNOWN = (*_NAMED, *_LISTS, *_PLAIN, *_WITHOUT_EFFECT)


class OverrideError(DiagnosticError):
    """An argument of `--set` is invalid."""

    def __init__(self, argument: str, message: str, help_: str) -> None:
        """Take the argument, what is wrong with it, and the remedy."""
        location = Argument(name="--set", text=argument)
        super().__init__(
            [Diagnostic(code=Code.USAGE, message=message, location=location, help=help_)]
        )


class NotBuiltError(OverrideError):
    """An argument that bake accepts would not build what was compiled."""


class _Override(NamedTuple):
    pattern: str
    key: str
    name: str
    value: str
    is_added: bool


def override(
    resolved: ResolvedPlan, arguments: Sequence[str], *, known: Iterable[str] = ()
) -> ResolvedPlan:
    """Return a plan with the changes of `--set`.

    Args:
        resolved: the plan; its environment has the values of arguments without a value.
        arguments: each `TARGET.key[.name]=value`; TARGET can have wildcards.
        known: names of targets that the arguments may name in addition to those of the plan.

    Raises:
        OverrideError: an argument is invalid.
    """
    names = (*(target.name for target in resolved.plan.targets), *known)
    environment = resolved.environment
    overrides = [
        change for text in arguments if (change := _read(text, names, environment)) is not None
    ]
    if not overrides:
        return resolved
    fields = {name: _overridden(name, old, overrides) for name, old in resolved.fields.items()}
    return resolved.with_fields(fields)


def _overridden(
    name: str, fields: Mapping[str, Any], overrides: Sequence[_Override]
) -> Mapping[str, Any]:
    """Return the fields of a target after the overrides that match it."""
    matching = [change for change in overrides if _matches(change.pattern, name)]
    if not matching:
        return fields
    changed = {key: value for key, value in fields.items() if key in DECIDING}
    lists: dict[str, list[str]] = {}
    for change in matching:
        if change.key in _NAMED:
            changed[change.key] = {**changed.get(change.key, {}), change.name: change.value}
        elif change.key in _LISTS:
            field = _LISTS[change.key]
            before = list(changed.get(field, ())) if change.is_added else []
            lists.setdefault(field, before).append(change.value)
        else:
            changed[change.key] = change.value
    others = {key: value for key, value in fields.items() if key not in DECIDING}
    return {**others, **normal({**changed, **lists})}


def _read(text: str, targets: tuple[str, ...], environment: Mapping[str, str]) -> _Override | None:
    """Return the override of an argument; None if it does not change the content of an image."""
    key_path, equals, value = text.partition("=")
    steps = key_path.removesuffix("+").split(".", 2)
    if len(steps) < 2:  # noqa: PLR2004 - a target and a key
        raise OverrideError(text, f"{text!r} names no key of a target", "use TARGET.key=value")
    pattern, key, name = (*steps, "")[:3]
    if not any(_matches(pattern, target) for target in targets):
        near = did_you_mean(pattern, targets, otherwise="`compile-matrix list` shows all targets")
        raise OverrideError(text, f"unknown target {pattern!r}", near)
    _check(text, key, name)
    if not equals and key != "args":
        raise OverrideError(text, f"{text!r} has no value", "use TARGET.key=value")
    if not equals:
        if name not in environment:
            return None
        value = environment[name]
    is_added = key_path.endswith("+") or key in _ADDED
    return None if key in _WITHOUT_EFFECT else _Override(pattern, key, name, value, is_added)


def _check(text: str, key: str, name: str) -> None:
    """Reject an unknown key, a key without its name, and a key with another effect in bake."""
    if key == "dockerfile":
        message = f"{text!r} would build from a file that was not compiled"
        raise NotBuiltError(text, message, "edit the template instead")
    if key == "call":
        raise NotBuiltError(text, f"{text!r} would build nothing", "run `docker buildx bake`")
    if key in _LOST:
        raise NotBuiltError(text, f"bake ignores --set of {key!r}", f"set {key} in matrix.yaml")
    if key not in _KNOWN:
        known = f"known keys are {', '.join(sorted(_KNOWN))}"
        near = did_you_mean(key, sorted(_KNOWN), otherwise=known)
        raise OverrideError(text, f"unknown key {key!r}", near)
    if key in _NAMED and not name:
        raise OverrideError(text, f"{key!r} needs a name", f"use TARGET.{key}.NAME=value")


def _matches(pattern: str, name: str) -> bool:
    """Return whether a pattern matches a name, by Go's wildcards."""
    return pattern == name or glob_matches(name, pattern.replace("[^", "[!"))
