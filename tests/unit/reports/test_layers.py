"""`layers`: the steps of targets, the tree, where axes matter, and advice that saves steps."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support import command

from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix
from compiler.render.build_steps import steps
from compiler.reports.layers.layers import Layers
from compiler.reports.layers.output import layers_json
from compiler.reports.layers.report import find_layers
from compiler.targets.filters import select


PROJECT = Path(__file__).parents[3]
EXAMPLES = sorted(path.parent.name for path in PROJECT.glob("examples/*/matrix.yaml"))
JOBS = 12

SHARED = {
    "comments, labels and commands": ("FROM a\n# x\nLABEL a=b\nCMD x\nRUN a\n", "FROM a\nRUN a\n"),
    "the environment of a copy": ("FROM a\nENV A=1\nCOPY x /\n", "FROM a\nENV A=2\nCOPY x /\n"),
    "the user of a copy": ("FROM a\nUSER 1\nCOPY x /\n", "FROM a\nCOPY x /\n"),
    "spellings of a path": ("FROM a\nCOPY ./x /\n", "FROM a\nCOPY x /\n"),
    "a variable with the same value": ("FROM a\nENV A=x\nCOPY $A /\n", "FROM a\nCOPY x /\n"),
    "a relative and an absolute folder": (
        "FROM a\nWORKDIR /w\nCOPY x y/\n",
        "FROM a\nWORKDIR /w\nCOPY x /w/y/\n",
    ),
    "another base below a link": ("FROM a\nCOPY --link x /\n", "FROM b\nCOPY --link x /\n"),
    "the names of stages": (
        "FROM a AS s\nRUN s\nFROM a\nCOPY --from=s /x /\n",
        "FROM a AS t\nRUN s\nFROM a\nCOPY --from=t /x /\n",
    ),
    "a stage as base": ("FROM a AS s\nRUN s\nFROM s\nRUN t\n", "FROM a\nRUN s\nRUN t\n"),
    "the whole name of an image": (
        "FROM python\nRUN a\n",
        "FROM docker.io/library/python\nRUN a\n",
    ),
    "two names of one digest": (
        f"FROM python:1@sha256:{'0' * 64}\nRUN a\n",
        f"FROM python:2@sha256:{'0' * 64}\nRUN a\n",
    ),
    "an argument in a name": ("ARG V=1\nFROM a:$V\nRUN a\n", "FROM a:1\nRUN a\n"),
    "the shell of a command without one": (
        'FROM a\nSHELL ["x"]\nRUN ["a"]\n',
        'FROM a\nRUN ["a"]\n',
    ),
    "a document with the same value": (
        "FROM a\nARG A=1\nCOPY <<E /x\n$A\nE\n",
        "FROM a\nCOPY <<E /x\n1\nE\n",
    ),
    "a copy onto nothing and a linked one": (
        "FROM scratch\nCOPY x /\n",
        "FROM a\nCOPY --link x /\n",
    ),
}
"""What does not count -> Dockerfiles with the same steps."""
_DOUBLED = "\n" + "".join(f"ENV A{n + 1}=$A{n}$A{n}\n" for n in range(59))
DIFFERENT = {
    "the environment of a command": ("FROM a\nENV A=1\nRUN a\n", "FROM a\nENV A=2\nRUN a\n"),
    "an argument of a command": ("FROM a\nARG A=1\nRUN a\n", "FROM a\nRUN a\n"),
    "the order of the environment": (
        "FROM a\nENV A=1\nENV B=1\nRUN a\n",
        "FROM a\nENV B=1\nENV A=1\nRUN a\n",
    ),
    "the user of a command": ("FROM a\nUSER 1\nRUN a\n", "FROM a\nRUN a\n"),
    "the folder of a command": ("FROM a\nWORKDIR /w\nRUN a\n", "FROM a\nRUN a\n"),
    "the shell of a command": ('FROM a\nSHELL ["x"]\nRUN a\n', "FROM a\nRUN a\n"),
    "the base": ("FROM a\nCOPY x /\n", "FROM b\nCOPY x /\n"),
    "the destination": ("FROM a\nCOPY x /a\n", "FROM a\nCOPY x /b\n"),
    "the folder of the base image": ("FROM a\nCOPY --link x y\n", "FROM b\nCOPY --link x y\n"),
    "a variable of the base image": (
        "FROM a\nENV P=/x:$PATH\nCOPY --link x $P\n",
        "FROM b\nENV P=/x:$PATH\nCOPY --link x $P\n",
    ),
    "a copy and an addition": ("FROM a\nCOPY x /\n", "FROM a\nADD x /\n"),
    "a quoted document": (
        "FROM a\nARG A=1\nCOPY <<E /x\n$A\nE\n",
        "FROM a\nARG A=1\nCOPY <<'E' /x\n$A\nE\n",
    ),
    "the beginning of a long value": (
        f"FROM a\nENV A0=x{_DOUBLED}COPY x $A59\n",
        f"FROM a\nENV A0=y{_DOUBLED}COPY x $A59\n",
    ),
    "a value that a pattern changes slowly": (
        f"FROM a\nENV A=x{'a' * 99}\nCOPY x ${{A##{'*a' * 50}b}}\n",
        f"FROM a\nENV A=y{'a' * 99}\nCOPY x ${{A##{'*a' * 50}b}}\n",
    ),
    "a variable of the base image in a long document": (
        f"FROM a\nENV A={'$PATH' * 900}\nCOPY --link <<E /x\n$A\nE\n",
        f"FROM b\nENV A={'$PATH' * 900}\nCOPY --link <<E /x\n$A\nE\n",
    ),
    "the network of a command": ("FROM a\nRUN --network=none a\n", "FROM a\nRUN a\n"),
    "the platform of the base": ("FROM --platform=linux/386 a\nRUN a\n", "FROM a\nRUN a\n"),
}
"""What counts -> Dockerfiles without a common step at the end."""


@pytest.mark.parametrize("case", SHARED)
def test_steps_are_equal(case: str) -> None:
    """What BuildKit does not read does not count."""
    one, other = SHARED[case]

    assert steps(one)[-1] == steps(other)[-1]


@pytest.mark.parametrize("case", DIFFERENT)
def test_steps_are_different(case: str) -> None:
    """What BuildKit reads counts."""
    one, other = DIFFERENT[case]

    assert steps(one)[-1] != steps(other)[-1]


def test_triggers_are_steps() -> None:
    """The instructions after `ONBUILD` are steps of the stage that begins with the image."""
    assert len(steps("FROM a AS s\nONBUILD RUN a\nFROM s\nRUN b\n")) == 2


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a project and return its folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def look(folder: Path, *filters: str, platform: str = "linux/amd64") -> Layers:
    """Return the layers of a project."""
    compiled = compile_matrix(folder / "matrix.yaml")
    targets = select(compiled.plan, filters)
    return find_layers(compiled, ResolvedPlan(compiled.plan, {}), targets, platform, folder)


def described(layers: Layers) -> dict[str, Any]:
    """Return layers as the JSON that is printed."""
    document: dict[str, Any] = json.loads("".join(layers_json(layers)))
    return document


def test_the_sample_has_the_steps_that_an_engine_executes() -> None:
    """The engine tests count the steps of the same 18 targets."""
    document = described(look(PROJECT, "python=3.9,3.11,3.13"))

    assert document["steps"] == {"all": 72, "distinct": 25}
    assert len(document["targets"]) == 18
    assert document["advice"] == []


CHILD = {
    "matrix.yaml": "axes: {n: [1, 2]}\n"
    "images:\n"
    "  app: {template: app.j2, context: files}\n"
    "  child: {template: child.j2, from: app, context: files}\n",
    "templates/app.j2": "# syntax=docker/dockerfile:1\nFROM a\nRUN app\nCOPY {{ n }}.txt /x\n",
    "templates/child.j2": "FROM {{ parent }}\nENV N={{ n }}\nRUN child\n",
    "files/1.txt": "same",
    "files/2.txt": "same",
}


def test_steps_through_parents_and_files(tmp_path: Path) -> None:
    """A child has the steps of its parent; files with the same content and path are the same."""
    write(tmp_path, CHILD)
    one = described(look(tmp_path))
    by_name = {target["target"]: target["steps"] for target in one["targets"]}

    # Each copies a file with another name, which is part of the step.
    assert one["steps"] == {"all": 10, "distinct": 5}
    assert [step["line"] for step in by_name["child-1"]] == [4, 5, 4]
    assert by_name["child-1"][0] == {
        "instruction": "RUN app",
        "line": 4,
        "id": by_name["app-2"][0]["id"],
        "shared_with": ["app-1", "app-2", "child-2"],
    }
    lines = compile_matrix(tmp_path / "matrix.yaml").artifacts[0].content.decode().split("\n")
    assert lines[3] == "RUN app"


def test_a_changed_file_changes_the_steps_that_read_it(tmp_path: Path) -> None:
    """The content of files counts, for the instructions that read them."""
    write(tmp_path, CHILD)
    before = described(look(tmp_path))
    (tmp_path / "files/1.txt").write_text("other")
    after = described(look(tmp_path))
    ids = [
        {target["target"]: [step["id"] for step in target["steps"]] for target in one["targets"]}
        for one in (before, after)
    ]
    equal = {
        name: [a == b for a, b in zip(ids[0][name], ids[1][name], strict=True)] for name in ids[0]
    }

    assert equal["app-1"] == [True, False]
    assert equal["child-1"] == [True, False, False]
    assert equal["app-2"] == [True, True]


def project(template: str) -> dict[str, str]:
    """Return a project with an image for each of twelve jobs."""
    jobs = ", ".join(f"job{n}" for n in range(JOBS))
    return {
        "matrix.yaml": f"axes: {{job: [{jobs}]}}\nimages: {{app: {{template: t.j2}}}}\n",
        "templates/t.j2": template,
        "a.sh": "echo $SECRET_NAME\n",
        "b.txt": "b\n",
    }


STEPS = "RUN apt-get update\nRUN build one\nRUN build two\nCOPY b.txt /b\n"
ADVICE: dict[str, tuple[dict[str, str], str, int, int]] = {
    "a variable": (project("FROM a\nENV JOB={{ job }}\n" + STEPS), "move-down", 2, 44),
    "a variable on two lines": (
        project("FROM a\nENV JOB={{ job }} \\\n    KIND=x\n" + STEPS),
        "move-down",
        2,
        44,
    ),
    "an argument": (project("FROM a\nARG JOB={{ job }}\n" + STEPS), "move-down", 2, 44),
    "a variable above one that needs it": (
        project("FROM a\nENV JOB={{ job }}\nRUN a\nRUN echo $JOB\nRUN b\n"),
        "move-down",
        2,
        11,
    ),
    "a variable above a block": (
        project("FROM a\nENV JOB={{ job }}\n{% if job %}\nRUN a\n{% endif %}\nRUN b\n"),
        "move-down",
        2,
        22,
    ),
    "a variable within a block": (
        project("FROM a\n{% if job %}\nENV JOB={{ job }}\nRUN a\n{% endif %}\nRUN b\n"),
        "move-down",
        3,
        11,
    ),
    "a copy": (project("FROM a:{{ job }}\nRUN a\nCOPY b.txt /data/\n"), "link-copy", 3, 11),
    "a copy into a usual folder": (
        project("FROM a:{{ job }}\nCOPY --chown=0:0 b.txt /usr/local/bin/\n"),
        "link-copy",
        2,
        11,
    ),
    "a copy that is the same in several images": (
        {
            "matrix.yaml": "images: {one: {template: one.j2}, two: {template: two.j2}}\n",
            "templates/one.j2": "FROM a\nRUN one\nCOPY b.txt /etc/b.txt\n",
            "templates/two.j2": "FROM a\nRUN two\nCOPY b.txt /etc/b.txt\n",
            "b.txt": "b\n",
        },
        "common-parent",
        3,
        1,
    ),
}
"""What is advised -> a project, the code, the line, and the number of steps that it saves."""


def apply(folder: Path, code: str, path: str, line: int, message: str) -> None:
    """Change a project as advice says."""
    file = folder / path
    lines = file.read_text().split("\n")
    if code == "link-copy":
        lines[line - 1] = lines[line - 1].replace("COPY ", "COPY --link ", 1)
        file.write_text("\n".join(lines))
        return
    if code == "move-down":
        below = re.search(r"below line (\d+)", message)
        assert below
        end = line
        while lines[end - 1].endswith("\\"):
            end += 1
        moved = lines[line - 1 : end]
        text = [*lines[: line - 1], *lines[end : int(below[1])], *moved, *lines[int(below[1]) :]]
        file.write_text("\n".join(text))
        return
    copied = lines[line - 1]
    base = next(one for one in lines if one.startswith("FROM "))
    (folder / "templates/common.j2").write_text(f"{base}\n{copied}\n")
    for template in ("one.j2", "two.j2"):
        path_ = folder / "templates" / template
        text_ = path_.read_text().replace(f"{copied}\n", "").replace(base, "FROM {{ parent }}")
        path_.write_text(text_)
    matrix = folder / "matrix.yaml"
    text_ = matrix.read_text().replace(".j2}", ".j2, from: common}")
    matrix.write_text(text_.replace("{one:", "{common: {template: common.j2}, one:", 1))


@pytest.mark.parametrize("case", ADVICE)
def test_advice_saves_what_it_says(tmp_path: Path, case: str) -> None:
    """The number of distinct steps falls by the number that the advice states."""
    files, code, line, saves = ADVICE[case]
    write(tmp_path, files)
    before = described(look(tmp_path))
    advice = before["advice"][0]

    assert (advice["code"], advice["location"]["line"], advice["saves"]) == (code, line, saves)
    if code == "move-down":
        assert f"{saves} steps fewer" in advice["message"]
    apply(tmp_path, code, advice["location"]["path"], line, advice["message"])
    images = [] if code != "common-parent" else ["image=one,two"]
    after = described(look(tmp_path, *images))
    assert before["steps"]["distinct"] - after["steps"]["distinct"] == saves
    assert code not in {one["code"] for one in after["advice"]}


NO_ADVICE = {
    "a variable that the steps use": "FROM a\nENV JOB={{ job }}\nRUN echo $JOB\n",
    "a variable that a program reads": "FROM a\nENV PIP_INDEX_URL={{ job }}\nRUN pip install x\n",
    "a variable of the program": "FROM a\nENV BUILDER_JOB={{ job }}\nRUN builder x\n",
    "the path": "FROM a\nENV PATH=/{{ job }}:$PATH\nRUN a\n",
    "a variable that a script reads": "FROM a\nENV SECRET_NAME={{ job }}\nCOPY a.sh /\nRUN /a.sh\n",
    "a variable of another one": "FROM a\nENV JOB={{ job }}\nENV X=$JOB\nRUN a\n",
    "a variable and a block": "FROM a\n{% if job %}\nENV JOB={{ job }}\n{% endif %}\nRUN a\n",
    "a variable before a trigger": "FROM a\nENV JOB={{ job }}\nONBUILD RUN a\n",
    "a variable without a step": "FROM a\nRUN a\nENV JOB={{ job }}\n",
    "a copy with a mode": "FROM a:{{ job }}\nCOPY --chmod=644 b.txt /data/\n",
    "a copy for a user by name": "FROM a:{{ job }}\nCOPY --chown=app b.txt /data/\n",
    "a copy into a folder of the base image": "FROM a:{{ job }}\nCOPY b.txt /etc/\n",
    "a copy into a link": "FROM a:{{ job }}\nCOPY b.txt /lib/\n",
    "a copy into a folder of a step": "FROM a:{{ job }}\nRUN mkdir /d\nCOPY b.txt /d/\n",
    "a copy into the working directory": "FROM a:{{ job }}\nCOPY b.txt ./\n",
    "a copy that is linked": "FROM a:{{ job }}\nCOPY --link b.txt /data/\n",
    "a copy of an old frontend": "# syntax=docker/dockerfile:1.2\n"
    "FROM a:{{ job }}\nCOPY b.txt /data/\n",
}


@pytest.mark.parametrize("case", NO_ADVICE)
def test_no_advice_without_certainty(tmp_path: Path, case: str) -> None:
    """Nothing is advised that could change what an image contains, or that saves nothing."""
    write(tmp_path, project(NO_ADVICE[case]))

    assert look(tmp_path).advice == ()


@pytest.mark.parametrize("example", EXAMPLES)
def test_advice_about_the_examples(tmp_path: Path, example: str) -> None:
    """Each advice about an example saves what it says."""
    folder = PROJECT / "examples" / example
    layers = look(folder)
    for advice in layers.advice:
        copy = tmp_path / f"{advice.line}"
        for path in folder.rglob("*"):
            if path.is_file():
                (copy / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
                (copy / path.relative_to(folder)).write_bytes(path.read_bytes())
        apply(copy, advice.code, advice.path, advice.line, advice.message)
        before = described(layers)["steps"]["distinct"]

        assert before - described(look(copy))["steps"]["distinct"] == advice.saves


def test_the_tree_of_a_small_project(tmp_path: Path) -> None:
    """Equal branches are one; an axis that no step depends on has none."""
    write(
        tmp_path,
        {
            "matrix.yaml": "axes: {py: [3.11, 3.12, 3.13], gpu: [false, true], tz: [a, b]}\n"
            "images: {app: {template: t.j2, tests: ['{{ tz }}']}}\n",
            "templates/t.j2": "FROM python:{{ py }}\nRUN one\n"
            "{% if gpu %}\nCOPY --link x /x\n{% endif %}\nLABEL tz={{ tz }}\n",
            "x": "x",
        },
    )
    done = command.call(tmp_path, "layers", "--platform=linux/amd64")

    assert (
        done.stdout
        == """\
