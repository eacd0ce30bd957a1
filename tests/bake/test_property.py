"""Random matrices: bake and an independent model read what was planned."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import pytest
from bake.oracle import Reading, bake, lay, plan_json, plan_of, traits
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from support.matrices import TEMPLATES, VARIABLES, flow, inserted, matrices, texts
from support.reference_model import (
    Built,
    Matrix,
    Wrong,
    built,
    groups_by_value,
    groups_of,
    indexes_of,
    siblings_of,
    spelling,
)
from support.spread import on_windows, spread

from compiler import CompileError
from compiler.errors import Diagnostic
from compiler.output.manifest import listed_files


pytestmark = pytest.mark.slow

IN_CI = os.environ.get("CI") == "true"
QUICK = settings(
    deadline=None,
    database=None,
    derandomize=IN_CI,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
BY_HAND = frozenset(
    {"no-variants", "alias-mismatch", "missing-parent", "ambiguous-parent", "no-platform"}
) | {
    "empty-group",
    "empty-pattern",
    "unknown-value",
    "unknown-image",
    "matches-nothing",
    "bad-range",
    "field-conflict",
    "set-conflict",
    "shared-platform",
}
"""Codes of errors that the independent model detects as well."""
CALLS = 6
"""Concurrent bakes; each mostly waits."""


def compiled(
    folder: Path,
    matrix: Matrix,
    written: Matrix | None = None,
    others: Mapping[str, str] = MappingProxyType({}),
) -> bool:
    """Compile a matrix; if it is rejected, check that it is invalid, and why.

    Args:
        folder: the project.
        matrix: the matrix as the independent model reads it.
        written: the same matrix as it is compiled, if that differs.
        others: the other files of the project.
    """
    found: tuple[Diagnostic, ...] = ()
    files = {**{f"templates/{name}": text for name, text in TEMPLATES.items()}, **others}
    try:
        lay(folder, flow(matrix if written is None else written), files)
    except CompileError as error:
        found = error.diagnostics
        event(f"refused: {', '.join(sorted({diagnostic.code for diagnostic in found}))}")
    else:
        event("compiled")
        return True
    assert found
    assert all(diagnostic.file_location.line > 0 for diagnostic in found)
    if {diagnostic.code for diagnostic in found} <= BY_HAND:
        assert _wrong(matrix), found
    return False


def _wrong(matrix: Matrix) -> str:
    """Return why a matrix is invalid, as far as the model knows."""
    try:
        targets = built(matrix, VARIABLES)
        groups_of(matrix, targets)
        indexes_of(targets)
    except Wrong as wrong:
        return str(wrong)
    return ""


@settings(QUICK, max_examples=100)
@given(matrices(), st.data())
def test_the_plan_is_what_is_worked_out_by_hand(matrix: Matrix, data: st.DataObject) -> None:
    """Variants, names, fields, parents and groups equal those of a brute-force product.

    The same matrix, written with data files, parts, macros and other forms, has the same plan.
    """
    if data.draw(st.booleans()):
        matrix = on_windows(matrix)
    written, others = data.draw(spread(matrix)) if data.draw(st.booleans()) else (matrix, {})
    with TemporaryDirectory() as name:
        if not compiled(Path(name), matrix, written, others):
            return
        plan = plan_json(Path(name))
    targets = built(matrix, VARIABLES)
    assert [
        (one["image"], {axis: spelling(value) for axis, value in one["axes"].items()})
        for one in plan["targets"]
    ] == [(one.image, one.chosen) for one in targets]
    assert [(one["target"], one["parent"]) for one in plan["targets"]] == [
        (one.name, one.parent) for one in targets
    ]
    read = plan_of(plan, VARIABLES, moving=True).targets
    for one, target in zip(targets, plan["targets"], strict=True):
        _check_fields(one, read)
        assert _known(target.get("platform_tags", [])) == one.fields["platform_tags"]
    assert _known(plan.get("indexes", [])) == indexes_of(targets)
    _check_groups(plan["groups"], matrix, targets)


def _known(value: Any) -> Any:
    """Return a part of matrix.json with the values of the variables."""
    text = json.dumps(value)
    for name, known in VARIABLES.items():
        text = text.replace(f"${{{name}}}", json.dumps(known)[1:-1])
    return json.loads(text)


def _check_fields(one: Built, read: Mapping[str, Matrix]) -> None:
    found, fields = read[one.name], one.fields
    for name in ("args", "labels", "platforms"):
        assert found.get(name, {}) == (fields.get(name) or {})
    tags = [*fields["tags"], *fields["moving"], *fields["aliases"]]
    assert found.get("tags", []) == list(dict.fromkeys(tags))
    link = {one.parent: f"target:{one.parent}"} if one.parent else {}
    assert found.get("contexts", {}) == link
    assert (f"{one.name}-test" in read) == bool(fields.get("tests"))


def _check_groups(groups: Mapping[str, list[str]], matrix: Matrix, targets: list[Built]) -> None:
    expected = groups_of(matrix, targets)
    assert {name: groups[name] for name in expected} == expected
    names = {one.name for one in targets}
    for name, held in groups_by_value(matrix, targets).items():
        if name in expected or name in groups:
            assert groups[name] in [*held, expected.get(name)]
        else:  # left out, for a target's name
            assert name in names | set(expected.get("test", ()))
    assert set(groups) <= {*expected, *groups_by_value(matrix, targets)}


def test_bake_reads_what_was_planned(buildx: Path, old_buildx: Path) -> None:
    """Bake reads exactly the plan of every matrix that compiles, with every switch and group."""
    pool = ThreadPoolExecutor(CALLS)
    checks: list[Future[None]] = []

    @settings(QUICK, max_examples=80)
    @given(matrices(), st.sampled_from(["", "read", "write"]), st.integers(0, 5))
    def collect(matrix: Matrix, cache: str, which: int) -> None:
        folder = Path(parent, str(len(checks)))
        if compiled(folder, matrix):
            how = [str(buildx if which else old_buildx)]
            checks.append(pool.submit(check, folder, how, cache))

    def check(folder: Path, how: list[str], cache: str) -> None:
        plan, drops = plan_json(folder), traits(how).drops
        text = (folder / "matrix.yaml").read_text()
        plain = _sorted(bake(how, folder))
        expected = _sorted(plan_of(plan, VARIABLES, drops=drops))
        tested = {name for name in expected.targets if name in plan["groups"].get("test", ())}
        assert plain.targets == {
            name: fields for name, fields in expected.targets.items() if name not in tested
        }, text
        assert sorted(plain.groups["default"]) == sorted(expected.groups["default"]), text

        names = [name for name in plan["groups"] if name != "default"]
        env = {"MOVING": "true", "CACHE": cache}
        switched = _sorted(bake(how, folder, *names, **env))
        expected = _sorted(plan_of(plan, VARIABLES, drops=drops, moving=True, cache=cache))
        if cache:
            _check_siblings(folder, plan, switched)
        assert switched.targets == expected.targets, text
        for name in names:
            found = switched.groups.get(name, [name])
            assert sorted(found) == sorted(plan["groups"][name]), text

    with TemporaryDirectory() as parent, pool:
        collect()
        for future in checks:
            future.result()
    assert len(checks) > 20


def _sorted(read: Reading) -> Reading:
    """Sort platforms, as old versions do if one target links to another."""
    for fields in read.targets.values():
        if "platforms" in fields:
            fields["platforms"] = sorted(fields["platforms"])
    return read


def _check_siblings(folder: Path, plan: Matrix, read: Reading) -> None:
    """Check and remove the caches of siblings that a target reads."""
    refs = {
        one["target"]: f"r.example/cache:{one['target']}"
        for one in plan["targets"]
        if "cache" in one
    }
    texts_ = {one["target"]: (folder / one["dockerfile"]).read_text() for one in plan["targets"]}
    for one in plan["targets"]:
        if "cache" not in one:
            continue
        entries = read.targets[one["target"]]["cache-from"]
        assert entries[0] == {"type": "registry", "ref": refs[one["target"]]}
        near = [
            name for name, ref in refs.items() if {"type": "registry", "ref": ref} in entries[1:]
        ]
        assert len(near) == len(entries) - 1
        among = [
            other["target"]
            for other in plan["targets"]
            if "cache" in other and other["image"] == one["image"]
        ]
        longest, common = siblings_of(one["target"], texts_, among)
        wanted = [name for name, length in common.items() if longest and length == longest]
        assert set(near) <= set(wanted)
        assert len(near) == min(4, len(wanted))
        del entries[1:]


def test_values_reach_bake_as_they_are(buildx: Path) -> None:
    """Values arrive in build arguments character by character."""

    @settings(QUICK, max_examples=25)
    @given(st.lists(inserted, min_size=1, max_size=8), st.lists(texts, min_size=1, max_size=8))
    def check(given_: list[str], spelt: list[str]) -> None:
        spelt = list(dict.fromkeys(spelt))
        matrix: Matrix = {
            "variables": VARIABLES,
            "axes": {"x": {text: {"tag": f"n{n}"} for n, text in enumerate(spelt)}},
            "images": {
                "one": {
                    "template": "Dockerfile.j2",
                    "set": {"all": given_},
                    "args": {
                        "X": "{{ x }}",
                        **{f"A{n}": f"{{{{ all[{n}] }}}}" for n in range(len(given_))},
                        **{f"B{n}": f"a{{{{ all[{n}] }}}}-${{R}}" for n in range(len(given_))},
                    },
                }
            },
        }
        with TemporaryDirectory() as name:
            lay(Path(name), matrix)
            found = list(bake([str(buildx)], Path(name)).targets.values())
        assert {target["args"]["X"] for target in found} == set(spelt)
        for target in found:
            args = target["args"]
            assert [args[f"A{n}"] for n in range(len(given_))] == given_
            assert [args[f"B{n}"] for n in range(len(given_))] == [
                f"a{text}-r.example" for text in given_
            ]

    check()


DIGEST = """
import hashlib, pathlib, sys
from compiler import compile_matrix
for artifact in compile_matrix(pathlib.Path(sys.argv[1])).artifacts:
    print(artifact.path, hashlib.sha256(artifact.content).hexdigest())
"""


@settings(QUICK, max_examples=4)
@given(matrices())
def test_the_same_bytes_for_any_hash_seed(matrix: Matrix) -> None:
    """The output does not depend on the order of sets."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        if not compiled(folder, matrix):
            return
        written = {
            f"{path} {hashlib.sha256((folder / path).read_bytes()).hexdigest()}"
            for path in [*_outputs(folder), "dockerfiles/matrix.json"]
        }
        for seed in ("1", "4242"):
            ran = subprocess.run(
                [sys.executable, "-c", DIGEST, str(folder / "matrix.yaml")],
                check=True,
                capture_output=True,
                text=True,
                env={**os.environ, "PYTHONHASHSEED": seed},
            )
            assert {*ran.stdout.splitlines()} == written


def _outputs(folder: Path) -> list[str]:
    listed = listed_files((folder / "dockerfiles/matrix.json").read_bytes())
    return [*sorted(listed), "docker-bake.hcl"]
