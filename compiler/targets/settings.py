"""Evaluate `set` of a variant, after all levels are merged.

A string sees the final values of other names, the axes, the data and `image`. A value that a higher
level replaces is not evaluated, since it may be valid only in variants that keep it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic
from compiler.matrix.matrix import Matrix, Setting, Value
from compiler.matrix.reader import grow
from compiler.matrix.unknown import UNKNOWN
from compiler.targets.field_rendering import remembered
from compiler.targets.graph import cycles, ordered


_Chosen: TypeAlias = dict[str, Setting]


class Evaluated(NamedTuple):
    """The values of `set` in one variant."""

    values: dict[str, Any]
    """Name -> value; `UNKNOWN` if it cannot be evaluated, or if two values of axes conflict."""
    errors: tuple[Diagnostic, ...] = ()
    """What is wrong with the unknown values, as far as it is not reported yet."""


class Settings:
    """Evaluates the `set` of the variants of a matrix."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._constant_names = frozenset(matrix.data)
        """Names whose values are the same in each scope."""
        self._evaluators: dict[int, Callable[[Mapping[str, Any]], Any]] = {}
        self._orders: dict[tuple[int, ...], list[str]] = {}

    def of(
        self,
        inherited: Iterable[Setting],
        values: tuple[Value, ...],
        overriding: Iterable[Setting],
        scope: Mapping[str, Any],
    ) -> Evaluated:
        """Return the values of all names, in the order of the levels.

        Args:
            inherited: `set` of the image, with the levels below it.
            values: the values of the axes; two must not set one name differently.
            overriding: `set` of the levels above the values.
            scope: the other names that strings see.

        Raises:
            CompileError: names form a cycle.
        """
        chosen = {setting.name: setting for setting in inherited}
        overrides = {setting.name: setting for setting in overriding}
        rivals: list[Setting] = []
        owners: _Chosen = {}
        for value in values:
            for setting in value.settings.values():
                if setting.name in overrides:
                    continue
                if setting.name in owners:
                    rivals.append(owners[setting.name])
                owners[setting.name] = setting
        chosen |= owners | overrides
        if not rivals and all(setting.constant for setting in chosen.values()):
            return Evaluated({name: setting.tree for name, setting in chosen.items()})
        return self._evaluated(chosen, rivals, scope)

    def _evaluated(
        self, chosen: _Chosen, rivals: Sequence[Setting], scope: Mapping[str, Any]
    ) -> Evaluated:
        """Return the values of names, each evaluated after those that it uses."""
        seen = dict(scope)
        errors: list[Diagnostic] = []
        failed: set[str] = set()
        for name in self._order(chosen):
            setting = chosen[name]
            if not failed.isdisjoint(setting.names):
                failed.add(name)
                continue
            try:
                seen[name] = self._value(setting, seen)
            except CompileError as error:
                failed.add(name)
                errors += error.diagnostics
        differs: set[str] = set()
        for rival in reversed(rivals):
            if failed.isdisjoint(rival.names) and rival.name not in differs:
                try:
                    value = self._value(rival, seen)
                    if rival.name not in failed and value != seen[rival.name]:
                        differs.add(rival.name)
                        errors.append(self._conflict(chosen[rival.name], rival))
                except CompileError as error:
                    differs.add(rival.name)
                    errors += error.diagnostics
        unknown = failed | differs
        values = {name: UNKNOWN if name in unknown else seen[name] for name in chosen}
        return Evaluated(values, tuple(errors))

    def _order(self, chosen: _Chosen) -> list[str]:
        """Return names so that each follows those that it uses.

        Raises:
            CompileError: names use each other in a cycle.
        """
        key = tuple(map(id, chosen.values()))
        order = self._orders.get(key)
        if order is None:
            graph = {
                name: [other for other in sorted(setting.names) if other in chosen]
                for name, setting in chosen.items()
            }
            if errors := [self._cycle(cycle, chosen) for cycle in cycles(graph)]:
                raise CompileError(errors)
            order = self._orders[key] = ordered(graph, graph)
        return order

    def _value(self, setting: Setting, scope: Mapping[str, Any]) -> Any:
        if setting.constant:
            return setting.tree
        evaluate = self._evaluators.get(id(setting))
        if evaluate is None:
            names = setting.names - self._constant_names
            evaluate = remembered(lambda seen: grow(setting.tree, seen), names)
            self._evaluators[id(setting)] = evaluate
        return evaluate(scope)

    def _cycle(self, names: tuple[str, ...], chosen: _Chosen) -> Diagnostic:
        return Diagnostic(
            code=Code.SET_CYCLE,
            message=f"`set` values use each other in a cycle: {' -> '.join(names)}",
            location=self._matrix.source.locate(chosen[names[0]].route, key=True),
            help="give one of them a value that does not use the others",
        )

    def _conflict(self, setting: Setting, other: Setting) -> Diagnostic:
        locate = self._matrix.source.locate
        return Diagnostic(
            code=Code.SET_CONFLICT,
            message=f"two axis values set {setting.name!r} differently",
            location=locate(setting.route, key=True),
            help="set it in only one of them or in an override, or exclude the combination",
            related=(("also set here", locate(other.route, key=True)),),
        )
