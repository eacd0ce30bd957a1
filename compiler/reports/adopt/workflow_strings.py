"""Evaluate the expressions `${{ ... }}` of a workflow that are known before it runs."""

import re
from collections.abc import Mapping
from typing import Any

from compiler.reports.adopt.model import why_not_variable


_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_PROPERTY = re.compile(r"\s*([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)\s*\Z", re.ASCII)
_ENVIRONMENT = frozenset(
    {"actor", "event_name", "ref_name", "repository", "repository_owner", "run_id", "run_number"}
) | {"sha"}
"""Properties of `github` that a runner also sets as `GITHUB_...` in the environment."""

DEFAULT = "local"
"""The default of a variable that only a runner sets."""


class UnknownValueError(Exception):
    """An expression has no value before the workflow runs; the message is the expression."""


class Strings:
    """Evaluates strings, and collects the variables that a runner sets."""

    def __init__(self, environment: Mapping[str, str], variables: dict[str, str]) -> None:
        """Take what `env` contains, and a mapping that receives variables with their defaults."""
        self._environment, self._variables = environment, variables

    def evaluate(self, text: str, matrix: Mapping[str, Any]) -> str:
        """Return a text in which each expression has its value.

        A variable of the environment is replaced by its name between two NUL characters.

        Args:
            text: the text.
            matrix: the combination.

        Raises:
            UnknownValueError: an expression has no value before the workflow runs.
        """
        return _EXPRESSION.sub(lambda match: self._value(match[1], matrix), text)

    def _value(self, expression: str, matrix: Mapping[str, Any]) -> str:
        match = _PROPERTY.match(expression)
        if match is None:
            raise UnknownValueError(expression.strip())
        context, *path = match[1].split(".")
        if context == "matrix":
            return _property(matrix, path)
        if context == "env" and len(path) == 1 and path[0] in self._environment:
            return self._variable(path[0], self._environment[path[0]])
        if context == "github" and len(path) == 1 and path[0] in _ENVIRONMENT:
            return self._variable(f"GITHUB_{path[0].upper()}", DEFAULT)
        raise UnknownValueError(expression.strip())

    def _variable(self, name: str, default: str) -> str:
        if why_not_variable(name) or self._variables.setdefault(name, default) != default:
            return default
        return f"\0{name}\0"


def _property(value: Any, path: list[str]) -> str:
    """Return a value of the matrix as GitHub prints it; nothing for a missing one."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case _:
            raise UnknownValueError(f"matrix.{'.'.join(path)}")
