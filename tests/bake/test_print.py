"""The contents of the bake file, as bake reads it."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bake.oracle import (
    FLAGS,
    LISTS,
    MAPPINGS,
    RECORDS,
    TEXTS,
    bake,
    lay,
    plan_json,
    plan_of,
    traits,
)

from compiler.matrix.field_table import BAKE_ROWS


PROJECT = Path(__file__).parents[2]
SAMPLE_VARIABLES = {
    "REGISTRY": "localhost:5000",
    "REVISION": "",
    "SOURCE": "https://git.example.com/base-images",
    "VERSION_TAG": "v0.1.0",
}

HOSTILE = (
    'a "quoted" word',
    "a \\ backslash, \\\\ two, \\n no newline, \\u0041 no letter, \\",
    "two\nlines\n\nand\ttabs\n",
    "$${literal} %{if x} %%{y} %% %",
    "$ $$ $$$ $a {b} $",
    "$$$${two} $$${one}",
    "ünï ☃ 😀 日本",
    "' ` # // /* */ <<EOT <&>",
    "  ends with spaces  ",
    "",
)
"""Text as an author writes it; `$${` is its only escape."""

HOSTILE_READ = tuple(text.replace("$${", "${") for text in HOSTILE)

SMUGGLED = (
    "${REGISTRY}",
    "$${REGISTRY}",
    "$$${REGISTRY}",
    "%{ if true }x%{ endif }",
    "%%{ if true }",
    "${",
    "$",
    "$$",
    "{REGISTRY}",
    "REGISTRY}",
    '"${REGISTRY}"',
    "\\${REGISTRY}",
    "{{ REGISTRY }}",
)
"""Values that bake must not interpret as its own syntax."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sample, compiled as users do."""
    folder = tmp_path_factory.mktemp("sample")
    for name in ("matrix.yaml", "pyproject.toml", "docker-bake.hcl.j2"):
        shutil.copy(PROJECT / name, folder)
    shutil.copytree(PROJECT / "templates", folder / "templates")
    subprocess.run([sys.executable, "-m", "compiler"], cwd=folder, check=True)
    return folder


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """Return a socket such as that of an SSH agent: bake checks it when it prints."""
    place = tmp_path / "agent"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        yield place


@pytest.mark.slow
def test_the_sample_is_read_as_planned(sample: Path, either: list[str]) -> None:
    """Every target and group of the sample is the same in bake and in matrix.json."""
    plan = plan_json(sample)
    expected = plan_of(plan, SAMPLE_VARIABLES, drops=traits(either).drops)

    read = bake(either, sample, "default", "test")
    default = bake(either, sample).groups["default"]
    groups = {**bake(either, sample, *plan["groups"]).groups, "default": default}

    assert read.targets == expected.targets
    assert {name: sorted(groups[name]) for name in expected.groups} == {
        name: sorted(targets) for name, targets in expected.groups.items()
    }
    assert len(read.targets) == 2 * 36


@pytest.mark.slow
def test_both_versions_read_the_same(sample: Path, buildx: Path, old_buildx: Path) -> None:
    """An old and a current bake read the same."""
    assert bake([str(buildx)], sample).targets == bake([str(old_buildx)], sample).targets


@pytest.mark.slow
def test_groups_keep_the_authors_order(sample: Path, old_buildx: Path) -> None:
    """The targets of a group are in the order of matrix.yaml, if bake does not sort them."""
    plan = plan_json(sample)
    read = bake([str(old_buildx)], sample)
    assert read.groups["default"] == plan["groups"]["default"]


@pytest.mark.slow
def test_the_environment_overrides_variables(sample: Path, either: list[str]) -> None:
    """The environment sets each declared variable, in every field that uses it."""
    given = {name: f"{name.lower()}.x" for name in SAMPLE_VARIABLES}
    given["REVISION"] = 'a"b ${SOURCE} %{x}'
    expected = plan_of(plan_json(sample), given, drops=traits(either).drops)
    assert bake(either, sample, "default", "test", **given).targets == expected.targets


def test_one_variant_with_its_tag(sample: Path, either: list[str]) -> None:
    """Filters of three axes and the image select one target, with the documented tags."""
    read = bake(
        either,
        sample,
        REGISTRY="baseten",
        VERSION_TAG="v0.2.2",
        ONLY_IMAGE="server",
        ONLY_PYTHON="3.9",
        ONLY_GPU="true",
        ONLY_LIVE_RELOAD="true",
    )
    assert [target["tags"] for target in read.targets.values()] == [
        ["baseten/truss-server-base:3.9-gpu-reload-v0.2.2"]
    ]