12 targets on linux/amd64: 4 distinct steps, 18 without sharing

STEP                            DISTINCT  TARGETS
each py: 3.11, 3.12, 3.13                 12
  RUN one                       3
  gpu: false (no further step)            6
  gpu: true                               6
    COPY --link x /x            1

AXIS  SHARED BEFORE  FIRST STEP THAT DEPENDS ON IT
py    0 steps        RUN one
gpu   1 step         COPY --link x /x
tz    all steps      none
"""
    )


def test_an_unknown_platform(tmp_path: Path) -> None:
    """Targets without platforms are built for any platform, but only for one that exists."""
    write(tmp_path, CHILD)

    done = command.call(tmp_path, "layers", "--platform", "arm64", code=1)

    assert "--platform: error[unknown-platform]: unknown platform 'arm64'" in done.stderr
    assert "help: did you mean 'linux/arm64'?" in done.stderr


def test_filters_selections_and_platforms(tmp_path: Path) -> None:
    """Targets are selected as by other commands; targets without the platform are left out."""
    write(tmp_path, CHILD)
    matrix = tmp_path / "matrix.yaml"
    matrix.write_text(
        matrix.read_text().replace("n: [1, 2]", "n: {1: {}, 2: {platforms: [linux/arm64]}}")
    )
    matrix.write_text(matrix.read_text() + "defaults: {platforms: [linux/amd64, linux/arm64]}\n")
    selection = tmp_path / "some.json"
    selection.write_text(json.dumps({"version": 1, "targets": ["child-1"]}))

    def names(*arguments: str) -> list[str]:
        done = command.call(tmp_path, "layers", "--format=json", *arguments)
        return [target["target"] for target in json.loads(done.stdout)["targets"]]

    assert names("--platform=linux/amd64") == ["app-1", "child-1"]
    assert names("--platform=linux/arm64", "image=child") == ["child-1", "child-2"]
    assert names("--platform=linux/arm64", f"--selection={selection}") == ["child-1"]
    wrong = command.call(tmp_path, "layers", "--platform=linux/arm65", code=1)
    assert "unknown platform 'linux/arm65'" in wrong.stderr
    command.call(tmp_path, "layers", "--platform=a,b", code=2)
