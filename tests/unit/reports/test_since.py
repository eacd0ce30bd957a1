"""What changed since a commit is what a checkout of it shows, and unchanged files stay unread.

`SINCE_SEEDS=2000 pytest tests/unit/reports/test_since.py` compares more random repositories.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from support.checkout import changed_by_checkout

from compiler.cli.main import run
from compiler.external.git_commit import commit_tree
from compiler.fingerprint.fingerprint import project_fingerprints
from compiler.fingerprint.set_overrides import override
from compiler.output.bake_resolved import ResolvedPlan
from compiler.output.write import update
from compiler.pipeline import compile_matrix
from compiler.reports.changed.changed import Changed
from compiler.reports.changed.since import Project, changed_since


SEEDS = int(os.environ.get("SINCE_SEEDS", "12"))
MATRIX = """\
include: [teams/*.yaml]
data: {values: values.yaml}
defaults: {template: t.j2}
images:
  all: {axes: [], context: ctx, tags: ["x/all:{{ values.tag }}"]}
  some: {axes: [], template: some.j2, context: ctx, tags: ["x/some:1"]}
  top: {axes: [], tags: ["x/top:1"], set: {a: 1}}
  named: {axes: [], template: named.j2, context: other, contexts: {c: ctx}, tags: ["x/named:1"]}
  child: {axes: [], template: child.j2, from: some, context: other, tags: ["x/child:1"]}
"""
PART = """\
defaults: {labels: {team: a}}
images:
  part: {axes: [], context: other, tags: ["x/part:1"]}
  below: {axes: [], template: child.j2, from: part, context: ctx, tags: ["x/below:1"]}
"""
FILES = {
    "matrix.yaml": MATRIX,
    "teams/a.yaml": PART,
    "values.yaml": "tag: one\n",
    "templates/t.j2": "FROM scratch\nCOPY . /all\n",
    "templates/some.j2": "FROM scratch\nCOPY a.txt sub/*.txt link linked/d.txt /some/\n",
    "templates/named.j2": "FROM scratch\nCOPY --from=c sub /x\nCOPY --exclude=*.md . /y\n",
    "templates/child.j2": "FROM {{ parent }}\nCOPY b.md /\n",
    "ctx/a.txt": "a\nb\n",
    "ctx/b.md": "b\n",
    "ctx/sub/c.txt": "c\n",
    "ctx/sub/deep/d.txt": "d\n",
    "ctx/tool.sh": "#!/bin/sh\n",
    "ctx/ignored/x.log": "x\n",
    "other/b.md": "b\n",
    "other/crlf.txt": "one\r\ntwo\r\n",
    ".gitignore": "*.log\nout\n",
}


def git(folder: Path, *arguments: str) -> str:
    """Run Git as somebody."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always")
    command = ["git", *who, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def save(folder: Path) -> None:
    """Commit everything."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "x")


def pointer(content: bytes) -> str:
    """Return the Git LFS pointer for a file."""
    start = "version https://git-lfs.github.com/spec/v1\n"
    return f"{start}oid sha256:{sha256(content).hexdigest()}\nsize {len(content)}\n"


def written(name: str, text: str) -> Callable[[Path], object]:
    """Return a change that writes a file."""

    def change(folder: Path) -> None:
        path = folder / name
        if path.is_symlink() or path.is_file():
            path.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())

    return change


def removed(name: str) -> Callable[[Path], object]:
    """Return a change that removes a file or a folder."""

    def change(folder: Path) -> None:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    return change


def linked(name: str, target: str) -> Callable[[Path], object]:
    """Return a change that writes a link."""

    def change(folder: Path) -> None:
        removed(name)(folder)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)

    return change


def told(*arguments: str) -> Callable[[Path], object]:
    """Return a change that a command of Git makes; it may fail."""

    def change(folder: Path) -> None:
        with suppress(subprocess.CalledProcessError):
            git(folder, *arguments)

    return change


def touched(name: str) -> Callable[[Path], object]:
    """Return a change of the time of a file."""

    def change(folder: Path) -> None:
        if (folder / name).exists():
            os.utime(folder / name, (1, 1))

    return change


def mode_of(name: str, mode: int) -> Callable[[Path], object]:
    """Return a change of the mode of a file."""

    def change(folder: Path) -> None:
        if (folder / name).is_file():
            (folder / name).chmod(mode)

    return change


def large(folder: Path) -> None:
    """Commit a pointer; the working tree has the file."""
    written("ctx/large.bin", pointer(b"large"))(folder)
    git(folder, "add", "ctx/large.bin")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "large")
    written("ctx/large.bin", "large")(folder)


def submodule(folder: Path) -> None:
    """Add a submodule, or move it to another commit."""
    source = folder.parent / f"{folder.name}.sub"
    if not source.exists():
        source.mkdir()
        git(source, "init", "--quiet")
        written("f", "1")(source)
        save(source)
        told("submodule", "--quiet", "add", str(source), "ctx/vendor")(folder)
    else:
        written("f", "2")(source)
        written("g/h", "2")(source)
        save(source)
        if (folder / "ctx/vendor/.git").exists():
            told("-C", "ctx/vendor", "pull", "--quiet")(folder)


def compiled(folder: Path) -> None:
    """Write the generated files."""
    try:
        project = compile_matrix(folder / "matrix.yaml")
        update(project.artifacts, folder, project.plan.matrix.output)
    except Exception:  # noqa: BLE001, S110 - a matrix that does not compile
        pass


CHANGES: tuple[Callable[[Path], object], ...] = (
    *(
        written(name, f"{text}more\n")
        for name, text in FILES.items()
        if name.count("/") and text != PART
    ),
    *(removed(name) for name in FILES if name.startswith(("ctx", "other"))),
    *(touched(name) for name in FILES),
    written("matrix.yaml", MATRIX.replace("set: {a: 1}", "set: {a: 2}, args: {B: c}")),
    written("matrix.yaml", "".join(MATRIX.splitlines(keepends=True)[:-1])),
    written("matrix.yaml", "images: {}\n"),
    written("matrix.yaml", MATRIX),
    written("teams/a.yaml", PART.replace("team: a", "team: b")),
    written("teams/a.yaml", PART.replace("  part: {", "  part: {args: {A: b}, ")),
    written("teams/a.yaml", f"set: {{a: 2}}\n{PART}"),
    written("teams/b.yaml", "images: {late: {axes: [], from: part, template: child.j2}}\n"),
    written("teams/b.yaml", "overrides: [{when: {image: part}, args: {B: c}}]\n"),
    told("mv", "teams/a.yaml", "teams/c.yaml"),
    removed("teams/a.yaml"),
    removed("teams/b.yaml"),
    written("values.yaml", "tag: two\n"),
    written("ctx/new.txt", "new\n"),
    written("ctx/sub/out/x", "ignored by git\n"),
    written("ctx/new.log", "ignored by git\n"),
    written("other/é\n.txt", "name\n"),
    written("ctx/.dockerignore", "*.md\nignored\n"),
    written("ctx/.dockerignore", "*.md\r\n"),
    written("ctx/a.txt", "a\r\nb\r\n"),
    written("ctx/a.txt", "a\nb\n"),
    written("other/crlf.txt", "one\ntwo\n"),
    written(".gitattributes", "* text=auto\n"),
    written(".gitattributes", "*.txt text eol=crlf\n[attr]x text\n"),
    written("ctx/.gitattributes", "*.txt text\n*.md ident\n"),
    written(".gitattributes", "*.bin filter=lfs\nsub/*.txt eol=crlf\n"),
    removed(".gitattributes"),
    written("ctx/b.md", "$Id$\n"),
    written("ctx/b.md", "$Id: 1 $\n"),
    linked("ctx/link", "sub/c.txt"),
    linked("ctx/link", "/sub/deep"),
    linked("ctx/linked", "sub/deep"),
    linked("ctx/sub/deep", "../../other"),
    linked("ctx/away", "../../outside"),
    linked("other", "ctx"),
    linked("templates/some.j2", "named.j2"),
    linked("values.yaml", "ctx/a.txt"),
    mode_of("ctx/tool.sh", 0o755),
    mode_of("ctx/tool.sh", 0o600),
    mode_of("ctx/a.txt", 0o755),
    lambda folder: (folder / "ctx/sub/empty/er").mkdir(parents=True, exist_ok=True),
    lambda folder: os.mkfifo(folder / "ctx/pipe"),
    told("mv", "ctx/sub/c.txt", "ctx/moved.txt"),
    told("mv", "ctx", "ctx2"),
    told("rm", "--cached", "--quiet", "ctx/a.txt"),
    told("add", "--intent-to-add", "ctx/new.txt"),
    told("update-index", "--assume-unchanged", "ctx/a.txt"),
    told("update-index", "--skip-worktree", "ctx/sub/c.txt"),
    told("config", "core.autocrlf", "true"),
    told("config", "core.autocrlf", "input"),
    told("config", "core.fileMode", "false"),
    told("config", "core.eol", "crlf"),
    told("checkout", "--", "."),
    told("reset", "--hard", "--quiet"),
    told("stash"),
    large,
    submodule,
    compiled,
    save,
    save,
    save,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the configuration of the user."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture(params=["", "images/base"], ids=["top", "below"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return the folder of a committed project, at the top of its repository or below."""
    top = tmp_path / "clone"
    folder: Path = top / request.param
    folder.mkdir(parents=True)
    git(top, "init", "--quiet")
    for name, text in FILES.items():
        written(name, text)(folder)
    linked("ctx/link", "sub/c.txt")(folder)
    linked("ctx/linked", "sub/deep")(folder)
    save(top)
    return folder


def read(folder: Path) -> Project:
    """Compile a project."""
    compilation = compile_matrix(folder / "matrix.yaml")
    resolved = override(ResolvedPlan(compilation.plan, {}), ())
    return Project(
        path=folder / "matrix.yaml",
        shown="",
        compiled=compilation,
        resolved=resolved,
        environment={},
    )


def changes_since(project: Project, commit: str) -> tuple[Changed, ...]:
    """Return the targets that differ from the project at a commit."""
    with commit_tree(project.path.parent, commit) as tree:
        return changed_since(project, tree, commit).changes


def described(change: Changed) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return a change with the name of its target."""
    return change.target.name, change.reasons, change.downstream


def compare(folder: Path, commit: str) -> None:
    """Compare the result with that of a checkout."""
    try:
        project = read(folder)
    except Exception:  # noqa: BLE001 - a matrix that does not compile
        return
    expected = changed_by_checkout(project, commit)
    changes = changes_since(project, commit)

    assert list(map(described, changes)) == list(map(described, expected))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_repositories(project: Path, seed: int) -> None:
    """After any changes, committed or not, the result is that of a checkout."""
    random = Random(seed)  # noqa: S311 - reproducible
    for _ in range(4):
        for change in random.choices(CHANGES, k=random.randrange(1, 4)):
            try:
                change(project)
            except OSError:  # in the way of another change
                continue
        commits = int(git(project, "rev-list", "--count", "HEAD"))
        compare(project, f"HEAD~{random.randrange(commits)}")


@pytest.mark.slow
def test_a_context_in_a_submodule(project: Path) -> None:
    """A file that is gone from the working tree of a submodule is noticed."""
    submodule(project)
    submodule(project)
    written("matrix.yaml", MATRIX.replace("ctx, tags", "ctx/vendor/g, tags"))(project)
    save(project)
    compare(project, "HEAD")

    removed("ctx/vendor/g/h")(project)
    compare(project, "HEAD")

    changes = changes_since(read(project), "HEAD")
    assert ("all", ("ctx/vendor/g/h is gone",), ()) in map(described, changes)


def test_bits_that_no_commit_records(project: Path) -> None:
    """Setuid does not count, whether or not Git has looked at the file since."""
    removed("ctx/ignored")(project)
    compiled(project)
    save(project)
    mode_of("ctx/a.txt", 0o4644)(project)

    assert changes_since(read(project), "HEAD") == ()
    git(project, "status")
    assert changes_since(read(project), "HEAD") == ()


@pytest.mark.slow
@pytest.mark.parametrize("attributes", ["", "* text=auto\n", "*.txt text eol=lf\n"])
def test_only_files_that_differ_are_read(
    project: Path, monkeypatch: pytest.MonkeyPatch, attributes: str
) -> None:
    """What Git reports as unchanged is neither hashed nor checked out."""
    removed("ctx/ignored")(project)
    removed("other/crlf.txt")(project)
    written(".gitattributes", attributes)(project)
    compiled(project)
    save(project)
    hashed: list[str] = []

    def hash_file(path: str, begin: Callable[[int], object]) -> str:
        del begin
        hashed.append(os.path.relpath(path, project))
        return "0"

    monkeypatch.setattr("compiler.reports.changed.work_tree_files.hash_file", hash_file)
    monkeypatch.setattr(
        "compiler.external.git_line_ends.LineEnds.checked_out", lambda *_: pytest.fail("read")
    )

    assert changes_since(read(project), "HEAD") == ()
    assert hashed == []

    written("ctx/sub/c.txt", "edited\n")(project)
    written("ctx/new.log", "not tracked\n")(project)
    changes = changes_since(read(project), "HEAD")

    assert sorted(hashed) == ["ctx/new.log", "ctx/sub/c.txt"]
    assert [change.target.name for change in changes] == ["all", "some", "top", "named", "child"]


def test_fingerprints_are_those_of_the_disk(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON contains the fingerprints under which images are staged."""
    written("ctx/a.txt", "edited\n")(project)
    monkeypatch.chdir(project)

    assert run(["changed", "--since", "HEAD", "--format", "json"]) == 0

    found = {one["target"]: one["fingerprint"] for one in json.loads(capsys.readouterr().out)}
    state = read(project)
    expected = project_fingerprints(state.compiled, state.resolved, project)
    assert found["all"] == f"sha256:{expected['all'].digest}"
