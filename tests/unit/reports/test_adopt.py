"""A first matrix from existing definitions: it defines the same builds, or says what is missing."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support import command

from compiler import compile_matrix
from compiler.errors import CompileError
from compiler.output.bake_resolved import ResolvedPlan
from compiler.output.definition import Definition
from compiler.reports.adopt.adopt import Adoption, adopt
from compiler.reports.adopt.model import Given, GivenTarget
from compiler.reports.adopt.read_bake import read_bake
from compiler.reports.adopt.strings import literal
from compiler.reports.compare.compare import compare


CASES = Path(__file__).parents[2] / "examples/cases"


def printed(folder: Path, targets: Mapping[str, Mapping[str, Any]], **groups: list[str]) -> Path:
    """Write the JSON of bake --print, and the Dockerfiles that it names."""
    complete = {
        name: {"context": ".", "dockerfile": "Dockerfile", **target}
        for name, target in targets.items()
    }
    for target in complete.values():
        if target["context"].startswith("https:"):
            continue
        path = folder / target["context"] / target["dockerfile"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("ARG BASE_IMAGE=scratch\nFROM ${BASE_IMAGE} AS build\n")
        for context in target.get("contexts", {}).values():
            if ":" not in context:
                (folder / context).mkdir(parents=True, exist_ok=True)
    file = folder / "theirs.json"
    data = {"group": {name: {"targets": t} for name, t in groups.items()}, "target": complete}
    file.write_text(json.dumps(data))
    return file


def adopted(file: Path) -> Adoption:
    """Adopt a definition in its folder, and write the matrix."""
    found = adopt(read_bake(str(file)), file.parent, limit=1000)
    for path, content in found.files.items():
        (file.parent / path).write_bytes(content)
    return found


def what(found: Adoption) -> dict[str, str]:
    """Return the parts that are left out, with the reasons."""
    return {one.what: one.why for one in found.leftovers}


@pytest.mark.parametrize("case", sorted(CASES.glob("*.json")), ids=lambda case: case.stem)
def test_real_definitions_are_taken_over_completely(case: Path, tmp_path: Path) -> None:
    """`init --from` and `compare` agree: nothing differs, and nothing is left out."""
    data = json.loads(case.read_bytes())
    printed(tmp_path, data["target"])
    (tmp_path / "theirs.json").write_bytes(case.read_bytes())

    told = command.call(tmp_path, "init", "--from", "theirs.json").stdout
    compared = command.call(tmp_path, "compare", "theirs.json").stdout

    assert f"{len(data['target'])} target" in told
    assert "not in the matrix" not in told
    assert "all the same" in compared


def test_every_field_is_taken_over(tmp_path: Path) -> None:
    """Texts that mean something to bake, to Jinja or to YAML stay as they are."""
    special = [
        "$${HOME}",
        "${HOME}",
        "%{x}",
        "{{ x }}",
        "{% if %}",
        "{# #}",
        "a{",
        "$",
        "{${",
        "- x",
    ]
    special += ["", "x\n", "true", "null", "a: b", "#", "'\"", "\\d", "{{{", "$$${a}", "é😀\u00a0"]
    args = {
        f"A{n}": text.replace("${", "$${").replace("%{", "%%{") for n, text in enumerate(special)
    }
    file = printed(
        tmp_path,
        {
            "base": {
                "tags": ["acme/base:1", "acme/base"],
                "target": "build",
                "description": "d: e",
            },
            "app": {
                "args": args,
                "labels": {"a.b/c": "1"},
                "annotations": ["index:org.note=x"],
                "contexts": {"b": "target:base", "data": "./data"},
                "platforms": ["linux/amd64"],
                "cache-from": [{"type": "registry", "ref": "acme/cache"}],
                "output": [{"type": "local", "dest": "out"}],
                "secret": [{"id": "token", "env": "TOKEN"}],
                "ssh": [{"id": "default"}],
                "attest": [{"type": "provenance", "mode": "max"}],
                "pull": True,
                "no-cache-filter": ["build"],
                "shm-size": "2g",
                "ulimits": ["nofile=1024:1024"],
                "extra-hosts": {"a": "1.2.3.4"},
            },
        },
        default=["app"],
        both=["app", "base"],
        app=["app"],
    )

    found = adopted(file)

    assert what(found) == {"group 'default'": "the default group of a matrix contains every target"}
    assert "all the same" in command.call(tmp_path, "compare", "theirs.json").stdout
    assert "both: {image: [base, app]}" in found.files["matrix.yaml"].decode()


def test_what_a_matrix_cannot_contain_is_listed(tmp_path: Path) -> None:
    """Each part has a reason; the rest is taken over."""
    file = printed(
        tmp_path,
        {
            "app": {"tags": ["acme/app:1"]},
            "inline": {"dockerfile-inline": "FROM scratch\n", "output": [{"type": "cacheonly"}]},
            "remote": {"context": "https://github.com/acme/tool.git"},
            "check": {"call": "check"},
            "above": {"context": "sub/../..", "tags": ["acme/above:1"]},
            "twice": {"tags": ["acme/app:1"]},
            "child": {"contexts": {"x": "target:remote"}, "tags": ["acme/child:1"]},
            "odd": {"tags": ["acme/odd:1"], "surprise": "x"},
            "red\x1b[31m": {"tags": ["acme/red:1"]},
        },
        sub=["remote"],
    )

    found = adopted(file)

    assert found.targets == 3
    assert set(found.files) == {"matrix.yaml", "inline.Dockerfile"}
    assert set(what(found)) == {
        "target 'remote'",
        "target 'check'",
        "target 'above'",
        "target 'twice'",
        "target 'child'",
        "field 'surprise'",
        "target 'red\x1b[31m'",
        "group 'sub'",
    }
    assert [one.line for one in found.leftovers if "remote" in one.what] == [1]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """An existing matrix is an error before the definition is read."""
    (tmp_path / "matrix.yaml").write_text("x")

    told = command.call(tmp_path, "init", "--from", "absent.json", code=1).stderr

    assert "error[not-ours]: 'matrix.yaml' exists already" in told
    assert "nothing is written" in told
    command.call(tmp_path, "init", "--from", "absent.json", "--minimal", code=2)
    told = command.call(tmp_path, "init", "--from", ".", "new", code=1).stderr
    assert "new: error[missing-file]: there is no folder 'new'" in told
    (tmp_path / "new").mkdir()
    assert (
        "error[missing-file]"
        in command.call(tmp_path, "init", "--from", "absent.json", "new", code=1).stderr
    )
    assert sorted(tmp_path.iterdir()) == [tmp_path / "matrix.yaml", tmp_path / "new"]


def test_the_json_output_lists_files_and_what_is_left_out(tmp_path: Path) -> None:
    """Programs get the same as people."""
    targets: dict[str, dict[str, Any]] = {
        "app": {"tags": ["acme/app:1"]},
        "check": {"call": "check"},
    }
    printed(tmp_path, targets)

    words = ("init", "--from", "theirs.json", "--format", "json")
    entry = json.loads(command.call(tmp_path, *words).stdout)

    assert entry["files"] == [{"path": "matrix.yaml", "change": "create"}]
    assert [one["what"] for one in entry["left_out"]] == ["target 'check'"]


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,3}", fullmatch=True)
WORDS = st.text(st.sampled_from("ab1.-${}%#'\" \n"), max_size=6)
VALUES = st.lists(
    st.sampled_from(["3.9", "3.10", "a", "true", "false", "x-y"]),
    min_size=1,
    max_size=3,
    unique=True,
)


@st.composite
def families(draw: st.DrawFn) -> list[GivenTarget]:
    """Return targets of a few families with axes, and of a few without."""
    found: list[GivenTarget] = []
    for family in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
        axes = draw(st.dictionaries(st.sampled_from(["py", "os", "gpu"]), VALUES, max_size=2))
        rows: list[dict[str, str]] = [{}]
        for axis, values in axes.items():
            rows = [{**row, axis: value} for row in rows for value in values]
        keys = draw(st.lists(st.sampled_from("ABC"), unique=True))
        base = {key: draw(WORDS) for key in keys}
        for n, row in enumerate(rows):
            if n and draw(st.integers(0, 9)) == 0:
                continue
            args = {
                key: text + "-".join(row.values()) if draw(st.booleans()) else text
                for key, text in base.items()
                if draw(st.integers(0, 5))
            }
            name = "-".join([family, *(value.replace(".", "_") for value in row.values())])
            tags: tuple[str, ...] = (f"acme/{family}:{'-'.join([*row.values(), 'v1'])}",)
            tags += (f"acme/{family}:latest",) if n == 0 else ()
            platforms = tuple(
                draw(st.sampled_from([["linux/amd64"], ["linux/amd64", "linux/arm64"]]))
            )
            fields: dict[str, Any] = {"tags": tags, "platforms": platforms, "context": "."}
            found.append(
                GivenTarget(
                    name=name,
                    fields=fields | ({"args": args} if args else {}),
                    dockerfile="Dockerfile",
                    family=family if row else "",
                    values=row,
                )
            )
    return found


def test_a_string_has_the_value_of_its_text(tmp_path: Path) -> None:
    """Whatever Jinja and bake may read in a text, in any order, the compiled value is the text."""
    texts = [
        "".join(characters)
        for length in range(1, 4)
        for characters in itertools.product("{$%#}\n", repeat=length)
    ]
    args = {f"A{number}": literal(text) for number, text in enumerate(texts)}
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    matrix = {"images": {"a": {"dockerfile": "Dockerfile", "args": args}}}
    (tmp_path / "matrix.yaml").write_text(json.dumps(matrix))

    plan = compile_matrix(tmp_path / "matrix.yaml").plan

    compiled = ResolvedPlan(plan, {}).fields["a"]["args"]
    assert compiled == dict(zip(args, texts, strict=True))


@pytest.mark.slow
@settings(max_examples=25, phases=[Phase.generate])
@given(targets=families(), named=st.booleans())
def test_random_definitions(
    tmp_path_factory: pytest.TempPathFactory, targets: list[GivenTarget], *, named: bool
) -> None:
    """Compiled, the matrix defines the same builds, by a comparison of its own."""
    folder = tmp_path_factory.mktemp("random")
    (folder / "Dockerfile").write_text("FROM scratch\n")
    fields = {
        one.name: {
            **one.fields,
            "tags": tuple(f"docker.io/{tag}" for tag in one.fields["tags"]),
        }
        for one in targets
    }
    theirs = Definition(targets=fields)
    definition = Given(path="x", targets=tuple(targets), named=named, definitions=(({}, theirs),))

    found = adopt(definition, folder, limit=1000)
    for path, content in found.files.items():
        (folder / path).write_bytes(content)
    ours = ResolvedPlan(compile_matrix(folder / "matrix.yaml").plan, {}).definition()

    compared = compare(ours, theirs)
    assert found.targets == len({one.name for one in targets})
    assert compared.same
    assert not [one for one in found.leftovers if not one.what.startswith("names of")]


@pytest.mark.slow
@settings(max_examples=10, phases=[Phase.generate])
@given(targets=families())
def test_random_prints(
    tmp_path_factory: pytest.TempPathFactory, targets: list[GivenTarget]
) -> None:
    """`init --from` and `compare` agree on the JSON of bake --print."""
    folder = tmp_path_factory.mktemp("random")
    printed(folder, {one.name: doubled(one.fields) for one in targets})

    told = command.call(folder, "init", "--from", "theirs.json").stdout

    assert "not in the matrix" not in told
    assert "all the same" in command.call(folder, "compare", "theirs.json").stdout


def doubled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with arguments as bake prints them."""
    args = {
        key: text.replace("${", "$${").replace("%{", "%%{")
        for key, text in fields.get("args", {}).items()
    }
    return {**fields, "args": args, "tags": list(fields["tags"])}


