"""The one Jinja environment: sandboxed and strict."""

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
"""Characters or elements that `*` may make; more is a mistake or an attack."""

VALUE_DOLLAR, VALUE_BRACE = "\0", "\1"
"""Stand for a `$`, and for a `{` in front, that came out of a value: none can name a variable.

No text that was read can hold them: sources refuse control characters.
"""


GLOBALS = {
    name: safe_range if name == "range" else function
    for name, function in DEFAULT_NAMESPACE.items()
    if name != "lipsum"  # random: one input must give one output
}
"""Functions that every template sees; a `range` of absurd size is refused."""

_NO_TEXT = re.compile("[\0-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class PrintedError(TypeError):
    """Something was printed that has no text: null, a list, a mapping."""


_DECIMAL = re.compile(r"\d\.\d")


def _refuse_decimals(comparison: nodes.Compare, name: str | None, filename: str | None) -> None:
    """Refuse to compare with a decimal number: a value is text, and 3.10 would be 3.1."""
    equal = [operand.expr for operand in comparison.ops if operand.op in _EQUAL]
    for side in [comparison.expr, *equal] if equal else ():
        for one in [side, *(side.items if isinstance(side, nodes.List | nodes.Tuple) else ())]:
            if isinstance(one, nodes.Const) and isinstance(one.value, float):
                message = f"{one.value} is a number, and equal to no text: write it in quotes"
                raise TemplateSyntaxError(message, one.lineno, name, filename)


_EQUAL = frozenset({"eq", "ne", "in", "notin"})


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without access to Python's insides and without memory bombs."""

    intercepted_binops = frozenset({"*", "**"})

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Parse; refuses what an escape in a string of Jinja can say and no file can hold."""
        tree = super()._parse(source, name, filename)
        for constant in tree.find_all(nodes.Const) if "\\" in source else ():
            bad = _NO_TEXT.search(constant.value) if isinstance(constant.value, str) else None
            if bad:
                message = f"the character U+{ord(bad[0]):04X} cannot be part of a text"
                raise TemplateSyntaxError(message, constant.lineno, name, filename)
        for comparison in tree.find_all(nodes.Compare) if _DECIMAL.search(source) else ():
            _refuse_decimals(comparison, name, filename)
        return tree

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute `left operator right`; refuses results of absurd size."""
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
    """Turn a value into what a template prints; refuses null, lists and mappings."""
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
    """Do as `finalize`, and hide each `$` of a value from the search for bake variables."""
    value = finalize(value)
    if isinstance(value, Undefined):
        return value
    text = str(value)
    if "$" in text:
        text = text.replace("$", VALUE_DOLLAR)
    return VALUE_BRACE + text[1:] if text[:1] == "{" else text


def slug(value: object) -> str:
    """Return text that fits in a tag or a name: lower case, runs of other characters as `-`.

    >>> slug("CUDA 12.8 (runtime)")
    'cuda-12.8-runtime'
    """
    return re.sub(r"[^a-z0-9_.]+", "-", str(finalize(value)).lower()).strip("-.")


def is_version(value: object, specifier: str) -> bool:
    """Tell whether a value is a version in a range; versions as `packaging` orders them.

    >>> is_version("3.10", ">=3.9,<4")
    True
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        allowed = SpecifierSet(specifier)
    except InvalidSpecifier:
        raise ValueError(f"{specifier!r} is no version range such as '>=3.12,<4'") from None
    try:
        return allowed.contains(Version(str(value)), prereleases=True)
    except InvalidVersion:
        return False


def environment(load: Callable[[str], str | None] | None, *, bake: bool) -> Sandbox:
    """Make an environment.

    Args:
        load: gives a template's text by its name, or None where there is none;
            without it nothing can be included.
        bake: whether what is printed will be searched for bake variables.
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
    """Return what renders a template for a scope, which holds Jinja's own functions, too.

    What `Template.render` does, without copying the scope; and where no block can be overridden,
    with one context for all scopes.
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
