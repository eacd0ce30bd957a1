"""Read and write selections: names of targets in a file, to pass them from one job to another."""

import json
from collections.abc import Iterable
from typing import Any

from compiler.codes import Code
from compiler.constants import TEST_SUFFIX
from compiler.errors import did_you_mean
from compiler.source.argument_file import read_given, shown_name
from compiler.source.json_strictness import invalid_json
from compiler.source.positions import (
    MOST_FINDINGS,
    RawDiagnostic,
    SourceText,
    read_text,
    refuse_file,
)
from compiler.targets.plan import Plan
from compiler.targets.target import Target


CODE = Code.SELECTION
LIMIT = 16 << 20
REMEDY = "create one with `compile-matrix list --format selection`"


def as_selection(names: Iterable[str]) -> str:
    """Return a selection as JSON, one target per line.

    >>> print(as_selection(["a", "b"]), end="")
    {"version": 1, "targets": [
      "a",
      "b"
    ]}
    """
    lines = ",\n".join(f"  {json.dumps(name)}" for name in names)
    content = f"\n{lines}\n" if lines else ""
    return f'{{"version": 1, "targets": [{content}]}}\n'


def selected(plan: Plan, targets: Iterable[Target], file: str) -> tuple[Target, ...]:
    """Return the targets that a selection contains; a test target selects the target it tests.

    Raises:
        CompileError: the file cannot be read, is not a selection, or has an unknown target.
    """
    names = read_selection(plan, file)
    return tuple(t for t in targets if not names.isdisjoint((t.name, f"{t.name}{TEST_SUFFIX}")))


def read_selection(plan: Plan, file: str) -> frozenset[str]:
    """Return the names of targets and test targets in a selection; `-` is stdin.

    The selection may be empty. Raises as `selected` does.
    """
    page = _page(file)
    names = _names(page)
    known = {f"{target.name}{TEST_SUFFIX}" for target in plan.targets if target.tests}
    known.update(target.name for target in plan.targets)
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        page.refuse(
            RawDiagnostic(
                code=Code.UNKNOWN_TARGET,
                message=f"unknown target {name!r}",
                start=(at := _place(page, name)),
                end=at + len(json.dumps(name)),
                help=did_you_mean(name, sorted(known), otherwise="create the selection again"),
            )
            for name in unknown[:MOST_FINDINGS]
        )
    return frozenset(names)


def _page(file: str) -> SourceText:
    raw = read_given(file, what="the selection", remedy=REMEDY, limit=LIMIT)
    return read_text(raw, shown_name(file), limit=LIMIT)


def _names(page: SourceText) -> list[str]:
    """Return the names in a selection's text; anything else in it is an error."""
    data: Any = None
    selection: list[str] | None = None
    message, help_ = 'not of the form `{"version": 1, "targets": [NAME, ...]}`', REMEDY
    try:
        data = json.loads(page.text)
    except json.JSONDecodeError as error:
        page.refuse([invalid_json(error, code=CODE, remedy=REMEDY)])
    except (RecursionError, ValueError):
        pass  # nested too deeply, or a number that is too long: not a selection
    match data:
        case {"version": 1, "targets": [*names], **rest} if (
            data["version"] is not True
            and not rest
            and all(isinstance(name, str) for name in names)
        ):
            selection = names
        case {"version": int(version), **_others} if version != 1:
            message = f"unknown version {version} of a selection; only version 1 is supported"
            help_ = "update compile-matrix, or create the selection again"
        case _:
            pass
    if selection is None:
        refuse_file(page.path, code=CODE, message=message, help=help_)
    return selection


def _place(page: SourceText, name: str) -> int:
    """Return the offset of a name in the text; 0 if it is written with escapes."""
    start = max(0, page.text.find('"targets"'))
    return max(0, page.text.find(json.dumps(name), start))
