"""Strings of matrix.yaml: their Jinja is rendered when compiling."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError, meta, nodes

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location, Problems
from compiler.matrix.expressions import evaluator, expression_in, joiner
from compiler.matrix.jinja import renderer
from compiler.matrix.jinja_sandbox import Sandbox
from compiler.matrix.jinja_text import PrintedError
from compiler.matrix.jinja_versions import NAMES as VERSION_FILTERS
from compiler.matrix.template_files import TemplateFiles
from compiler.matrix.unknown import UNKNOWN, UnknownValueError, is_consequence
from compiler.source.document import Route, Source


_REFERENCES = (nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strings:
    """What all strings of one kind have in common."""

    sandbox: Sandbox
    files: TemplateFiles
    """The files that they can import."""
    warnings: Problems
    """Collects what is found while they are rendered."""
    _compiled: dict[str, "_Compiled"] = field(default_factory=dict)

    def compile(self, raw: str) -> "_Compiled":
        """Compile a text; equal texts share the result.

        Raises:
            TemplateError: the Jinja in it is invalid, or imports such a template.
        """
        known = self._compiled.get(raw)
        if known is not None:
            return known
        env = self.sandbox
        tree = env.parse(raw)
        names: frozenset[str] | None = frozenset(meta.find_undeclared_variables(tree))
        drops = any(node.name in VERSION_FILTERS for node in tree.find_all(nodes.Filter))
        printed: list[str] = []
        if next(tree.find_all(_REFERENCES), None) is not None:
            files, names, _ = self.files.references(tree, env)
            printed = [line for file in files for line in self.files.lines(file)]
            drops = True
        if names is None:  # any name, of any variant
            names = frozenset({"target"})
        render = joiner(tree, env) or renderer(env.from_string(raw))
        expression = expression_in(tree)
        self._compiled[raw] = _Compiled(names, render, drops, "\n".join(printed), expression)
        return self._compiled[raw]


class _Compiled(NamedTuple):
    """What strings with the same text share."""

    names: frozenset[str]
    render: Callable[[Mapping[str, Any]], str]
    drops: bool
    """Whether it may use a filter of versions."""
    imported: str
    """The text of the templates that it imports and includes."""
    expression: nodes.Expr | None
    """The expression that it consists of."""


class TemplateString:
    """One string of matrix.yaml, compiled once and rendered for each variant."""

    __slots__ = (
        *("_drops", "_env", "_evaluate", "_expression", "_render", "constant", "names"),
        *("raw", "route", "source", "spelt_as_key"),
    )

    def __init__(
        self,
        raw: str,
        env: "Strings",
        source: Source,
        route: Route,
        *,
        spelt_as_key: bool = False,
        is_value: bool = False,
    ) -> None:
        """Compile a string.

        Args:
            raw: the string as written.
            env: the Jinja environment for this kind of string.
            source: the file that contains it.
            route: its route in the file.
            spelt_as_key: whether the string is the key at the route, not the value.
            is_value: whether it is a value of data, in which Jinja and variables are literal.

        Raises:
            CompileError: the Jinja in it is invalid.
        """
        self.raw, self.source, self.route, self.spelt_as_key = raw, source, route, spelt_as_key
        self._env = env
        self.constant: str | None = raw
        """The text it renders to, if it contains no Jinja."""
        self.names: frozenset[str] = frozenset()
        """The names that its Jinja uses, those of imported templates included."""
        self._drops = False
        """Whether it may use a filter of versions, which drops other items."""
        self._render: Callable[[Mapping[str, Any]], str]
        self._evaluate: Callable[[Mapping[str, Any]], Any] | None = None
        self._expression: nodes.Expr | None = None
        if is_value:
            finalize = env.sandbox.finalize
            assert finalize is not None  # noqa: S101 - the environment has one
            self.constant = str(finalize(raw))
            return
        if "{{" not in raw and "{%" not in raw and "{#" not in raw:
            return
        try:
            self.names, self._render, self._drops, _, self._expression = env.compile(raw)
        except (TemplateError, RecursionError, ValueError) as error:
            raise self.failure(error, {}) from error
        self.constant = None

    def render(self, scope: Mapping[str, Any]) -> str:
        """Render the string with the names and values of a variant.

        Raises:
            CompileError: a name is undefined, or an expression fails.
        """
        if self.constant is not None:
            return self.constant
        try:
            text = self._render(scope)
        except Exception as error:
            # Any exception of a user's expression is an error in the input.
            raise self.failure(error, scope) from error
        if self._drops:
            self.warn_of_dropped()
        return text

    def warn_of_dropped(self) -> None:
        """Add a warning for each item that a filter of versions dropped."""
        self._env.warnings.extend(self._env.sandbox.versions.warnings(self.locate()))

    @property
    def is_expression(self) -> bool:
        """Whether the string is exactly one expression."""
        return self._expression is not None

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """Render the string; if it is exactly one expression, return its value instead.

        Raises:
            CompileError: a name is undefined, or an expression fails.
        """
        if self._expression is None:
            return self.render(scope)
        try:
            if self._evaluate is None:
                self._evaluate = evaluator(self._expression, self._env.sandbox)
            value = self._evaluate(scope)
        except Exception as error:
            # Any exception of a user's expression is an error in the input.
            raise self.failure(error, scope) from error
        if value is UNKNOWN:
            raise UnknownValueError
        if self._drops:
            self.warn_of_dropped()
        return value

    def items(self, scope: Mapping[str, Any]) -> list[str]:
        """Return the texts of the list that the string supplies, or the text that it renders to.

        An entry of a list supplies none.

        Raises:
            CompileError: a name is undefined, or an expression fails.
        """
        is_whole = self._expression is not None and not isinstance(self.route[-1], int)
        if is_whole and isinstance(value := self.evaluate(scope), list):
            try:
                finalize = self._env.sandbox.finalize
                return [str(finalize(item)) for item in value]  # type: ignore[misc]
            except PrintedError as error:
                raise self.failure(error, scope) from error
        return [self.render(scope)]

    def locate(self, word: str = "") -> Location:
        """Return the location of the string, or of a word in it."""
        from compiler.matrix.jinja_errors import find_name

        offset = find_name(self.raw, word)
        if offset < 0 or self.spelt_as_key:
            return self.source.locate(self.route, key=self.spelt_as_key)
        return replace(self.source.locate_in(self.route, offset), length=len(word))

    def refusal(self, code: Code, message: str, help_: str = "", word: str = "") -> CompileError:
        """Return an error at this string, or at a word in it."""
        return CompileError(
            [Diagnostic(code=code, message=message, location=self.locate(word), help=help_)]
        )

    def failure(self, error: Exception, scope: Mapping[str, Any]) -> CompileError:
        """Return the error for an exception of Jinja with this string and scope."""
        if is_consequence(error):
            return UnknownValueError()
        from compiler.matrix.jinja_errors import explain, place

        known = [name for name, value in scope.items() if not callable(value)]
        code, message, help_, word = explain(error, known)
        if code is Code.UNPRINTABLE and message.startswith("null"):
            nulls = [name for name in sorted(self.names) if scope.get(name, "") is None]
            if nulls:
                message, word = f"{nulls[0]!r} is null and cannot be printed", nulls[0]
        template, line = place(error)
        files = self._env.files
        if isinstance(error, TemplateNotFound) and not isinstance(error, TemplateSyntaxError):
            name = str(error.name)
            where = self.locate(name) if template is None else files.locate(template, line, name)
            return CompileError([files.missing(error, where)])
        if template is not None:
            where = files.locate(template, line, word)
            return CompileError(
                [Diagnostic(code=code, message=message, location=where, help=help_)]
            )
        if line > 1 and word not in self.raw.partition("\n")[0]:
            lines = self.raw.splitlines(keepends=True)[: line - 1]
            where = self.source.locate_in(self.route, sum(map(len, lines)))
            return CompileError(
                [Diagnostic(code=code, message=message, location=where, help=help_)]
            )
        return self.refusal(code, message, help_, word)

    def printed(self) -> str:
        """Return the text that is printed in any scope, with a space for each expression."""
        if self.constant is not None:
            return self.constant
        return " ".join(
            node.data
            for output in self._env.sandbox.parse(self.raw).body
            for node in (output.nodes if isinstance(output, nodes.Output) else ())
            if isinstance(node, nodes.TemplateData)
        )
