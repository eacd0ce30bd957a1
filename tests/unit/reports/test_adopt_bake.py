"""Bake files with a `matrix`, variables and functions: what bake evaluates becomes a matrix."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from random import Random

import pytest
from support import command

from compiler.reports.adopt.hcl import hcl_blocks, json_blocks
from compiler.reports.adopt.hcl_tokens import tokenize
from compiler.reports.adopt.variable_uses import decided_variables, default_in_matrix


BAKE = r"""
# a comment with { and "
variable "REGISTRY" {
  default = "ghcr.io/acme"
}
variable "REPO" { default = "${REGISTRY}/app" }
variable "VERSION" { default = "1.0" }
variable "CI" { default = "" }
variable "UNUSED" { default = "x" }
variable "LIST" { default = ["linux/amd64", "linux/arm64"] }
function "tag" {
  params = [v]
  result = ["${REPO}:${v}-${VERSION}"]
}
group "default" { targets = ["app", "lint"] }
group "slim" { targets = ["app-3-11-slim", "app-3-12-slim"] }
group "all" { targets = ["default", "base"] }
group "odd" { targets = ["app-3-11-slim", "base"] }
group "computed" { targets = [for v in ["3-11"] : "app-${v}-slim"] }
target "_common" {
  labels = { "org.opencontainers.image.version" = VERSION, "x" = "$${HOME} {{ y }} {% z" }
}
target "base" {
  inherits = ["_common"]
  target = "base"
  tags = [CI == "" ? "acme/base:local" : "acme/base:ci"]
}
target "lint" {
  dockerfile-inline = <<EOT
FROM scratch
# } "
EOT
  output = ["type=cacheonly"]
}
target "app" {
  inherits = ["_common"]
  name = "app-${replace(py, ".", "-")}-${os}"
  matrix = {
    py = ["3.11", "3.12"], // x
    os = ["slim", "alpine", "full"]
  }
  contexts = { base = "target:base" }
  args = { PYTHON = py, OS = os, DEBIAN = os == "alpine" ? "" : "bookworm" }
  platforms = os == "full" ? ["linux/amd64"] : LIST
  tags = concat(tag("${py}-${os}"), py == "3.12" && os == "slim" ? ["${REPO}:latest"] : [])
}
target "tool" {
  name = item.name
  matrix = {
    item = [
      { name = "fmt", version = 3, fast = true },
      { name = "vet", version = 4, fast = false },
    ]
  }
  args = { VERSION = item.version, FAST = "${item.fast}" }
  tags = ["acme/${item.name}:${item.version}"]
}
"""

MATRIX = """\
# Written by `compile-matrix init --from old.hcl`.

variables:
  REGISTRY: ghcr.io/acme
  REPO: "${REGISTRY}/app"
  VERSION: 1.0

axes:
  py: {3.11: {tag: 3-11}, 3.12: {tag: 3-12}}
  os: {slim: {}, alpine: {args: {DEBIAN: ""}}, full: {}}
  item: {fmt: {set: {fast: true, version: 3}}, vet: {set: {fast: false, version: 4}}}
"""


@pytest.fixture(params=["buildx", "old_buildx"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Return an environment whose `docker` has a present buildx, then the oldest."""
    plugin: Path = request.getfixturevalue(request.param)
    script = tmp_path / "bin/docker"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nshift\nexec {shlex.quote(str(plugin))} "$@"\n')
    script.chmod(0o755)
    path = f"{script.parent}{os.pathsep}{os.environ['PATH']}"
    own = {name: value for name, value in os.environ.items() if name != "CI"}  # a variable below
    return {**own, "PATH": path}