def every_field() -> dict[str, Any]:
    """Return an image with every field of bake, in every form that is accepted."""
    texts = {f"K{n}": text for n, text in enumerate(HOSTILE)}
    return {
        "template": "Dockerfile.j2",
        "description": 'says "$${no}" %{x} to ${REGISTRY}\n',
        "context": "ctx",
        "contexts": {
            "folder": "other",
            "image-{{ py }}": "docker-image://${REGISTRY}/x:{{ py }}",
            "sibling": "target:two",
        },
        "args": {**texts, "OWN": "{{ py }} ${QUOTED}", "EMPTY": "${NOTHING}", "B": True},
        "labels": {
            **{f"l.{key}": text for key, text in texts.items()},
            'l"\\ {{ py }} ${REGISTRY} $${x} %{y}': "x",
        },
        "annotations": {"index:org.x": "1", "manifest:k": 'a,b=c "$${d}" %{e} {{ py }}'},
        "tags": ["${REGISTRY}/one:{{ py }} ${REGISTRY}/also:{{ py }}", ""],
        "cache-from": [
            "type=registry,ref=${REGISTRY}/cache",
            {"type": "local", "src": "a,b {{ py }}"},
            "user/app:cache",
        ],
        "cache-to": [
            'type=local,"dest=c,{{ py }}",mode=max',
            {"type": "registry", "ref": "${REGISTRY}/c:{{ py }}", "mode": "max"},
        ],
        "target": "final",
        "secret": [
            "id=text,src=token",
            {"id": "mapping", "src": "token"},
            "type=env,id=env,env=TOKEN",
            {"type": "file", "id": "file", "src": "token"},
        ],
        "ssh": ["default", "key=agent"],
        "platforms": ["linux/amd64", "linux/arm64/v8", "linux/arm/v7"],
        "output": ["type=image,push=true", {"type": "local", "dest": 'out,"{{ py }}"'}],
        "attest": ["type=provenance,mode=max", {"type": "sbom", "generator": "x"}],
        "pull": True,
        "no-cache": True,
        "network": "host",
        "no-cache-filter": ["a", "b{{ py }}"],
        "shm-size": "128m",
        "ulimits": ["nofile=1024:1024", "nproc=3"],
        "entitlements": ["network.host", "security.insecure"],
        "extra-hosts": {"one": "1.2.3.4", "two": "::1"},
        "policy": ["filename=a.rego,strict=true", {"filename": "{{ py }}.rego", "reset": True}],
        "resources": ["memory=2g", "cpuset-cpus=0-{{ 1 + 2 }}"],
    }


VARIABLES = {"REGISTRY": "r.example", "NOTHING": "", "QUOTED": 'a "b" \\ $${c} %{d}\ne'}
READ_VARIABLES = VARIABLES | {"QUOTED": VARIABLES["QUOTED"].replace("$${", "${")}


def full_matrix() -> dict[str, Any]:
    """Return a matrix whose images have every field."""
    return {
        "variables": VARIABLES,
        "axes": {"py": ["3.10", "3.11"]},
        "images": {
            "one": every_field(),
            "two": {
                "axes": [],
                "template": "Dockerfile.j2",
                "pull": False,
                "no-cache": False,
                "attest": ["type=provenance,disabled=true"],
            },
            "three": {"axes": ["py"], "template": "Dockerfile.j2"},
        },
    }


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """Create a project that uses every field."""
    for name in ("ctx", "other"):
        (tmp_path / name).mkdir()
    files = {"token": "x", "templates/Dockerfile.j2": "FROM scratch AS final\n"}
    return lay(tmp_path, full_matrix(), files)


def test_every_field_is_known_here() -> None:
    """The bake file has no field that this comparison ignores."""
    names = {row.name for row in BAKE_ROWS}
    assert names <= {*TEXTS, *MAPPINGS, *LISTS, *RECORDS, *FLAGS}
    assert names == set(every_field()) & names


def test_every_field_is_read_as_planned(full: Path, agent: Path, either: list[str]) -> None:
    """Bake reads every field as planned, in each of its forms and with hostile text."""
    expected = plan_of(plan_json(full), READ_VARIABLES, drops=traits(either).drops)
    read = bake(either, full, SSH_AUTH_SOCK=str(agent))
    assert read.targets == expected.targets


