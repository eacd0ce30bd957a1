"""Shared state while a document is read: its diagnostics, and the compiling of its strings."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compiler.codes import Code
from compiler.errors import (
    CompileError,
    Diagnostic,
    Location,
    Problems,
    Severity,
)
from compiler.matrix.jinja import GLOBALS, environment
from compiler.matrix.matrix import Setting
from compiler.matrix.model import is_expression
from compiler.matrix.strings import Strings, TemplateString
from compiler.matrix.template_files import TemplateFiles
from compiler.matrix.unknown import UNKNOWN, UnknownValueError
from compiler.matrix.validation import Validation
from compiler.source.document import Route, Source
from compiler.source.project_files import Files
from compiler.source.routes import Routes


_VARIABLE = re.compile(r"(?<!\$)(\$\{[A-Za-z][A-Za-z0-9_]*\})")


class Reader:
    """Reports diagnostics by their route in one document, and compiles its strings."""

    def __init__(self, source: Source, files: Files) -> None:
        """Take the document, and the project's files, of which strings can import templates."""
        self.valid = Validation(source, self.problem)
        """The document's schema, and the values that it removed from the document."""
        self.problems = Problems()
        self.warnings = Problems()
        self.read: set[str] = set()
        """Names that strings of the document use: of Jinja, and bake variables as `${NAME}`."""
        self.broken: set[str] = set()
        """Names of `data`, and of variables as `${NAME}`, whose values are unknown."""
        self.incomplete: set[str] = set()
        """Axes with a value that is not known, because it is invalid."""
        self.invalid = Routes()
        """Routes of invalid values that were not repaired."""
        self.late_warnings = Problems()
        """Warnings of strings, which are added when they are rendered."""
        templates = TemplateFiles(files)
        self._plain, self._bake = (
            Strings(
                sandbox=environment(templates.load, bake=bake),
                files=templates,
                warnings=self.late_warnings,
            )
            for bake in (False, True)
        )
        self.data_is_unknown = False
        """Whether the section `data` is invalid as a whole."""
        self.has_supplied = False
        """Whether an expression supplies a structure of the document."""

    @property
    def source(self) -> Source:
        """The document without the values that its schema rejected."""
        return self.valid.source

    def problem(
        self,
        code: Code,
        message: str,
        route: Route,
        help_: str = "",
        *,
        key: bool = False,
        related: tuple[tuple[str, Location], ...] = (),
        repaired: bool = False,
    ) -> None:
        """Report an error at a route; `repaired` if reading continues with the remedy applied."""
        if not repaired:
            self.invalid.add(route)
        self.problems.add(
            Diagnostic(
                code=code,
                message=message,
                location=self.source.locate(route, key=key),
                help=help_,
                related=related,
            )
        )

    def reject(self, error: CompileError, route: Route) -> None:
        """Report the diagnostics of an exception; the value at the route is invalid."""
        self.invalid.add(route)
        self.problems.extend(error.diagnostics)

    def is_sound(self, route: Route) -> bool:
        """Return whether the value at a route is valid as a whole."""
        return not (self.valid.is_emptied(route) or self.invalid.any_within(route))

    def warn(self, code: Code, message: str, route: Route, help_: str = "") -> None:
        """Report a warning at a route."""
        self.warnings.add(
            Diagnostic(
                code=code,
                message=message,
                location=self.source.locate(route),
                help=help_,
                severity=Severity.WARNING,
            )
        )

    def text(
        self, raw: str, route: Route, *, bake: bool = False, key: bool = False
    ) -> TemplateString:
        """Compile a string; report invalid Jinja and return an empty string instead."""
        env = self._bake if bake else self._plain
        if self.has_supplied and self.source.is_supplied(route):
            return TemplateString(raw, env, self.source, route, spelt_as_key=key, is_value=True)
        if bake:
            self.read.update(_VARIABLE.findall(raw))
        try:
            text = TemplateString(raw, env, self.source, route, spelt_as_key=key)
        except CompileError as error:
            self.reject(error, route)
            return TemplateString("", env, self.source, route)
        self.read.update(text.names)
        if bake and text.constant is None:
            self.read.update(_VARIABLE.findall(env.compile(raw).imported))
        return text

    def texts(
        self, raw: Sequence[str], route: Route, *, bake: bool = True
    ) -> tuple[TemplateString, ...]:
        """Compile the entries of a list, or the expression that supplies it."""
        if len(raw) == 1 and is_expression(raw[0]) and not self.source.is_list(route):
            return (self.text(raw[0], route, bake=bake),)
        return tuple(self.text(text, (*route, n), bake=bake) for n, text in enumerate(raw))

    def skip_unknown(self, text: TemplateString) -> None:
        """Skip a string that uses an unknown value, because that error is already reported.

        Raises:
            UnknownValueError: the string uses such a value.
        """
        is_unknown = self.data_is_unknown and not text.names <= GLOBALS.keys()
        if is_unknown or not self.broken.isdisjoint(text.names):
            raise UnknownValueError

    def settings(self, raw: Mapping[str, Any] | None, route: Route) -> dict[str, Setting]:
        """Compile the strings of a `set` at any depth."""
        settings = {}
        for name, value in (raw or {}).items():
            at = (*route, name)
            tree = self._tree(value, at)
            texts = list(_texts(tree))
            names = frozenset[str]().union(*(text.names for text in texts))
            if not self.is_sound(at):
                tree = UNKNOWN
            settings[name] = Setting(
                name=name,
                tree=tree,
                constant=not texts and tree is not UNKNOWN,
                names=names,
                route=at,
            )
        return settings

    def _tree(self, value: Any, route: Route) -> Any:
        if isinstance(value, str):
            text = self.text(value, route)
            return value if text.constant is not None else text
        if isinstance(value, list):
            return [self._tree(item, (*route, n)) for n, item in enumerate(value)]
        if isinstance(value, dict):
            return {key: self._tree(item, (*route, key)) for key, item in value.items()}
        return value

    def expression(self, raw: str, names: Mapping[str, Any], route: Route) -> Any:
        """Evaluate one expression, `{{ ... }}`, with these names.

        Raises:
            CompileError: the text is not one expression, or its evaluation fails.
        """
        text = TemplateString(raw, self._plain, self.source, route)
        self.read.update(text.names)
        self.skip_unknown(text)
        if not text.is_expression:
            raise text.refusal(
                Code.AXIS_EXPRESSION,
                "one expression is expected here",
                "write a list of values, or one expression such as "
                '"{{ pyproject.tool.images.pythons }}"',
            )
        return text.evaluate({**GLOBALS, **names})


def _texts(tree: Any) -> Iterator[TemplateString]:
    """Yield the strings with Jinja in a `set` value."""
    if isinstance(tree, TemplateString):
        yield tree
    elif isinstance(tree, list | dict):
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from _texts(item)


def grow(tree: Any, scope: Mapping[str, Any]) -> Any:
    """Return a `set` value with its strings evaluated; one expression keeps its type.

    Raises:
        CompileError: a string cannot be evaluated.
        UnknownValueError: an error in the value is already reported.
    """
    if tree is UNKNOWN:
        raise UnknownValueError
    if isinstance(tree, TemplateString):
        exact = tree.raw.strip("\n")  # a block of YAML ends in a newline
        return tree.evaluate(scope) if exact == exact.strip() else tree.render(scope)
    if isinstance(tree, list):
        return [grow(item, scope) for item in tree]
    if isinstance(tree, dict):
        return {key: grow(item, scope) for key, item in tree.items()}
    return tree