@pytest.mark.slow
def test_a_bake_file_with_everything(tmp_path: Path, environment: dict[str, str]) -> None:
    """Axes, fragments, variables, groups and inline Dockerfiles are taken over exactly."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch AS base\n")
    (folder / "old.hcl").write_text(BAKE)

    told = command.call(folder, "init", "--from", "old.hcl", env=environment).stdout
    compared = command.call(folder, "compare", "old.hcl", env=environment).stdout
    other = {**environment, "REGISTRY": "localhost:5000", "VERSION": "2"}
    again = command.call(folder, "compare", "old.hcl", env=other).stdout

    assert "10 targets here, 10 in old.hcl: all the same" in compared
    assert "10 targets here, 10 in old.hcl: all the same" in again
    assert (folder / "lint.Dockerfile").read_text() == 'FROM scratch\n# } "\n'
    text = (folder / "matrix.yaml").read_text()
    assert text.startswith(MATRIX)
    assert '    args: {DEBIAN: bookworm, OS: "{{ os }}", PYTHON: "{{ py }}"}\n' in text
    assert '    tags: ["${REPO}:{{ py }}-{{ os }}-${VERSION}"]\n' in text
    assert "      - {when: {os: full}, platforms: [linux/amd64]}\n" in text
    assert "  slim: {image: app, os: slim}\n  all: {image: [base, lint, app]}\n" in text
    left = told.partition("not in the matrix:\n")[2].partition("next:")[0]
    assert left == (
        "  old.hcl:8: variable 'CI': more than a text depends on it; its value is written\n"
        "  old.hcl:9: variable 'UNUSED': no target uses it\n"
        "  old.hcl:10: variable 'LIST': its value is not a text, and is written where it is used\n"
        "  old.hcl:15: group 'default': the default group of a matrix contains every target\n"
        "  old.hcl:18: group 'odd': it contains parts of several images\n"
        "  old.hcl:19: group 'computed': its targets are computed\n"
        "  old.hcl:47: names of target 'tool': its targets have other names here: fmt is tool-fmt\n"
    )


def random_block(random: Random, n: int) -> str:
    """Return a target with a random matrix, whose fields depend on it in random ways."""
    axes = {
        axis: random.sample(values, random.randint(1, len(values)))
        for axis, values in (
            ("py", ["3.9", "3.10", "3.11"]),
            ("os", ["slim", "alpine", ""]),
            ("gpu", [True, False]),
            ("opt", [{"k": "x", "n": 1}, {"k": "y", "n": 2}]),
        )
        if random.random() < 0.6
    }
    axes = axes or {"py": ["3.9"]}
    plain = {"py": "py", "os": "os", "gpu": 'gpu ? "g" : "c"', "opt": "opt.k"}
    words = [f'replace({plain[axis]}, ".", "{random.choice("-_")}")' for axis in axes]
    name = "-".join([f"t{n}", *(f"${{{word}}}" for word in words)])
    label = "-".join(f"${{{plain[axis]}}}" for axis in axes)

    def text() -> str:
        axis = random.choice(list(axes))
        value = json.dumps(random.choice(["a", "3.9", "${VERSION}", "$${x}", "{{ y }}"]))
        condition = {"py": 'py == "3.9"', "os": 'os == ""', "gpu": "gpu", "opt": "opt.n == 1"}[axis]
        known = random.choice([f'"<${{{plain[axis]}}}>${{REPO}}"', value])
        return random.choice(
            [known, f'{condition} ? {known} : "z"', f"{condition} ? null : {known}"]
        )

    args = ", ".join(f"A{m} = {text()}" for m in range(random.randint(0, 4)))
    return f"""
target "t{n}" {{
  name = "{name}"
  matrix = {json.dumps(axes).replace(": ", " = ")}
  args = {{ {args} }}
  labels = {{ "a.b" = {text()} }}
  tags = ["${{REPO}}/t{n}:v{label}-${{VERSION}}"]
  platforms = {random.choice(['["linux/amd64"]', '["linux/amd64", "linux/arm64"]'])}
}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_random_bake_files(seed: int, tmp_path: Path, environment: dict[str, str]) -> None:
    """Of random files, nothing differs, for other values of the variables too."""
    random = Random(seed)  # noqa: S311
    head = (
        'variable "REPO" { default = "docker.io/acme" }\nvariable "VERSION" { default = "1.0" }\n'
    )
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "old.hcl").write_text(head + "".join(random_block(random, n) for n in range(8)))

    told = command.call(folder, "init", "--from", "old.hcl", env=environment).stdout
    compared = command.call(folder, "compare", "old.hcl", env=environment).stdout
    other = {**environment, "REPO": "localhost:5000/x", "VERSION": "2"}
    again = command.call(folder, "compare", "old.hcl", env=other).stdout

    assert "all the same" in compared
    assert "all the same" in again
    left = told.partition("not in the matrix:\n")[2].partition("next:")[0].splitlines()
    assert not [line for line in left if "names of target" not in line]


