"""The origin of each value of a target, as rows of the page's document; equal rows are shared."""

import json
from typing import Any

from compiler.errors import Location
from compiler.matrix.matrix import Matrix
from compiler.reports.explain.provenance import Given, Origins
from compiler.reports.explain.rule_effects import Effect, rulings
from compiler.reports.page.interning import Interned
from compiler.targets.target import Target


_DEFAULTS = "defaults of "


class OriginRows:
    """Collects the origins of the values of all targets.

    A row of `origins` is `[name, key, value, level, place, [row of a replaced value, ...]]`, one of
    `rules` is `[effect, rule, pattern, place, note]`. A place is `path:line`, or empty.
    """

    def __init__(self, matrix: Matrix, shown: str) -> None:
        """Take a matrix, and how its locations name the project's folder."""
        self._matrix, self._shown = matrix, shown
        self._origins: Interned[tuple[Any, ...]] = Interned()
        self._rules: Interned[tuple[str, ...]] = Interned()

    def of(self, target: Target) -> list[int]:
        """Return the numbers of the origins of a target's values, in the order of `explain`."""
        origins = Origins(self._matrix, target)
        entries = (
            *(() if target.is_existing else (origins.template(),)),
            *origins.settings(),
            *origins.fields(),
            *origins.aliases(),
            *origins.narrowing(),
        )
        return [self._number(entry) for entry in entries]

    def rules_of(self, target: Target) -> list[int]:
        """Return the numbers of the rules that keep or change a target."""
        image = self._matrix.images[target.image]
        return self._rules.numbers(
            (
                ruling.effect.value,
                ruling.rule,
                ruling.pattern,
                place(ruling.place, self._shown),
                ruling.note,
            )
            for ruling in rulings(self._matrix, image, target.values)
            if ruling.effect is not Effect.PASSED
        )

    def rows(self) -> dict[str, list[Any]]:
        """Return the tables `origins` and `rules`."""
        return {"origins": self._origins.values, "rules": self._rules.values}

    def _number(self, entry: Given) -> int:
        replaced = tuple(self._number(former) for former in entry.replaces)
        level = entry.level
        for start in ("", _DEFAULTS):  # of a part of the matrix, which is named by its path
            if self._shown and level.startswith(f"{start}{self._shown}"):
                level = f"{start}{level.removeprefix(start).removeprefix(self._shown)}"
        where = place(entry.place, self._shown)
        return self._origins.number(
            (entry.name, entry.key, text(entry.value), level, where, replaced)
        )


def text(value: Any) -> str | None:
    """Return a value of matrix.yaml as one text; None if it renders to nothing.

    >>> text(("a", "b")), text(True), text({"a": 1})
    ('a, b', 'true', '{"a": 1}')
    """
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    if isinstance(value, tuple | list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def place(location: Location | None, shown: str = "") -> str:
    """Return a location as `path:line`, with a path in the project's folder; empty for None.

    Args:
        location: the location.
        shown: how it names that folder, in front of its path.
    """
    return "" if location is None else f"{location.path.removeprefix(shown)}:{location.line}"
