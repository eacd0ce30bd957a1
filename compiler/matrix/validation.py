"""Validate a document with recovery, so that one invalid value does not hide the others.

Takes a `Source` and a level of the model; returns the model of the valid values. An invalid value
is reported once. If the remedy is certain, reading continues as if it had been applied: a misspelt
key is read as the key that it most likely means, a single value as a list of one. Otherwise the
value is omitted, so that it causes no other diagnostic.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from pydantic_core import ValidationError

from compiler.codes import Code
from compiler.errors import did_you_mean, nearest
from compiler.matrix.level import Level
from compiler.matrix.model import (
    OTHER_TERMS,
    ListedValue,
    MatrixFile,
    VariableOptions,
    keys,
    level_at,
)
from compiler.matrix.type_remedies import type_remedy
from compiler.source.document import Route, Source
from compiler.source.edits import Edit, Enclose, Remove, Rename, Replace
from compiler.source.routes import Routes, without_indexes


_MOST_ROUNDS = 20
"""Validations of one level; each can report errors that the previous one could not."""

_REQUIRED: Mapping[type[Level], Mapping[str, Any]] = {
    MatrixFile: {"images": {}},
    VariableOptions: {"from": "", "match": ""},
    ListedValue: {"value": None},
}
"""Required keys of levels that cannot be omitted as a whole, with the values that replace them."""

_STAND_INS: Mapping[str, Any] = {"images": None, "axes": [], "variables": ""}
"""Sections whose names other values use: an invalid value under a name is replaced by this."""

_NAMES_ONLY = (
    "to use only the keys of the data as values, write `{{ data | list }}`; templates can read "
    "`data[value]`"
)
"""The help for a mapping in data whose values are not options of an axis's values."""

_CERTAIN = 0.75
"""How similar an unknown key must be to a known one, to be read as that."""

_NAMED = 2
"""Steps of the route of a name in a section."""

L = TypeVar("L", bound=Level)


class Report(Protocol):
    """Reports a diagnostic at a route; `repaired` if reading continues with the remedy."""

    def __call__(
        self,
        code: Code,
        message: str,
        route: Route,
        help_: str = "",
        *,
        key: bool = False,
        repaired: bool = False,
    ) -> None:
        """Report one diagnostic."""


