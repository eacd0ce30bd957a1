"""The Jinja environment of all strings and templates: sandboxed and strict."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import (
    FunctionLoader,
    StrictUndefined,
    Template,
    TemplateSyntaxError,
    Undefined,
    nodes,
)
from jinja2.defaults import DEFAULT_NAMESPACE
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range


MAX_REPEATED = 1_000_000
"""The longest result of `*`, in characters or elements."""

VALUE_DOLLAR, VALUE_BRACE = "\0", "\1"
"""Replace `$`, and a leading `{`, of values, so that a value cannot introduce a variable.

Input cannot contain these characters, because sources reject control characters.
"""


GLOBALS = {
    name: safe_range if name == "range" else function
    for name, function in DEFAULT_NAMESPACE.items()
    if name != "lipsum"  # random: one input must give one output
}
"""Functions that every template sees; `range` is limited in size."""

_NO_TEXT = re.compile("[\0-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class PrintedError(TypeError):
    """A value without a text form is printed: null, a list or a mapping."""


_DECIMAL = re.compile(r"\d\.\d")


def _refuse_decimals(comparison: nodes.Compare, name: str | None, filename: str | None) -> None:
    """Reject comparisons with a decimal number: values are text, and 3.10 would be 3.1."""
    equal = [operand.expr for operand in comparison.ops if operand.op in _EQUAL]
    for side in [comparison.expr, *equal] if equal else ():
        for one in [side, *(side.items if isinstance(side, nodes.List | nodes.Tuple) else ())]:
            if isinstance(one, nodes.Const) and isinstance(one.value, float):
                message = f"{one.value} is a number and never equals text: write it in quotes"
                raise TemplateSyntaxError(message, one.lineno, name, filename)


_EQUAL = frozenset({"eq", "ne", "in", "notin"})


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without access to Python internals, and with limits on the size of results."""

    intercepted_binops = frozenset({"*", "**"})

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Parse; reject escapes of characters that no file may contain."""
        tree = super()._parse(source, name, filename)
        for constant in tree.find_all(nodes.Const) if "\\" in source else ():
            bad = _NO_TEXT.search(constant.value) if isinstance(constant.value, str) else None
            if bad:
                message = f"the character U+{ord(bad[0]):04X} is not allowed in text"
                raise TemplateSyntaxError(message, constant.lineno, name, filename)
        for comparison in tree.find_all(nodes.Compare) if _DECIMAL.search(source) else ():
            _refuse_decimals(comparison, name, filename)
        return tree

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute `left operator right`; reject results of excessive size."""
        del context
        if operator == "**":
            if abs(left) > MAX_REPEATED or abs(right) > 64:  # noqa: PLR2004 - bits of a machine word
                raise SecurityError("the power is too large")
            return left**right
        for many, times in ((left, right), (right, left)):
            if (
                isinstance(many, str | list | tuple)
                and isinstance(times, int)
                and len(many) * times > MAX_REPEATED
            ):
                raise SecurityError("the repetition is too long")
        return left * right


def finalize(value: Any) -> Any:
    """Return what a template prints for a value; reject null, lists and mappings."""
    if type(value) is str:
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        raise PrintedError("null is printed")
    if isinstance(value, list | tuple):
        raise PrintedError("a list is printed")
    if isinstance(value, dict | set | frozenset):
        raise PrintedError("a mapping is printed")
    if callable(value) and not isinstance(value, Undefined):
        raise PrintedError("a function is printed")
    return value


def finalize_bake(value: Any) -> Any:
    """Finalize a value, and hide each `$` in it from the search for bake variables."""
    value = finalize(value)
    if isinstance(value, Undefined):
        return value
    text = str(value)
    if "$" in text:
        text = text.replace("$", VALUE_DOLLAR)
    return VALUE_BRACE + text[1:] if text[:1] == "{" else text


def slug(value: object) -> str:
    """Return text for a tag or a name: in lower case, other characters replaced by `-`.

    >>> slug("CUDA 12.8 (runtime)")
    'cuda-12.8-runtime'
    """
    return re.sub(r"[^a-z0-9_.]+", "-", str(finalize(value)).lower()).strip("-.")


def is_version(value: object, specifier: str) -> bool:
    """Return whether a value is a version in a range, as `packaging` orders versions.

    >>> is_version("3.10", ">=3.9,<4")
    True
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        allowed = SpecifierSet(specifier)
    except InvalidSpecifier:
        raise ValueError(f"invalid version range {specifier!r}") from None
    try:
        return allowed.contains(Version(str(value)), prereleases=True)
    except InvalidVersion:
        return False


def environment(load: Callable[[str], str | None] | None, *, bake: bool) -> Sandbox:
    """Return an environment.

    Args:
        load: returns the text of a template by its name, or None; without it, templates cannot
            include others.
        bake: whether the result is searched for bake variables.
    """

    def found(name: str) -> tuple[str, str, Callable[[], bool]] | None:
        text = load(name) if load is not None else None
        return None if text is None else (text, name, lambda: True)

    env = Sandbox(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=finalize_bake if bake else finalize,
        loader=None if load is None else FunctionLoader(found),
        cache_size=-1,
        auto_reload=False,
    )
    env.globals = GLOBALS.copy()
    del env.filters["random"]
    env.filters["slug"] = slug
    env.tests["version"] = lru_cache(maxsize=None, typed=True)(is_version)  # type: ignore[assignment]
    return env


def renderer(template: Template, *, inherits: bool = False) -> Callable[[Mapping[str, Any]], str]:
    """Return a function that renders a template for a scope with Jinja's own functions.

    It equals `Template.render`, without copying the scope. If no block can be overridden, all
    scopes share one context.
    """
    root = template.root_render_func
    if inherits:
        return lambda scope: "".join(root(template.new_context(scope, shared=True)))  # type: ignore[arg-type]
    context = template.new_context({}, shared=True)

    def render(scope: Mapping[str, Any]) -> str:
        context.parent = scope  # type: ignore[assignment]
        context.vars.clear()
        context.exported_vars.clear()
        return "".join(root(context))

    return render
