"""Find the rules that match a variant without trying all of them."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

from compiler.matrix.matrix import Value
from compiler.matrix.pattern import Rule


_Numbered: TypeAlias = tuple[int, dict[int, frozenset[int]]]
"""The number of a rule, and the values that it allows by position of the axis."""


class RuleIndex:
    """A tree over the values of the axes that rules restrict; its leaves are the rules that match.

    The axis that most rules restrict comes first. A branch exists once a variant has needed it, so
    variants that begin with the same values share the work.
    """

    def __init__(self, rules: Sequence[Rule | None]) -> None:
        """Take the rules of one image; None matches nothing."""
        counts = Counter(position for rule_ in rules for position, _ in rule_ or ())
        self._positions = tuple(position for position, _ in counts.most_common())
        self._root = _Branch([(n, dict(rule)) for n, rule in enumerate(rules) if rule is not None])

    def matching(self, values: Sequence[Value]) -> tuple[int, ...]:
        """Return the numbers of the rules that match the values of a variant, ascending."""
        branch = self._root
        for position in self._positions:
            if not branch.numbers:
                break
            branch = branch.narrowed(position, values[position].index)
        return branch.numbers


class _Branch:
    """The rules that allow some values, and those of them that also allow one of the next axis."""

    __slots__ = ("_branches", "_by_value", "_others", "_rules", "numbers")

    def __init__(self, rules: Sequence[_Numbered]) -> None:
        self.numbers = tuple(number for number, _ in rules)
        self._rules = rules
        self._branches: dict[int, _Branch] = {}
        self._by_value: dict[int, list[_Numbered]] | None = None
        """The rules of each value that some rule names; None before the first use."""
        self._others: _Branch | None = None
        """The branch of all other values; None before the first use."""

    def narrowed(self, position: int, value: int) -> "_Branch":
        """Return the branch of the rules that also allow a value of the axis at a position."""
        branch = self._branches.get(value)
        if branch is not None:
            return branch
        if self._by_value is None:
            self._by_value = self._split(position)
        if value in self._by_value:
            branch = self._branches[value] = _Branch(self._by_value[value])
            return branch
        if self._others is None:
            self._others = _Branch([rule for rule in self._rules if position not in rule[1]])
        return self._others

    def _split(self, position: int) -> dict[int, list[_Numbered]]:
        """Return the rules that allow each value, in their order."""
        free = [rule for rule in self._rules if position not in rule[1]]
        by_value: dict[int, list[_Numbered]] = {}
        for rule in self._rules:
            for value in rule[1].get(position, ()):
                by_value.setdefault(value, []).append(rule)
        if free:
            for value, named in by_value.items():
                by_value[value] = sorted([*named, *free], key=_number)
        return by_value


def _number(numbered: _Numbered) -> int:
    return numbered[0]
