"""`report`: the document and the HTML of the page, without a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support import command, report_page
from support.model_registry import ModelRegistries, ModelRegistry

from compiler.external.registry import client
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix
from compiler.releases.registry_record import push_record
from compiler.reports.explain.explain import explain
from compiler.reports.page.document import page_document
from compiler.reports.page.html import page_html
from compiler.reports.page.origin_rows import place, text


PROJECT = Path(__file__).parents[3]
FRONT = PROJECT / "compiler/reports/page/front"
EXAMPLES = sorted(path.parent for path in PROJECT.glob("examples/*/matrix.yaml"))
LABEL = "</script><script>alert(1)</script><!-- & ]]>"
HOSTILE = f"{LABEL} \u2028 ${{x}}"
AXES = "{py: [3.11, 3.12], gpu: [false, true]}"
FILES = {
    "matrix.yaml": f"axes: {AXES}\n"
    "images:\n"
    '  app: {template: app.j2, axes: [py], tags: ["acme/app:{{ py }}"], platforms: [linux/amd64]}\n'
    "  child: {template: child.j2, from: app, platforms: [linux/amd64]}\n"
    "groups: {new: {py: 3.12}}\n",
    "templates/app.j2": "FROM python:{{ py }}\nRUN base\n",
    "templates/child.j2": "FROM {{ parent }}\n{% if gpu %}\nRUN gpu\n{% endif %}\n",
}


def write(folder: Path, files: dict[str, str] = FILES) -> None:
    """Write a project."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


class Elements(HTMLParser):
    """The start tags of a page with their attributes, and the texts of some elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a start tag."""
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        self.texts.setdefault(tag, []).append("")

    def handle_data(self, data: str) -> None:
        """Add text to the element that was opened last."""
        if self._open:
            self.texts[self._open][-1] += data

    def handle_endtag(self, tag: str) -> None:
        """Close an element."""
        if tag == self._open:
            self._open = ""


def document_of(folder: Path, *words: str) -> Any:
    """Return the document of the page that the command prints."""
    page = command.call(folder, "report", "-", *words).stdout
    return json.loads(Elements(page).texts["script"][0])


@pytest.mark.parametrize("project", [PROJECT, *EXAMPLES], ids=lambda path: path.name)
def test_the_document_has_what_other_commands_know(project: Path) -> None:
    """Dockerfiles, origins and steps are those of compiling, `explain` and `layers`."""
    content = report_page.content(project)
    document = json.loads(json.dumps(page_document(content)))
    compiled, layers = content.compiled, content.layers
    names = [target.name for target in compiled.plan.targets]
    explanations, _ = explain(compiled.plan, names[:2])
    rows = {row["name"]: row for row in document["targets"]}

    assert list(rows) == names
    for name, row in rows.items():
        lines = [document["lines"][number] for number in row["lines"]]
        steps = [document["steps"][number][0] for number, _ in row["steps"]]

        assert "\n".join(lines) == compiled.dockerfiles[name].removesuffix("\n")
        assert steps == [step.instruction for step in layers.steps[name]]
        for instruction, line in zip(steps, [line for _, line in row["steps"]], strict=True):
            assert not line or lines[line - 1 - row["header"]].split()[0] == instruction.split()[0]
    for explanation in explanations:
        build = explanation.build
        assert build is not None
        given = [
            (one.name, one.key, text(one.value), one.level, place(one.place))
            for one in (*build.settings, *build.fields)
        ]
        shown = [tuple(document["origins"][n][:5]) for n in rows[build.target]["origins"]]
        assert [row for row in given if row not in shown] == []


def test_a_step_of_a_parent_is_not_in_the_dockerfile_of_its_child(tmp_path: Path) -> None:
    """The line of a step is 0 where another target's Dockerfile contains it."""
    write(tmp_path)
    document = document_of(tmp_path)
    row = next(one for one in document["targets"] if one["name"] == "child-3_11-gpu")
    steps = [(document["steps"][number][0], line) for number, line in row["steps"]]

    assert steps == [("RUN base", 0), ("RUN gpu", 3)]
    assert row["parent"] == "app-3_11"
    assert row["values"] == [0, 1]
    assert document["groups"]["new"] == [1, 4, 5]


def test_the_end_of_life_of_values(tmp_path: Path) -> None:
    """An axis has the dates of its values by their numbers, and none if no value has a date."""
    axes = "{py: {3.11: {eol: 2027-10-31}, 3.12: {}}, gpu: [false, true]}"
    files = {**FILES, "matrix.yaml": FILES["matrix.yaml"].replace(AXES, axes)}
    write(tmp_path, files)

    assert [axis.get("eol") for axis in document_of(tmp_path)["axes"]] == [
        {"0": "2027-10-31"},
        None,
    ]


def test_filters_limit_the_page(tmp_path: Path) -> None:
    """The page has only the selected targets, and names the filters."""
    write(tmp_path)
    document = document_of(tmp_path, "py=3.12", "image=app")

    assert [row["name"] for row in document["targets"]] == ["app-3_12"]
    assert document["filters"] == ["py=3.12", "image=app"]
    assert document["groups"].keys() == {"default", "app", "py-3_12", "new"}


