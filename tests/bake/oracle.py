"""Compare what `buildx bake --print` reads in a bake file with what the plan requires.

Both are brought to one form, target by target, whatever version of buildx printed it.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import yaml
from support import go_programs

from compiler import compile_matrix
from compiler.matrix.field_table import BAKE_ROWS


Command: TypeAlias = Sequence[str]
"""The command of a buildx."""

Fields: TypeAlias = dict[str, Any]
"""The fields of one target, normalised for comparison."""

TEXTS = ("context", "dockerfile", "description", "network", "shm-size", "target")
MAPPINGS = ("args", "contexts", "extra-hosts", "labels")
LISTS = (
    *("annotations", "entitlements", "no-cache-filter", "platforms", "resources", "tags"),
    "ulimits",
)
RECORDS = ("attest", "cache-from", "cache-to", "output", "policy", "secret", "ssh")
FLAGS = ("no-cache", "pull")
OF_TESTS = (
    *("entitlements", "extra-hosts", "network", "platforms", "secret", "shm-size", "ssh"),
    "ulimits",
)
"""Fields that the target of a test has, too."""
NEWER = frozenset(row.name for row in BAKE_ROWS if row.since)
"""Fields that old versions ignore silently."""
DOUBLED = ("annotations", "args", "labels")
"""Fields in which new versions print `${` and `%{` as they are written in a bake file."""

_PROBE = """
target "default" {
  args = { A = "$${x}" }
  description = "d"
  entitlements = ["network.host"]
  extra-hosts = { h = "1.2.3.4" }
  network = "host"
  policy = [{ filename = "a.rego" }]
  resources = ["memory=2g"]
}
"""


class BakeError(Exception):
    """Bake failed, with this error."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The contents of a bake file: groups by name, targets by name."""

    groups: dict[str, list[str]]
    targets: dict[str, Fields]


@dataclass(frozen=True, kw_only=True)
class Traits:
    """How a version of buildx prints a bake file."""

    doubles: bool
    drops: frozenset[str]


def lay(
    folder: Path, matrix: Mapping[str, Any] | str, files: Mapping[str, str] | None = None
) -> Path:
    """Create a project with one template, compile it and write the generated files.

    Args:
        folder: where to.
        matrix: matrix.yaml, or what it is to hold.
        files: other files, by name.

    Raises:
        CompileError: the matrix is wrong.
    """
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "templates/Dockerfile.j2").write_text("FROM scratch\n")
    text = matrix if isinstance(matrix, str) else yaml.safe_dump(matrix, sort_keys=False)
    (folder / "matrix.yaml").write_text(text)
    for name, content in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    for artifact in compile_matrix(folder / "matrix.yaml").artifacts:
        (folder / artifact.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / artifact.path).write_bytes(artifact.content)
    return folder


def plan_json(folder: Path) -> dict[str, Any]:
    """Return matrix.json of a project."""
    found: dict[str, Any] = json.loads((folder / "dockerfiles/matrix.json").read_bytes())
    return found


def traits(buildx: Command) -> Traits:
    """Determine how a buildx prints."""
    return _traits(tuple(buildx))


@cache
def _traits(buildx: tuple[str, ...]) -> Traits:
    with TemporaryDirectory() as folder:
        Path(folder, "docker-bake.hcl").write_text(_PROBE)
        printed = _print(buildx, Path(folder), (), {})["target"]["default"]
    return Traits(doubles=printed["args"]["A"] == "$${x}", drops=frozenset(NEWER - printed.keys()))


def bake(buildx: Command, folder: Path, *names: str, more: str = "", **env: str) -> Reading:
    """Return what bake reads in the bake file of a folder.

    Args:
        buildx: which one.
        folder: where docker-bake.hcl is.
        names: what is asked for; without any, `default`.
        more: additional targets and groups, as a bake file.
        env: the environment.

    Raises:
        BakeError: it refuses.
    """
    printed = _print(buildx, folder, names, env, more)
    how = traits(buildx)
    return Reading(
        groups={name: group["targets"] or [] for name, group in printed.get("group", {}).items()},
        targets={
            name: normal(target, doubled=how.doubles)
            for name, target in printed.get("target", {}).items()
        },
    )


def members(buildx: Command, folder: Path, group: str = "default", **env: str) -> list[str]:
    """Return the names of all targets of a group, its subgroups included."""
    return list(bake(buildx, folder, group, **env).targets)


def refusal(buildx: Command, folder: Path, *names: str, **env: str) -> str:
    """Return the error with which bake fails; the test fails if bake succeeds."""
    try:
        read = bake(buildx, folder, *names, **env)
    except BakeError as error:
        return str(error)
    raise AssertionError(f"bake takes it: {list(read.targets)}")


