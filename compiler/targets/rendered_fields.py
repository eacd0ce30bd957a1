"""Render the fields of a variant, and collect what is wrong with them."""

import posixpath
from collections.abc import Mapping
from functools import partial
from typing import Any

from compiler.errors import CompileError, Diagnostic, Problems
from compiler.matrix.bake_strings import BakeString, interpolate
from compiler.matrix.matrix import Alias, Matrix
from compiler.matrix.strings import TemplateString
from compiler.matrix.template_files import EXISTING
from compiler.targets.applied_overrides import BuildSpec
from compiler.targets.field_rendering import Rendered, Renderer


def render_template_name(
    named: TemplateString, scope: Mapping[str, Any], name: str, problems: Problems
) -> str | None:
    """Return the template's name of a variant; None if it is invalid."""
    try:
        template = named.render(scope)
    except CompileError as error:
        problems.reject(error, name)
        return None
    if named.route[-1] == "dockerfile":
        return EXISTING + posixpath.normpath(template)
    return template


def render_fields(
    spec: BuildSpec, scope: Mapping[str, Any], name: str, problems: Problems
) -> tuple[dict[str, Rendered], set[str]]:
    """Return the valid fields of a variant, and the names of the invalid ones."""
    fields: dict[str, Rendered] = {}
    invalid: set[str] = set()
    for field, render in spec.fields:
        try:
            rendered = render(scope)
        except CompileError as error:
            from compiler.matrix.undefined_names import further_errors

            problems.reject(error, name)
            again = partial(_first_error, getattr(render, "__wrapped__", render))
            for first in error.diagnostics[:1]:
                problems.extend(further_errors(first, scope, again), name)
            invalid.add(field)
            continue
        if rendered or rendered is False:
            fields[field] = rendered
    return fields, invalid


def _first_error(render: Renderer, scope: Mapping[str, Any]) -> Diagnostic | None:
    """Render a field, and return its first error."""
    try:
        render(scope)
    except CompileError as error:
        return next(iter(error.diagnostics), None)
    return None


def render_aliases(
    aliases: tuple[Alias, ...],
    scope: Mapping[str, Any],
    matrix: Matrix,
    name: str,
    problems: Problems,
) -> tuple[BakeString, ...]:
    """Return the aliases of a variant; none if one of them is invalid."""
    try:
        return tuple(
            interpolate(alias.tag, alias.tag.render(scope), matrix.variables) for alias in aliases
        )
    except CompileError as error:
        problems.reject(error, name)
        return ()