def test_the_page_of_a_recorded_build(tmp_path: Path) -> None:
    """Each step of the record has its targets, inputs and times; a damaged record is a warning."""
    write(tmp_path)
    folder = tmp_path / ".compile-matrix"
    folder.mkdir()
    names = {name: f"[{name} 2/2] RUN base" for name in ("app-3_11", "gone")}
    step = {"names": names, "inputs": [], "cached": False, "bytes": 7}
    steps = [{**step, "started": 0, "completed": 2.5}]
    trace = folder / "trace.json"
    trace.write_text(json.dumps({"version": 1, "cores": 3, "steps": steps}))
    build = document_of(tmp_path)["build"]
    trace.write_text("{")
    damaged = command.call(tmp_path, "report", "-")

    assert build["steps"] == [["RUN base", ["app-3_11", "gone"], [], 0, 2.5, 0, 7]]
    assert (build["cores"], build["seconds"]) == (3, 2.5)
    assert build["targets"]["app-3_11"] == [2.5, 7]
    assert '"build":null' in damaged.stdout
    assert "warning" in damaged.stderr


def test_changes_and_releases_are_parts_of_the_document() -> None:
    """A target that changed has its reasons; releases come in the order of their versions."""
    document = page_document(report_page.content())

    assert document["changes"]["against"] == "origin/main"
    assert document["changes"]["targets"]["server-3_9"] == ["templates/Dockerfile.j2 changed"]
    assert [version for version, _ in document["releases"]["list"]] == [f"v0.{n}" for n in range(6)]
    assert {len(row[1]) for row in document["releases"]["images"]} == {12}