def test_a_definition_without_anything_to_take_over(tmp_path: Path) -> None:
    """Every reason is an error, and nothing is written."""
    file = printed(tmp_path, {"check": {"call": "check"}})

    with pytest.raises(CompileError) as caught:
        adopt(read_bake(str(file)), tmp_path, limit=1000)

    assert [one.code for one in caught.value.diagnostics] == ["not-adopted"]


def test_a_common_folder_names_no_image(tmp_path: Path) -> None:
    """Images have the same names whether their common folder or one above it is read."""
    for name in ("base", "web", "web/gpu"):
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / "Dockerfile").write_text("FROM scratch\n")

    for folder in (".", "images"):
        command.call(tmp_path, "init", "--from", folder)
        written = tmp_path / "matrix.yaml"
        assert re.findall(r"^  ([\w-]+):$", written.read_text(), re.MULTILINE) == [
            *("base", "web", "web-gpu")
        ]
        written.unlink()


def test_a_base_image_that_may_be_another_one_is_listed(tmp_path: Path) -> None:
    """A registry's image with the name of another image is not linked, because it is a guess."""
    for name, text in {
        "base": "FROM python:3\n",
        "python": "FROM docker.io/acme/other:1\n",
        "web": "ARG BASE_IMAGE=ghcr.io/acme/base:latest\nFROM ${BASE_IMAGE}\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(text)

    told = command.call(tmp_path, "init", "--from", ".").stdout

    assert "base image of" in told
    assert told.count("base image of") == 1
    link = 'contexts: {"ghcr.io/acme/base:latest": "target:base"}'
    assert (
        "web/Dockerfile:2: base image of 'web': ghcr.io/acme/base:latest may be the image 'base'; "
        f"if it is, link it with `{link}`"
    ) in told
