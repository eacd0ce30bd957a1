"""Random matrices: what compiles is what bake reads, and what a product by hand gives."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from bake.oracle import bake, lay, plan_json, plan_of, traits
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from compiler import CompileError
from compiler.errors import Diagnostic


Value: TypeAlias = str | bool | None
Matrix: TypeAlias = dict[str, Any]

IN_CI = os.environ.get("CI") == "true"
QUICK = settings(
    deadline=None,
    database=None,
    derandomize=IN_CI,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7")
AXES = ("py", "gpu", "os", "Job_2")
IMAGES = ("server", "worker.x", "tool-2")
ODD = "ab3.-_+\"'\\ $${{}}%#*!:/@[]?|&<>~=`é日😀"
JINJA = ("{{", "{%", "{#")

VARIABLES = {"R": "r.example", "V": 'a "b" \\ %{c}'}

texts = st.text(ODD, min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and text not in ("true", "false", "null")
)
values = st.one_of(
    st.sampled_from(["3.9", "3.10", "3.11", "12.8", "a", "b"]), st.booleans(), st.none(), texts
)
inserted = st.text(ODD + "\n\t", max_size=20).filter(
    lambda text: not any(mark in text for mark in JINJA)
)
"""What `set` may give: Jinja is not what is tried here."""
fragments = st.text("abc.-_1", max_size=4)
platforms = st.lists(st.sampled_from(PLATFORMS), min_size=1, unique=True)


@st.composite
def rows(draw: st.DrawFn, axes: Mapping[str, list[Value]], images: list[str]) -> Matrix:
    """Give a row of `exclude`, or an `only`."""
    fewest = min(2, len(axes))  # a row about one axis soon leaves nothing
    names = draw(st.lists(st.sampled_from([*axes]), min_size=fewest, max_size=3, unique=True))
    row: Matrix = {}
    for name in names:
        one = st.sampled_from([*axes[name], None])
        row[name] = draw(st.one_of(one, st.lists(one, min_size=1, max_size=2)))
    if draw(st.integers(0, 4)) == 0:
        row["image"] = draw(st.sampled_from(images))
    return row


@st.composite
def matrices(draw: st.DrawFn) -> Matrix:
    """Give a matrix; most of them compile."""
    names = AXES[: draw(st.integers(1, 4))]
    images = list(IMAGES[: draw(st.integers(1, 3))])
    axes = {
        name: draw(st.lists(values, min_size=1, max_size=3, unique_by=spelling)) for name in names
    }
    matrix: Matrix = {
        "variables": VARIABLES,
        "axes": {name: draw(_axis(name, axes)) for name in names},
        "set": {f"from_{name}": draw(inserted) for name in names},
        "exclude": draw(st.lists(rows(axes, images), max_size=1)),
        "defaults": {
            "template": "Dockerfile.j2",
            "tags": ["${R}/{{ image }}:{{ target | lower }}"],
            "labels": {"l{{ variant }}": "${V}{{ image }}"},
            "args": {
                name: f"{{% if {name} is none %}}-{{% else %}}{{{{ {name} }}}}{{% endif %}}"
                f"{{{{ from_{name} }}}}"
                for name in names
            },
        },
        "images": {},
    }
    for image in images:
        options: Matrix = {}
        if draw(st.booleans()):
            options["axes"] = draw(st.lists(st.sampled_from(names), max_size=3, unique=True))
        if draw(st.booleans()):
            options["platforms"] = draw(platforms)
        if draw(st.integers(0, 3)) == 0:
            options["exclude"] = draw(st.lists(rows(axes, images), max_size=2))
        if draw(st.booleans()):
            options["args"] = {"OWN": draw(inserted).replace("${", "$${").replace("$$$", "$.$")}
        matrix["images"][image] = options
    return matrix


@st.composite
def _axis(draw: st.DrawFn, name: str, axes: Mapping[str, list[Value]]) -> Any:
    """Give an axis in the short or the long form."""
    if draw(st.booleans()):
        return axes[name]
    others = {other: given for other, given in axes.items() if other != name}
    options: dict[Value, Matrix] = {}
    for value in axes[name]:
        options[value] = {}
        if draw(st.integers(0, 3)) == 0:
            options[value]["tag"] = draw(fragments)
        if draw(st.integers(0, 5)) == 0:
            options[value]["platforms"] = draw(platforms)
        if draw(st.booleans()):
            options[value]["set"] = {f"from_{name}": draw(inserted)}
        if others and draw(st.integers(0, 6)) == 0:
            options[value]["only"] = draw(rows(others, list(IMAGES[:1])))
    return options


def spelling(value: Value) -> str:
    """Return a value as it is written."""
    return value if isinstance(value, str) else {None: "null", True: "true", False: "false"}[value]


def by_hand(matrix: Matrix) -> Iterator[tuple[str, dict[str, str]]]:
    """Expand a matrix as its documentation says it: the product, less what a rule drops."""
    axes: dict[str, dict[str, Matrix]] = {
        name: {spelling(value): (form[value] if isinstance(form, dict) else {}) for value in form}
        for name, form in matrix["axes"].items()
    }
    for image, options in matrix["images"].items():
        along = options.get("axes", list(axes))
        drops = [*matrix["exclude"], *options.get("exclude", [])]
        for combination in product(*(axes[name] for name in along)):
            chosen = dict(zip(along, combination, strict=True))
            wants = [axes[name][text].get("only", {}) for name, text in chosen.items()]
            wants = [
                {name: want for name, want in row.items() if name in chosen or name == "image"}
                for row in wants
            ]
            if any(_matches(row, image, chosen) for row in drops):
                continue
            if all(_matches(row, image, chosen) for row in wants):
                yield image, chosen


def _matches(row: Matrix, image: str, chosen: Mapping[str, str]) -> bool:
    asked = {
        name: [spelling(word) for word in (words if isinstance(words, list) else [words])]
        for name, words in row.items()
    }
    mine = {"image": image, **chosen}
    return all(mine.get(name, "null") in words for name, words in asked.items())


def compiled(folder: Path, matrix: Matrix) -> bool:
    """Compile a matrix; where it is refused, check that it had to say why."""
    found: tuple[Diagnostic, ...] = ()
    try:
        lay(folder, matrix)
    except CompileError as error:
        found = error.diagnostics
        event(f"refused: {', '.join(sorted({diagnostic.code for diagnostic in found}))}")
    else:
        event("compiled")
        return True
    assert found
    assert all(diagnostic.location.line > 0 for diagnostic in found)
    if {diagnostic.code for diagnostic in found} == {"no-variants"}:
        assert {image for image, _ in by_hand(matrix)} != set(matrix["images"])
    return False


@settings(QUICK, max_examples=300)
@given(matrices())
def test_variants_are_the_product_less_the_rules(matrix: Matrix) -> None:
    """The variants, and their order, are those of a product that is filtered by hand."""
    with TemporaryDirectory() as name:
        if compiled(Path(name), matrix):
            found = [
                (
                    target["image"],
                    {axis: spelling(value) for axis, value in target["axes"].items()},
                )
                for target in plan_json(Path(name))["targets"]
            ]
            assert found == list(by_hand(matrix))


def test_bake_reads_what_was_planned(buildx: Path) -> None:
    """Whatever compiles, bake reads back to exactly the plan, target by target."""

    @settings(QUICK, max_examples=60)
    @given(matrices())
    def check(matrix: Matrix) -> None:
        with TemporaryDirectory() as name:
            folder = Path(name)
            if compiled(folder, matrix):
                expected = plan_of(plan_json(folder), VARIABLES, drops=traits([str(buildx)]).drops)
                read = bake([str(buildx)], folder)
                assert read.targets == expected.targets
                assert sorted(read.groups["default"]) == sorted(expected.groups["default"])

    check()


def test_values_reach_bake_as_they_are(buildx: Path) -> None:
    """What a value sets stands in bake's arguments character by character."""

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
    """What comes out does not depend on the order of anyone's sets."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        if not compiled(folder, matrix):
            return
        written = "".join(
            f"{path} {hashlib.sha256((folder / path).read_bytes()).hexdigest()}\n"
            for path in [*_outputs(folder), "dockerfiles/matrix.json"]
        )
        for seed in ("1", "4242"):
            ran = subprocess.run(
                [sys.executable, "-c", DIGEST, str(folder / "matrix.yaml")],
                check=True,
                capture_output=True,
                text=True,
                env={**os.environ, "PYTHONHASHSEED": seed},
            )
            assert ran.stdout == written


def _outputs(folder: Path) -> list[str]:
    found: dict[str, str] = json.loads((folder / "dockerfiles/matrix.json").read_bytes())["outputs"]
    return list(found)
