"""Strings of matrix.yaml: Jinja is rendered when compiling, `${NAME}` when baking."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError, meta, nodes

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location, Problems, did_you_mean
from compiler.matrix.expressions import evaluator, expression_in, joiner
from compiler.matrix.jinja import VALUE_BRACE, VALUE_DOLLAR, PrintedError, renderer
from compiler.matrix.jinja_errors import explain, find_name, place
from compiler.matrix.jinja_sandbox import Sandbox
from compiler.matrix.jinja_versions import NAMES as VERSION_FILTERS
from compiler.matrix.template_files import TemplateFiles
from compiler.source.document import Route, Source


class BakeString(str):
    """Text in bake's syntax: `${NAME}` is a variable, `$${` and `%%{` are literal."""

    __slots__ = ()


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
        drops = any(one.name in VERSION_FILTERS for one in tree.find_all(nodes.Filter))
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
        self._render: Callable[[Mapping[str, Any]], str] = lambda _: raw
        self._evaluate: Callable[[Mapping[str, Any]], Any] | None = None
        self._expression: nodes.Expr | None = None
        if is_value:
            finalize = env.sandbox.finalize
            assert finalize is not None  # noqa: S101 - the environment has one
            self.constant = value = str(finalize(raw))
            self._render = lambda _: value
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
        if self._drops:
            self.warn_of_dropped()
        return value

    def items(self, scope: Mapping[str, Any]) -> list[str]:
        """Return the texts of the list that the string supplies, or the text that it renders to.

        An entry of a list supplies none.

        Raises:
            CompileError: a name is undefined, or an expression fails.
        """
        is_whole = self.is_expression and not isinstance(self.route[-1], int)
        if is_whole and isinstance(value := self.evaluate(scope), list):
            try:
                finalize = self._env.sandbox.finalize
                return [str(finalize(item)) for item in value]  # type: ignore[misc]
            except PrintedError as error:
                raise self.failure(error, scope) from error
        return [self.render(scope)]

    def locate(self, word: str = "") -> Location:
        """Return the location of the string, or of a word in it."""
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


_SPECIAL = re.compile(
    r"\$\$\{"  # a literal `${`, as the author writes it
    r"|\$\{(?:([A-Za-z][A-Za-z0-9_]*)\})?"  # a variable, or the beginning of something else
    rf"|\$(?={VALUE_BRACE})|{VALUE_DOLLAR}|{VALUE_BRACE}"  # `${` out of a value
    rf"|%(?=[{{{VALUE_BRACE}])"
)
_MARKED = re.compile(rf"[$%{VALUE_DOLLAR}{VALUE_BRACE}]")
_BRACES = frozenset({"{", VALUE_BRACE})
_TO_BAKE = {VALUE_BRACE: "{", "%": "%%", "$": "$$", "$${": "$${"}
_FROM_BAKE = re.compile(r"\$\$\{|%%\{|\$\{([A-Za-z][A-Za-z0-9_]*)\}")


def interpolate(text: TemplateString, rendered: str, variables: Collection[str]) -> BakeString:
    """Return rendered text in bake's syntax; only text of the author can name a variable.

    Args:
        text: the string that was rendered, for the location of an error.
        rendered: the text that Jinja rendered.
        variables: the declared bake variables.

    Raises:
        CompileError: `${` is not followed by the name of a declared variable and `}`.
    """
    if not _MARKED.search(rendered) or _is_plain(rendered, variables):
        return BakeString(rendered)

    def replaced(match: re.Match[str]) -> str:
        found, name = match[0], match[1]
        if name is not None:
            if name not in variables:
                raise _undeclared(text, name, variables)
            if match.start() and rendered[match.start() - 1] in ("$", VALUE_DOLLAR):
                raise text.refusal(
                    Code.DOLLAR_BEFORE_VARIABLE,
                    f"a bake file cannot contain a `$` directly before `${{{name}}}`",
                    "put another character between them",
                    found,
                )
            return found
        if found == "${":
            raise text.refusal(
                Code.INTERPOLATION,
                "`${` must be followed by the name of a bake variable and `}`",
                "write `${NAME}` for a variable, or `$${` for a literal `${`",
                found,
            )
        if found == VALUE_DOLLAR:
            return "$$" if rendered[match.end() : match.end() + 1] in _BRACES else "$"
        return _TO_BAKE[found]

    return BakeString(_SPECIAL.sub(replaced, rendered))


def check_declared(text: TemplateString, variables: Collection[str]) -> None:
    """Check, without rendering a string, the bake variables that it names in any scope.

    Raises:
        CompileError: one of them is not declared, or a constant string is invalid for bake.
    """
    if text.constant is not None:
        interpolate(text, text.constant, variables)
        return
    for name in variables_in(text.printed().replace("%%{", "")):
        if name not in variables:
            raise _undeclared(text, name, variables)


def _undeclared(text: TemplateString, name: str, variables: Collection[str]) -> CompileError:
    return text.refusal(
        Code.UNDECLARED_VARIABLE,
        f"no variable is named {name!r}",
        did_you_mean(name, variables, otherwise="declare it under `variables`"),
        f"${{{name}}}",
    )


def _is_plain(rendered: str, variables: Collection[str]) -> bool:
    """Return whether text is literal except for declared variables: a fast check for most text."""
    if VALUE_DOLLAR in rendered or VALUE_BRACE in rendered or "$$" in rendered or "%" in rendered:
        return False
    for part in rendered.split("${")[1:]:
        name, brace, _ = part.partition("}")
        if not brace or name not in variables:
            return False
    return True


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Resolve text in bake's syntax with these values of variables, as bake does."""
    if "{" not in text:
        return text
    if "$${" not in text and "%%{" not in text:  # most text
        before, *parts = text.split("${")
        for part in parts:
            name, _, after = part.partition("}")
            before += values[name] + after
        return before
    return _FROM_BAKE.sub(lambda match: values[match[1]] if match[1] else match[0][1:], text)


def variables_in(text: str) -> tuple[str, ...]:
    """Return the variables in a text of bake's syntax, in order, without repetitions."""
    return tuple(dict.fromkeys(match[1] for match in _FROM_BAKE.finditer(text) if match[1]))