def test_releases_are_read_from_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--releases` reads the records of all releases; without it, no registry is needed."""
    write(tmp_path)
    model = ModelRegistry()
    sizes = {"app-3_11": {"linux/amd64": 3}, "app-3_12": {"linux/amd64": 2, "linux/arm64": 1}}
    for record in report_page.releases([*sizes], versions=2):
        targets = tuple(replace(one, sizes=sizes[one.target]) for one in record.targets)
        push_record(ModelRegistries(model), "docker.io/acme/app", replace(record, targets=targets))
    monkeypatch.setattr(client, "Registries", lambda *_: ModelRegistries(model))
    document = document_of(tmp_path, "--releases")
    monkeypatch.setattr(client, "Registries", None)

    images = document["releases"]["images"]
    assert document["releases"]["list"] == [["v0.0", [0]], ["v0.1", [0, 1]]]
    assert [row[4] for row in images] == [[], [["linux/amd64", 2], ["linux/arm64", 1]]]
    assert [row[0] for row in images] == ["app-3_11", "app-3_12"]
    assert document_of(tmp_path)["releases"] is None


def test_changes_since_a_commit(tmp_path: Path) -> None:
    """`--since` compares with a commit, as `changed` does."""
    write(tmp_path)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    (tmp_path / "templates/child.j2").write_text("FROM {{ parent }}\nRUN new {{ gpu }}\n")
    document = document_of(tmp_path, "--since=HEAD")
    changes, names = document["changes"], [row["name"] for row in document["targets"]]

    assert changes["against"] == "HEAD"
    assert [*changes["targets"]] == [name for name in names if name.startswith("child-")]


def test_text_of_the_project_is_only_data(tmp_path: Path) -> None:
    """No text of a project can end an element, start another, or change the policy."""
    files = dict(FILES)
    label = json.dumps(LABEL)
    files["matrix.yaml"] = files["matrix.yaml"].replace(
        "child.j2,", f"child.j2, labels: {{note: {label}}},"
    )
    files["templates/child.j2"] += f"# {HOSTILE}\n"
    write(tmp_path, files)
    page = command.call(tmp_path, "report", "-").stdout
    plain = command.call(PROJECT, "report", "-").stdout
    elements = Elements(page)
    document = json.loads(elements.texts["script"][0])

    assert [tag for tag, _ in elements.tags] == [tag for tag, _ in Elements(plain).tags]
    assert f"# {HOSTILE}" in document["lines"]
    assert LABEL in [row[2] for row in document["origins"]]
    assert not set("<>&\u2028\u2029") & set(elements.texts["script"][0])
    assert "alert" not in page.replace(elements.texts["script"][0], "")


def test_the_name_of_the_matrix_is_escaped(tmp_path: Path) -> None:
    """A file name cannot end the comment or an element either."""
    write(tmp_path)
    name = "--><script>alert(1)<.yaml"
    (tmp_path / "matrix.yaml").rename(tmp_path / name)
    page = command.call(tmp_path, "-f", name, "report", "-").stdout

    assert "<script>alert" not in page
    assert Elements(page).texts["title"] == [name]


def test_only_the_front_end_may_run() -> None:
    """The policy names the digests of the script and the style, and allows nothing else."""
    page = page_html(page_document(report_page.content(EXAMPLES[0]))).decode()
    elements = Elements(page)
    policy = next(values["content"] for tag, values in elements.tags if "http-equiv" in values)

    def digest(text: str) -> str:
        return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

    assert policy is not None
    assert policy.split("; ") == [
        "default-src 'none'",
        f"script-src {digest(elements.texts['script'][1])}",
        f"style-src {digest(elements.texts['style'][0])}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert not [values for _, values in elements.tags if {"src", "href", "onload"} & values.keys()]


def test_the_same_matrix_gives_the_same_bytes(tmp_path: Path) -> None:
    """Neither a clock, nor the order of a set, nor the folder is in the page."""
    write(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    first = command.call(tmp_path / "one", "report", "-").stdout
    other = command.run(tmp_path / "two", "report", "-", env={"PYTHONHASHSEED": "7"}).stdout

    assert first == other


def test_the_file_is_written_once(tmp_path: Path) -> None:
    """The default is next to the matrix; an equal page is not written again."""
    write(tmp_path)
    below = tmp_path / "below"
    below.mkdir()
    first = command.call(below, "-f", "../matrix.yaml", "report")
    page = tmp_path / "matrix.html"
    before = page.stat().st_mtime_ns
    second = command.call(tmp_path, "report")
    command.call(tmp_path, "report", "public/page.html", "image=app")

    assert "../matrix.html: written" in first.stderr
    assert "matrix.html: up to date" in second.stderr
    assert page.stat().st_mtime_ns == before
    assert page.read_text().startswith("<!doctype html>\n<!-- Generated by compile-matrix from ")
    assert (tmp_path / "public/page.html").read_text() != page.read_text()
    assert command.call(tmp_path, "report", "matrix.html", "image=app").stderr.count("written") == 1


OBSTACLES = {
    "own.html": "own.html' exists, and compile-matrix did not write it",
    "link.html": "a link is in the way",
    "out/page.html": "leads outside the project",
    "folder.html": "a folder is in the way",
    "matrix.yaml/page.html": "a file is in the way",
    "../missing/page.html": "its folder does not exist",
}


@pytest.mark.parametrize(("file", "message"), [*OBSTACLES.items()])
def test_nothing_else_is_overwritten(tmp_path: Path, file: str, message: str) -> None:
    """Files of others, links and folders stay; links do not lead out of the project."""
    project, outside = tmp_path / "project", tmp_path / "outside"
    write(project)
    outside.mkdir()
    (project / "own.html").write_text("mine")
    (project / "link.html").symlink_to(outside / "page.html")
    (project / "out").symlink_to(outside)
    (project / "folder.html").mkdir()
    failed = command.call(project, "report", file, code=1)

    assert message in failed.stderr
    assert (project / "own.html").read_text() == "mine"
    assert list(outside.iterdir()) == []


def test_a_page_outside_the_project(tmp_path: Path) -> None:
    """A path that the user writes may be anywhere, as long as its folder exists."""
    write(tmp_path / "project")
    page = tmp_path / "page.htm"
    command.call(tmp_path / "project", "report", str(page))

    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (["--platform=linux/riscv64"], "no target has the platform 'linux/riscv64'", 1),
        (["page"], "unknown target or group 'page'", 1),
        (["--since=HEAD", "--against=registry"], "use either --since REV or --against", 2),
    ],
)
def test_invalid_arguments(tmp_path: Path, words: list[str], message: str, code: int) -> None:
    """An argument that neither names a file nor selects a target is an error."""
    write(tmp_path)

    assert message in command.call(tmp_path, "report", *words, code=code).stderr


def test_what_is_built_is_up_to_date() -> None:
    """`make page` has built the front end from these sources and these versions of libraries."""
    sources = ["build.mjs", "package-lock.json"]
    sources += sorted(f"src/{path.name}" for path in (FRONT / "src").iterdir())
    digest = sha256()
    for path in sources:
        digest.update(f"{path}\0".encode() + (FRONT / path).read_bytes() + b"\0")
    script = (FRONT / "built/page.js").read_text()
    locked = json.loads((FRONT / "package-lock.json").read_text())["packages"]
    versions = {
        name.removeprefix("node_modules/"): row["version"] for name, row in locked.items() if name
    }
    header = re.match(r"/\* Sources: (\S+)\n   Libraries: (.*) \*/\n", script)
    assert header is not None
    listed = dict(one.rsplit(" ", 1) for one in header[2].split(", "))
    licences = (FRONT / "built/LICENSES.txt").read_text()

    assert header[1] == f"sha256:{digest.hexdigest()}", "run `make page`"
    assert listed.items() <= versions.items()
    assert [name for name, version in listed.items() if f"{name} {version} (" not in licences] == []
    assert [name for name, row in locked.items() if "resolved" in row] == []


def test_a_resolved_plan_names_the_registry() -> None:
    """Tags are shown with the values of variables."""
    compiled = compile_matrix(PROJECT / "matrix.yaml")
    content = report_page.content()
    resolved = ResolvedPlan(compiled.plan, {"REGISTRY": "ghcr.io/acme"})
    document = page_document(replace(content, resolved=resolved))

    assert document["targets"][0]["tags"][0].startswith("ghcr.io/acme/truss-server-base:3.9-v")
