"""Two kinds of strings: text with plain names, and one expression, which keeps its type."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Undefined, nodes

from compiler.matrix.jinja_limits import NESTED, size
from compiler.matrix.jinja_sandbox import Sandbox
from compiler.matrix.jinja_text import PrintedError


def expression_in(tree: nodes.Template) -> nodes.Expr | None:
    """Return the expression that a string consists of; None if it contains anything else.

    White space around the expression is ignored.
    """
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return None
    parts = [
        part
        for part in tree.body[0].nodes
        if not isinstance(part, nodes.TemplateData) or part.data.strip()
    ]
    is_single = len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData)
    return parts[0] if is_single else None


def joiner(tree: nodes.Template, env: Sandbox) -> Callable[[Mapping[str, Any]], str] | None:
    """Return a fast renderer for text that contains only plain names; None for other Jinja.

    The result equals Jinja's, which needs a context for each rendering.
    """
    pieces: list[tuple[bool, str]] = []
    for output in tree.body:
        for node in output.nodes if isinstance(output, nodes.Output) else [None]:
            if isinstance(node, nodes.TemplateData):
                pieces.append((False, node.data))
            elif isinstance(node, nodes.Name):
                pieces.append((True, node.name))
            else:
                return None
    finalize, finish = env.finalize, env.meter.finish_pieces
    assert finalize is not None  # noqa: S101 - the environment has one

    def render(scope: Mapping[str, Any]) -> str:
        return finish(
            [
                str(finalize(scope[piece] if piece in scope else env.undefined(name=piece)))
                if is_name
                else piece
                for is_name, piece in pieces
            ]
        )

    return render


def evaluator(expression: nodes.Expr, env: Sandbox) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function that evaluates an expression in a scope.

    It raises what Jinja raises, and for a name that is not defined.
    """
    assign = nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)
    template = env.from_string(nodes.Template([assign], lineno=1))
    root = template.root_render_func

    def evaluate(scope: Mapping[str, Any]) -> Any:
        context = template.new_context(scope, shared=True)  # type: ignore[arg-type]
        env.meter.start()
        for _ in root(context):
            pass
        return materialized(context.vars["result"])

    return evaluate


def materialized(value: Any) -> Any:
    """Return a value in which everything that can be iterated is a list or a mapping.

    Raises:
        UndefinedError: it contains an undefined name.
        PrintedError: it contains a function.
        SecurityError: it is too large.
    """
    return _materialized(value, is_counted=False)


def _materialized(value: Any, *, is_counted: bool) -> Any:
    """Return a value for `materialized`; the size of a counted one is known to be allowed."""
    if isinstance(value, str | bool | int | float | None):
        return value
    if isinstance(value, Undefined):
        str(value)  # raises: it is strict
    if isinstance(value, NESTED):
        if not is_counted:
            size(value)
            is_counted = True  # with all nested values
    elif callable(value):
        raise PrintedError("a function is printed")
    else:
        is_counted = False
    return _copied(value, is_counted=is_counted)


def _copied(value: Any, *, is_counted: bool) -> Any:
    """Return a list or mapping of materialized items: the same object if nothing changes."""
    if isinstance(value, Mapping):
        pairs = {key: _materialized(item, is_counted=is_counted) for key, item in value.items()}
        same = type(value) is dict and all(item is value[key] for key, item in pairs.items())
        return value if same else pairs
    if hasattr(value, "__iter__"):
        items = [_materialized(item, is_counted=is_counted) for item in value]
        same = type(value) is list and all(map(operator.is_, items, value))
        return value if same else items
    return value
