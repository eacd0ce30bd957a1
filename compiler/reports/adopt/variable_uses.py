"""Which variables of a bake file only appear as text, so that the matrix can keep them.

A variable that a condition, a function or a name depends on cannot be kept: another value could
change more than the text in which it stands. Such a variable is decided.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from compiler.constants import LINK_PREFIX
from compiler.reports.adopt.hcl import Attribute, Block
from compiler.reports.adopt.hcl_tokens import Token


KEPT_IN = frozenset({"tags", "args", "labels", "annotations", "contexts", "cache-from", "cache-to"})
"""The fields in which a variable is kept."""

_PLAIN = frozenset("()[]{},:=.?\n") | {"=>"}
"""Operators that pass a text on unchanged; what stands before `?` decides, though."""
_ENDS = frozenset({",", ":", "=", "=>", "?"})
"""Operators that end a part of an expression."""
_PASSING = frozenset({"concat", "flatten", "join", "merge"})
"""Functions that pass texts on unchanged."""


class _Use(NamedTuple):
    """The expression of an attribute."""

    tokens: tuple[Token, ...]
    decides: bool
    """Whether everything in it is more than text, because of the attribute's meaning."""
    owner: str
    """The variable, function or top-level attribute that it defines; empty in a target."""
    parameters: frozenset[str]
    """The parameters of the function that it defines."""

    @property
    def names(self) -> frozenset[str]:
        """The names in the expression."""
        return frozenset(token.text for token in self.tokens if token.kind == "name")


def decided_variables(blocks: Iterable[Block]) -> frozenset[str]:
    """Return the variables that anything but a text depends on."""
    blocks = tuple(blocks)
    uses = list(_uses(blocks))
    passing = {block.label for block in blocks if block.kind == "function"} | _PASSING
    decided: set[str] = set()
    known: tuple[int, int] | None = None
    while known != (len(decided), len(passing)):
        known = len(decided), len(passing)
        for use in uses:
            deciding = deciding_names(use.tokens, passing)
            if not use.parameters.isdisjoint(deciding):
                passing.discard(use.owner)
            everything = use.decides or use.owner in decided
            decided |= (use.names if everything else deciding) - use.parameters
    return frozenset(decided)


def deciding_names(tokens: Iterable[Token], passing: Collection[str]) -> set[str]:
    """Return the names on which more than a text depends in an expression.

    These are the names in conditions, comparisons, calculations, filters of lists, and in the
    arguments of functions.

    Args:
        tokens: the expression.
        passing: the functions that pass their arguments on unchanged.
    """
    decided: set[str] = set()
    brackets = [_Bracket()]
    previous = ""
    for token in tokens:
        bracket = brackets[-1]
        if token.kind == "open" or (token.kind == "operator" and token.text in "([{"):
            called = token.text == "(" and previous not in {"", *passing}
            brackets.append(_Bracket(decides=called or token.text.startswith("%")))
        elif token.kind == "close" or (token.kind == "operator" and token.text in ")]}"):
            decided |= bracket.close(decided)
            if len(brackets) > 1:
                brackets.pop()
            brackets[-1].part |= bracket.names
        elif token.kind == "operator" and token.text in _ENDS:
            decided |= bracket.end_part(condition=token.text == "?")
        elif token.kind == "operator" and token.text not in _PLAIN:
            bracket.part_decides = True
        elif token.kind == "name":
            bracket.add(token.text)
        previous = token.text if token.kind == "name" else ""
    for bracket in reversed(brackets):
        decided |= bracket.close(decided)
    return decided


@dataclass(slots=True)
class _Bracket:
    """What is known of the inside of a bracket, or of a whole expression, up to a token."""

    decides: bool = False
    """Whether everything in it is more than text."""
    loops: bool = False
    """Whether it is a `for` expression, whose names depend on each other."""
    names: set[str] = field(default_factory=set)
    """The names in it."""
    part: set[str] = field(default_factory=set)
    """The names since its last comma, colon or question mark."""
    part_decides: bool = False

    def add(self, name: str) -> None:
        """Add a name, or a keyword."""
        self.loops |= name == "for"
        self.decides |= name == "if"
        self.part.add(name)

    def end_part(self, *, condition: bool = False) -> set[str]:
        """End a part, and return the names in it on which more than a text depends."""
        decided = self.part if condition or self.part_decides else set()
        self.names |= self.part
        self.part, self.part_decides = set(), False
        return decided

    def close(self, decided: Collection[str]) -> set[str]:
        """End the bracket, and return the names in it on which more than a text depends.

        Args:
            decided: the names that are known to be such.
        """
        deciding = self.end_part()
        if self.decides or (self.loops and not self.names.isdisjoint({*decided, *deciding})):
            deciding = self.names
        return deciding


def default_in_matrix(attribute: Attribute | None, known: Collection[str]) -> str | None:
    """Return a variable's default in the syntax of matrix.yaml; None if it is an expression.

    Args:
        attribute: the attribute `default` of the variable.
        known: the variables that the matrix keeps.
    """
    text, inside = "", False
    for token in attribute.tokens if attribute else ():
        if token.kind == "open" and token.text == "${":
            inside = True
        elif token.kind == "close":
            inside = False
        elif token.kind == "name" and inside and token.text in known:
            text += f"${{{token.text}}}"
        elif token.kind == "text" and "\\" not in token.text and "{" not in token.text:
            text += token.text
        elif token.kind != "quote":
            return None
    return text


def _uses(blocks: Iterable[Block]) -> Iterator[_Use]:
    for block in blocks:
        owner = block.label if block.kind in {"variable", "function", ""} else ""
        parameters: frozenset[str] = frozenset()
        if block.kind == "function":
            lists = (block.attributes.get(key) for key in ("params", "variadic_params"))
            parameters = frozenset(
                token.text
                for attribute in lists
                for token in (attribute.tokens if attribute else ())
                if token.kind in {"name", "text"}
            )
        for name, attribute in block.attributes.items():
            decides = block.kind in {"target", "group"} and (
                name not in KEPT_IN or (name == "contexts" and _links(attribute.tokens))
            )
            yield _Use(attribute.tokens, decides, owner, parameters)
        if block.nested:
            yield _Use(block.nested, decides=True, owner=owner, parameters=parameters)


def _links(tokens: Iterable[Token]) -> bool:
    return any(token.kind == "text" and LINK_PREFIX in token.text for token in tokens)
