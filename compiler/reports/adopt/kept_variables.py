"""Decide which variables of a bake file the matrix keeps, and evaluate the file with others."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from compiler.errors import CompileError
from compiler.output.bake_fields import Fields
from compiler.reports.adopt.hcl import Block
from compiler.reports.adopt.model import MAX_VARIABLES, GivenTarget, variable_mark, why_not_variable
from compiler.reports.adopt.strings import literal
from compiler.reports.adopt.variable_uses import decided_variables, default_in_matrix
from compiler.reports.compare.read_bakefile import BakeFile, Printed


_PRIVATE = re.compile(f"[{variable_mark(0)}-{variable_mark(MAX_VARIABLES - 1)}]")
"""The characters that stand for variables."""

Report = Callable[[int, str, str], None]
"""Takes a line, a part of the file, and why the matrix does not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVariables:
    """The variables that the matrix keeps."""

    defaults: Mapping[str, str] = field(default_factory=dict)
    """Name -> the default as text."""
    written: Mapping[str, str] = field(default_factory=dict)
    """Name -> the default in the syntax of matrix.yaml."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Name -> another, unique value."""
    printed: Printed | None = None
    """The targets with these other values; None without variables."""

    def used_by(self, targets: Iterable[GivenTarget]) -> dict[str, str]:
        """Return the variables, as `written`, that targets and other such variables contain."""
        texts = "".join(text for target in targets for text in _texts_of(target.fields))
        used = {name for n, name in enumerate(self.written) if variable_mark(n) in texts}
        pending = list(used)
        while pending:
            text = self.written[pending.pop()]
            more = {name for name in self.written if f"${{{name}}}" in text} - used
            used |= more
            pending += more
        return {name: text for name, text in self.written.items() if name in used}


def keep_variables(
    bakefile: BakeFile,
    blocks: Sequence[Block],
    defaults: Mapping[str, str],
    printed: Printed,
    environment: Mapping[str, str],
    report: Report,
) -> KeptVariables:
    """Return the variables that are only text in the targets.

    Args:
        bakefile: the file.
        blocks: its blocks.
        defaults: the variables whose default is a text.
        printed: the targets with the defaults.
        environment: the environment variables for bake.
        report: is called for each variable that the matrix does not keep.
    """
    declared = _declared(blocks, defaults, report)
    decided = decided_variables(blocks)
    names = []
    for name, block in declared.items():
        why = why_not_variable(name)
        if not why and name in decided:
            why = "more than a text depends on it"
        if why:
            report(block.line, f"variable '{name}'", f"{why}; its value is written")
        else:
            names.append(name)
    names = names[:MAX_VARIABLES]
    if not names or _PRIVATE.search(printed.text.text):
        return KeptVariables()
    others = {name: f"cmv{n}x{len(names)}q" for n, name in enumerate(names)}
    changed, why = None, "the names of targets depend on them"
    try:
        changed = bakefile.printed({**environment, **others})
    except CompileError as error:
        why = f"bake accepts no other value: {error.diagnostics[0].message}"
    if changed is None or _names(changed) != _names(printed):
        report(0, f"variables {', '.join(names)}", f"{why}; their values are written")
        return KeptVariables()
    written = {}
    for name in names:
        text = default_in_matrix(declared[name].attributes.get("default"), names)
        written[name] = literal(defaults[name]) if text is None else text
    return KeptVariables(
        defaults={name: defaults[name] for name in names},
        written=written,
        others=others,
        printed=changed,
    )


def _declared(
    blocks: Iterable[Block], defaults: Mapping[str, str], report: Report
) -> dict[str, Block]:
    """Return the blocks of variables whose default is a text; report what a matrix lacks."""
    declared: dict[str, Block] = {}
    for block in blocks:
        if block.kind != "variable":
            continue
        if block.nested or "validation" in block.attributes:
            why = "a matrix does not validate variables"
            report(block.line, f"validation of variable '{block.label}'", why)
        if block.label in defaults:
            declared.setdefault(block.label, block)
    return declared


def _names(printed: Printed) -> frozenset[str]:
    return frozenset(printed.data.get("target", {}))


def _texts_of(fields: Fields) -> Iterator[str]:
    """Yield every text of the fields."""
    for value in fields.values():
        yield from (value,) if isinstance(value, str) else value
        if isinstance(value, Mapping):
            yield from value.values()
