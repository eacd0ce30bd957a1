"""The sandbox of templates: without access to Python internals, and with limits on results."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, TemplateNotFound
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.utils import Namespace

from compiler.matrix import jinja_costs as costs
from compiler.matrix.jinja_code import Generator, meter_steps
from compiler.matrix.jinja_comparisons import (
    COMPARISONS,
    ORDERED,
    SEARCHES,
    Names,
    check_mixed,
    check_texts,
)
from compiler.matrix.jinja_decimals import refuse_decimals
from compiler.matrix.jinja_limits import CONTROL, ELEMENT, MAX_BITS, NESTED, Meter, check_text, size
from compiler.matrix.jinja_metered import limited_method, method_cost
from compiler.matrix.jinja_open_tags import unclosed
from compiler.matrix.jinja_text import as_operand, as_text
from compiler.matrix.jinja_versions import VersionFilters


MAX_REPEATED = 1_000_000
"""The longest result of `*`, in characters or elements."""

_DECIMAL = re.compile(r"\d\.\d")


class PrintedText(str):
    """What a macro or block printed: text of the author, in which values are already escaped."""

    __slots__ = ()


class _Formatter(SandboxedFormatter):
    """Formats `'{:>8}'.format(...)`; charges widths before they are used."""

    def __init__(self, env: "Sandbox") -> None:
        super().__init__(env)
        self._meter = env.meter

    def format_field(self, value: Any, format_spec: str) -> Any:
        """Format one field, whose specification is final."""
        self._meter.charge(size(value) + costs.width_of(format_spec))
        return super().format_field(as_text(value), format_spec)

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """Apply `!r`, `!s` or `!a`."""
        if conversion is not None:
            value = as_text(value)
        self._meter.charge(costs.REPRESENTED * size(value))
        return super().convert_field(value, conversion)


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without access to Python internals, and with limits on the size of results."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "**", "%"})
    code_generator_class = Generator

    def __init__(self, **options: Any) -> None:
        self.meter = Meter()
        self.versions = VersionFilters()
        """Its filters of versions."""
        self._missing: dict[Any, bool] = {}
        super().__init__(**options)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Parse; reject escapes of characters that no file may contain."""
        try:
            tree = super()._parse(source, name, filename)
        except TemplateSyntaxError as error:
            raise unclosed(self, source, error) or error from None
        has_special = "\\" in source or len(source) > MAX_BITS // 4
        for constant in tree.find_all(nodes.Const) if has_special else ():
            if isinstance(constant.value, int) and constant.value.bit_length() > MAX_BITS:
                raise TemplateSyntaxError(
                    "the number is too large", constant.lineno, name, filename
                )
            bad = CONTROL.search(constant.value) if isinstance(constant.value, str) else None
            if bad:
                message = f"the character U+{ord(bad[0]):04X} is not allowed in text"
                raise TemplateSyntaxError(message, constant.lineno, name, filename)
        if _DECIMAL.search(source):
            refuse_decimals(tree, self.lexer.tokeniter(source, name, filename), name, filename)
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
        meter_steps(source, self)
        return super()._generate(source, name, filename, defer_init=defer_init)

    def call(self, context: Context, called: Any, *arguments: Any, **named: Any) -> Any:
        """Call a function or method; reject methods whose result is too large."""
        cost = method_cost(called)
        if cost is not None:
            called = limited_method(called, cost, self.meter)
        elif arguments or named:
            self.meter.charge(8 * len(arguments) + ELEMENT * len(named))
            if called in _COPYING:
                self.meter.charge(ELEMENT * sum(map(size, arguments)))
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
        texts = [value if type(value) is str else str(as_text(value)) for value in values]
        return "".join(texts)

    def cut(self, value: Any, start: Any, stop: Any, step: Any) -> Any:
        """Return `value[start:stop:step]`."""
        part = slice(start, stop, step)
        if isinstance(value, str | list | tuple):
            count = len(range(*part.indices(len(value))))
            self.meter.charge(count if isinstance(value, str) else ELEMENT * count)
        return value[part]

    def compare(self, left: Any, operation: str, right: Any, *, names: Names) -> Any:
        """Return `left == right`, or the result of another comparison.

        Args:
            left: the first operand.
            operation: what Jinja calls the comparison.
            right: the second operand.
            names: the names of both operands.
        """
        if operation in SEARCHES:
            self.meter.charge(costs.contained(left, right))
        elif type(left) not in _NUMBERS and type(right) not in _NUMBERS:
            self.meter.charge(costs.compared(left, right))
            if operation in ORDERED:
                check_texts(operation, left, right, names)
        elif type(left) is not type(right):
            check_mixed(operation, left, right, names)
        return COMPARISONS[operation](left, right)

    def compare_chain(self, left: Any, *chain: Any, names: Names) -> Any:
        """Return a chain of comparisons, such as `a < b < c`.

        Args:
            left: the first operand.
            chain: comparisons, each with a function that returns its right operand.
            names: the names of all operands.
        """
        result: Any = True
        for number, (operation, operand) in enumerate(zip(chain[::2], chain[1::2], strict=True)):
            right = operand()
            result = self.compare(left, operation, right, names=names[number : number + 2])
            if not result:
                break
            left = right
        return result

    def key(self, key: Any) -> Any:
        """Return the key of a mapping."""
        self.meter.charge(costs.hashed(key))
        return key

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return `obj[argument]`."""
        if isinstance(argument, NESTED):
            self.meter.charge(size(argument))
        return super().getitem(obj, argument)

    def select_template(self, names: Any, *arguments: Any, **named: Any) -> Template:
        """Return the first template that exists."""
        counted = names if isinstance(names, Undefined) else [*self.meter.counted(names)]
        return super().select_template(counted, *arguments, **named)

    def _load_template(self, name: Any, *arguments: Any) -> Template:
        """Return a template; a name without a template is looked up once."""
        is_missing = self._missing.get(name)
        self.meter.charge(costs.looked_up(name, is_new=is_missing is None))
        if is_missing:
            raise TemplateNotFound(name)
        self._missing[name] = False
        try:
            return super()._load_template(name, *arguments)
        except TemplateNotFound:
            self._missing[name] = True
            raise

    def call_binop(self, context: Any, operation: str, left: Any, right: Any) -> Any:
        """Compute `left + right`, or another operation; reject results of excessive size."""
        if isinstance(left, int) and isinstance(right, int):
            self.meter.charge(costs.integer(operation, left, right))
        elif operation == "%" and isinstance(left, str):
            self.meter.charge(costs.percent(left, right))
            return check_text(left % as_operand(right))
        elif operation == "+" and hasattr(left, "__len__") and hasattr(right, "__len__"):
            unit = costs.growth_of_markup(left, right) if isinstance(left, str) else ELEMENT
            self.meter.charge(unit * (len(left) + len(right)))
        elif operation == "-":
            for operand in (left, right):
                self.meter.charge(ELEMENT * size(operand))
        elif operation == "*":
            for many, times in ((left, right), (right, left)):
                if isinstance(many, str | list | tuple) and isinstance(times, int):
                    if len(many) * times > MAX_REPEATED:
                        raise SecurityError("the repetition is too long")
                    self.meter.charge((1 if isinstance(many, str) else ELEMENT) * len(many) * times)
        return super().call_binop(context, operation, left, right)


_NUMBERS = frozenset({bool, int, float, type(None)})
_COPYING = (dict, Namespace)
"""Functions of templates that copy what they get."""


class BakeSandbox(Sandbox):
    """The sandbox of strings with bake variables, which macros and blocks may print as well."""

    def concat(self, pieces: Iterable[str]) -> str:
        """Join what a macro or block prints."""
        return PrintedText(super().concat(pieces))
