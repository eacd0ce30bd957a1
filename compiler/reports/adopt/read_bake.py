"""Read a bake file as given targets; bake itself evaluates it.

The axes of a `matrix` are read by a second bake file, the probe: its targets have the same `name`
and `matrix`, and print the value of each axis. Variables are found by evaluating the file again,
with other values: a text that contains such a value contains the variable.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from posixpath import join, normpath
from typing import Any

from compiler.external.addresses import is_folder
from compiler.output.bake_fields import Fields
from compiler.output.definition import Definition, linked
from compiler.reports.adopt.hcl import Block, hcl_blocks, json_blocks, key_lines, listed_names
from compiler.reports.adopt.kept_variables import KeptVariables, keep_variables
from compiler.reports.adopt.marks import Marker
from compiler.reports.adopt.model import Given, GivenTarget, Leftover
from compiler.reports.adopt.probe import Family, Probe, probe
from compiler.reports.compare.read_bakefile import BakeFile, Printed, open_bakefile


_HERE = "cwd://"
"""The prefix of a Dockerfile that is relative to the folder in which bake runs."""


def read_bake(file: str) -> Given:
    """Return what a bake file declares, or the JSON of bake --print.

    Raises:
        CompileError: it cannot be read, or is wrong.
    """
    with open_bakefile(file) as bakefile:
        return _Reader(bakefile).existing_build()


class _Reader:
    """Reads one bake file."""

    def __init__(self, bakefile: BakeFile) -> None:
        self._file = bakefile
        self._path = bakefile.source.path
        self._blocks = _blocks(bakefile)
        names = {block.label for block in self._blocks if block.kind == "variable"}
        self._environment = {key: text for key, text in os.environ.items() if key not in names}
        self._leftovers: list[Leftover] = []

    def existing_build(self) -> Given:
        """Return everything that the file declares."""
        printed = self._file.printed(self._environment)
        definition = printed.definition()
        probed = Probe()
        if self._file.path is not None and self._blocks:
            probed = probe(self._file, self._blocks, self._environment, self._report)
        variables = keep_variables(
            self._file, self._blocks, probed.defaults, printed, self._environment, self._report
        )
        targets, files = self._targets(printed, definition, probed.families, variables)
        names = {target.name for target in targets}
        definitions: list[tuple[Mapping[str, str], Definition]] = [
            ({}, _limited(definition, names))
        ]
        if variables.printed is not None:
            changed = _limited(variables.printed.definition(), names)
            definitions.append((variables.others, changed))
        for name in definition.unknown:
            self._report(0, f"field '{name}'", "compile-matrix does not know it")
        groups = self._groups(probed.families, [target.name for target in targets])
        used = variables.used_by(targets)
        for block in self._blocks:
            if block.kind == "variable" and block.label in variables.written.keys() - used.keys():
                self._report(block.line, f"variable '{block.label}'", "no target uses it")
        lines = {block.label: block.line for block in self._blocks if block.kind == "target"}
        for block in self._blocks:
            if block.kind == "group":
                lines[f"group {block.label}"] = block.line
        return Given(
            path=self._path,
            targets=tuple(targets),
            variables=used,
            marks=tuple(variables.written),
            groups=groups,
            definitions=tuple(definitions),
            lines=lines,
            files=files,
            leftovers=tuple(self._leftovers),
        )

    def _report(self, line: int, what: str, why: str) -> None:
        self._leftovers.append(Leftover(path=self._path, line=line, what=what, why=why))

    def _targets(
        self,
        printed: Printed,
        definition: Definition,
        families: Mapping[str, Family],
        variables: KeptVariables,
    ) -> tuple[list[GivenTarget], dict[str, bytes]]:
        """Return the targets that a matrix can have, and the files that they need."""
        lines = {block.label: block.line for block in self._blocks if block.kind == "target"}
        keys = key_lines(self._file.source.text)
        family_of = {name: family for family in families.values() for name in family.rows}
        changed = variables.printed.definition().targets if variables.printed else {}
        inherited = listed_names(self._blocks, "target", "inherits")
        grouped = listed_names(self._blocks, "group", "targets")
        kept = linked(definition.targets)
        marker = Marker(variables.defaults, variables.others)
        targets: list[GivenTarget] = []
        files: dict[str, bytes] = {}
        for name, fields in definition.targets.items():
            raw = printed.data["target"][name]
            family = family_of.get(name)
            label = family.label if family else name
            line = lines.get(label) or keys.get(name, 0)
            if name in inherited - grouped - kept and _keeps_nothing(fields):
                self._report(line, f"target '{name}'", "it builds nothing; others inherit it")
                continue
            dockerfile, why = _dockerfile(name, raw, fields, files)
            if why:
                self._report(line, f"target '{name}'", why)
                continue
            shown = _with_raw(fields, raw)
            if name in changed and variables.printed:
                other = _with_raw(changed[name], variables.printed.data["target"][name])
                shown = marker.fields(shown, other)
            targets.append(
                GivenTarget(
                    name=name,
                    fields=shown,
                    dockerfile=dockerfile,
                    line=line,
                    family=label if family else "",
                    values=family.rows[name] if family else {},
                    details=_details(family, name) if family else {},
                )
            )
        return _in_order(targets, families), files

    def _groups(
        self, families: Mapping[str, Family], names: Sequence[str]
    ) -> dict[str, tuple[str, ...]]:
        """Return the groups whose targets are listed, with the groups in them replaced."""
        listed: dict[str, tuple[str, ...]] = {}
        if self._file.data is not None:
            for group, value in (self._file.data.get("group") or {}).items():
                members = value.get("targets") if isinstance(value, dict) else None
                if isinstance(members, list):
                    listed[group] = tuple(str(member) for member in members)
        for block in self._blocks:
            if block.kind == "group" and self._file.data is None:
                tokens = block.attributes["targets"].tokens if "targets" in block.attributes else ()
                if any(token.kind not in {"quote", "text", "operator"} for token in tokens):
                    why = "its targets are computed"
                    self._report(block.line, f"group '{block.label}'", why)
                else:
                    listed[block.label] = tuple(t.text for t in tokens if t.kind == "text")
        known = set(names)

        def resolve(member: str, above: frozenset[str]) -> list[str]:
            if member in listed and member not in above:
                inner = above | {member}
                return [
                    name for listed_name in listed[member] for name in resolve(listed_name, inner)
                ]
            if member in families:
                return [name for name in families[member].rows if name in known]
            return [member] if member in known else []

        return {
            group: tuple(dict.fromkeys(resolve(group, frozenset())))
            for group in listed
            if group not in families
        }


def _blocks(bakefile: BakeFile) -> list[Block]:
    """Return the blocks of the file; none of the JSON of bake --print and of compose files."""
    if bakefile.path is None or bakefile.path.suffix.lower() in {".yaml", ".yml"}:
        return []
    text = bakefile.source.text
    return hcl_blocks(text) if bakefile.data is None else json_blocks(text, bakefile.data)


def _limited(definition: Definition, names: set[str]) -> Definition:
    """Return a definition with some of its targets."""
    targets = {name: fields for name, fields in definition.targets.items() if name in names}
    return replace(definition, targets=targets)


def _details(family: Family, name: str) -> dict[str, Mapping[str, str]]:
    return {axis: family.details[axis][value] for axis, value in family.rows[name].items()}


def _keeps_nothing(fields: Fields) -> bool:
    return not fields.get("tags") and not fields.get("output")


def _dockerfile(
    name: str, raw: Mapping[str, Any], fields: Fields, files: dict[str, bytes]
) -> tuple[str, str]:
    """Return the path of a target's Dockerfile, or why a matrix cannot have the target.

    Args:
        name: the target.
        raw: what bake prints.
        fields: the same, normalised.
        files: receives the file of a Dockerfile that is written in the bake file.
    """
    if "call" in fields:
        return "", f"bake runs '{fields['call']}' for it instead of a build"
    inline = raw.get("dockerfile-inline")
    if isinstance(inline, str):
        path = f"{name}.Dockerfile"
        files[path] = inline.encode()
        return path, ""
    dockerfile, context = raw.get("dockerfile") or "Dockerfile", str(fields["context"])
    if not isinstance(dockerfile, str):
        return "", "its Dockerfile is not text"
    if dockerfile.startswith(_HERE):
        return normpath(dockerfile.removeprefix(_HERE)), ""
    if not is_folder(context):
        return "", f"its Dockerfile is in a remote context, {context}"
    return normpath(join(context, dockerfile)), ""


def _with_raw(fields: Fields, raw: Mapping[str, Any]) -> Fields:
    """Return normalised fields with the tags as written and the description."""
    combined = dict(fields)
    if "tags" in combined:
        combined["tags"] = tuple(dict.fromkeys(raw["tags"]))
    if isinstance(raw.get("description"), str) and raw["description"]:
        combined["description"] = raw["description"]
    return combined


def _in_order(targets: Iterable[GivenTarget], families: Mapping[str, Family]) -> list[GivenTarget]:
    """Return targets in the order of the file; those of a family in the order of its values."""
    places = {name: n for family in families.values() for n, name in enumerate(family.rows)}
    return sorted(targets, key=lambda target: (target.line, places.get(target.name, 0)))
