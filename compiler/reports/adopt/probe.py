"""Read the axes of each `matrix` of a bake file, and the defaults of its variables.

Bake prints neither. The probe is a second bake file that bake evaluates together with the first:
its targets print, as build arguments, the values that the expressions of the first have.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compiler.errors import CompileError
from compiler.external.scratch import scratch_folder
from compiler.output.bake_fields import undoubled_text
from compiler.reports.adopt.hcl import Attribute, Block
from compiler.reports.adopt.values import axis_values, value_details
from compiler.reports.compare.read_bakefile import BakeFile


_PREFIX = "compile-matrix-probe"
_KEY = re.compile(r"[A-Za-z_][\w-]*\Z", re.ASCII)
Report = Callable[[int, str, str], None]
"""Takes a line, a part of the file, and why the matrix does not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The targets of one block with a `matrix`."""

    label: str
    rows: Mapping[str, Mapping[str, str]]
    """Target -> axis -> value, in the order of the values."""
    details: Mapping[str, Mapping[str, Mapping[str, str]]]
    """Axis -> value -> name -> text, for values that are mappings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a bake file does not show by itself."""

    families: Mapping[str, Family] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Variable -> its default, if that is a text."""


def probe(
    bakefile: BakeFile, blocks: Sequence[Block], environment: Mapping[str, str], report: Report
) -> Probe:
    """Return the families and the variables of a bake file.

    Args:
        bakefile: the file.
        blocks: its blocks.
        environment: the environment variables for bake.
        report: is called for each part that cannot be read.
    """
    variables = list(dict.fromkeys(b.label for b in blocks if b.kind == "variable"))
    matrices = _matrices(blocks, report)
    if not variables and not matrices:
        return Probe()
    targets: dict[str, Any] = {}
    parts = [_variables_probe(variables, targets)] if variables else []
    parts += [_matrix_probe(n, block, targets) for n, block in enumerate(matrices.values())]
    names = [_PREFIX] * bool(variables) + [f"{_PREFIX}-{n}" for n in range(len(matrices))]
    text = json.dumps({"target": targets})
    suffix = "json"
    if bakefile.data is None:
        text, suffix = "\n".join(parts), "hcl"
    try:
        with scratch_folder() as folder:
            path = Path(folder, f"probe.{suffix}")
            path.write_text(text, encoding="utf-8")
            printed = bakefile.probed(path, names, environment)
    except CompileError as error:
        reason = error.diagnostics[0].message
        for block in matrices.values():
            report(block.line, _matrix(block), f"its axes cannot be read: {reason}")
        if variables:
            report(0, f"variables {', '.join(variables)}", f"they cannot be read: {reason}")
        return Probe()
    printed_targets = printed.data.get("target", {})
    values = printed_targets.get(_PREFIX, {}).get("args", {})
    lines = {b.label: b.line for b in reversed(blocks) if b.kind == "variable"}
    defaults: dict[str, str] = {}
    for n, name in enumerate(variables):
        value = json.loads(undoubled_text(values.get(f"v{n}", "null")))
        if isinstance(value, str):
            defaults[name] = value
        elif value is not None:
            why = "its value is not a text, and is written where it is used"
            report(lines[name], f"variable '{name}'", why)
    families = {
        block.label: family
        for n, block in enumerate(matrices.values())
        if (family := _family(f"{_PREFIX}-{n}-", block, printed_targets)) is not None
    }
    return Probe(families=families, defaults=defaults)


def _matrices(blocks: Iterable[Block], report: Report) -> dict[str, Block]:
    """Return the blocks with a matrix whose axes can be read."""
    matrices: dict[str, Block] = {}
    for block in blocks:
        if block.kind == "target" and "matrix" in block.attributes:
            if _keys(block.attributes["matrix"]) and "name" in block.attributes:
                matrices[block.label] = block
            else:
                report(block.line, _matrix(block), "its axes are computed")
    return matrices


def _matrix(block: Block) -> str:
    return f"matrix of target '{block.label}'"


