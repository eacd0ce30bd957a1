"""The bake variables: their names, defaults, derivations and resolved values."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from compiler.codes import Code
from compiler.errors import CompileError, did_you_mean
from compiler.matrix.bake_strings import interpolate, size_of, substitute
from compiler.matrix.derivation import Derivation, ExpressionError, check_expression
from compiler.matrix.matrix import Variable, references
from compiler.matrix.model import VariableOptions
from compiler.matrix.names import (
    HCL_WORDS,
    RESERVED_PREFIXES,
    RESERVED_VARIABLES,
    VARIABLE,
    is_secret_variable,
    no_variable,
)
from compiler.matrix.reader import Reader


MAX_CHAIN = 100
"""The longest chain of variables that refer to each other."""
MOST_TEXT = 1 << 20
"""Characters of the values of all variables: each can repeat the value of the one before."""
_LEAST_SIZE = 64
"""Characters that another variable counts as, because the environment can replace its value."""


class Values(NamedTuple):
    """The values of variables in one environment."""

    values: dict[str, str]
    """Variable -> value; empty for one that has none."""
    missing: dict[str, str]
    """Variable without a value -> the derived variable whose expression does not match."""


def evaluate(variables: Mapping[str, Variable], environment: Mapping[str, str]) -> Values:
    """Return the value of each variable, as bake does: of the environment, or else its default.

    A derived variable whose expression does not match has no value, and neither has a variable
    that depends on it. The environment can give a value to any of them.
    """
    values: dict[str, str] = {}
    missing: dict[str, str] = {}

    def resolve(name: str) -> None:
        if name in values:
            return
        if name in environment:
            values[name] = environment[name]
            return
        variable = variables[name]
        for other in variable.references:
            resolve(other)
        values[name] = ""
        without = next((missing[other] for other in variable.references if other in missing), None)
        if variable.derivation is None and without is None:
            values[name] = substitute(variable.default, values)
        elif variable.derivation is not None and without is None:
            derived = variable.derivation.apply(values[variable.derivation.source])
            values[name] = derived or ""
            without = name if derived is None else None
        if without is not None:
            missing[name] = without

    for name in variables:
        resolve(name)
    return Values(values, missing)


def read_variables(
    raw: Mapping[str, Any], data: Mapping[str, Any], reader: Reader
) -> dict[str, Variable]:
    """Read `variables`; defaults can use data, and other variables as `${NAME}`."""
    defaults: dict[str, str] = {}
    derivations: dict[str, Derivation] = {}
    for name, default in raw.items():
        route = ("variables", name)
        _check_name(name, reader)
        if reader.valid.is_removed(route):
            reader.broken.add(f"${{{name}}}")
        defaults[name] = ""
        if isinstance(default, dict):
            derivation = _derivation(name, raw, reader)
            if derivation is None:
                reader.broken.add(f"${{{name}}}")
            else:
                derivations[name] = derivation
            continue
        try:
            text = reader.text(default, route, bake=True)
            reader.skip_unknown(text)
            defaults[name] = interpolate(text, text.render(data), raw)
        except CompileError as error:
            reader.reject(error, route)
            reader.broken.add(f"${{{name}}}")
    depends = {name: references(defaults[name], derivations.get(name)) for name in raw}
    order: dict[str, None] = {}
    for name in raw:
        _order(name, depends, order, (), defaults, derivations, reader)
    _limit(order, depends, defaults, derivations, reader)
    can_lack: set[str] = set()
    for name in order:
        if name in derivations or not can_lack.isdisjoint(depends[name]):
            can_lack.add(name)
    unresolved = {
        name: Variable(
            name=name,
            default=defaults[name],
            resolved="",
            route=("variables", name),
            derivation=derivations.get(name),
            can_lack_value=name in can_lack,
        )
        for name in raw
    }
    values = evaluate(unresolved, {}).values
    return {name: replace(variable, resolved=values[name]) for name, variable in unresolved.items()}


def _limit(
    order: Iterable[str],
    depends: Mapping[str, tuple[str, ...]],
    defaults: dict[str, str],
    derivations: Mapping[str, Derivation],
    reader: Reader,
) -> None:
    """Check that the values of all variables are not too long, before they are evaluated.

    The first variable that makes them too long is an error. Each such variable counts as empty.
    """
    sizes: dict[str, int] = {}
    total, is_reported = 0, False
    for name in order:
        # A variable of a cycle, which is reported, may depend on one that follows.
        used = {other: max(sizes.get(other, 0), _LEAST_SIZE) for other in depends[name]}
        size = sum(used.values()) if name in derivations else size_of(defaults[name], used)
        if total + size > MOST_TEXT:
            message = f"with {name}, the values of the variables exceed {MOST_TEXT:,} characters"
            help_ = "use shorter values, and repeat them less often"
            if not is_reported:
                reader.problem(Code.TOO_LARGE, message, ("variables", name), help_)
            is_reported = True
            reader.broken.add(f"${{{name}}}")
            defaults[name], size = "", 0
        sizes[name] = size
        total += size


def _derivation(name: str, raw: Mapping[str, Any], reader: Reader) -> Derivation | None:
    """Read the mapping of a derived variable; None if it is invalid."""
    route = ("variables", name)
    options = reader.valid.level(VariableOptions, route)
    if not options.from_ and not options.match and not reader.is_sound(route):
        return None
    reader.read.add(f"${{{options.from_}}}")
    is_valid = True
    if options.from_ not in raw:
        is_valid = False
        reader.problem(
            Code.UNDECLARED_VARIABLE,
            no_variable(options.from_),
            (*route, "from"),
            did_you_mean(
                options.from_.removeprefix("${").removesuffix("}"),
                raw,
                otherwise="name another one of `variables`",
            ),
        )
    try:
        check_expression(options.match)
    except ExpressionError as error:
        is_valid = False
        reader.problem(Code.BAD_EXPRESSION, error.message, (*route, "match"), error.help)
    return Derivation(options.from_, options.match) if is_valid else None


def _check_name(name: str, reader: Reader) -> None:
    route = ("variables", name)
    if not VARIABLE.match(name):
        reader.problem(
            Code.NOT_AN_IDENTIFIER,
            f"invalid name for a bake variable: {name!r}",
            route,
            "use letters, digits and underscores, and begin with a letter",
            key=True,
        )
    elif name in HCL_WORDS:
        reader.problem(
            Code.RESERVED_NAME,
            f"variable {name!r} is a keyword of bake files",
            route,
            "choose another name",
            key=True,
        )
    elif is_secret_variable(name):
        reader.problem(
            Code.RESERVED_NAME,
            f"variable {name!r} is reserved for credentials of the environment",
            route,
            "choose another name; the value of a variable becomes part of tags and images",
            key=True,
        )
    elif name in RESERVED_VARIABLES or name.startswith(RESERVED_PREFIXES):
        reader.problem(
            Code.RESERVED_NAME,
            f"variable {name!r} is reserved for the generated file or for bake",
            route,
            "choose another name",
            key=True,
        )


def _order(
    name: str,
    depends: Mapping[str, tuple[str, ...]],
    order: dict[str, None],
    path: tuple[str, ...],
    defaults: dict[str, str],
    derivations: dict[str, Derivation],
    reader: Reader,
) -> None:
    """Add a variable to the order, after those on which it depends.

    A variable that closes a cycle, or a chain that is too long, is an error; it then counts as
    empty.
    """
    if name in order:
        return
    message = ""
    if name in path:
        cycle = [*path[path.index(name) :], name]
        message = f"variables refer to each other in a cycle: {' -> '.join(cycle)}"
    elif len(path) == MAX_CHAIN:
        message = f"a chain of more than {MAX_CHAIN} variables refer to each other"
    if message:
        help_ = "give one of them a default without a variable"
        reader.problem(Code.VARIABLE_CYCLE, message, ("variables", name), help_)
        defaults[name] = ""
        derivations.pop(name, None)
        order[name] = None
        return
    for other in depends[name]:
        _order(other, depends, order, (*path, name), defaults, derivations, reader)
    order.setdefault(name)