def _print(
    buildx: Command, folder: Path, names: Iterable[str], env: Mapping[str, str], more: str = ""
) -> dict[str, Any]:
    files = ("--file=docker-bake.hcl", "--file=-") if more else ()
    ran = subprocess.run(
        [*buildx, "bake", "--print", *files, *names],
        cwd=folder,
        check=False,
        input=more,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder / ".home"),
            **go_programs.VARIABLES,
            **env,
        },
    )
    if ran.returncode:
        raise BakeError(ran.stderr)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def plan_of(
    plan: Mapping[str, Any],
    variables: Mapping[str, str] | None = None,
    *,
    drops: frozenset[str] = frozenset(),
    moving: bool = False,
    cache: str = "",
) -> Reading:
    """Return what bake must read, according to the plan.

    Args:
        plan: the contents of matrix.json.
        variables: the values of the bake variables.
        drops: the fields that this buildx drops.
        moving: whether `MOVING` requests floating tags.
        cache: the value of `CACHE`; the caches of siblings are not included.
    """
    targets = {}
    for listed in plan["targets"]:
        entry = _switched(listed, moving=moving, cache=cache)
        given = {
            name: _resolved(value, variables or {})
            for name, value in entry.items()
            if name in (*TEXTS, *MAPPINGS, *LISTS, *RECORDS, *FLAGS) and name != "target"
        }
        if "stage" in entry:
            given["target"] = _resolved(entry["stage"], variables or {})
        given["dockerfile"] = f"cwd://{given['dockerfile']}"
        targets[entry["target"]] = normal(given, doubled=False)
    accessed = {name: _access(name, targets) for name in targets}
    for name, own in accessed.items():
        targets[name] |= own
    for entry in plan["targets"]:
        if "tests" in entry:
            targets[f"{entry['target']}-test"] = _test_of(entry["target"], targets[entry["target"]])
    kept = {
        name: {key: value for key, value in fields.items() if key not in drops}
        for name, fields in targets.items()
    }
    return Reading(groups=dict(plan["groups"]), targets=kept)


def _access(name: str, targets: Mapping[str, Fields]) -> Fields:
    """Return the secrets and SSH agents of a target and of all that it links to, each once."""
    linked = [name]
    for one in linked:
        contexts = targets[one].get("contexts", {}).values()
        others = [text.removeprefix("target:") for text in contexts if text.startswith("target:")]
        linked += [other for other in others if other not in linked]
    order = [name, *(other for other in targets if other in linked and other != name)]
    access = {}
    for field in ("secret", "ssh"):
        entries: dict[str, Any] = {}
        for other in order:
            for entry in targets[other].get(field, ()):
                entries.setdefault(entry["id"], entry)
        if entries:
            access[field] = list(entries.values())
    return access


def _switched(entry: Mapping[str, Any], *, moving: bool, cache: str) -> dict[str, Any]:
    """Return a target with the switches of the bake file applied."""
    found = dict(entry)
    if moving:
        found["tags"] = [*entry["tags"], *entry["moving"], *entry["aliases"]]
    if "cache" in entry and cache:
        ref, mode = entry["cache"]["ref"], entry["cache"]["mode"]
        found["cache-from"] = [*entry.get("cache-from", ()), f"type=registry,ref={ref}"]
        if cache == "write":
            written = f"type=registry,ref={ref},mode={mode}"
            found["cache-to"] = [*entry.get("cache-to", ()), written]
    return found


def _test_of(name: str, fields: Fields) -> Fields:
    """Return the test target of a target: no output, the same platforms and settings of steps."""
    place = f"{fields['dockerfile'].removesuffix('.Dockerfile')}-test.Dockerfile"
    found = {
        "context": ".",
        "contexts": {name: f"target:{name}"},
        "dockerfile": place,
        "output": [{"type": "cacheonly"}],
    }
    return found | {key: value for key, value in fields.items() if key in OF_TESTS}


def _resolved(value: Any, variables: Mapping[str, str]) -> Any:
    """Replace the variables in text with bake's syntax by their values."""
    match value:
        case str():
            return re.sub(
                r"\$\$\{|%%\{|\$\{(\w+)\}",
                lambda found: variables[found[1]] if found[1] else found[0][1:],
                value,
            )
        case list():
            return [_resolved(item, variables) for item in value]
        case dict():
            return {
                _resolved(key, variables): _resolved(item, variables) for key, item in value.items()
            }
        case _:
            return value


def normal(target: Mapping[str, Any], *, doubled: bool) -> Fields:
    """Normalise the fields of a target; empty fields are omitted.

    An attribute that this oracle does not know is an error: it would go uncompared.
    """
    found: Fields = {}
    for name, value in target.items():
        if name in RECORDS:
            found[name] = _records(name, value)
        elif name in LISTS:
            found[name] = list(dict.fromkeys(value))
        elif name in MAPPINGS:
            found[name] = dict(value)
        elif name in (*TEXTS, *FLAGS):
            found[name] = value
        else:
            raise AssertionError(f"bake prints {name!r}, which is not compared")
        if doubled and name in DOUBLED:
            found[name] = _undoubled(found[name])
    found.setdefault("context", ".")
    return {name: value for name, value in found.items() if value or value is False}


def _undoubled(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("$${", "${").replace("%%{", "%{")
    if isinstance(value, dict):
        return {key: _undoubled(item) for key, item in value.items()}
    return [_undoubled(item) for item in value]


def _records(field: str, entries: Iterable[Any]) -> list[dict[str, str]]:
    found = [_ssh(entry) if field == "ssh" else _record(field, entry) for entry in entries]
    if field == "attest":  # the last of a type counts
        found = list({entry["type"]: entry for entry in found}.values())
        found.sort(key=lambda entry: entry["type"])
    return found


def _record(field: str, entry: Any) -> dict[str, str]:
    if isinstance(entry, str):
        cells = next(csv.reader([entry]))
        if len(cells) == 1 and "=" not in entry and field.startswith("cache-"):
            return {"type": "registry", "ref": entry}
        entry = dict(cell.split("=", 1) for cell in cells)
    pairs = {
        key: ("true" if value else "false") if isinstance(value, bool) else str(value)
        for key, value in entry.items()
    }
    if field == "secret":  # what it is shows in its other keys
        pairs.pop("type", None)
    return dict(sorted(pairs.items()))


def _ssh(entry: Any) -> dict[str, str]:
    if isinstance(entry, str):
        name, _, paths = entry.partition("=")
        return {"id": name, "paths": paths}
    return {"id": entry["id"], "paths": ",".join(entry.get("paths", []))}
