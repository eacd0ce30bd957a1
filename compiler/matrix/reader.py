"""What the parts of loading share: the document, its problems, and how strings are compiled."""

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Undefined
from pydantic import ValidationError

from compiler.codes import Code
from compiler.errors import (
    CompileError,
    Diagnostic,
    Location,
    Problems,
    Severity,
    did_you_mean,
    nearest,
)
from compiler.matrix.jinja import Sandbox, environment
from compiler.matrix.matrix import Setting
from compiler.matrix.model import Level, keys, level_at
from compiler.matrix.strings import TemplateString
from compiler.source.document import Route, Source


_VARIABLE = re.compile(r"(?<!\$)(\$\{[A-Za-z][A-Za-z0-9_]*\})")


class Reader:
    """Notes problems by their place in one document, and compiles its strings."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems = Problems()
        self.warnings = Problems()
        self.read: set[str] = set()
        """Names that some string reads: Jinja's, and bake variables as `${NAME}`."""
        self.broken: set[str] = set()
        """Names of `data` whose files cannot be used: what reads them says nothing more."""
        self._plain: Sandbox = environment(None, bake=False)
        self._bake: Sandbox = environment(None, bake=True)

    def problem(
        self,
        code: Code,
        message: str,
        route: Route,
        help_: str = "",
        *,
        key: bool = False,
        related: tuple[tuple[str, Location], ...] = (),
    ) -> None:
        """Note that something is wrong at a place."""
        self.problems.add(
            Diagnostic(
                code=code,
                message=message,
                location=self.source.locate(route, key=key),
                help=help_,
                related=related,
            )
        )

    def warn(self, code: Code, message: str, route: Route, help_: str = "") -> None:
        """Note what is most likely a mistake."""
        self.warnings.add(
            Diagnostic(
                code=code,
                message=message,
                location=self.source.locate(route),
                help=help_,
                severity=Severity.WARNING,
            )
        )

    def invalid(self, error: ValidationError, level: type[Level], route: Route = ()) -> None:
        """Note what the model refuses of a level that stands at a place."""
        faults = error.errors(include_url=False, include_input=False)
        misspelt = [fault["loc"] for fault in faults if fault["type"] == "extra_forbidden"]
        for fault in faults:
            inner = tuple(fault["loc"])
            at = (*route, *inner)
            match fault["type"]:
                case "extra_forbidden":
                    known = keys(level_at(level, inner[:-1]))
                    self.problem(
                        Code.UNKNOWN_KEY,
                        f"there is no key {str(inner[-1])!r} here",
                        at,
                        did_you_mean(
                            str(inner[-1]), known, otherwise=f"there are {', '.join(sorted(known))}"
                        ),
                        key=True,
                    )
                case "missing":
                    name = str(inner[-1])
                    known = keys(level_at(level, inner[:-1]))
                    if any(
                        loc[:-1] == inner[:-1] and nearest(str(loc[-1]), known) == name
                        for loc in misspelt
                    ):
                        continue  # it is there, misspelt, and that is said
                    message = f"the key {name!r} is missing"
                    self.problem(Code.MISSING_KEY, message, at[:-1], f"write `{name}:`", key=True)
                case _:
                    given = fault.get("ctx", {})
                    if "key" in given:
                        self.problem(
                            Code.WRONG_TYPE, fault["msg"], (*at, given["key"]), "quote it", key=True
                        )
                        continue
                    place = self.source.locate(at)
                    written = place.text[place.column - 1 :][: place.length]
                    help_ = _remedy(given.get("expected", ""), given.get("got", ""), written)
                    self.problem(Code.WRONG_TYPE, fault["msg"], at, help_)

    def text(
        self, raw: str, route: Route, *, bake: bool = False, key: bool = False
    ) -> TemplateString:
        """Compile a string; where it is no Jinja, that is noted and nothing stands for it."""
        env = self._bake if bake else self._plain
        if bake:
            self.read.update(_VARIABLE.findall(raw))
        try:
            text = TemplateString(raw, env, self.source, route, spelt_as_key=key)
        except CompileError as error:
            self.problems.extend(error.diagnostics)
            return TemplateString("", env, self.source, route)
        self.read.update(text.names)
        return text

    def pass_over(self, text: TemplateString) -> None:
        """Give up on a string that reads a broken name, without another word.

        Raises:
            CompileError: it does; with no diagnostic.
        """
        if not self.broken.isdisjoint(text.names):
            raise CompileError([])

    def settings(self, raw: Mapping[str, Any] | None, route: Route) -> dict[str, Setting]:
        """Compile the strings of a `set`, however deep they stand."""
        found = {}
        for name, value in (raw or {}).items():
            at = (*route, name)
            tree = self._tree(value, at)
            found[name] = Setting(name=name, tree=tree, constant=_constant(tree), route=at)
        return found

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
        """Return the value of one expression, `{{ ... }}`, over these names.

        Raises:
            CompileError: it is none, or fails.
        """
        text = TemplateString(raw, self._plain, self.source, route)
        self.read.update(text.names)
        self.pass_over(text)
        inner = raw.strip()
        body = inner.removeprefix("{{").removesuffix("}}")
        if len(inner) - len(body) != len("{{}}") or "{{" in body:
            raise text.refusal(
                Code.AXIS_EXPRESSION,
                "one expression is expected here",
                "write a list of values, or one expression such as "
                '"{{ pyproject.tool.images.pythons }}"',
            )
        try:
            # A name that is not there must fail, not become null as it does by default.
            value = self._plain.compile_expression(body, undefined_to_none=False)(**names)
            if isinstance(value, Undefined):
                str(value)  # raises: it is strict
            return value
        except Exception as error:
            raise text.failure(error, names) from error


def _remedy(expected: str, got: str, written: str) -> str:
    """Return how to write what was expected instead of what was given."""
    match expected, got:
        case "a list", "text" | "true" | "false":
            return f"write [{written}]"
        case "a list", "a mapping":
            return "begin each entry with `- `"
        case "a mapping", "a list" | "text":
            return "write `name: value` pairs"
        case "text", "null":
            return 'write "" for an empty text, or remove it'
        case "text", "a list":
            return "write one text, without brackets"
        case "a list of values, a mapping value -> options, or one expression", _:
            return "write the values: [a, b]"
        case _:
            return f"write {expected}"


def _constant(tree: Any) -> bool:
    if isinstance(tree, list):
        return all(map(_constant, tree))
    if isinstance(tree, dict):
        return all(map(_constant, tree.values()))
    return not isinstance(tree, TemplateString)


def grow(tree: Any, scope: Mapping[str, Any]) -> Any:
    """Return a `set` value with its strings rendered.

    Raises:
        CompileError: a string cannot be rendered.
    """
    if isinstance(tree, TemplateString):
        return tree.render(scope)
    if isinstance(tree, list):
        return [grow(item, scope) for item in tree]
    if isinstance(tree, dict):
        return {key: grow(item, scope) for key, item in tree.items()}
    return tree
