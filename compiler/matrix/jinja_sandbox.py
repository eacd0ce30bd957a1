"""The sandbox of templates: without access to Python internals, and with limits on results."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter

from compiler.matrix.jinja_growth import limited_method, method_growth, percent, width_of
from compiler.matrix.jinja_limits import CONTROL, ELEMENT, Meter, check_integer, check_text, size
from compiler.matrix.jinja_versions import VersionFilters


MAX_REPEATED = 1_000_000
"""The longest result of `*`, in characters or elements."""

_DECIMAL = re.compile(r"\d\.\d")


class PrintedText(str):
    """What a macro or block printed: text of the author, in which values are already escaped."""

    __slots__ = ()


def _refuse_decimals(comparison: nodes.Compare, name: str | None, filename: str | None) -> None:
    """Reject comparisons with a decimal number: values are text, and 3.10 would be 3.1."""
    equal = [operand.expr for operand in comparison.ops if operand.op in _EQUAL]
    for side in [comparison.expr, *equal] if equal else ():
        for one in [side, *(side.items if isinstance(side, nodes.List | nodes.Tuple) else ())]:
            if isinstance(one, nodes.Const) and isinstance(one.value, float):
                message = f"{one.value} is a number and never equals text: write it in quotes"
                raise TemplateSyntaxError(message, one.lineno, name, filename)


_EQUAL = frozenset({"eq", "ne", "in", "notin"})


class _Generator(CodeGenerator):
    """Generates code that asks the environment before texts and lists are made."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's
        """Write `a ~ b`."""
        self._write_call("environment.concatenate", node.nodes, frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802 - Jinja's
        """Write `a[b]` or `a[b:c]`."""
        if isinstance(node.arg, nodes.Slice):
            cut = node.arg
            self._write_call("environment.cut", [node.node, cut.start, cut.stop, cut.step], frame)
        else:
            super().visit_Getitem(node, frame)

    def _write_call(
        self, function: str, arguments: Iterable[nodes.Expr | None], frame: Frame
    ) -> None:
        self.write(f"{function}(")
        for argument in arguments:
            if argument is None:
                self.write("None")
            else:
                self.visit(argument, frame)
            self.write(", ")
        self.write(")")


def _meter_steps(tree: nodes.Template, environment: Environment) -> None:
    """Let each pass of a loop, macro, block and template count itself, with its size."""
    counted_nodes = (nodes.For, nodes.Macro, nodes.CallBlock, nodes.Block)
    found: list[Any] = [tree, *tree.find_all(counted_nodes)]
    for node in found:
        weight = 0
        if isinstance(node, nodes.For):
            weight = 8 * sum(1 for statement in node.body for _ in statement.find_all(nodes.Node))
            if node.test is not None:  # Items that it excludes never reach the body.
                counted = nodes.EnvironmentAttribute("meter.counted", lineno=node.lineno)
                node.iter = nodes.Call(counted, [node.iter], [], None, None, lineno=node.lineno)
        step = nodes.EnvironmentAttribute(f"meter.step({weight})", lineno=node.lineno)
        node.body.insert(0, nodes.ExprStmt(step, lineno=node.lineno))
    tree.set_environment(environment)


class _Formatter(SandboxedFormatter):
    """Formats `'{:>8}'.format(...)`; charges widths before they are used."""

    def __init__(self, env: "Sandbox") -> None:
        super().__init__(env)
        self._meter = env.meter

    def format_field(self, value: Any, format_spec: str) -> Any:
        """Format one field, whose specification is final."""
        self._meter.charge(size(value) + width_of(format_spec))
        return super().format_field(value, format_spec)

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """Apply `!r`, `!s` or `!a`."""
        self._meter.charge(size(value))
        return super().convert_field(value, conversion)


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without access to Python internals, and with limits on the size of results."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})
    code_generator_class = _Generator

    def __init__(self, **options: Any) -> None:
        self.meter = Meter()
        self.versions = VersionFilters()
        """Its filters of versions."""
        super().__init__(**options)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Parse; reject escapes of characters that no file may contain."""
        tree = super()._parse(source, name, filename)
        for constant in tree.find_all(nodes.Const) if "\\" in source else ():
            bad = CONTROL.search(constant.value) if isinstance(constant.value, str) else None
            if bad:
                message = f"the character U+{ord(bad[0]):04X} is not allowed in text"
                raise TemplateSyntaxError(message, constant.lineno, name, filename)
        for comparison in tree.find_all(nodes.Compare) if _DECIMAL.search(source) else ():
            _refuse_decimals(comparison, name, filename)
        return tree

    def concat(self, pieces: Iterable[str]) -> str:
        """Join what a macro or block prints."""
        return self.meter.join(pieces)

    def _generate(
        self,
        source: nodes.Template,
        name: str | None,
        filename: str | None,
        defer_init: bool = False,  # noqa: FBT001, FBT002 - Jinja's signature
    ) -> str:
        _meter_steps(source, self)
        return super()._generate(source, name, filename, defer_init=defer_init)

    def call(self, context: Context, called: Any, *arguments: Any, **named: Any) -> Any:
        """Call a function or method; reject methods whose result is too large."""
        growth = method_growth(called)
        if growth is not None:
            called = limited_method(called, growth, self.meter)
        return super().call(context, called, *arguments, **named)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Return a safe function for the methods `format` and `format_map` of text."""
        if super().wrap_str_format(value) is None:
            return None
        text, name = str(value.__self__), value.__name__

        def formatted(*arguments: Any, **named: Any) -> str:
            if name == "format_map":
                arguments, named = (), *arguments
            result: str = check_text(_Formatter(self).vformat(text, arguments, named))
            self.meter.charge(len(result))
            return result

        return formatted

    def concatenate(self, *values: Any) -> str:
        """Return `a ~ b`."""
        for value in values:
            self.meter.charge(size(value))
        return "".join(map(str, values))

    def cut(self, value: Any, start: Any, stop: Any, step: Any) -> Any:
        """Return `value[start:stop:step]`."""
        part = slice(start, stop, step)
        if isinstance(value, str | list | tuple):
            count = len(range(*part.indices(len(value))))
            self.meter.charge(count if isinstance(value, str) else ELEMENT * count)
        return value[part]

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute `left operator right`; reject results of excessive size."""
        if isinstance(left, int) and isinstance(right, int):
            check_integer(_bits(operator, left, right))
        elif operator == "%" and isinstance(left, str):
            self.meter.charge(percent(left, right))
            return check_text(left % right)
        elif operator == "+" and hasattr(left, "__len__") and hasattr(right, "__len__"):
            unit = 1 if isinstance(left, str) else ELEMENT
            self.meter.charge(unit * (len(left) + len(right)))
        elif operator == "*":
            for many, times in ((left, right), (right, left)):
                if isinstance(many, str | list | tuple) and isinstance(times, int):
                    if len(many) * times > MAX_REPEATED:
                        raise SecurityError("the repetition is too long")
                    self.meter.charge((1 if isinstance(many, str) else ELEMENT) * len(many) * times)
        return super().call_binop(context, operator, left, right)


def _bits(operator: str, left: int, right: int) -> int:
    """Return an upper bound of the bits of a result."""
    if operator == "**":
        return left.bit_length() * max(right, 0)
    if operator == "*":
        return left.bit_length() + right.bit_length()
    return max(left.bit_length(), right.bit_length()) + 1


class BakeSandbox(Sandbox):
    """The sandbox of strings with bake variables, which macros and blocks may print as well."""

    def concat(self, pieces: Iterable[str]) -> str:
        """Join what a macro or block prints."""
        return PrintedText(super().concat(pieces))
