"""Locate a block tag such as `{% if %}` that a template does not close."""

import re

from jinja2 import Environment, TemplateSyntaxError


_INNERMOST = re.compile(r"Unexpected end of template.*needs to be closed is '(\w+)'", re.DOTALL)


def unclosed(
    env: Environment, source: str, error: TemplateSyntaxError
) -> TemplateSyntaxError | None:
    """Return the error at the tag that is not closed; None if the error is another one.

    Jinja locates it at the end of the template.
    """
    innermost = _INNERMOST.search(error.message or "")
    if innermost is None:
        return None
    tag = innermost[1]
    opened: list[int] = []
    for line, name, is_assignment in _tags(env, source):
        if name == tag and not (tag == "set" and is_assignment):
            opened.append(line)
        elif name == f"end{tag}" and opened:
            opened.pop()
    message = f"`{{% {tag} %}}` without `{{% end{tag} %}}`"
    line = opened[-1] if opened else error.lineno
    return TemplateSyntaxError(message, line, error.name, error.filename)


def _tags(env: Environment, source: str) -> list[tuple[int, str, bool]]:
    """Return the line and name of each tag, and whether it contains `=`."""
    tags: list[tuple[int, str, bool]] = []
    is_first = False
    for line, kind, value in env.lex(source):
        if kind == "block_begin":
            is_first = True
        elif kind == "name" and is_first:
            tags.append((line, value, False))
            is_first = False
        elif kind == "operator" and value == "=" and tags:
            tags[-1] = (*tags[-1][:2], True)
    return tags
