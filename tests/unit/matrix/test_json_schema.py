"""The JSON Schema rejects the errors that the compiler rejects, as far as a schema can."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from compiler.cli.main import run
from compiler.errors import CompileError
from compiler.matrix.json_schema import schema, schema_text
from compiler.matrix.level import Level
from compiler.matrix.model import BuildOptions, MatrixFile, PartFile, TemplateOptions, keys
from compiler.pipeline import plan_matrix
from compiler.source.project_files import Files


PROJECT = Path(__file__).parents[3]
GOLDEN = PROJECT / "tests/errors"
README = (PROJECT / "README.md").read_text(encoding="utf-8")
SHOWN = [
    text
    for text in re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    if "images:" in text
]


def check(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run check-jsonschema, an independent implementation."""
    command = [Path(sys.executable).with_name("check-jsonschema"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def refused(folder: Path, paths: list[Path]) -> dict[Path, str]:
    """Return the files that the schema rejects, each with the messages."""
    file = folder / "schema.json"
    file.write_text(schema_text())
    done = check("--schemafile", file, "--output-format", "json", *paths)
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(done.stdout)
    assert not said.get("parse_errors")
    return {Path(error["filename"]): str(error) for error in said.get("errors", ())}


@pytest.mark.slow
def test_it_is_a_schema(tmp_path: Path) -> None:
    """The schema is valid by its draft."""
    (tmp_path / "schema.json").write_text(schema_text())

    done = check("--check-metaschema", tmp_path / "schema.json")

    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`compile-matrix schema` prints the schema, and the same in every process."""
    assert run(["schema"]) == 0
    other = [sys.executable, "-m", "compiler", "schema"]

    again = subprocess.run(other, capture_output=True, text=True, check=True, cwd=PROJECT).stdout

    assert capsys.readouterr().out == again == schema_text()
    assert json.loads(again) == schema()


def levels(node: Any, where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every mapping with fixed keys of a schema."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            yield where, node
        for key, inner in node.items():
            yield from levels(inner, f"{where}/{key}")
    elif isinstance(node, list):
        for n, inner in enumerate(node):
            yield from levels(inner, f"{where}/{n}")


def subclasses(level: type[Level]) -> Iterator[type[Level]]:
    """Yield every kind of mapping with fixed keys that the model knows."""
    for inner in level.__subclasses__():
        yield inner
        yield from subclasses(inner)


def test_every_key_is_described() -> None:
    """The schema describes each key of each level, and allows no other keys than `x-`."""
    found = dict(levels(schema()))

    assert len(found) >= 7
    assert set(found[""]["properties"]) == set(keys(MatrixFile))
    told = {frozenset(level["properties"]) for level in found.values()}
    # A level that only serves as a base of other levels does not occur on its own.
    assert told == {
        frozenset(keys(one))
        for one in subclasses(Level)
        if one.__module__ == MatrixFile.__module__
        and one not in {BuildOptions, PartFile, TemplateOptions}
    }
    for where, level in found.items():
        assert level["additionalProperties"] is False, where
        assert level["patternProperties"] == {"^x-": {}}, where
        for key, one in level["properties"].items():
            assert len(one.get("description", "")) > 5, f"{where}: {key}"


@pytest.mark.slow
def test_what_is_shown_is_accepted(tmp_path: Path) -> None:
    """The sample, the matrix of the README and every example are valid by the schema."""
    paths = [PROJECT / "matrix.yaml", *sorted((PROJECT / "examples").glob("**/matrix.yaml"))]
    for n, text in enumerate(SHOWN):
        paths.append(tmp_path / f"{n}.yaml")
        paths[-1].write_text(text)

    assert SHOWN
    assert refused(tmp_path, paths) == {}


def test_the_sample_names_its_schema() -> None:
    """The first line of the sample points editors to the schema."""
    first = (PROJECT / "matrix.yaml").read_text(encoding="utf-8").partition("\n")[0]
    name = first.removeprefix("# yaml-language-server: $schema=")

    assert json.loads((PROJECT / name).read_text(encoding="utf-8")) == schema()


# --- Rejected by both ----------------------------------------------------------------------------

TOP = {
    "unknown key": "axs: {python: [a]}",
    "axes as a list": "axes: [python]",
    "null for data": "data:",
    "axis without values": "axes: {python: []}",
    "long axis without values": "axes: {python: {}}",
    "axis that is null": "axes: {python: }",
    "axis that is a number": "axes: {python: 3.10}",
    "axis that is no expression": "axes: {python: abc}",
    "two expressions": "axes: {python: '{{ a }}{{ b }}'}",
    "axis that is no name": "axes: {py-thon: [a]}",
    "axis that is a word of Jinja": "axes: {for: [a]}",
    "axis that hides a function": "axes: {range: [a]}",
    "axis that hides a name": "axes: {variant: [a]}",
    "axis with a filter of another": "axes: {Platform: [a]}",
    "axis named true": "axes: {true: [a]}",
    "value with a comma": "axes: {python: ['a,b']}",
    "value of white space": "axes: {python: [' ']}",
    "value with white space around": "axes: {python: ['a ']}",
    "value of two lines": 'axes: {python: ["a\\nb"]}',
    "value as key with a comma": "axes: {python: {'a,b': {}}}",
    "value that is long": f"axes: {{python: [{'x' * 201}]}}",
    "value in needless quotes": "axes: {python: ['true']}",
    "value twice": "axes: {python: [a, b, a]}",
    "true twice": "axes: {gpu: [true, true]}",
    "value that is a list": "axes: {python: [[a]]}",
    "value's options as text": "axes: {python: {a: b}}",
    "value's unknown key": "axes: {python: {a: {exclude: [b]}}}",
    "value's tag with white space": "axes: {python: {a: {tag: b c}}}",
    "value's platform": "axes: {python: {a: {platforms: [linux/x86_64]}}}",
    "value without platform": "axes: {python: {a: {platforms: []}}}",
    "value's empty only": "axes: {python: {a: {only: {}}}}",
    "value's only as a list": "axes: {python: {a: {only: [{gpu: b}]}}}",
    "set as a list": "set: [a]",
    "set of no name": "set: {a b: c}",
    "set of a built-in name": "set: {parent: c}",
    "data as a list": "data: {a: [b]}",
    "data elsewhere": "data: {a: /etc/passwd}",
    "data of a home": "data: {a: ~/b.json}",
    "data with a backslash": "data: {a: 'b\\c.json'}",
    "variable that is null": "variables: {A: null}",
    "variable that is no name": "variables: {A-B: c}",
    "variable with an underscore in front": "variables: {_A: c}",
    "variable MOVING": "variables: {MOVING: 'true'}",
    "variable CACHE": "variables: {CACHE: read}",
    "variable of a filter": "variables: {ONLY_PYTHON: a}",
    "variable of bake": "variables: {BAKE_X: a}",
    "variable that is a word of HCL": "variables: {for: a}",
    "variable with a default in it": "variables: {A: '${B:-c}'}",
    "exclude as a mapping": "exclude: {image: server}",
    "exclude of everything": "exclude: [{}]",
    "exclude of a list": "exclude: [{image: [[server]]}]",
    "pattern without a value": "groups: {some: {image: []}}",
    "pattern of no axis": "groups: {some: {a-b: c}}",
    "group that is null": "groups: {some: }",
    "group of no name": "groups: {so.me: {image: server}}",
    "group default": "groups: {default: {image: server}}",
    "group with an underscore in front": "groups: {_some: {image: server}}",
    "output elsewhere": "output: ../out",
    "output that is hidden": "output: .git",
    "publish without a version": "publish: {}",
    "publish of text": "publish: {version: VERSION_TAG}",
    "publish of two variables": "publish: {version: '${A}${B}'}",
    "unknown key of publish": "publish: {version: '${A}', stage: b}",
    "override of nothing": "overrides: [{args: {A: b}}]",
    "override that matches all": "overrides: [{when: {}, args: {A: b}}]",
    "override of an image's key": "overrides: [{when: {image: server}, axes: [python]}]",
    "images of no name": "images: {my image: {template: Dockerfile.j2}}",
    "no image": "images: {}",
    "image without a template": "images: {other: {}}",
    "image that is null": "images: {other: }",
}
IMAGE = {
    "unknown key": "tag: [a]",
    "bake's underscore": "cache_from: [a]",
    "dockerfile outside": "dockerfile: /Dockerfile",
    "tags as text": "tags: acme/server",
    "tag in capitals": "tags: [Acme/Server]",
    "tag of no repository": "tags: [':1.0']",
    "moving tag with plus": "moving: ['acme/server:1+cu12']",
    "alias in capitals": "aliases: {'acme/X': {image: server}}",
    "repository with a tag": "repositories: ['acme/x:1']",
    "repositories as text": "repositories: acme/x",
    "shared tags as text": "shared: latest",
    "floating tag of a platform in capitals": "platform-tags: {moving: [acme/X]}",
    "alias of nothing": "aliases: {acme/server: {}}",
    "aliases as a list": "aliases: [acme/server]",
    "platform as text": "platforms: linux/amd64",
    "platform that is none": "platforms: [linux/amd46]",
    "platform without a system": "platforms: [amd64]",
    "platform of no such variant": "platforms: [linux/arm64/v99]",
    "platform twice": "platforms: [linux/amd64, linux/amd64]",
    "axes as text": "axes: python",
    "axes twice": "axes: [python, python]",
    "only as text": "only: server",
    "argument that is null": "args: {A: null}",
    "arguments as a list": "args: [A=1]",
    "label without a key": "labels: {'': a}",
    "variable with a default": "labels: {a: '${B:-c}'}",
    "variable that is open": "description: '${B'",
    "text that is a list": "description: [a]",
    "pull that is text": "pull: maybe",
    "no-cache that is null in a list": "no-cache: [null]",
    "test of an unknown kind": "tests: {sizes: 1GB}",
    "command with an unknown key": "tests: [{run: a, device: b, mounts: [c]}]",
    "command without a command": "tests: {shell: [{mount: type=tmpfs}]}",
    "size without a unit": "tests: {size: 12}",
    "file by a relative path": "tests: {files: [etc/passwd]}",
    "template elsewhere": "template: /etc/passwd",
    "template of no name": "template: ''",
    "context elsewhere": "context: /srv",
    "cache as text": "cache: type=registry",
    "cache of another kind": "cache: {type: gha, ref: a}",
    "cache without a ref": "cache: {type: registry}",
    "cache of another mode": "cache: {type: registry, ref: a, mode: most}",
    "unknown key of a cache": "cache: {type: registry, ref: a, tag: b}",
    "entry that is a list": "cache-from: [[a]]",
    "agent without an id": "ssh: [{paths: a}]",
    "unknown key of an agent": "ssh: [{id: a, path: b}]",
    "parent of no name": "from: my image",
    "parent without a name": "from: {with: {python: a}}",
    "unknown key of a parent": "from: {image: server, when: {python: a}}",
    "parent that is a list": "from: [server]",
}
BAD = {
    **{
        name: line
        if line.startswith("images")
        else f"{line}\nimages: {{server: {{template: Dockerfile.j2}}}}"
        for name, line in TOP.items()
    },
    **{
        f"image: {name}": f"axes: {{python: [3.10]}}\nimages:\n  server:\n    {line}\n"
        + ("" if line.startswith("template") else "    template: Dockerfile.j2\n")
        for name, line in IMAGE.items()
    },
    "override: pull that is text": "overrides: [{when: {image: s}, pull: b}]\n"
    "images: {s: {template: Dockerfile.j2}}",
    "defaults: unknown key": "defaults: {templat: a}\nimages: {s: {template: Dockerfile.j2}}",
    "defaults: no template": "defaults: {context: .}\n"
    "images: {s: {template: Dockerfile.j2}, t: {}}",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project without matrix.yaml, as the current folder."""
    (tmp_path / "templates/server").mkdir(parents=True)
    (tmp_path / "templates/Dockerfile.j2").write_text("FROM python\n")
    (tmp_path / "data.json").write_text('{"pythons": ["3.10", "3.11"], "version": "1.0"}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the schema's messages for each invalid matrix that it rejects."""
    folder = tmp_path_factory.mktemp("bad")
    paths = {}
    for n, (name, text) in enumerate(BAD.items()):
        paths[folder / f"{n}.yaml"] = name
        (folder / f"{n}.yaml").write_text(text)
    return {paths[path]: said for path, said in refused(folder, list(paths)).items()}


@pytest.mark.parametrize("name", BAD)
def test_a_fault_is_refused_by_both(name: str, verdicts: dict[str, str], project: Path) -> None:
    """A single error is rejected by both the schema and the compiler."""
    (project / "matrix.yaml").write_text(BAD[name])

    assert run([]) == 1
    assert name in verdicts


UNSEEN = {
    "it is no YAML, or not to all its readers": (
        *("bad-merge", "control-character", "duplicate-key", "not-utf-8", "quote-it"),
        *("recursive-anchor", "several-documents", "too-deep", "too-large", "too-many-nodes"),
        *("unclear-scalar", "unknown-anchor", "yaml-syntax", "yaml-tag"),
    ),
    "it reads no other file": (
        *(
            "bad-lock",
            "base-platform",
            "cannot-read",
            "cannot-write",
            "data-format",
            "data-syntax",
            "empty-axis--expression",
            "misplaced-key",
            "unknown-key--axis-of-data",
            "wrong-type--toml",
        ),
        *(
            "dockerfile-syntax",
            "late-arg",
            "lost-line-end",
            "unknown-stage",
            "empty-file--data",
            "git-folder",
            "missing-context",
            "missing-file",
            "missing-template",
            "no-base",
        ),
        *("not-a-file", "not-a-mapping--data", "not-ours", "output-folder", "template-loop"),
        *("unreadable-file", "wrong-type--axis-expression"),
        *(
            f"outside-project--{kind}"
            for kind in ("context", "include", "template", "template-link", "template-parent")
        ),
    ),
    "it runs no template": (
        *(
            "bad-field",
            "bad-fragment--expression",
            "bad-fragment--peers-20",
            "bad-from",
            "dollar-before-variable",
            "empty-key",
            "illegal-tag",
        ),
        *("set-conflict", "set-cycle", "template-error", "template-syntax", "undefined-name"),
        *("unprintable", "unsafe-template"),
    ),
    "it compiles no regular expression": ("bad-expression",),
    "a level above may replace either": ("two-sources",),
    "it compares no name with another": (
        *("axis-filter-collision", "bad-parent-name", "bad-range", "matches-nothing"),
        *("bad-path--bake-file", "bad-path--lock"),
        *(
            "ambiguous-row",
            "name-hidden",
            "parent-axis",
            "undeclared-variable",
            "unknown-axis",
            "unknown-check",
            "unknown-image",
        ),
        *("unknown-target", "unknown-value", "variable-cycle"),
    ),
    "3.10 and '3.10' are not equal to it": ("duplicate-value",),
    "linux/arm64 and linux/arm64/v8 are not equal to it": ("duplicate-value--platform",),
    "it expands no matrix": (
        *("alias-mismatch", "ambiguous-parent", "duplicate-cache", "duplicate-tag", "empty-group"),
        *("access-conflict", "field-conflict"),
        *("group-collision", "link-cycle", "missing-parent", "name-collision", "name-too-long"),
        *("no-platform", "no-variants", "parent-platform", "shared-platform", "too-many-variants"),
    ),
}
"""Reason why a schema cannot detect an error -> its codes, or single cases of them."""

SEEN_ALL_THE_SAME = ("duplicate-value--true", "no-platform--empty-list")
"""Cases that the schema detects, of codes that it otherwise does not detect."""


@pytest.mark.slow
def test_the_goldens_are_refused(tmp_path: Path) -> None:
    """The schema rejects each golden error, except those listed with a reason."""
    unseen = {name for names in UNSEEN.values() for name in names}
    cases = [*GOLDEN.glob("*.yaml"), *(folder / "matrix.yaml" for folder in GOLDEN.iterdir())]
    seen = []
    for path in sorted(path for path in cases if path.is_file()):
        name = path.parent.name if path.name == "matrix.yaml" else path.stem
        if (GOLDEN / f"{name}.args").exists():
            continue  # the error is on the command line
        if name in SEEN_ALL_THE_SAME or not {name, name.partition("--")[0]} & unseen:
            seen.append(path)

    found = refused(tmp_path, seen)

    assert len(seen) > 30
    missed = [str(path.relative_to(GOLDEN)) for path in seen if path not in found]

    assert missed == []


# --- Rejected by neither -------------------------------------------------------------------------

POOL: dict[str, list[str]] = {
    "x-own": ["[1, {a: b}]", ""],
    "data": ["{d: data.json}", "{d: ./data.json}", "{}"],
    "variables": [
        "{A: on, B: 3.10, C: true, D: 2024-01-01, E: '', V: '${A}-${B}'}",
        "{V: \"v{{ d.version | default('1') }}\", A: '$${A:-b}', B: '$', REGISTRY: acme.io:5000/x}",
        "{V: 1, VERSION_TAG: 1e3, A: .inf, lower_9: 0o17}",
    ],
    "axes": [
        "{python: [3.1, 3.10, 3.9], gpu: [true, false, null], on: [yes, no]}",
        "{python: {3.1: {}, 3.11: , on: {tag: 3.1}, 2024-01-01: {tag: ''}}, gpu: [~, cu12*]}",
        "{python: [1, 01, 1.0, '{{a}}'], gpu: {true: {tag: 'x{{ python }}', set: {c: [1, ~]}}}}",
        "{python: '{{ d.pythons }}', gpu: {false: {}, true: {only: {python: '>=3'}, x-a: 1}}}",
        "{python: ['!a', '>=3', '\u00e9\u00df'], gpu: {null: {platforms: ['{{ os }}/amd64']}}}",
        "{python: [3.10], gpu: {true: {platforms: [linux/arm/v7], tag: null, only: null}}}",
    ],
    "set": [
        "{os: linux, a: 1, on: 2024-01-01, b: {true: [~]}}",
        "{a: }",
        "{_x1: '{{ python }}${'}",
    ],
    "exclude": ["[]", "[{gpu: null, python: '*1*'}]", "[{image: server, gpu: null}]"],
    "defaults": [
        "",
        "{x-a: b}",
        "{context: templates/server, platforms: [linux/amd64, '{{ \"\" }}'], tests: ['echo ${A}']}",
        "{template: '{{ image and \"Dockerfile\" }}.j2', context: 'https://git.example.com/x.git'}",
    ],
    "groups": ["{}", "{some: {image: server}}", "{3: {gpu: [true, null]}, x-1: {gpu: '!true'}}"],
    "publish": ["", "{version: '${V}', staging: '${A}/x'}", "{version: '${V}', x-a: }"],
    "output": ["out", "3.10", "a/b.c/_d", "on"],
    "overrides": [
        "[]",
        "[{when: {image: server}, pull: true, set: {a: 2}, x-a: b}]",
        "[{when: {gpu: true}, args: {A: 3.10}, platforms: [linux/amd64], cache: null}]",
    ],
}
FIELDS = {
    "context": ["templates/server", "''", "null", "./templates", "git@example.com:a.git"],
    "contexts": ["{a: ., b: 'docker-image://alpine', 1.0: templates}", "null"],
    "args": ["{A: true, 3.10: on, 'a-{{ python }}': '$${x}', B: '{{ \"${\" }}'}"],
    "labels": ["{a.b/c: 2024-01-01, d: 'a $ {b} %{c}'}", "{'${V}': '$${V}$', e: '$$$'}"],
    "tags": [
        "['${A}:{{ variant }}', 'acme/s:{{ target | slug }}-x acme/s:{{ target | slug }}']",
        "['localhost:5000/a/b__c-d.e:{{ variant | slug }}', '']",
        "['{{ target | slug }}:V_1.0-x']",
    ],
    "platforms": ["[]", "[linux/amd64, linux/arm/v7]", "['linux/{{ \"arm64\" }}']"],
    "axes": ["[]", "[python]", "[gpu, python]", "null"],
    "only": ["null", "[{python: 3.10}]", "[{gpu: [true, ~]}, {python: '*'}]"],
    "cache": ["null", "{type: registry, ref: 'acme/c:{{ target }}', x-a: 1}"],
    "cache-from": ["[type=gha, {type: registry, ref: 'acme/${V}', n: 3, b: true}]", "[]"],
    "output": ["[{type: local, dest: out}]", "['type=image,push=true']"],
    "ssh": ["[default, {id: a, paths: b}]", "[{id: a}]"],
    "attest": ["['type=provenance,mode=max', {type: sbom}]"],
    "pull": ["true", "null", "false"],
    "no-cache": ["true"],
    "shm-size": ["64", "2g"],
    "extra-hosts": ["{a.example: 10.0.0.1}"],
    "ulimits": ["['nofile=1024:2048']"],
    "description": ["3.10", "on", "'{# a #}'", "'{{ image }} ${V}'", "2024-01-01"],
    "tests": ["[true, 'python -V', 'echo ${HOME:-x}', 1]"],
    "set": ["{a: ~}", "{python_x: [1, 2.0, true]}"],
    "x-more": ["{a: b}"],
}


NEEDED = {"data", "variables", "axes"}
"""Sections that other values refer to."""


def some(random: Random, pool: dict[str, list[str]], chance: float, indent: str) -> str:
    """Return some keys of a pool, each with a value."""
    chosen = [key for key in pool if key in NEEDED or random.random() < chance]
    return "".join(f"{indent}{key}: {random.choice(pool[key])}\n" for key in chosen)


@pytest.mark.slow
def test_there_is_no_false_alarm(project: Path) -> None:
    """The schema accepts every random matrix that the compiler accepts."""
    random = Random(20)  # noqa: S311 - the same matrices on each run
    taken = []
    for n in range(500):
        text = (
            some(random, POOL, 0.25, "")
            + "images:\n  server:\n    template: Dockerfile.j2\n"
            + some(random, FIELDS, 0.15, "    ")
        )
        if random.random() < 0.3:
            text += "  3.1: {template: Dockerfile.j2, from: server}\n"
        path = project / f"{n}.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            plan_matrix(Files(project), path.name)
        except CompileError:
            continue
        taken.append(path)

    alarms = refused(project, taken)

    assert len(taken) > 100
    assert {path.read_text(): said for path, said in alarms.items()} == {}
    whole = "".join(path.read_text() for path in taken)
    pools = {**POOL, **FIELDS}
    assert [key for key in pools if f"{key}:" not in whole] == []