@pytest.mark.parametrize(
    ("expression", "decided"),
    [
        ('"${A}/x:${B}"', ""),
        ('A == "" ? "x" : B', "A"),
        ('A == "" ? "${A}x" : B', "A"),
        ('"${A}" == "" ? "x" : "y${B}"', "A"),
        ('upper("${A}-${B}")', "AB"),
        ('join("-", [A, upper(B)])', "B"),
        ('[for x in [A, "b"] : "${x}:${B}"]', ""),
        ('[for x in [A, "b"] : x if x != ""]', "A"),
        ('[for x in [A] : x == "" ? "y" : B]', "AB"),
        ('"%{ if A }x%{ endif }${B}"', "A"),
        ('same("${A}")', ""),
        ('not_same("${A}${B}")', "AB"),
        ('"${same("${A}") == "" ? 1 : 2}"', "A"),
        ('"$${A}"', ""),
        ("A + 1", "A"),
        ("<<EOT\n${A == 1 ? B : 2}\nEOT", "A"),
        ("L", "A"),
    ],
)
def test_a_variable_that_decides_is_not_kept(expression: str, decided: str) -> None:
    """Only a variable whose text is passed on unchanged can have another value."""
    text = f"""
variable "A" {{ default = "a" }}
variable "B" {{ default = "b" }}
function "same" {{
  params = [p]
  result = "x${{p}}"
}}
function "not_same" {{
  params = [p]
  result = p == "" ? "x" : "y"
}}
L = A == "" ? 1 : 2
target "t" {{
  tags = [{expression}]
}}
"""
    found = decided_variables(
        hcl_blocks(text if "L" in expression[:1] else text.replace("L =", "#"))
    )

    assert "".join(sorted(found & {"A", "B"})) == decided


@pytest.mark.parametrize("field", ["name", "matrix", "inherits", "context", "platforms", "target"])
def test_a_field_that_must_be_known_decides(field: str) -> None:
    """A matrix has no variables in these fields."""
    text = f'variable "A" {{}}\ntarget "t" {{\n  {field} = ["${{A}}"]\n}}\n'
    data = {"variable": {"A": {}}, "target": {"t": {field: ["${A}"]}}}

    assert "A" in decided_variables(hcl_blocks(text))
    assert "A" in decided_variables(json_blocks("", data))


def test_validation_decides() -> None:
    """A variable that is validated accepts no arbitrary text."""
    text = 'variable "A" {\n  validation {\n    condition = A != ""\n  }\n}\n'

    assert decided_variables(hcl_blocks(text)) >= {"A"}


def test_defaults_keep_their_variables() -> None:
    """A default that only joins texts stays as it is; others are evaluated."""
    text = 'variable "A" { default = "${B}/x" }\nvariable "C" { default = upper(B) }\n'
    a, c = (block.attributes["default"] for block in hcl_blocks(text))

    assert default_in_matrix(a, {"B"}) == "${B}/x"
    assert default_in_matrix(a, {}) is None
    assert default_in_matrix(c, {"B"}) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        '"' * 20_001,
        '"${' * 10_000,
        "{" * 20_000,
        "/*" * 20_000,
        "a " * 20_000,
        "<<A\n" * 10_000,
    ],
    ids=["quotes", "templates", "braces", "comments", "names", "heredocs"],
)
def test_hostile_text_ends_in_time(text: str) -> None:
    """Text that is not HCL is read in linear time."""
    assert len(list(tokenize(text))) <= len(text)
    hcl_blocks(text)
    hcl_blocks("target " + text)
