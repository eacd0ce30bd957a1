"""Render the Dockerfile of each target from its template.

There is one `Dockerfile` for each valid target, in the same order, with one newline at its end. A
template that is missing or invalid is an error.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from jinja2 import TemplateNotFound, TemplateSyntaxError

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Problems
from compiler.matrix.jinja import piece_renderer
from compiler.matrix.matrix import Matrix
from compiler.matrix.template_files import EXISTING
from compiler.matrix.unknown import UnknownValueError, is_consequence
from compiler.render.templates import Templates
from compiler.source.project_files import FileError
from compiler.targets.field_rendering import remembered
from compiler.targets.target import Target


class Dockerfile(NamedTuple):
    """A target and the text of its Dockerfile."""

    target: Target
    text: str
    """Without the comment that names its sources, because that comment does not affect a build."""
    templates: tuple[str, ...]
    """The template and all included files, as paths below `templates/`."""


class _Template:
    """A compiled template, which renders once for equal values of the names that it reads."""

    def __init__(self, name: str, templates: "Templates") -> None:
        compiled = templates.env.get_template(name)
        files, names, inherits = templates.reads(name)
        templates.note(names)
        self.files = tuple(files)
        """The template and all that it includes."""
        self._shapes = templates.shapes[name]
        self._pieces = piece_renderer(compiled, inherits=inherits)
        self._versions = templates.env.versions
        self._warn = partial(templates.warn_of_dropped, self.files)
        self.render = self._text if names is None else remembered(self._text, names)
        """Scope -> text; scopes with equal values of the names that it reads share one object."""

    def render_again(self, scope: Mapping[str, Any]) -> None:
        """Render with names of no target; the text is not remembered."""
        self._pieces(scope)

    def _text(self, scope: Mapping[str, Any]) -> str:
        rendered, pieces = self._pieces(scope)
        if self._versions.dropped:
            self._warn()
        text = rendered.strip("\n") + "\n"
        self._shapes.note(text, pieces)
        return text


class _Existing:
    """An existing Dockerfile, which is used unchanged."""

    def __init__(self, name: str, templates: "Templates") -> None:
        text = templates.existing(name)
        self.files = (name,)
        self.render: Callable[[Mapping[str, Any]], str] = lambda _: text
        templates.shapes[name].note_unchanged(text)


def render(
    matrix: Matrix, targets: tuple[Target, ...], templates: Templates, problems: Problems
) -> tuple[Dockerfile, ...]:
    """Render the Dockerfile of each target; errors are added to the problems.

    Returns:
        The Dockerfiles without errors.
    """
    compiled: dict[str, _Template | _Existing | Exception] = {}
    generated = {target.generated for target in targets}

    dockerfiles = []
    for target in targets:
        name = target.template
        template: _Template | _Existing | Exception | None = None
        try:
            if target.is_existing and target.dockerfile in generated:
                raise FileError(
                    Code.NOT_A_FILE,
                    f"{target.dockerfile} is a file that compiling writes",
                    "name a Dockerfile outside the output folder",
                )
            if name not in compiled:
                compiled[name] = _compiled(name, templates)
            template = compiled[name]
            if isinstance(template, Exception):
                problems.add(_diagnosed(template, target, matrix, templates), target.name)
                continue
            text = template.render(target.scope)
            dockerfiles.append(Dockerfile(target=target, text=text, templates=template.files))
        except Exception as error:  # noqa: BLE001 - templates may raise anything
            if is_consequence(error):
                problems.reject(UnknownValueError(), target.name)
                continue
            first = _diagnosed(error, target, matrix, templates)
            problems.add(first, target.name)
            if isinstance(template, _Template):
                from compiler.matrix.undefined_names import further_errors

                again = partial(_first_error, template, target, matrix, templates)
                problems.extend(further_errors(first, target.scope, again), target.name)
    return tuple(dockerfiles)


def _first_error(
    template: _Template,
    target: Target,
    matrix: Matrix,
    templates: Templates,
    scope: Mapping[str, Any],
) -> Diagnostic | None:
    """Render a template with other names than those of its target, and return its first error."""
    try:
        template.render_again(scope)
    except Exception as error:  # noqa: BLE001 - templates may raise anything
        if is_consequence(error):
            return None
        return _diagnosed(error, target, matrix, templates)
    return None


def _compiled(name: str, templates: Templates) -> "_Template | _Existing | Exception":
    """Return a template, or the error that all targets with this template share."""
    try:
        if name.startswith(EXISTING):
            return _Existing(name, templates)
        return _Template(name, templates)
    except Exception as error:  # noqa: BLE001 - templates may raise anything
        return error


def template_location(target: Target, matrix: Matrix) -> Location:
    """Return where matrix.yaml names a target's template, or its image."""
    if target.spec.template is None:
        return matrix.source.locate(matrix.images[target.image].route, key=True)
    return target.spec.template.locate()


def _diagnosed(
    error: Exception, target: Target, matrix: Matrix, templates: Templates
) -> Diagnostic:
    """Return the diagnostic of an error, in the template or where matrix.yaml names it."""
    from compiler.matrix.jinja_errors import explain, place

    named = template_location(target, matrix)
    if isinstance(error, FileError):
        return error.at(named)
    where, line = place(error)
    if isinstance(error, TemplateNotFound) and not isinstance(error, TemplateSyntaxError):
        location = named if where is None else templates.locate(where, line, str(error.name))
        return templates.missing(error, location)
    code, message, help_, word = explain(
        error, [name for name, value in target.scope.items() if not callable(value)]
    )
    location = named if where is None else templates.locate(where, line, word)
    if code is Code.UNPRINTABLE and message.startswith("null"):
        nulls = [
            name
            for name, value in target.scope.items()
            if value is None and re.search(rf"\b{re.escape(name)}\b", location.text)
        ]
        if nulls:
            message = f"cannot print {nulls[0]!r}: it is null here"
            location = templates.locate(where or "", line, nulls[0])
    return Diagnostic(code=code, message=message, location=location, help=help_)
