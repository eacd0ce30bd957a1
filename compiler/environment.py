"""The one Jinja environment: sandboxed, strict, and what it says when it fails."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any

from jinja2 import (
    FunctionLoader,
    StrictUndefined,
    Template,
    TemplateSyntaxError,
    Undefined,
    UndefinedError,
    nodes,
)
from jinja2.defaults import DEFAULT_NAMESPACE
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS as DEFAULT_FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.tests import TESTS as DEFAULT_TESTS

from compiler.errors import did_you_mean


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


def place(error: BaseException) -> tuple[str | None, int]:
    """Find where in a template an exception arose: (template name or None, line from 1)."""
    if isinstance(error, TemplateSyntaxError):
        return error.name or error.filename, error.lineno
    found: tuple[str | None, int] = (None, 1)
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            found = (template.name, template.get_corresponding_lineno(trace.tb_lineno))
            if isinstance(error, RecursionError):
                break  # where it ran out of stack is chance
        trace = trace.tb_next
    return found


_NAMED = re.compile(r"'([^']+)'")
_TAGS = ("if", "endif", "for", "endfor", "set", "include", "import", "macro", "raw", "block")
_EXPRESSION = re.compile(r"\{[{%](.*?)[}%]\}", re.DOTALL)


def find_name(text: str, name: str) -> int:
    """Return where a template reads a name: best in an expression, else anywhere; -1 if nowhere.

    >>> find_name("python:{{ python }}", "python")
    10
    """
    if not name:
        return -1
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for expression in _EXPRESSION.finditer(text):
        found = word.search(text, *expression.span(1))
        if found:
            return found.start()
    return text.find(name)


def explain(error: Exception, known: Iterable[str]) -> tuple[str, str, str, str]:
    """Put a failure of Jinja in words: (code, message, help, the word that is meant or "").

    Args:
        error: what Jinja raised.
        known: the names that could have been meant.
    """
    text = str(error.message if isinstance(error, TemplateSyntaxError) else error).rstrip(".")
    quoted = _NAMED.search(text)
    word = quoted[1] if quoted else ""
    match error:
        case TemplateSyntaxError():
            return "template-syntax", f"Jinja: {_lower(text)}", _remedy(text, word), word
        case UndefinedError():
            names = list(known)
            known_here = f"known here: {', '.join(sorted(names))}" if names else ""
            help_ = did_you_mean(word, names, otherwise=known_here)
            if " has no attribute " in text:
                word = _NAMED.findall(text)[-1]
                help_ = "look at what the data holds, or give a fallback with `| default(...)`"
            return "undefined-name", text, help_, word
        case PrintedError():
            remedy = {
                "null is printed": "test it first: `{% if x is not none %}`",
                "a list is printed": "join it: `| join(' ')`, or `| tojson`",
                "a mapping is printed": "name one of its keys, or `| tojson`",
                "a function is printed": "call it, or choose another name",
            }
            return "unprintable", text, remedy[text], ""
        case SecurityError():
            large = "too large" in text or "too long" in text
            help_ = "make less of it" if large else "templates may not reach into Python"
            return "unsafe-template", text, help_, ""
        case RecursionError():
            return (
                "template-loop",
                "templates include one another without end",
                "break the loop",
                "",
            )
        case MemoryError():
            return "template-error", "this takes more memory than there is", "make less of it", ""
        case ZeroDivisionError():
            return "template-error", "division by zero", "", ""
        case _:
            pass
    if "no loader" in text:
        return "template-error", "nothing can be included here", "include it in a template", ""
    mixed = isinstance(error, TypeError) and "'int'" in text and "'str'" in text
    help_ = "a value as written is text: `| int` makes a number of it" if mixed else ""
    return "template-error", f"{text or type(error).__name__}", help_, ""


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _remedy(text: str, word: str) -> str:
    """Return what to do about a syntax error, by Jinja's own words for it."""
    if "No filter named 'random'" in text:
        return "do without: one input must give one output"
    if "No filter named" in text:
        return did_you_mean(word, [*DEFAULT_FILTERS, "slug"])
    if "No test named" in text:
        return did_you_mean(word, [*DEFAULT_TESTS, "version"])
    if "unknown tag" in text:
        if word.startswith("end") or word in ("elif", "else"):
            return "it closes nothing: remove it, or open its block above"
        return did_you_mean(word, _TAGS, otherwise=f"there are {', '.join(_TAGS)}")
    opened = re.search(r"innermost block that needs to be closed is '(\w+)'", text)
    if opened:
        return f"add the `{{% end{opened[1]} %}}` of its `{{% {opened[1]} %}}`"
    return _meant_for_a_shell(text)


def _meant_for_a_shell(text: str) -> str:
    """Give the remedy where Jinja read what a shell or Docker should have."""
    if "comment" in text:
        return (
            "`{#` opens a comment of Jinja: write `${{ '{#' }}arr[@]}` for a shell's `${#arr[@]}`"
        )
    if "unexpected '.'" in text or "expected token" in text or "unexpected char" in text:
        return "if it is meant for a shell or Docker, wrap it in `{% raw %}...{% endraw %}`"
    return ""