def _variables_probe(variables: Iterable[str], targets: dict[str, Any]) -> str:
    args = {f"v{n}": f"jsonencode({name})" for n, name in enumerate(variables)}
    targets[_PREFIX] = {"args": {key: f"${{{text}}}" for key, text in args.items()}}
    return f'target "{_PREFIX}" {{\n  args = {{ {_pairs(args)} }}\n}}'


def _matrix_probe(n: int, block: Block, targets: dict[str, Any]) -> str:
    name, matrix = block.attributes["name"], block.attributes["matrix"]
    label = f"{_PREFIX}-{n}"
    args = {f"k{m}": f"jsonencode({key})" for m, key in enumerate(_keys(matrix))}
    targets[label] = {
        "name": f"{label}-{name.value}",
        "matrix": matrix.value,
        "args": {key: f"${{{text}}}" for key, text in args.items()},
    }
    args["all"] = f"jsonencode({matrix.text})"
    return (
        f'target "{label}" {{\n  name = join("", ["{label}-", {name.text}])\n'
        f"  matrix = {matrix.text}\n  args = {{ {_pairs(args)} }}\n}}"
    )


def _pairs(args: Mapping[str, str]) -> str:
    return ", ".join(f"{key} = {text}" for key, text in args.items())


def _keys(matrix: Attribute) -> list[str]:
    """Return the axes of a matrix in the order of the file; none if they are computed."""
    if isinstance(matrix.value, dict):
        return [key for key in matrix.value if _KEY.match(key)]
    keys, depth, expected = [], 0, True
    tokens = [t for t in matrix.tokens if t.kind != "quote"]
    if not tokens or tokens[0].text != "{" or any(t.text == "for" for t in tokens[:3]):
        return []
    for token, after in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        if token.kind == "operator" and token.text in "([{":
            depth += 1
        elif token.kind == "operator" and token.text in ")]}":
            depth -= 1
        elif depth == 1 and token.text in {",", "\n"}:
            expected = True
        elif depth == 1 and expected and token.kind in {"name", "text"}:
            if after.text in {"=", ":"} and _KEY.match(token.text):
                keys.append(token.text)
            expected = False
    return keys


def _family(prefix: str, block: Block, targets: Mapping[str, Any]) -> Family | None:
    """Return the targets of a matrix with their values; None without any."""
    keys = _keys(block.attributes["matrix"])
    rows: dict[str, list[Any]] = {}
    order: dict[str, list[Any]] = _parsed(json.dumps(block.attributes["matrix"].value)) or {}
    for name, target in targets.items():
        if name.startswith(prefix):
            args = {key: undoubled_text(text) for key, text in target["args"].items()}
            rows[name.removeprefix(prefix)] = [args[f"k{m}"] for m in range(len(keys))]
            if "all" in args:
                order = _parsed(args["all"])
    labels: list[dict[str, str]] = []
    details: dict[str, dict[str, dict[str, str]]] = {}
    for m, key in enumerate(keys):
        seen = list(dict.fromkeys(row[m] for row in rows.values()))
        values = [_parsed(text) for text in seen]
        known = order.get(key, [])
        ranks = [known.index(value) if value in known else n for n, value in enumerate(values)]
        numbers = sorted(range(len(values)), key=ranks.__getitem__)
        values = [values[n] for n in numbers]
        written = axis_values(key, values, block.attributes["matrix"].text)
        details[key] = {t: value_details(value) for t, value in zip(written, values, strict=True)}
        labels.append({seen[n]: text for n, text in zip(numbers, written, strict=True)})
    ranks_of = [{text: n for n, text in enumerate(known)} for known in labels]
    ordered = sorted(
        rows, key=lambda name: [r[t] for r, t in zip(ranks_of, rows[name], strict=True)]
    )
    if not rows:
        return None
    return Family(
        label=block.label,
        rows={
            name: {key: labels[m][rows[name][m]] for m, key in enumerate(keys)} for name in ordered
        },
        details=details,
    )


def _parsed(text: str) -> Any:
    """Return a value of JSON; numbers are texts."""
    return json.loads(text, parse_int=str, parse_float=str)
