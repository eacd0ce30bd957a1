"""Read the inputs of docker/build-push-action as fields of a bake target.

Source: github.com/docker/build-push-action, action.yml: lists are CSV or one item per line.
"""

import csv
from collections.abc import Callable, Mapping
from typing import Any

from compiler.reports.adopt.workflow_strings import UnknownValueError


_COMMAS = {"tags": "tags", "platforms": "platforms", "no-cache-filters": "no-cache-filter"}
"""Inputs that are lists with commas or lines -> fields."""
_LINES = {"cache-from": "cache-from", "cache-to": "cache-to", "ulimit": "ulimits"}
"""Inputs that are lists of lines -> fields."""
_PAIRS = {"build-args": "args", "labels": "labels", "build-contexts": "contexts"}
"""Inputs that are lines of `key=value` -> fields."""
_TEXTS = {"target": "target", "network": "network", "shm-size": "shm-size"}
_FLAGS = {"pull": "pull", "no-cache": "no-cache"}
_ELSEWHERE = {"context", "file"}
_OPTIONS = {
    "push": "pass `--push` to bake, or use `publish`",
    "load": "pass `--load` to bake",
    "builder": "pass `--builder` to bake",
    "github-token": "a matrix has no credentials",
}
"""Inputs that are options of the command, and what to do instead."""


def read_inputs(
    inputs: Mapping[str, Any], evaluate: Callable[[str], str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the fields of a target, and the inputs that it cannot have with the reasons.

    Args:
        inputs: the inputs of the step, by lower-case names.
        evaluate: returns a text without expressions, or raises UnknownValueError.

    Raises:
        UnknownValueError: the context is only known when the workflow runs.
    """
    fields: dict[str, Any] = {"context": evaluate(str(inputs.get("context") or "."))}
    unread: dict[str, str] = {}
    for name, value in inputs.items():
        text = "true" if value is True else "false" if value is False else str(value or "")
        if name in _ELSEWHERE or not text.strip():
            continue
        if name in _OPTIONS:
            unread[name] = _OPTIONS[name]
            continue
        items: list[str] = []
        unknown: dict[str, None] = {}
        for line in text.splitlines():
            try:
                items += filter(None, [evaluate(line.strip()).strip()])
            except UnknownValueError as error:
                unknown[str(error)] = None
        bare = [item for item in items if "=" not in item] if name in _PAIRS else []
        reasons = [f"only known at run time: {', '.join(unknown)}"] if unknown else []
        reasons += [f"without a value: {', '.join(bare)}"] if bare else []
        if reasons:
            unread[name] = "; ".join(reasons)
        field = _field(name, items) if items else None
        if field:
            fields.update([field])
        elif items:
            unread[name] = "write the field of the matrix by hand"
    return fields, unread


def _field(name: str, items: list[str]) -> tuple[str, Any] | None:
    """Return the field of an input and its value; None for an input without a field.

    Args:
        name: the input.
        items: its lines, at least one.
    """
    if name in _COMMAS:
        return _COMMAS[name], [cell.strip() for row in csv.reader(items) for cell in row]
    if name in _LINES:
        return _LINES[name], items
    if name in _PAIRS:
        pairs = (item.partition("=") for item in items)
        return _PAIRS[name], {key: rest for key, equals, rest in pairs if equals}
    if name in _FLAGS:
        return _FLAGS[name], items[0] == "true"
    return (_TEXTS[name], items[0]) if name in _TEXTS else None