class Validation:
    """Validates levels of one document, and records the values that were omitted."""

    def __init__(self, source: Source, report: Report) -> None:
        self.source = source
        """The document without its invalid values, as far as it was validated."""
        self._report = report
        self._removed = Routes()
        """Routes of removed values, without indexes: removing an entry shifts later entries."""

    def is_removed(self, route: Route) -> bool:
        """Return whether the value, or one that contains it, was removed or replaced."""
        names = without_indexes(route)
        return any(names[:n] in self._removed for n in range(1, len(names) + 1))

    def is_emptied(self, route: Route) -> bool:
        """Return whether a value in the mapping at a route was removed or replaced."""
        return self._removed.any_within(without_indexes(route))

    def removed(self) -> frozenset[Route]:
        """Return the routes of removed and replaced values, without the indexes of lists."""
        return frozenset(self._removed)

    def replace(self, edits: Mapping[Route, Edit], failed: Iterable[Route]) -> None:
        """Replace values of the document, and remove values that are known to be invalid."""
        for route in failed:
            is_named = len(route) == _NAMED and route[0] in _STAND_INS
            removal = Replace(_STAND_INS[str(route[0])]) if is_named else Remove()
            edits = {**edits, route: removal}
            self._removed.add(without_indexes(route))
        if edits:
            self.source = self.source.edited(edits)

    def level(self, level: type[L], route: Route = ()) -> L:
        """Return the valid values of the level at a route; report invalid ones.

        A level that is invalid as a whole is read as empty.
        """
        recovered: set[Route] = set()
        missing: Mapping[str, Any] = {}
        for _ in range(_MOST_ROUNDS):
            raw = self._value(route)
            try:
                return level.read({**raw, **missing} if missing else raw)
            except ValidationError as error:
                faults = [
                    _Fault(route, level, details)
                    for details in error.errors(include_url=False, include_input=False)
                ]
            misspelt = [fault.at for fault in faults if fault.kind == "extra_forbidden"]
            edits: dict[Route, Edit] = {}
            for fault in faults:
                where = self.source.existing(fault.at[:-1] if fault.is_missing else fault.at)
                edit = self._recovery(fault, where)
                known = without_indexes(fault.at) in recovered or fault.is_misspelt(misspelt)
                known |= fault.is_missing and without_indexes(fault.at) in self._removed
                if not (known or fault.is_single_pattern):
                    self._describe(fault, repaired=isinstance(edit, Rename | Enclose))
                if where == route and level in _REQUIRED:
                    missing = _REQUIRED[level]
                elif where == route:  # no value of this level is valid
                    self._removed.add(without_indexes(route))
                    return level.read({})
                else:
                    edits[where] = edit
                changed = without_indexes(fault.at if where == route else where)
                recovered.add(changed)
                if isinstance(edit, Rename):
                    recovered.add((*changed[:-1], edit.key))
                elif not isinstance(edit, Enclose):
                    self._removed.add(changed)
            self.source = self.source.edited(edits)
        self._removed.add(without_indexes(route))
        return level.read(_REQUIRED.get(level, {}))

    def _value(self, route: Route) -> Any:
        value = self.source.data
        for step in route:
            value = value[step]
        return value

    def _recovery(self, fault: "_Fault", where: Route) -> Edit:
        """Return the edit with which reading continues after an error."""
        if fault.kind == "extra_forbidden":
            if fault.other_term:
                return Remove()
            meant = nearest(fault.name, fault.known)
            if meant in self._value(where[:-1]):
                return Remove()
            if meant is not None and _is_misspelling(fault.name, meant):
                return Rename(meant)
        elif fault.expected == "a list" and fault.got != "null":
            return Enclose()
        elif not (fault.is_missing or fault.is_key) and where[:1] == where[:-1]:
            return Replace(_STAND_INS[str(where[0])]) if where[0] in _STAND_INS else Remove()
        return Remove()

    def _describe(self, fault: "_Fault", *, repaired: bool) -> None:
        """Report the values that the model rejects."""
        report, at = self._report, fault.at
        if fault.kind == "extra_forbidden":
            otherwise = f"known keys are {', '.join(sorted(fault.known))}"
            if at[0] == "axes" and isinstance(at[-2], str) and self.source.is_supplied(at):
                otherwise = _NAMES_ONLY
            near = did_you_mean(fault.name, fault.known, otherwise=otherwise)
            help_ = fault.other_term or near
            message = f"unknown key {fault.name!r}"
            report(Code.UNKNOWN_KEY, message, at, help_, key=True, repaired=repaired)
        elif fault.is_missing:
            message = f"the key {fault.name!r} is missing"
            report(Code.MISSING_KEY, message, at[:-1], f"write `{fault.name}:`", key=True)
        elif fault.is_key:
            report(Code.WRONG_TYPE, fault.message, at, "quote it", key=True)
        else:
            place = self.source.locate(at)
            text = place.text[place.column - 1 :][: place.length]
            help_ = type_remedy(fault.expected, fault.got, text, at)
            report(Code.WRONG_TYPE, fault.message, at, help_, repaired=repaired)


class _Fault:
    """An error of pydantic about one value of a level."""

    def __init__(self, route: Route, level: type[Level], details: Mapping[str, Any]) -> None:
        context = details.get("ctx", {})
        self.is_key = "key" in context
        """Whether a key is invalid, not a value."""
        inner = (*details["loc"], *([context["key"]] if self.is_key else ()))
        self.at: Route = (*route, *inner)
        self.name = str(inner[-1]) if inner else ""
        self.kind: str = details["type"]
        self.message: str = details["msg"]
        self.expected: str = context.get("expected", "")
        self.got: str = context.get("got", "")
        self.is_missing = self.kind == "missing"
        inner_level = level_at(level, inner[:-1])
        self.known = keys(inner_level)
        """The keys of the level to which the value belongs."""
        self.other_term = OTHER_TERMS.get((inner_level, self.name), "")
        """The help for a key of another tool; empty for all others."""

    @property
    def is_single_pattern(self) -> bool:
        """Whether it is one pattern as `only` of an image, the short form of a list."""
        return self.expected == "a list" and self.got == "a mapping" and self.name == "only"

    def is_misspelt(self, misspelt: Sequence[Route]) -> bool:
        """Return whether a missing key exists under one of these misspelt names."""
        return self.is_missing and any(
            at[:-1] == self.at[:-1] and nearest(str(at[-1]), self.known) == self.name
            for at in misspelt
        )


def _is_misspelling(word: str, meant: str) -> bool:
    """Return whether a word certainly means its nearest known one.

    >>> _is_misspelling("axis", "axes"), _is_misspelling("parent", "target")
    (True, False)
    """
    from difflib import SequenceMatcher

    return SequenceMatcher(None, word.lower(), meant).ratio() >= _CERTAIN
