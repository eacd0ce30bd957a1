"""Fingerprints change with every input of an image, and with nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.errors import CompileError, Location
from compiler.external.references import lookup_name
from compiler.fingerprint.context_files import Trees
from compiler.fingerprint.fingerprint import Fingerprint, ProjectInputs, project_fingerprints
from compiler.fingerprint.set_overrides import DECIDING, OverrideError, override
from compiler.output.bake_fields import normal
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix
from compiler.render.context_reach import Reach
from compiler.render.context_reads import EVERYTHING, reads
from compiler.reports.compare.read_print_json import parse, read_printed
from compiler.source.file_system import Disk
from compiler.source.positions import SourceText


MATRIX = """\
variables:
  REGISTRY: docker.io/acme
  VERSION: "v1"
  TORCH: "2.4"
  MIRROR: docker.io/library
axes:
  python: [3.11, 3.12]
images:
  base:
    template: base.j2
    context: files
    platforms: [linux/amd64, linux/arm64]
    args: {TORCH: "${TORCH}"}
    contexts: {extra: more, unused: idle, tool: "docker-image://${MIRROR}/tool:1"}
    labels: {version: "${VERSION}"}
    annotations: {"org.note": "${VERSION}"}
    tags: ["${REGISTRY}/base:{{ python }}-${VERSION}"]
    moving: ["${REGISTRY}/base:{{ python }}"]
  child:
    template: child.j2
    from: base
    context: files
    platforms: [linux/amd64]
    args: {UNREAD: "${VERSION}", MORE: 1}
    tags: ["${REGISTRY}/child:{{ python }}-${VERSION}"]
  lone:
    axes: []
    template: lone.j2
    tags: ["${REGISTRY}/lone:${VERSION}"]
"""

TEMPLATES = {
    "base.j2": """\
FROM python:{{ python }} AS first
ARG TORCH
RUN --mount=source=bound.txt,target=/b cat /b
COPY --from=tool / /tool
FROM python:{{ python }}
COPY copied.txt of-{{ python }}.txt run.sh link /x/
COPY --from=extra . /extra
COPY --from=first /b /b
""",
    "child.j2": "FROM {{ parent }}\nCOPY child.txt /\n",
    "lone.j2": "FROM scratch\nCOPY all /\n",
}

FILES = {
    "files/copied.txt": "copied",
    "files/bound.txt": "bound",
    "files/of-3.11.txt": "of 3.11",
    "files/of-3.12.txt": "of 3.12",
    "files/run.sh": "#!/bin/sh\n",
    "files/aim.txt": "aim",
    "files/child.txt": "child",
    "files/idle.txt": "idle",
    "more/in.txt": "in",
    "more/out.txt": "out",
    "more/.dockerignore": "out.*\n",
    "idle/idle.txt": "idle",
    "all/one/a.txt": "a",
    "all/b.txt": "b",
}

BASES = ("base-3_11", "base-3_12")
CHILDREN = ("child-3_11", "child-3_12")
LONE = ("lone",)
EVERY = (*BASES, *CHILDREN, *LONE)


def make(folder: Path) -> Path:
    """Write the project to a folder."""
    for name, text in {
        "matrix.yaml": MATRIX,
        **{f"templates/{name}": text for name, text in TEMPLATES.items()},
        **FILES,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "files/link").symlink_to("aim.txt")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project of a base image, its child, and an independent image."""
    return make(tmp_path / "project")


def taken(
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    sets: Sequence[str] = (),
    refreshed: Mapping[str, str] | None = None,
) -> dict[str, Fingerprint]:
    """Return the fingerprints of a project."""
    compiled = compile_matrix(folder / "matrix.yaml")
    resolved = override(ResolvedPlan(compiled.plan, environment or {}), sets)
    return project_fingerprints(replace(compiled, refreshed=refreshed or {}), resolved, folder)


def digests(found: Mapping[str, Fingerprint]) -> dict[str, str]:
    """Return the digest of each target."""
    return {name: one.digest for name, one in found.items()}


def differing(before: Mapping[str, Fingerprint], now: Mapping[str, Fingerprint]) -> tuple[str, ...]:
    """Return the targets whose fingerprints differ."""
    assert before.keys() == now.keys()
    return tuple(name for name in now if now[name].digest != before[name].digest)


