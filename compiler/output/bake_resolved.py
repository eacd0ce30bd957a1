"""A plan as bake reads the file that is made of it, for a comparison with what bake prints.

Takes a `Plan` and an environment; returns a `Definition`.
"""

from collections.abc import Mapping
from typing import Any

from compiler.matrix.strings import substitute, variables_in
from compiler.output.bake_fields import COMPARED, Value, normal
from compiler.output.definition import Definition
from compiler.targets.plan import Plan, described
from compiler.targets.target import Target


TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
"""What is true in a variable of the environment, by bake."""


def definition(plan: Plan, environment: Mapping[str, str]) -> Definition:
    """Return what a plan defines where the environment overrides variables, as it does in bake.

    What moves, and the caches of the targets' own, count as its `MOVING` and `CACHE` say.
    """
    values = variable_values(plan, environment)
    moves = environment.get("MOVING") in TRUE
    waiting = () if moves else _moving(plan, values)
    cache = environment.get("CACHE", "")
    return Definition(
        targets={
            target.name: _fields(target, values, moves=moves, cache=cache)
            for target in plan.targets
        },
        waiting=frozenset(waiting),
        variables=tuple(plan.matrix.variables),
    )


def variable_values(plan: Plan, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the value of each bake variable: the environment's, else what its default gives."""
    variables = plan.matrix.variables
    found: dict[str, str] = {}

    def fill(name: str) -> None:
        if name in found:
            return
        if name in environment:
            found[name] = environment[name]
            return
        default = variables[name].default
        for other in variables_in(default):
            fill(other)
        found[name] = substitute(default, found)

    for name in variables:
        fill(name)
    return found


def _moving(plan: Plan, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return every tag that moves."""
    tags = [tag for target in plan.targets for tag in (*target.moving, *target.aliases)]
    return tuple(normal({"tags": [substitute(tag, values) for tag in tags]}).get("tags", ()))


def _fields(
    target: Target, values: Mapping[str, str], *, moves: bool, cache: str
) -> dict[str, Value]:
    """Return the fields of a target as bake resolves them."""
    given = described(target)
    given["target"] = given.pop("stage", None)
    if moves:
        given["tags"] = (*given["tags"], *given["moving"], *given["aliases"])
    if target.cache is not None and cache in {"read", "write"}:
        record = f"type=registry,ref={target.cache['ref']}"
        given["cache-from"] = (*given.get("cache-from", ()), record)
        if cache == "write":
            record += f",mode={target.cache['mode']}"
            given["cache-to"] = (*given.get("cache-to", ()), record)
    return normal({name: _resolved(given.get(name), values) for name in COMPARED})


def _resolved(value: Any, values: Mapping[str, str]) -> Any:
    match value:
        case str():
            return substitute(value, values)
        case tuple():
            return [_resolved(item, values) for item in value]
        case Mapping():
            return {substitute(key, values): _resolved(item, values) for key, item in value.items()}
        case _:
            return value
