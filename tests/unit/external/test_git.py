"""Git runs nothing that a repository, its files or the environment name."""

import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest

from compiler.codes import Code
from compiler.errors import CompileError
from compiler.external.git_commit import commit_tree
from compiler.external.git_ignore import git_warnings
from compiler.external.git_repository import Repository, find_repository
from compiler.reports.changed.commit_files import CommitFiles
from compiler.reports.changed.commit_view import CommitView
from compiler.reports.changed.work_tree_files import WorkTreeFiles


HOOKS = (
    *("applypatch-msg", "commit-msg", "fsmonitor-watchman", "post-applypatch", "post-checkout"),
    *("post-commit", "post-index-change", "post-merge", "post-receive", "post-rewrite"),
    *("post-update", "pre-applypatch", "pre-auto-gc", "pre-commit", "pre-merge-commit"),
    *("pre-push", "pre-rebase", "pre-receive", "prepare-commit-msg", "proc-receive"),
    *("push-to-checkout", "reference-transaction", "sendemail-validate", "update"),
)

SETTINGS = (
    *("alias.cat-file", "alias.check-ignore", "alias.checkout-index", "alias.diff-index"),
    *("alias.ls-files", "alias.ls-tree", "alias.read-tree"),
    *("browser.x.cmd", "core.alternateRefsCommand", "core.askPass", "core.editor"),
    *("core.fsmonitor", "core.gitProxy", "core.pager", "core.sshCommand", "credential.helper"),
    *("diff.external", "diff.x.command", "diff.x.textconv", "difftool.x.cmd", "filter.x.clean"),
    *("filter.x.process", "filter.x.smudge", "gpg.program", "gpg.ssh.defaultKeyCommand"),
    *("gpg.ssh.program", "gpg.x509.program", "guitool.x.cmd", "hook.x.command"),
    *("interactive.diffFilter", "man.x.cmd", "merge.x.driver", "mergetool.x.cmd"),
    *("pager.check-ignore", "pager.config", "pager.ls-files", "pager.diff-index"),
    *("receive.procReceiveRefs", "remote.origin.receivepack", "remote.origin.uploadpack"),
    *("remote.origin.vcs", "sequence.editor", "submodule.sub.update", "trailer.x.cmd"),
    *("trailer.x.command", "uploadpack.packObjectsHook", "web.browser"),
)
"""Every setting that Git documents as the name of a program."""

