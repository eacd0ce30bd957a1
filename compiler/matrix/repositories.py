"""Read the name of a repository in matrix.yaml, which may contain Jinja and bake variables."""

from collections.abc import Mapping
from typing import Any

from compiler.codes import Code
from compiler.errors import CompileError
from compiler.external.references import canonical_tag
from compiler.matrix.bake_strings import interpolate, substitute
from compiler.matrix.matrix import Variable
from compiler.matrix.reader import Reader
from compiler.source.document import Route


def read_repository(
    written: str | None,
    route: Route,
    example: str,
    *,
    data: Mapping[str, Any],
    variables: Mapping[str, Variable],
    reader: Reader,
) -> str:
    """Return a repository in bake's syntax, and report errors; empty if there is none.

    Args:
        written: its text in matrix.yaml; None if there is none.
        route: where it is written.
        example: a valid repository, for the remedy.
        data: the data of the matrix, which its Jinja can read.
        variables: the bake variables.
        reader: receives the errors.
    """
    if written is None:
        return ""
    repository = ""
    try:
        text = reader.text(written, route, bake=True)
        repository = interpolate(text, text.render(data), variables)
    except CompileError as error:
        if reader.is_sound(("variables",)):
            reader.reject(error, route)
    values = {name: variable.resolved for name, variable in variables.items()}
    default = substitute(repository, values)
    is_known = repository and reader.is_sound(("variables",))
    if is_known and canonical_tag(f"{default}:latest") is None:
        reader.problem(
            Code.ILLEGAL_TAG,
            f"invalid repository: {default!r}",
            route,
            f"write a name without a tag, such as {example}",
        )
    return repository
