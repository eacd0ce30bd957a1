"""The Jinja environment of all strings and templates: sandboxed and strict."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar, overload

from jinja2 import FunctionLoader, Template, Undefined
from jinja2.defaults import DEFAULT_NAMESPACE
from jinja2.runtime import Context
from jinja2.sandbox import safe_range

from compiler.matrix.jinja_comparisons import checked_tests, to_float
from compiler.matrix.jinja_metered import limited_filter, limited_test
from compiler.matrix.jinja_sandbox import BakeSandbox, PrintedText, Sandbox
from compiler.matrix.jinja_text import as_text, join
from compiler.matrix.jinja_undefined import UndefinedValue
from compiler.matrix.jinja_versions import LONGEST, parse_range


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


_MOST_VERSIONS = 65_536
"""Results of the test `version` that are remembered."""


def finalize_bake(value: Any) -> Any:
    """Finalize a value, and hide each `$` in it from the search for bake variables."""
    if type(value) is not str:  # most values are
        value = as_text(value)
        if isinstance(value, Undefined | PrintedText):
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
    return re.sub(r"[^a-z0-9_.]+", "-", str(as_text(value)).lower()).strip("-.")


def is_version(value: object, specifier: object) -> bool:
    """Return whether a value is a version in a range, as `packaging` orders versions.

    >>> is_version("3.10", ">=3.9,<4")
    True
    """
    if isinstance(value, str) and len(value) > LONGEST:
        return False
    if not isinstance(specifier, str) or len(specifier) > LONGEST:
        parse_range(specifier)  # raises the error; other values may be expensive to hash
    return _is_version(value, specifier)


@lru_cache(maxsize=_MOST_VERSIONS, typed=True)
def _is_version(value: object, specifier: str) -> bool:
    from packaging.version import InvalidVersion, Version

    allowed = parse_range(specifier)
    try:
        return allowed.contains(Version(str(value)), prereleases=True)
    except InvalidVersion:
        return False


_Kind = TypeVar("_Kind", bound=Sandbox)


@overload
def environment(load: Callable[[str], str | None] | None, *, bake: bool) -> Sandbox: ...


@overload
def environment(
    load: Callable[[str], str | None] | None, *, bake: bool, kind: type[_Kind]
) -> _Kind: ...


def environment(
    load: Callable[[str], str | None] | None, *, bake: bool, kind: type[Sandbox] | None = None
) -> Sandbox:
    """Return an environment.

    Args:
        load: returns the text of a template by its name, or None; without it, templates cannot
            include others.
        bake: whether the result is searched for bake variables.
        kind: the class of the environment, if it is not one of the usual two.
    """

    def source_of(name: str) -> tuple[str, str, Callable[[], bool]] | None:
        if not isinstance(name, str):  # of `extends`, or an import
            raise TypeError(f"the name of a template must be text, not {type(name).__name__!r}")
        text = load(name) if load is not None else None
        return None if text is None else (text, name, lambda: True)

    env = (kind or (BakeSandbox if bake else Sandbox))(
        undefined=UndefinedValue,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=finalize_bake if bake else as_text,
        loader=None if load is None else FunctionLoader(source_of),
        cache_size=-1,
        auto_reload=False,
    )
    env.globals = GLOBALS.copy()
    del env.filters["random"]
    env.filters["slug"] = slug
    env.filters["join"] = join
    env.filters["float"] = to_float
    env.filters |= env.versions.filters()
    for filter_name, function in env.filters.items():
        env.filters[filter_name] = limited_filter(filter_name, function, env.meter)
    env.tests |= {"version": is_version, **checked_tests()}
    for test_name, test in env.tests.items():
        env.tests[test_name] = limited_test(test_name, test, env.meter)  # type: ignore[arg-type]
    return env


def renderer(template: Template, *, inherits: bool = False) -> Callable[[Mapping[str, Any]], str]:
    """Return a function that renders a template for a scope with Jinja's own functions.

    It equals `Template.render`, without copying the scope. If no block can be overridden, all
    scopes share one context.
    """
    render = piece_renderer(template, inherits=inherits)
    return lambda scope: render(scope)[0]


def piece_renderer(
    template: Template, *, inherits: bool = False
) -> Callable[[Mapping[str, Any]], tuple[str, list[str]]]:
    """Return a function that renders like that of `renderer`, and returns the text and its pieces.

    A printed value is a piece of its own; the text between two tags is one, too.
    """
    root, meter = template.root_render_func, template.environment.meter  # type: ignore[attr-defined]

    def rendered(context: Context) -> tuple[str, list[str]]:
        meter.start()
        pieces: list[str] = meter.collect(root(context))
        return meter.finish("".join(pieces)), pieces

    if inherits:
        return lambda scope: rendered(template.new_context(scope, shared=True))  # type: ignore[arg-type]
    context = template.new_context({}, shared=True)

    def render(scope: Mapping[str, Any]) -> tuple[str, list[str]]:
        context.parent = scope  # type: ignore[assignment]
        context.vars.clear()
        context.exported_vars.clear()
        return rendered(context)

    return render