VARIABLES = (
    *("GIT_ASKPASS", "GIT_EDITOR", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_PROXY_COMMAND"),
    *("GIT_SEQUENCE_EDITOR", "GIT_SSH", "GIT_SSH_COMMAND", "PAGER", "SSH_ASKPASS"),
)


def git(folder: Path, *arguments: str) -> str:
    """Run Git as somebody."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(
        ["git", *who, "-c", "protocol.file.allow=always", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder without configuration."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in [name for name in os.environ if name.startswith(("GIT_", "XDG_"))]:
        monkeypatch.delenv(name)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project in a folder of a repository, with files that differ from the commit."""
    top = tmp_path / "clone"
    folder = top / "images"
    (folder / "dockerfiles").mkdir(parents=True)
    git(top, "init", "--quiet")
    (top / ".gitattributes").write_text("* filter=x diff=x merge=x\n")
    (top / ".gitignore").write_text("*.hcl\n")
    (folder / "matrix.yaml").write_text("one\n")
    (folder / "b").write_text("b\n")
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message", "one")
    (folder / "matrix.yaml").write_text("two\n")
    os.utime(folder / "b", (1, 1))
    return folder


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Return the file that the program of `program` creates."""
    return tmp_path / "marker"


@pytest.fixture
def program(tmp_path: Path, marker: Path) -> Path:
    """Return a program that leaves a mark."""
    file = tmp_path / "program"
    file.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    file.chmod(0o755)
    return file


def contents(project: Path, commit: str, folder: str = "") -> dict[str, bytes]:
    """Return the files that a folder of the project had at a commit, by name."""
    with commit_tree(project, commit) as tree:
        files = CommitFiles(CommitView(tree))
        top = os.path.normpath(project.resolve() / folder)
        names = [name for name, kind in files.entries(top) if kind == stat.S_IFREG]
        return {name: files.read(f"{top}/{name}", 1000) for name in names}


def use(project: Path) -> None:
    """Use Git in every way that this package does."""
    warnings = git_warnings(project, ["docker-bake.hcl", "matrix.json"], "", ".state")

    assert [one.code for one in warnings] == [Code.PARTLY_IGNORED]
    assert contents(project, "HEAD") == {"matrix.yaml": b"one\n", "b": b"b\n"}
    with commit_tree(project, "HEAD") as tree:
        then, now = CommitFiles(CommitView(tree)), WorkTreeFiles(tree)
        for name, is_equal in (("matrix.yaml", False), ("b", True)):
            path = os.path.join(tree.top, "images", name)
            assert (then.digest(path) == now.digest(path)) is is_equal
        tree.line_ends.checked_out("images", "b")


def plant(project: Path, setting: str, program: Path) -> None:
    """Set a setting in the repository's configuration."""
    value = f"!{program}" if setting.startswith(("alias.", "submodule.")) else str(program)
    git(project, "config", setting, value)


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_of_a_repository_runs_a_program(
    project: Path, setting: str, program: Path, marker: Path
) -> None:
    """Each is set in the repository's configuration, as an unpacked archive can have it."""
    plant(project, setting, program)
    if setting.startswith("filter."):
        git(project, "config", "filter.x.required", "true")
    marker.unlink(missing_ok=True)
    use(project)

    assert not marker.exists()


def test_the_settings_would_run_a_program(project: Path, program: Path, marker: Path) -> None:
    """Git itself runs what the other tests plant."""
    for setting in ("core.fsmonitor", "filter.x.clean"):
        plant(project, setting, program)
        git(project, "status")

        assert marker.exists()

        marker.unlink()
        git(project, "config", "--unset", setting)


def test_no_setting_of_an_included_file_runs_a_program(
    project: Path, program: Path, marker: Path
) -> None:
    """A repository's configuration can include files, also of the branch."""
    included = project / "config"
    included.write_text(f"[core]\n\tfsmonitor = {program}\n")
    git(project, "config", "include.path", str(included))
    git(project, "config", "extensions.worktreeConfig", "true")
    (project.parent / ".git/config.worktree").write_text(f"[core]\n\tfsmonitor = {program}\n")
    marker.unlink(missing_ok=True)
    use(project)

    assert not marker.exists()


@pytest.mark.parametrize("folder", [".git/hooks", "hooks"])
def test_no_hook_runs(project: Path, program: Path, marker: Path, folder: str) -> None:
    """Neither those of the repository nor those of a folder that `core.hooksPath` names."""
    hooks = project.parent / folder
    hooks.mkdir(exist_ok=True)
    for name in HOOKS:
        shutil.copy(program, hooks / name)
    if folder == "hooks":
        git(project, "config", "core.hooksPath", str(hooks))
    marker.unlink(missing_ok=True)
    use(project)

    assert not marker.exists()


def test_no_filter_of_the_user_runs(project: Path, program: Path, marker: Path, home: Path) -> None:
    """The attributes of a branch select among the user's filters, such as that of Git LFS."""
    names = ("clean", "smudge", "process")
    lines = [f"{name} = {program}" for name in names]
    (home / ".gitconfig").write_text("\n".join(['[filter "x"]', "required", *lines]) + "\n")
    use(project)

    assert not marker.exists()


@pytest.mark.parametrize("variable", VARIABLES)
def test_no_variable_runs_a_program(
    project: Path, program: Path, marker: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The environment of a CI job may name programs for other uses of Git."""
    monkeypatch.setenv(variable, str(program))
    use(project)

    assert not marker.exists()


def test_variables_do_not_redirect(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a hook of another repository, from which compile-matrix is run."""
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    use(project)


@pytest.mark.parametrize("inner", [False, True])
def test_files_that_look_like_a_repository_are_not_one(
    project: Path, program: Path, marker: Path, *, inner: bool
) -> None:
    """A branch can contain HEAD, config, objects/ and refs/ as ordinary files."""
    for name in ("objects", "refs"):
        (project / name).mkdir()
    (project / "HEAD").write_text("ref: refs/heads/main\n")
    (project / "config").write_text(f"[core]\n\tbare = false\n\tfsmonitor = {program}\n")
    if inner:
        use(project)
    else:
        shutil.rmtree(project.parent / ".git")

        assert find_repository(project) is None
        assert git_warnings(project, ["docker-bake.hcl"], "") == ()
    assert not marker.exists()


@pytest.mark.parametrize(
    "text", ["", "gitdir: \n", "gitdir: ../nowhere\n", "gitdir: a\0b\n", "x" * 5_000_000]
)
def test_a_file_that_names_no_repository(project: Path, text: str) -> None:
    """The search goes on above it."""
    (project / ".git").write_text(text)
    use(project)


def test_special_files_do_not_block(project: Path) -> None:
    """Neither a pipe as `.git` nor one as the repository's configuration is waited for."""
    os.mkfifo(project / ".git")
    use(project)
    configuration = project.parent / ".git/config"
    configuration.unlink()
    os.mkfifo(configuration)

    assert git_warnings(project, ["docker-bake.hcl", "matrix.json"], "") == ()
    with pytest.raises(CompileError, match="cannot read the files"):
        contents(project, "HEAD")


@pytest.mark.parametrize(
    "path",
    [
        *("index", "packed-refs", "info/attributes", "objects/info/alternates", "refs/heads/main"),
        *("sharedindex.1", "objects/pack/x.idx", "refs/heads/a/b", "FETCH_HEAD"),
    ],
)
def test_special_files_of_a_repository_do_not_block(project: Path, path: str) -> None:
    """Git opens each of these; a link to a pipe is a pipe as well."""
    pipe, part = project.parent / "pipe", project.parent / ".git" / path
    os.mkfifo(pipe)
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    part.symlink_to(pipe)

    assert git_warnings(project, ["docker-bake.hcl", "matrix.json"], "") == ()
    with pytest.raises(CompileError, match="cannot read the files"):
        contents(project, "HEAD")


@pytest.mark.parametrize("folder", ["..", ".", "dockerfiles"])
def test_special_files_of_patterns_do_not_block(project: Path, folder: str) -> None:
    """Git reads a `.gitignore` in each folder above a generated file."""
    (project / folder).mkdir(exist_ok=True)
    (project / folder / ".gitignore").unlink(missing_ok=True)
    os.mkfifo(project / folder / ".gitignore")
    start = time.monotonic()

    assert git_warnings(project, ["docker-bake.hcl", "dockerfiles/a.Dockerfile"], "") == ()
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("folder", ["", "images", "images/below"])
def test_special_files_of_attributes_do_not_block(project: Path, folder: str) -> None:
    """Git reads the attributes of each folder above a file that may differ."""
    inner = project / "below/deep/file"
    inner.parent.mkdir(parents=True)
    inner.write_text("one")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message=file")
    inner.write_text("two")
    attributes = project.parent / folder / ".gitattributes"
    attributes.unlink(missing_ok=True)
    os.mkfifo(attributes)

    with (
        pytest.raises(CompileError, match=r"not a regular file: .*gitattributes"),
        commit_tree(project, "HEAD") as tree,
    ):
        assert tree.differing


def test_links_in_references_do_not_loop(project: Path) -> None:
    """A linked folder is not listed, and a dangling link is none of a pipe."""
    (project.parent / ".git/refs/loop").symlink_to("..")
    (project.parent / ".git/refs/heads/broken").symlink_to("nowhere")

    use(project)


def test_a_linked_work_tree(project: Path, tmp_path: Path) -> None:
    """Its `.git` is a file, and its references are in the main repository."""
    other = tmp_path / "other"
    git(project, "worktree", "add", "--quiet", str(other))

    assert contents(other / "images", "other")["matrix.yaml"] == b"one\n"


def test_the_upstream_branch(project: Path, tmp_path: Path) -> None:
    """The configuration of branches says what @{upstream} is."""
    git(tmp_path, "clone", "--quiet", str(project.parent), "second")

    assert contents(tmp_path / "second/images", "@{upstream}")["matrix.yaml"] == b"one\n"


@pytest.mark.parametrize("scope", ["repository", "user", "attribute"])
def test_line_ends_are_those_of_the_working_tree(project: Path, home: Path, scope: str) -> None:
    """A checkout that converts line ends is compared with converted files."""
    top = project.parent
    if scope == "attribute":
        (top / ".gitattributes").write_text("* text eol=crlf\n")
        git(top, "commit", "--quiet", "--all", "--message", "two")
    elif scope == "repository":
        git(top, "config", "core.autocrlf", "true")
    else:
        (home / ".gitconfig").write_text("[core]\n\tautocrlf = true\n")

    assert contents(project, "HEAD")["b"] == b"b\r\n"


def test_ignore_rules_of_the_user(project: Path, home: Path) -> None:
    """Those of `core.excludesFile`, else of the default file, count."""
    rules = home / ".config/git/ignore"
    rules.parent.mkdir(parents=True)
    rules.write_text("matrix.json\n")
    paths = ["docker-bake.hcl", "matrix.json"]
    by_default = git_warnings(project, paths, "")
    (home / ".gitconfig").write_text("[core]\n\texcludesFile = ~/mine\n")
    (home / "mine").write_text("")

    assert by_default == ()
    assert [one.code for one in git_warnings(project, paths, "")] == [Code.PARTLY_IGNORED]


def pointer(content: bytes) -> str:
    """Return the Git LFS pointer for a file."""
    from hashlib import sha256

    head = "version https://git-lfs.github.com/spec/v1\n"
    return f"{head}oid sha256:{sha256(content).hexdigest()}\nsize {len(content)}\n"


def test_a_large_file_compares_as_its_pointer(project: Path) -> None:
    """The file of the working tree stands for its pointer; a pointer to another file stays."""
    (project / "same").write_text(pointer(b"large"))
    (project / "other").write_text(pointer(b"other"))
    (project / "pointer").write_text(pointer(b"large"))
    (project / "gone").write_text(pointer(b"large"))
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "large")
    for name in ("same", "other"):
        (project / name).write_bytes(b"large")
    (project / "gone").unlink()
    (project / "gone").symlink_to("same")
    found = contents(project, "HEAD")

    assert found["same"] == b"large"
    assert found["other"] == pointer(b"other").encode()
    assert found["pointer"] == found["gone"] == pointer(b"large").encode()


def add_submodule(project: Path, tmp_path: Path) -> Path:
    """Commit the submodule `vendor` with a file `f`, which contains 1; return its source."""
    source = tmp_path / "source"
    source.mkdir()
    git(source, "init", "--quiet")
    (source / "f").write_text("1")
    git(source, "add", "f")
    git(source, "commit", "--quiet", "--message", "one")
    git(project, "submodule", "--quiet", "add", str(source), "vendor")
    git(project, "commit", "--quiet", "--all", "--message", "vendor")
    return source


def test_submodules_are_read_as_of_their_commit(project: Path, tmp_path: Path) -> None:
    """From their own repositories, also if it is deleted in the working tree's commit."""
    source = add_submodule(project, tmp_path)
    (source / "f").write_text("2")
    git(source, "commit", "--quiet", "--all", "--message", "two")
    git(project / "vendor", "pull", "--quiet")
    git(project, "commit", "--quiet", "--all", "--message", "moved")

    assert contents(project, "HEAD", "vendor")["f"] == b"2"
    assert contents(project, "HEAD~1", "vendor")["f"] == b"1"
    shutil.rmtree(project / "vendor")
    assert contents(project, "HEAD~1", "vendor") == {}


def test_no_setting_of_a_submodule_runs_a_program(
    project: Path, tmp_path: Path, program: Path, marker: Path
) -> None:
    """Git itself would look for changes in a submodule, by the submodule's configuration."""
    add_submodule(project, tmp_path)
    git(project / "vendor", "config", "core.fsmonitor", str(program))
    (project / "vendor/f").write_text("2")
    git(project, "status")
    assert marker.exists()

    marker.unlink()
    with commit_tree(project, "HEAD") as tree:
        then, now = CommitFiles(CommitView(tree)), WorkTreeFiles(tree)
        path = os.path.join(tree.top, "images/vendor/f")

        assert then.digest(path) != now.digest(path)
    assert not marker.exists()


def test_missing_objects_are_not_fetched(project: Path, tmp_path: Path) -> None:
    """Git does not use the network: a partial clone lacks what it has not fetched."""
    top = project.parent
    git(top, "config", "uploadpack.allowFilter", "true")
    git(top, "commit", "--quiet", "--all", "--message", "two")
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{top}", "partial")
    with pytest.raises(CompileError, match="cannot read the files") as caught:
        contents(tmp_path / "partial/images", "HEAD~1")

    assert "--filter" in caught.value.diagnostics[0].help


@pytest.mark.parametrize("value", ["*", "{top}", "{top}/../clone/", "{above}/*", "/x\n", None])
def test_repositories_of_other_users(
    project: Path, home: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """They are read only if `safe.directory` of the user allows it."""
    monkeypatch.setattr(Repository, "is_own", lambda _: False)
    top = project.parent
    git(top, "config", "safe.directory", "*")
    if value is not None:
        value = value.format(top=top, above=top.parent)
        git(home, "config", "--global", "safe.directory", value)
    if value is None or value.startswith("/x"):
        with pytest.raises(CompileError, match="another user"):
            contents(project, "HEAD")
    else:
        use(project)


def test_without_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to warn about, and no commit."""
    monkeypatch.setenv("PATH", str(project))

    assert git_warnings(project, ["docker-bake.hcl", "matrix.json"], "") == ()
    with pytest.raises(CompileError, match="git is not installed"):
        contents(project, "HEAD")


def test_nothing_is_left_behind(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary folders are removed, and the repository is not written to."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    top = project.parent / ".git"
    before = {path: path.stat().st_mtime_ns for path in top.rglob("*")}
    use(project)

    assert not list(scratch.iterdir())
    assert before == {path: path.stat().st_mtime_ns for path in top.rglob("*")}


def test_a_repository_is_searched_above(project: Path) -> None:
    """The paths in it are found from any folder of the work tree."""
    repository = find_repository(project)

    assert repository is not None
    assert (repository.work_tree, repository.prefix(project)) == (str(project.parent), "images/")
    assert repository.prefix(project.parent) == ""
    assert repository.is_own()
    assert find_repository("/") is None or stat.S_ISDIR(os.stat("/.git").st_mode)
