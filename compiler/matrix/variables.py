"""The bake variables: their names, defaults and resolved values."""

from collections.abc import Mapping
from typing import Any

from compiler.codes import Code
from compiler.errors import CompileError
from compiler.matrix.matrix import Variable
from compiler.matrix.names import HCL_WORDS, RESERVED_VARIABLES, VARIABLE
from compiler.matrix.reader import Reader
from compiler.matrix.strings import interpolate, substitute, variables_in


MAX_CHAIN = 100
"""The longest chain of variables that refer to each other."""


def read_variables(
    raw: Mapping[str, str], data: Mapping[str, Any], reader: Reader
) -> dict[str, Variable]:
    """Read `variables`; defaults can use data, and other variables as `${NAME}`."""
    defaults: dict[str, str] = {}
    for name, default in raw.items():
        route = ("variables", name)
        _check_name(name, reader)
        if reader.valid.is_removed(route):
            reader.broken.add(f"${{{name}}}")
        try:
            text = reader.text(default, route, bake=True)
            reader.skip_unknown(text)
            defaults[name] = interpolate(text, text.render(data), raw)
        except CompileError as error:
            reader.reject(error, route)
            reader.broken.add(f"${{{name}}}")
            defaults[name] = ""
    resolved: dict[str, str] = {}
    for name in raw:
        _resolve(name, defaults, resolved, (), reader)
    return {
        name: Variable(
            name=name, default=default, resolved=resolved[name], route=("variables", name)
        )
        for name, default in defaults.items()
    }


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
    elif name in RESERVED_VARIABLES or name.startswith(("ONLY_", "BAKE_", "BUILDX_")):
        reader.problem(
            Code.RESERVED_NAME,
            f"variable {name!r} is reserved for the generated file or for bake",
            route,
            "choose another name",
            key=True,
        )


def _resolve(
    name: str,
    defaults: Mapping[str, str],
    resolved: dict[str, str],
    path: tuple[str, ...],
    reader: Reader,
) -> None:
    """Resolve a variable, after the variables in its default."""
    if name in resolved:
        return
    if name in path:
        cycle = [*path[path.index(name) :], name]
        reader.problem(
            Code.VARIABLE_CYCLE,
            f"variables refer to each other in a cycle: {' -> '.join(cycle)}",
            ("variables", name),
            "give one of them a default without a variable",
        )
        resolved[name] = ""
        return
    if len(path) == MAX_CHAIN:
        reader.problem(
            Code.VARIABLE_CYCLE,
            f"a chain of more than {MAX_CHAIN} variables refer to each other",
            ("variables", name),
            "give one of them a default without a variable",
        )
        resolved[name] = ""
        return
    for other in variables_in(defaults[name]):
        _resolve(other, defaults, resolved, (*path, name), reader)
    resolved.setdefault(name, substitute(defaults[name], resolved))
