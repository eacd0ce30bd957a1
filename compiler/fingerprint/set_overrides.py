"""What `--set` of a command line changes, as bake reads it: `TARGET.key[.name]=value`.

Takes the words; returns `Overrides`, which change the fields of targets. Refuses what bake refuses,
and `dockerfile`, for it would build something else than what is compiled here.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from compiler.errors import did_you_mean
from compiler.matrix.field_table import BAKE_ROWS, Kind
from compiler.output.bake_fields import Fields, normal
from compiler.output.bake_resolved import definition
from compiler.targets.plan import Plan


DECIDING = tuple(row.name for row in BAKE_ROWS if row.decides)
"""The fields of bake that decide what an image is."""

_NAMED = frozenset(row.name for row in BAKE_ROWS if row.kind is Kind.MAPPING)
"""Keys that want a name."""
_LISTS = {
    "platform": "platforms",
    "output": "output",
    "attest": "attest",
}
"""Keys of which several values make a list, and the fields that they set."""
_ADDED = frozenset({"attest"})
"""Those that are added to what the matrix says."""
_PLAIN = frozenset({"context", "shm-size", "target"})
_LOST = frozenset({"network", "ulimits"})
"""Keys that bake takes here and then forgets the value of."""
_RENAMED = {"secret": "secrets"}
"""Fields that have another name as keys of `--set`."""
_PASSED = frozenset(
    {_RENAMED.get(row.name, row.name) for row in BAKE_ROWS if not row.decides} - {"description"}
    | {"call", "load", "push"}
)
"""Keys that do not change what an image is."""
_KNOWN = (*_NAMED, *_LISTS, *_PLAIN, *_PASSED)


class OverrideError(ValueError):
    """Words that `--set` does not take."""


class NotBuiltError(OverrideError):
    """Words that bake takes, and that would not build what is compiled, or not as they say."""


class _Override(NamedTuple):
    pattern: str
    key: str
    name: str
    value: str
    adds: bool


class Overrides:
    """What `--set` changes."""

    def __init__(
        self,
        words: Iterable[str] = (),
        *,
        targets: Iterable[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Read words.

        Args:
            words: each `TARGET.key[.name]=value`; TARGET may have wildcards.
            targets: the names that there are.
            environment: where the value of an argument is looked up that has none.

        Raises:
            OverrideError: bake would refuse one of them.
        """
        names = tuple(targets)
        given = {} if environment is None else environment
        self._found = [one for word in words if (one := _read(word, names, given)) is not None]

    def applied(self, name: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields of a target with what is set for it."""
        mine = [one for one in self._found if _matches(one.pattern, name)]
        if not mine:
            return fields
        found = dict(fields)
        lists: dict[str, list[str]] = {}
        for one in mine:
            if one.key in _NAMED:
                found[one.key] = {**found.get(one.key, {}), one.name: one.value}
            elif one.key in _LISTS:
                field = _LISTS[one.key]
                before = list(found.get(field, ())) if one.adds else []
                lists.setdefault(field, before).append(one.value)
            else:
                found[one.key] = one.value
        return {**found, **lists}


def resolved(
    plan: Plan, environment: Mapping[str, str], overrides: Overrides | None = None
) -> dict[str, Fields]:
    """Return the fields that decide each target's image, as bake resolves them.

    Args:
        plan: what is planned.
        environment: what bake would take variables from.
        overrides: what `--set` changes.
    """
    found: dict[str, Fields] = {}
    for name, fields in definition(plan, environment).targets.items():
        given = {key: item for key, item in fields.items() if key in DECIDING}
        said = normal(overrides.applied(name, given) if overrides else given)
        found[name] = {key: said[key] for key in DECIDING if key in said}
    return found


def _read(word: str, targets: tuple[str, ...], environment: Mapping[str, str]) -> _Override | None:
    """Return what one word sets; nothing where that decides no image."""
    left, equals, value = word.partition("=")
    steps = left.removesuffix("+").split(".", 2)
    if len(steps) < 2:  # noqa: PLR2004 - a target and a key
        raise OverrideError(f"{word!r} names no key of a target: write TARGET.key=value")
    pattern, key, name = (*steps, "")[:3]
    if not any(_matches(pattern, target) for target in targets):
        near = did_you_mean(pattern, targets, otherwise="`compile-matrix list` shows all")
        raise OverrideError(f"no target is named {pattern!r}: {near}")
    _check(word, key, name)
    if not equals and key != "args":
        raise OverrideError(f"{word!r} has no value: write TARGET.key=value")
    if not equals:
        if name not in environment:
            return None
        value = environment[name]
    adds = left.endswith("+") or key in _ADDED
    return None if key in _PASSED else _Override(pattern, key, name, value, adds)


def _check(word: str, key: str, name: str) -> None:
    """Refuse a key that bake does not take, or not as it is meant."""
    if key == "dockerfile":
        raise NotBuiltError(f"{word!r} would build from a file that is not compiled here")
    if key in _LOST:
        raise NotBuiltError(f"{word!r}: bake loses what --set says of {key}: say it in matrix.yaml")
    if key not in _KNOWN:
        near = did_you_mean(key, sorted(_KNOWN), otherwise=f"there are {', '.join(sorted(_KNOWN))}")
        raise OverrideError(f"{word!r}: no key is named {key!r}: {near}")
    if key in _NAMED and not name:
        raise OverrideError(f"{word!r} names none of the {key}: write TARGET.{key}.NAME=value")


def _matches(pattern: str, name: str) -> bool:
    """Tell whether a name is meant, by Go's wildcards."""
    return pattern == name or fnmatchcase(name, re.sub(r"\[\^", "[!", pattern))