def append(name: str, text: str = "\n") -> Callable[[Path], None]:
    """Return a change that appends to a file, which may be new."""

    def edit(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(text)

    return edit


def rewrite(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Return a change that replaces a text in a file."""

    def edit(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return edit


def relink(folder: Path, text: str = "aim") -> None:
    """Point the link to another file, by default one with the same text."""
    (folder / "files/other.txt").write_text(text)
    (folder / "files/link").unlink()
    (folder / "files/link").symlink_to("other.txt")


def link_inside(folder: Path) -> None:
    """Replace a file of a copied folder by a link to the same text."""
    (folder / "all/b.txt").rename(folder / "all/one/b.txt")
    (folder / "all/b.txt").symlink_to("one/b.txt")


def rename(folder: Path) -> None:
    """Rename a copied file."""
    (folder / "all/b.txt").rename(folder / "all/c.txt")


COUNTS: Mapping[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "a template": (append("templates/base.j2", "RUN true\n"), (*BASES, *CHILDREN)),
    "a child's template": (append("templates/child.j2", "RUN true\n"), CHILDREN),
    "a copied file": (append("files/copied.txt"), (*BASES, *CHILDREN)),
    "a bound file": (append("files/bound.txt"), (*BASES, *CHILDREN)),
    "a file of one variant": (append("files/of-3.12.txt"), ("base-3_12", "child-3_12")),
    "a file of the child": (append("files/child.txt"), CHILDREN),
    "a file that may be run": (lambda f: (f / "files/run.sh").chmod(0o755), (*BASES, *CHILDREN)),
    "where a link leads": (lambda folder: relink(folder, "other"), (*BASES, *CHILDREN)),
    "a link in a copied folder": (link_inside, LONE),
    "an empty folder": (lambda folder: (folder / "all/empty").mkdir(), LONE),
    "a pipe": (lambda folder: os.mkfifo(folder / "all/pipe"), LONE),
    "a file that runs as its owner": (lambda f: (f / "all/b.txt").chmod(0o4755), LONE),
    "a directive": (rewrite("templates/lone.j2", "FROM", "# check=skip=all\nFROM"), LONE),
    "a blank line of a here-document": (
        append("templates/lone.j2", "COPY <<E /x\n\n# no comment\nE\n"),
        LONE,
    ),
    "an undeclared SOURCE_DATE_EPOCH": (
        rewrite(
            "matrix.yaml", "    axes: []\n", "    axes: []\n    args: {SOURCE_DATE_EPOCH: 1}\n"
        ),
        LONE,
    ),
    "what a link leads to": (append("files/aim.txt"), (*BASES, *CHILDREN)),
    "a file of a named context": (append("more/in.txt"), (*BASES, *CHILDREN)),
    "what a context ignores": (append("more/.dockerignore", "in.*\n"), (*BASES, *CHILDREN)),
    "what a context ignores no more": (
        rewrite("more/.dockerignore", "out.*", ""),
        (*BASES, *CHILDREN),
    ),
    "a name": (rename, LONE),
    "a new file in a copied folder": (append("all/one/new.txt", "new"), LONE),
    "a file of it less": (lambda f: (f / "all/one/a.txt").unlink(), LONE),
    "an ignore file for one Dockerfile": (
        append("dockerfiles/lone.Dockerfile.dockerignore", "all/one\n"),
        LONE,
    ),
    "the default of a variable that is an argument": (
        rewrite("matrix.yaml", 'TORCH: "2.4"', 'TORCH: "2.5"'),
        (*BASES, *CHILDREN),
    ),
    "platforms": (
        rewrite("matrix.yaml", "    platforms: [linux/amd64]\n", ""),
        CHILDREN,
    ),
    "a context that is an image": (
        rewrite("matrix.yaml", "/tool:1", "/tool:2"),
        (*BASES, *CHILDREN),
    ),
    "the network": (
        rewrite("matrix.yaml", "    axes: []\n", "    axes: []\n    network: none\n"),
        LONE,
    ),
    "the stage": (
        rewrite(
            "matrix.yaml", "    template: base.j2\n", "    template: base.j2\n    target: first\n"
        ),
        (*BASES, *CHILDREN),
    ),
    "how an output is packed": (
        rewrite(
            "matrix.yaml",
            "    axes: []\n",
            '    axes: []\n    output: ["type=image,compression=zstd"]\n',
        ),
        LONE,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", COUNTS)
def test_what_decides_an_image_counts_in_it_and_its_children_only(project: Path, case: str) -> None:
    """A changed input changes the targets that have it, and is named as a component."""
    edit, expected = COUNTS[case]
    before = taken(project)

    edit(project)
    now = taken(project)

    assert differing(before, now) == expected
    for name in expected:
        assert before[name].parts != now[name].parts


def tag(folder: Path) -> None:
    """Change every name that an image has, and its labels and annotations."""
    path = folder / "matrix.yaml"
    text = path.read_text().replace("${REGISTRY}/", "${REGISTRY}/x-").replace("org.note", "a.b")
    path.write_text(text.replace("labels: {version:", "labels: {release:"))


def touch(folder: Path) -> None:
    """Change the time of every file."""
    for path in folder.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)


def loosen(folder: Path) -> None:
    """Set the modes of another umask, without permissions for the group."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700 | (0o077 if path.is_dir() else 0o060))


def shuffle(folder: Path) -> None:
    """Rewrite each file of a folder, in another order."""
    files = [(path, path.read_bytes()) for path in (folder / "all").rglob("*") if path.is_file()]
    shutil.rmtree(folder / "all")
    Random(1).shuffle(files)  # noqa: S311
    for path, content in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def own(folder: Path) -> None:
    """Change the owner of every file if this is allowed."""
    if os.geteuid() == 0:
        for path in folder.rglob("*"):
            os.chown(path, 4711, 4711, follow_symlinks=False)


DOES_NOT: Mapping[str, Callable[[Path], None]] = {
    "tags, labels, annotations": tag,
    "the version": rewrite("matrix.yaml", 'VERSION: "v1"', 'VERSION: "v2"'),
    "times": touch,
    "modes": loosen,
    "owners": own,
    "order on disk": shuffle,
    "a file that is not copied": append("files/idle.txt"),
    "a file that is ignored": append("more/out.txt"),
    "a context that nothing reads": append("idle/idle.txt"),
    "a folder without files that are sent": lambda folder: (folder / "more/out.x").mkdir(),
    "where a link leads, if the bytes are equal": relink,
    "a comment": rewrite("templates/lone.j2", "COPY", "# Generated by nothing\nCOPY"),
    "a blank line": rewrite("templates/lone.j2", "COPY", "\n \nCOPY"),
    "a stage that is not built": rewrite(
        "templates/lone.j2", "FROM", "FROM scratch AS unused\nARG VERSION\nCOPY files /\nFROM"
    ),
    "an argument of a stage that is not built": lambda folder: (
        rewrite("matrix.yaml", "    axes: []\n", "    axes: []\n    args: {A: 1}\n")(folder),
        rewrite("templates/lone.j2", "FROM", "FROM scratch AS unused\nARG A\nFROM")(folder),
    )[1],
    "git's own folder": append("all/.git/HEAD", "ref: x\n"),
    "logs": append("all/.compile-matrix/logs/a.log", "log\n"),
    "tests": rewrite("matrix.yaml", "    axes: []\n", "    axes: []\n    tests: [test -e /]\n"),
    "caches": rewrite(
        "matrix.yaml",
        "    axes: []\n",
        '    axes: []\n    cache-from: ["type=registry,ref=x/y"]\n    pull: true\n',
    ),
    "a description": rewrite(
        "matrix.yaml", "    axes: []\n", "    axes: []\n    description: more words\n"
    ),
    "where an output goes": rewrite(
        "matrix.yaml", "    axes: []\n", '    axes: []\n    output: ["type=registry"]\n'
    ),
    "the order of keys": rewrite(
        "matrix.yaml",
        'UNREAD: "${VERSION}", MORE: 1',
        'MORE: 1, UNREAD: "${VERSION}"',
    ),
    "a name of a folder": lambda folder: (
        (folder / "more").rename(folder / "much"),
        rewrite("matrix.yaml", "extra: more", "extra: much")(folder),
    )[1],
}


@pytest.mark.slow
@pytest.mark.parametrize("case", DOES_NOT)
def test_what_decides_no_image_counts_nowhere(project: Path, case: str) -> None:
    """A change that does not affect an image changes no fingerprint."""
    before = taken(project)

    DOES_NOT[case](project)

    assert differing(before, taken(project)) == ()


def test_the_comment_that_names_the_templates_does_not_count(project: Path) -> None:
    """Splitting a template in two keeps the fingerprints if the rendered text is the same."""
    before = taken(project)

    (project / "templates/child.j2").write_text("FROM {{ parent }}\n{% include 'rest.j2' %}")
    (project / "templates/rest.j2").write_text("COPY child.txt /\n")

    assert differing(before, taken(project)) == ()


def test_several_plans_read_each_file_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `publish --if-changed` does, which asks for two versions."""
    compiled = compile_matrix(project / "matrix.yaml")
    inputs = ProjectInputs(project)
    read: list[str] = []

    def digest(self: Disk, path: str) -> str:
        del self
        read.append(path)
        return path

    monkeypatch.setattr(Disk, "digest", digest)
    both = [
        inputs.fingerprints(compiled, ResolvedPlan(compiled.plan, {"VERSION": version}))
        for version in ("v1", "v2")
    ]

    assert digests(both[0]) != {}
    assert len(read) == len(set(read)) > 0


@pytest.mark.slow
def test_fingerprints_are_composed_once_for_plans_that_build_the_same(project: Path) -> None:
    """A variable that only tags contain does not compose them again; one that decides does."""
    compiled, inputs = compile_matrix(project / "matrix.yaml"), ProjectInputs(project)

    def composed(**environment: str) -> Mapping[str, Fingerprint]:
        return inputs.fingerprints(compiled, ResolvedPlan(compiled.plan, environment))

    first = composed()
    assert composed(REGISTRY="other.example") is first
    assert composed(TORCH="2.5")["base-3_11"].digest != first["base-3_11"].digest
    assert composed(SOURCE_DATE_EPOCH="1")["base-3_11"].digest != first["base-3_11"].digest
    assert digests(composed()) == digests(first)


@pytest.mark.slow
def test_checkouts_and_hash_seeds_agree(project: Path, tmp_path: Path) -> None:
    """The digests do not depend on folder, umask, hash seed and process."""
    program = (
        "import json, os, sys; os.umask(int(sys.argv[2], 8))\n"
        "from pathlib import Path\n"
        "import test_fingerprint as t\n"
        "folder = t.make(Path(sys.argv[1]))\n"
        "print(json.dumps(t.digests(t.taken(folder))))\n"
    )
    expected = digests(taken(project))
    for n, (umask, seed) in enumerate([("002", "1"), ("077", "2")]):
        done = subprocess.run(
            [sys.executable, "-c", program, tmp_path / f"deep/er/{n}", umask],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)},
            check=True,
            capture_output=True,
            text=True,
        )
        assert json.loads(done.stdout) == expected


def test_the_environment_and_set_count_as_in_bake(project: Path) -> None:
    """A variable in a build argument is an input; one in tags and labels is not."""
    before = taken(project)

    assert differing(before, taken(project, environment={"VERSION": "v9", "REGISTRY": "x"})) == ()
    assert differing(before, taken(project, environment={"TORCH": "2.5"})) == (*BASES, *CHILDREN)
    assert differing(before, taken(project, sets=["base-3_11.args.TORCH=2.5"])) == (
        "base-3_11",
        "child-3_11",
    )
    assert differing(before, taken(project, sets=["child-*.args.UNREAD=2", "*.tags=x/y:z"])) == ()
    assert differing(before, taken(project, sets=["lone.platform=linux/arm64"])) == LONE
    assert taken(project, environment={"TORCH": "2.5"})["base-3_11"].digest == (
        taken(project, sets=["base*.args.TORCH=2.5"])["base-3_11"].digest
    )


EXTERNAL: Mapping[str, tuple[bool, str]] = {
    "an external base": (True, "FROM acme/a\n"),
    "a variable as base": (True, "ARG B=scratch\nFROM $B\n"),
    "an external base of a stage": (True, "FROM acme/a AS s\nFROM s\nFROM 1\n"),
    "a stage that is copied from": (True, "FROM acme/a AS s\nFROM scratch\nCOPY --from=s / /\n"),
    "the name of a later stage": (True, "FROM s AS t\nFROM scratch AS s\nFROM t\n"),
    "a named image": (True, "FROM image\n"),
    "a stage that a named image replaces": (True, "FROM scratch AS image\nFROM image\n"),
    "an argument of a stage that is built": (True, "FROM acme/a AS s\nARG EXTRA\nFROM s\n"),
    "scratch": (False, "FROM scratch\n"),
    "a stage from scratch": (False, "FROM scratch AS s\nFROM s\n"),
    "an image that is only copied from": (False, "FROM scratch\nCOPY --from=acme/a / /\n"),
    "a stage that is not built": (False, "FROM acme/a\nFROM scratch\n"),
    "an argument of such a stage": (False, "FROM acme/a\nARG EXTRA\nFROM acme/a\n"),
    "a named folder": (False, "FROM folder\n"),
    "a target": (False, "FROM base-3_11\n"),
}
"""Dockerfile -> whether an argument that its built stages do not declare can change the image."""


@pytest.mark.parametrize("case", EXTERNAL)
def test_an_external_base_may_declare_any_argument(project: Path, case: str) -> None:
    """`ONBUILD ARG` of an image whose Dockerfile is not in the matrix reads undeclared ones."""
    contexts = "image: docker-image://acme/b, folder: more, base-3_11: 'target:base-3_11'"
    lone = f"    axes: []\n    contexts: {{{contexts}}}\n"
    rewrite("matrix.yaml", "    axes: []\n", f"{lone}    args: {{EXTRA: 1}}\n")(project)
    counts, text = EXTERNAL[case]
    (project / "templates/lone.j2").write_text(text)

    before, now = taken(project), taken(project, sets=["lone.args.EXTRA=2"])

    assert differing(before, now) == (LONE if counts else ())
    assert ("args.EXTRA" in before["lone"].parts) == counts


def test_an_argument_that_another_dockerfile_declares_is_regarded_as_its_own(
    project: Path,
) -> None:
    """A version that is passed to all images builds only those that declare it."""
    rewrite("matrix.yaml", "    axes: []\n", "    axes: []\n    args: {TORCH: 1}\n")(project)
    (project / "templates/lone.j2").write_text("FROM acme/a\n")

    before = taken(project)

    assert differing(before, taken(project, sets=["lone.args.TORCH=2"])) == ()


def test_a_parent_with_an_unknown_frontend_may_declare_any_argument(project: Path) -> None:
    """The `ONBUILD` instructions of a Dockerfile that is not understood are unknown."""
    before = taken(project)
    assert differing(before, taken(project, sets=["child-*.args.UNREAD=2"])) == ()

    (project / "templates/base.j2").write_text("# syntax=acme/own:1\nFROM a\n")

    before = taken(project)
    assert differing(before, taken(project, sets=["child-*.args.UNREAD=2"])) == CHILDREN


@pytest.mark.parametrize("name", ["HTTP_PROXY", "no_proxy", "BUILDKIT_INLINE_CACHE"])
def test_arguments_that_only_buildkit_reads_do_not_count(project: Path, name: str) -> None:
    """Proxies and options of BuildKit change no image, whatever its base is."""
    (project / "templates/lone.j2").write_text("FROM acme/a\n")

    before = taken(project)

    assert differing(before, taken(project, sets=[f"lone.args.{name}=2"])) == ()


def test_an_output_of_several_lines_decides_no_image(project: Path) -> None:
    """The destination of an output is not an input, even if its name contains a line break."""
    assert differing(taken(project), taken(project, sets=["lone.output=out\nside"])) == ()


def test_a_date_of_refreshing_counts(project: Path) -> None:
    """A refreshed target gets another fingerprint, and so does its child."""
    before = taken(project)

    assert differing(before, taken(project, refreshed={"base-3_12": "2026-11-23"})) == (
        "base-3_12",
        "child-3_12",
    )


def test_parts_are_named_as_a_reader_would(project: Path) -> None:
    """Components are named by a file's path in the project, bake's field, or the parent target."""
    found = taken(project)

    assert set(found["base-3_11"].parts) == {
        *("Dockerfile", "args.TORCH", "contexts.tool", "platforms"),
        *(f"file files/{name}" for name in ("copied.txt", "bound.txt", "of-3.11.txt", "run.sh")),
        *("file files/aim.txt", "file more/in.txt", "file more/.dockerignore"),
    }
    assert set(found["child-3_11"].parts) == {
        *("Dockerfile", "platforms", "file files/child.txt", "parent base-3_11"),
    }
    assert found["child-3_11"].linked == ("base-3_11",)
    assert [one.whole for one in found.values()].count(()) == 3
    assert found["base-3_11"].whole == (("more/", "COPY --from=extra . /extra"),)


def test_a_pinned_base_is_a_part_of_its_own(project: Path) -> None:
    """A new digest of a base changes the component of that base, not that of the Dockerfile."""
    template = project / "templates/lone.j2"
    pinned = "FROM python:3.11@sha256:{}\nCOPY all /\n"
    template.write_text(pinned.format("0" * 64))
    before = taken(project)["lone"].parts
    template.write_text(pinned.format("1" * 64))
    now = taken(project)["lone"].parts

    assert {name for name in now if now[name] != before[name]} == {"base python:3.11"}


def test_a_file_that_cannot_be_read_is_refused_by_name(project: Path) -> None:
    """An unreadable file is an error; it is not read as empty."""
    (project / "files/link").unlink()
    (project / "files/copied.txt").unlink()
    (project / "files/copied.txt").symlink_to("copied.txt")

    found = taken(project)["base-3_11"].parts

    assert "file files/copied.txt" in found  # a link to itself is a link
    if os.geteuid() != 0:
        (project / "all/b.txt").chmod(0)
        with pytest.raises(CompileError, match=r"b\.txt cannot be read"):
            taken(project)


def _large(file: Path) -> None:
    file.write_bytes(b"a\n" * 1_000_000)


UNUSABLE: Mapping[str, Callable[[Path], None]] = {
    "an endless device": lambda file: file.symlink_to("/dev/zero"),
    "a pipe": os.mkfifo,
    "a file outside": lambda file: file.symlink_to("/etc/passwd"),
    "a large file": _large,
}


@pytest.mark.parametrize("name", [".dockerignore", "dockerfiles/lone.Dockerfile.dockerignore"])
@pytest.mark.parametrize("case", UNUSABLE)
def test_ignore_files_are_read_with_limits(project: Path, case: str, name: str) -> None:
    """Hostile ignore files are rejected quickly and without reading them whole."""
    file = project / name
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    UNUSABLE[case](file)

    with pytest.raises(CompileError) as caught:
        taken(project)
    assert [one.location for one in caught.value.diagnostics] == [Location(path=name, line=0)]


def test_an_ignore_file_can_be_a_link_inside_the_project(project: Path) -> None:
    """A linked ignore file is read from its target; a dangling link ignores nothing."""
    (project / ".dockerignore").unlink(missing_ok=True)
    before = taken(project)
    (project / ".dockerignore").symlink_to("rules")
    dangling = differing(before, taken(project))
    (project / "rules").write_text("all\n")

    assert dangling == differing(before, before)
    assert differing(before, taken(project))


WORDS = [
    "nothing=1",
    "lone=1",
    "no-such.platform=linux/amd64",
    "lone.platfrom=linux/amd64",
    "lone.args",
    "lone.args=1",
    "lone.context",
    "lone.dockerfile=x",
    "lone.network=none",
    "lone.labels=1",
]


@pytest.mark.parametrize("word", WORDS)
def test_what_set_does_not_take_is_refused(project: Path, word: str) -> None:
    """A cycle made by `--set` is rejected before a build, as in bake."""
    with pytest.raises(OverrideError):
        taken(project, sets=[word])


SETS: list[list[str]] = [
    [],
    ["*.args.TORCH=3", "base-3_11.args.TORCH=4=5", "lone.args.NEW="],
    ["base*.platform=linux/arm64", "base*.platform=linux/amd64", "child*.platform=linux/amd64"],
    ["*.output=type=local,dest=out", "lone.output=type=oci,dest=x.tar"],
    ["lone.context=files", "base-3_1[12].contexts.extra=idle", "lone.contexts.new=more"],
    ["base-3_1[^2].target=first"],
    ["lone.args.HOME", "lone.args.NOT_THERE_AT_ALL", "lone.labels.x=1", "lone.no-cache=true"],
    ["lone.attest=type=sbom", "lone.shm-size=1g"],
]


@pytest.mark.slow
@pytest.mark.parametrize("which", ["buildx", "old_buildx"])
@pytest.mark.parametrize("sets", SETS, ids=lambda sets: " ".join(sets) or "nothing")
def test_fields_are_what_bake_resolves(
    project: Path, request: pytest.FixtureRequest, sets: list[str], which: str
) -> None:
    """With the environment and `--set`, fields equal those that `bake --print` prints."""
    buildx: Path = request.getfixturevalue(which)
    compiled = compile_matrix(project / "matrix.yaml")
    for artifact in compiled.artifacts:
        path = project / artifact.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(artifact.content)
    own = {"TORCH": "2.6", "VERSION": "v7", "HOME": str(project)}
    words = [word for text in sets for word in ("--set", text)]
    done = subprocess.run(
        [buildx, "bake", "--print", *words, *EVERY],
        cwd=project,
        env={**os.environ, **own},
        check=True,
        capture_output=True,
        text=True,
    )
    page = SourceText("stdin", done.stdout)
    printed = read_printed(page, parse(page))

    every = override(ResolvedPlan(compiled.plan, own), sets).fields
    mine = {name: {k: v for k, v in every[name].items() if k in DECIDING} for name in EVERY}

    for name in EVERY:
        theirs = {k: v for k, v in printed.targets[name].items() if k in DECIDING}
        if name in printed.dependencies and "output" not in mine[name]:
            theirs.pop("output", None)
        assert mine[name] == normal(dict(theirs)) == theirs


READS = {
    "FROM a\nCOPY x y/../z /d/\n": Reach(("x", "z")),
    "FROM a\nCOPY --chown=1:1 --link x /d\n": Reach(("x",)),
    "FROM a\nCOPY --from=b x /d\n": Reach(),
    "FROM a\nADD https://x/y git@x:y.git local /d/\n": Reach(("local",)),
    "FROM a\nCOPY src/*.py docs/[a-c]?.md /d/\n": Reach((), ("docs/[a-c]?.md", "src/*.py")),
    "FROM a\nCOPY src/**/*.py /d/\n": Reach((), ("src/*/*.py",)),
    "FROM a\nCOPY --parents=false ./**/x /d/\n": Reach((), ("*/x",)),
    "FROM a\nCOPY --parents ./**/x a/./b* c /d/\n": Reach(parents=("**/x", "a/b*", "c")),
    "FROM a\nCOPY --parents !x* /d/\n": Reach(whole="COPY --parents !x* /d/"),
    "FROM a\nCOPY --exclude=*.md --exclude=a x . /d/\n": Reach(
        partial=(("", ("*.md", "a")), ("x", ("*.md", "a")))
    ),
    "FROM a\nCOPY --exclude=!x x /d/\n": Reach(("x",)),
    "FROM a\nRUN --mount=src=x,SOURCE=y,dst=/d true\n": Reach(("y",)),
    "FROM a\nRUN --mount=type=BIND,Src=x,destination=/d true\n": Reach(("x",)),
    "FROM a AS b\nONBUILD COPY x /x\nFROM a\nCOPY --from=b / /d\n": Reach(),
    "FROM a AS b\nONBUILD COPY x /x\nFROM b\n": Reach(("x",)),
    "FROM a\nCOPY a\\ b /d/\n": Reach(("a", "b")),
    "FROM a\nCOPY <<EOF /d\nx\nEOF\n": Reach(),
    "FROM a\nRUN --mount=type=cache,target=/c --mount=type=secret,id=x true\n": Reach(),
    'FROM a\nRUN --mount="type=bind,source=x,target=/d" true\n': Reach(("x",)),
    "# escape=`\nFROM a\nCOPY a` b /d/\n": Reach(("a", "b")),
    "FROM a\nRUN <<EOF\nCOPY no /d\nEOF\n": Reach(),
}


@pytest.mark.parametrize("text", READS)
def test_what_instructions_reach(text: str) -> None:
    """Paths are normalised; remote sources, stages and here-documents are not context files."""
    assert reads(text).main == READS[text]


WHOLE = [
    "FROM a\nCOPY . /d\n",
    "FROM a\nCOPY / /d\n",
    "FROM a\nCOPY x/.. /d\n",
    "FROM a\nARG X\nCOPY $X /d\n",
    "FROM a\nARG X\nCOPY dir/${X} /d\n",
    "FROM a\nRUN --mount=target=/d true\n",
    "FROM a\nRUN --mount=source=$X,target=/d true\n",
    "FROM a\nONBUILD COPY x /x\nFROM a\nCOPY . /d\n",
]


@pytest.mark.parametrize("text", WHOLE)
def test_what_cannot_be_decided_counts_whole(text: str) -> None:
    """The reason for reading a whole context is the instruction."""
    whole = reads(text).main.whole

    assert whole
    assert whole in text


NOT_UNDERSTOOD = ["", "nonsense\n", "FROM a\nCOPY <<EOF /x\n", "# syntax=acme/own:1\nFROM a\n"]


@pytest.mark.parametrize("text", NOT_UNDERSTOOD)
def test_what_is_not_understood_may_read_everything(text: str) -> None:
    """If a Dockerfile is not understood, every argument and every context is an input."""
    assert reads(text) == EVERYTHING._replace(content=text)


def test_a_name_that_is_not_decided_may_be_any_context() -> None:
    """If an argument decides the source of a copy, every context is an input."""
    assert reads("ARG B=x\nFROM $B\n").undecided == "FROM $B"
    assert reads("FROM a\nRUN --mount=from=$B,target=/x true\n").undecided
    assert not reads("FROM a\nCOPY --from=b x /\n").undecided


def test_an_image_that_is_only_copied_from_triggers_nothing(project: Path) -> None:
    """`ONBUILD` of a parent reads the child's context; that of another image does not."""
    append("templates/base.j2", "ONBUILD COPY idle.txt /\n")(project)
    append("templates/child.j2", "COPY --from={{ parent }} /b /b\n")(project)
    append("templates/lone.j2", "COPY --from=base-3_11 /b /b\n")(project)
    rewrite(
        "matrix.yaml",
        "    axes: []\n",
        "    axes: []\n    context: files\n    contexts: {base-3_11: 'target:base-3_11'}\n",
    )(project)
    rewrite("templates/lone.j2", "COPY all", "COPY child.txt")(project)
    before = taken(project)

    append("files/idle.txt")(project)

    assert differing(before, taken(project)) == CHILDREN


PARENTS: Mapping[str, Mapping[str, bool]] = {
    "./**/one": {"tree/one": True, "tree/below/one": True, "one": True, "tree/two": False},
    "tree/b*": {"tree/below/one": True, "tree/below/deep/x": True, "tree/one": False},
    "tree/below": {"tree/below/one": True, "tree/one": False},
    "tree/./link": {"tree/one": True, "tree/two": False},
}
"""Path of `COPY --parents` -> file -> whether a change of it changes the image."""


@pytest.mark.parametrize("path", PARENTS)
def test_files_that_are_copied_with_their_folders_count(project: Path, path: str) -> None:
    """In `COPY --parents`, `**` matches folders of any depth, as in an ignore file."""
    rewrite("templates/lone.j2", "COPY all", f"COPY --parents {path}")(project)
    for name in ("tree/below/one", "tree/below/deep/x", "tree/one", "tree/two", "one"):
        append(name, name)(project)
    (project / "tree/link").symlink_to("one")
    for name, counts in PARENTS[path].items():
        before = taken(project)

        append(name)(project)

        assert differing(before, taken(project)) == (LONE if counts else ()), name


def test_a_link_that_is_copied_with_its_folders_stays_a_link(project: Path) -> None:
    """Its target is an input, also if another file with the same bytes is there."""
    rewrite("templates/lone.j2", "COPY all", "COPY --parents tree/li*")(project)
    for name in ("tree/first", "tree/second"):
        append(name, "same")(project)
    link = project / "tree/link"
    link.symlink_to("first")
    before = taken(project)

    link.unlink()
    link.symlink_to("second")

    assert differing(before, taken(project)) == LONE


def test_line_ends_of_an_ignore_file_do_not_count(project: Path) -> None:
    """A carriage return before a newline does not belong to a pattern."""
    ignore = project / ".dockerignore"
    before = taken(project)
    ignore.write_bytes(b"all/one\n**/c\n")
    expected = taken(project)
    ignore.write_bytes(b"all/one\r\n**/c\r\n")

    assert differing(before, expected) == LONE
    assert differing(expected, taken(project)) == ()


def test_the_index_of_an_oci_layout_counts(project: Path) -> None:
    """A layout's folder is read, unless the context names a digest."""
    (project / "layout").mkdir()
    (project / "layout/index.json").write_text("{}")
    for name, counts in (("layout:1", True), (f"layout@sha256:{'0' * 64}", False)):
        rewrite("matrix.yaml", "docker-image://${MIRROR}/tool:1", f"oci-layout://{name}")(project)
        before = taken(project)
        append("layout/index.json")(project)

        assert differing(before, taken(project)) == ((*BASES, *CHILDREN) if counts else ())
        rewrite("matrix.yaml", f"oci-layout://{name}", "docker-image://${MIRROR}/tool:1")(project)


def test_the_epoch_of_the_environment_counts(project: Path) -> None:
    """Buildx passes SOURCE_DATE_EPOCH to every target that does not set it."""
    now = taken(project, environment={"SOURCE_DATE_EPOCH": "1"})

    assert differing(taken(project), now) == EVERY


def test_excluded_files_do_not_count(project: Path) -> None:
    """`COPY --exclude` leaves out files by path below the source; new folders remain inputs."""
    rewrite("templates/lone.j2", "COPY all", "COPY --exclude=**/*.md all")(project)
    before = taken(project)

    append("all/one/new.md")(project)
    excluded = differing(before, taken(project))
    append("all/two/new.md")(project)

    assert excluded == ()
    assert differing(before, taken(project)) == LONE


def test_what_links_lead_to_counts_with_excludes(project: Path) -> None:
    """BuildKit's cache depends on it, even if the link is copied as a link."""
    for option, expected in (("", ()), ("--exclude=x ", LONE)):
        rewrite("templates/lone.j2", "COPY all", f"COPY {option}all")(project)
        (project / "all/lead").unlink(missing_ok=True)
        (project / "all/lead").symlink_to("../files")
        before = taken(project)

        append("files/idle.txt")(project)

        assert differing(before, taken(project)) == expected


@pytest.mark.parametrize(
    "name", ["python", "python:latest", "library/python", "docker.io/library/python:latest"]
)
def test_names_of_images_are_compared_as_buildkit_does(name: str) -> None:
    """A named context replaces an image, however the image's name is written."""
    assert lookup_name(name) == "python"
    assert "python" in reads(f"FROM {name}\n").named


NAMES = st.sampled_from(["a", "b", "c.txt", "d"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@settings(deadline=None, max_examples=60)
@given(
    files=st.sets(PATHS, max_size=8),
    ignored=st.lists(
        st.tuples(st.sampled_from(["", "!"]), st.sampled_from(["a", "**/b", "a/*", "c.*", "d/a"])),
        max_size=3,
    ),
    sources=st.lists(PATHS, min_size=1, max_size=2),
)
def test_the_whole_context_holds_what_each_source_reaches(
    tmp_path_factory: pytest.TempPathFactory,
    files: set[str],
    ignored: list[tuple[str, str]],
    sources: list[str],
) -> None:
    """The files reached by paths are those of the whole context, limited to these paths."""
    folder = tmp_path_factory.mktemp("tree")
    (folder / "context").mkdir()
    for name in sorted(files):
        path = folder / "context" / name
        if not any(parent.is_file() for parent in path.parents) and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
    (folder / "context/.dockerignore").write_text("".join(f"{a}{b}\n" for a, b in ignored))

    trees = Trees(folder)
    whole = trees.main("context", "Dockerfile", Reach(whole="COPY . ."))
    part = trees.main("context", "Dockerfile", Reach(tuple(sorted(set(sources)))))

    assert part.files == {
        name: digest
        for name, digest in whole.files.items()
        if any(name == source or name.startswith(f"{source}/") for source in sources)
    }
    again = Trees(folder).main("context", "Dockerfile", Reach(whole="RUN"))
    assert again == whole


@pytest.mark.parametrize(
    ("key", "is_read"),
    [("acme/base", True), ("acme/base::linux/amd64", True), ("acme/base:latest", False)],
)
def test_a_context_counts_by_the_name_that_buildkit_looks_for(
    tmp_path: Path,
    key: str,
    is_read: bool,  # noqa: FBT001
) -> None:
    """BuildKit compares names of contexts with the short name of an image."""
    (tmp_path / "b").write_text("FROM scratch\n")
    (tmp_path / "a").write_text("FROM acme/base\n")
    (tmp_path / "matrix.yaml").write_text(
        "images:\n  base: {dockerfile: b}\n"
        f"  app: {{dockerfile: a, contexts: {{'{key}': 'target:base'}}}}\n"
    )
    assert (taken(tmp_path)["app"].linked == ("base",)) is is_read