def test_hostile_text_is_read_as_written(full: Path, agent: Path, either: list[str]) -> None:
    """Quotes, backslashes, newlines, `$`, `%` and Unicode are literal; `$${` is `${`."""
    one = bake(either, full, SSH_AUTH_SOCK=str(agent)).targets["one-3_10"]
    assert [one["args"][f"K{n}"] for n in range(len(HOSTILE))] == list(HOSTILE_READ)
    assert [one["labels"][f"l.K{n}"] for n in range(len(HOSTILE))] == list(HOSTILE_READ)
    assert one["args"]["OWN"] == f"3.10 {READ_VARIABLES['QUOTED']}"
    assert one["args"]["B"] == "true"
    assert 'l"\\ 3.10 r.example ${x} %{y}' in one["labels"]
    assert one["annotations"][1] == 'manifest:k=a,b=c "${d}" %{e} 3.10'
    assert one["tags"] == ["r.example/one:3.10", "r.example/also:3.10"]
    assert one["output"][1] == {"type": "local", "dest": 'out,"3.10"'}


def test_ssh_as_a_mapping(tmp_path: Path, agent: Path, either: list[str]) -> None:
    """`{id: key, paths: agent}` under `ssh` is bake's `key=agent`."""
    image = {
        "template": "Dockerfile.j2",
        "ssh": [{"id": "default"}, {"id": "key", "paths": "agent"}],
    }
    lay(tmp_path, {"images": {"one": image}})
    assert bake(either, tmp_path, SSH_AUTH_SOCK=str(agent)).targets["one"]["ssh"] == [
        {"id": "default", "paths": ""},
        {"id": "key", "paths": "agent"},
    ]


def test_the_plan_keeps_names_beside_stages(full: Path) -> None:
    """In the plan, a stage (`target` of an image) does not replace the target's name."""
    assert [entry["target"] for entry in plan_json(full)["targets"]] == [
        *("one-3_10", "one-3_11", "two", "three-3_10", "three-3_11")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("source", ["axis", "set", "value", "data", "split"])
def test_values_name_no_variable(tmp_path: Path, either: list[str], source: str) -> None:
    """Values of axes, `set` and data are literal: a `${NAME}` in them is not resolved."""
    given = [text for text in SMUGGLED if text.isprintable()]
    matrix: dict[str, Any] = {
        "variables": {"REGISTRY": "RESOLVED"},
        "axes": {"n": {str(n): {} for n in range(len(given))}},
        "images": {"one": {"template": "Dockerfile.j2"}},
    }
    read = "x"
    escaped = [text.replace("{{", "{{ '{{' }}") for text in given]
    files: dict[str, str] = {}
    match source:
        case "axis":
            matrix["axes"] = {"x": {text: {"tag": str(n)} for n, text in enumerate(given)}}
        case "set":
            matrix["images"]["one"]["set"] = {"all": escaped}
            read = "all[n | int]"
        case "value":
            matrix["axes"]["n"] = {str(n): {"set": {"x": text}} for n, text in enumerate(escaped)}
        case "data":
            files["data.yaml"] = "all:\n" + "".join(
                "- '" + text.replace("'", "''") + "'\n" for text in given
            )
            matrix["data"] = {"d": "data.yaml"}
            read = "d.all[n | int]"
        case _:
            matrix["images"]["one"]["set"] = {"all": escaped}
            read = "all[n | int][:1] }}{{ all[n | int][1:]"
    matrix["images"]["one"] |= {
        "args": {
            "A": f"{{{{ {read} }}}}",
            "B": f"-{{{{ {read} }}}}-",
            "C": f"{{{{ {read} }}}}{{x}}",
        },
        "labels": {f"k{{{{ {read} }}}}": f"${{REGISTRY}}{{{{ {read} }}}}"},
        "description": f"{{{{ {read} }}}}",
    }
    lay(tmp_path, matrix, files)

    found = list(bake(either, tmp_path, REGISTRY="RESOLVED").targets.values())

    order = {target["args"]["A"]: target for target in found}
    assert set(order) == set(given)
    for text in given:
        assert order[text]["args"] == {"A": text, "B": f"-{text}-", "C": f"{text}{{x}}"}
        assert order[text]["labels"] == {f"k{text}": f"RESOLVED{text}"}
        assert order[text].get("description", text) == text


def test_dollars_before_a_value(tmp_path: Path, either: list[str]) -> None:
    """A `$` or `%` directly before a value does not make bake interpret the value."""
    image = {
        "template": "Dockerfile.j2",
        "args": {
            "A": "${{ v }}",
            "B": "$${{ v }}",
            "C": "%{{ v }}",
            "D": "{{ w }}{REGISTRY}",
            "E": "$${{ '{' }}REGISTRY}",
        },
        "set": {"v": "{REGISTRY}", "w": "$"},
    }
    lay(tmp_path, {"variables": {"REGISTRY": "x"}, "images": {"one": image}})
    assert bake(either, tmp_path).targets["one"]["args"] == {
        "A": "${REGISTRY}",
        "B": "$${REGISTRY}",
        "C": "%{REGISTRY}",
        "D": "${REGISTRY}",
        "E": "$${REGISTRY}",
    }
