"""What must be built since a commit, with a real repository; and the jobs that CI makes of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from compiler.cli.main import run
from compiler.external.git_repository import Repository
from compiler.render.build_steps import steps
from compiler.reports.ci.shards import stages


MATRIX = """\
variables: {REGISTRY: docker.io/acme, VERSION: v1, TORCH: "2.4"}
axes:
  python: [3.11, 3.12]
images:
  server:
    template: server.j2
    context: server
    args: {TORCH: "${TORCH}"}
    labels: {version: "${VERSION}"}
    tags: ["${REGISTRY}/server:{{ python }}-${VERSION}"]
  worker:
    template: worker.j2
    from: server
    context: worker
    tags: ["${REGISTRY}/worker:{{ python }}-${VERSION}"]
  lone:
    axes: []
    template: lone.j2
    tags: ["${REGISTRY}/lone:${VERSION}"]
"""
FILES = {
    "matrix.yaml": MATRIX,
    "templates/server.j2": "FROM python:{{ python }}\nARG TORCH\nCOPY requirements.txt /\n",
    "templates/worker.j2": "FROM {{ parent }}\nCOPY . /worker\n",
    "templates/lone.j2": "FROM python\nRUN true\n",
    "server/requirements.txt": "one\n",
    "server/notes.txt": "one\n",
    "worker/run.sh": "#!/bin/sh\n",
}
NOTE = "; no Dockerfile declares it, but a base image may"
SERVERS = ["server-3_11", "server-3_12"]
WORKERS = ["worker-3_11", "worker-3_12"]
Output = tuple[int, str, str]


def git(folder: Path, *words: str) -> str:
    """Run git as somebody."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def commit(folder: Path, name: str) -> None:
    """Commit everything under a tag."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", name)
    git(folder, "tag", name)


@pytest.fixture(params=["", "images/base"], ids=["at the top", "in a subfolder"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give a project in a repository, with one commit `v1`."""
    top = tmp_path / "repository"
    folder: Path = top / request.param
    folder.mkdir(parents=True)
    git(top, "init", "--quiet")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (top / "elsewhere.txt").write_text("not ours\n")
    commit(top, "v1")
    return folder


@pytest.fixture
def changed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Output]:
    """Return a function that runs `changed` in the project: exit code, stdout and stderr."""
    monkeypatch.chdir(project)

    def ask(*words: str, command: str = "changed") -> Output:
        code = run([*command.split(), *words])
        out, told = capsys.readouterr()
        return code, out, told

    return ask


def state(project: Path) -> dict[str, tuple[int, int]]:
    """Return all files of a project's repository, those of Git too, with the time of writing."""
    top = Path(git(project, "rev-parse", "--show-toplevel").strip())
    return {
        os.fspath(path): (path.lstat().st_mtime_ns, path.lstat().st_ino)
        for path in top.rglob("*")
        if path.is_file()
    }


def as_json(output: Output) -> dict[str, tuple[list[str], list[str]]]:
    """Give target -> reasons, and what is downstream."""
    assert output[0] == 0, output[2]
    return {one["target"]: (one["reasons"], one["downstream"]) for one in json.loads(output[1])}


@pytest.mark.slow
def test_nothing_changed(changed: Callable[..., Output], project: Path) -> None:
    """Nothing is printed to stdout, and no file in the repository is written."""
    before = state(project)

    assert changed("--since", "v1") == (0, "", "nothing changed\n")
    assert changed("--since", "HEAD", "--format", "names") == (0, "", "nothing changed\n")
    assert json.loads(changed("--since", "v1", "--format", "json")[1]) == []
    assert state(project) == before


def test_a_file_and_what_stands_on_it(changed: Callable[..., Output], project: Path) -> None:
    """The file is the reason; the children's is their parent, and they are downstream."""
    (project / "server/requirements.txt").write_text("two\n")
    (project / "server/notes.txt").write_text("two\n")
    (project / "server/requirements.txt").chmod(0o664)

    found = as_json(changed("--since", "v1", "--format", "json"))

    assert found == {
        **{
            name: (["server/requirements.txt changed"], [name.replace("server", "worker")])
            for name in SERVERS
        },
        **{name: ([f"parent {name.replace('worker', 'server')} changed"], []) for name in WORKERS},
    }


def test_every_kind_of_reason(changed: Callable[..., Output], project: Path) -> None:
    """Added and removed files, arguments, Dockerfiles, locked bases and new targets are listed."""
    text = FILES["matrix.yaml"].replace('"2.4"', '"2.5"').replace("[3.11,", "[3.10, 3.11,")
    (project / "matrix.yaml").write_text(text.replace("VERSION: v1", "VERSION: v2"))
    (project / "templates/lone.j2").write_text("FROM python\nRUN false\n")
    (project / "worker/run.sh").chmod(0o755)
    (project / "worker/new.sh").write_text("new\n")

    found = as_json(changed("--since", "v1", "--format", "json"))

    assert found["server-3_10"][0] == ["the target is new"]
    assert found["server-3_11"][0] == ["args.TORCH changed"]
    assert found["worker-3_11"][0] == [
        "worker/new.sh is new",
        "worker/run.sh changed",
        "parent server-3_11 changed",
    ]
    assert found["lone"][0] == ["dockerfiles/lone.Dockerfile changed"]


@pytest.mark.parametrize(
    ("values", "template", "reason"),
    [
        (("EXTRA: 1", "EXTRA: 2"), "", "args.EXTRA changed" + NOTE),
        (("X: 1", "X: 1, EXTRA: 1"), "", "args.EXTRA is new" + NOTE),
        (("X: 1, EXTRA: 1", "X: 1"), "", "args.EXTRA is gone" + NOTE),
        (("EXTRA: 1", "EXTRA: 2"), "ARG EXTRA\n", "args.EXTRA changed"),
        (("BUILDKIT_A: 1", "BUILDKIT_A: 2"), "", "args.BUILDKIT_A changed"),
        (("SOURCE_DATE_EPOCH: 1", "SOURCE_DATE_EPOCH: 2"), "", "args.SOURCE_DATE_EPOCH changed"),
        (("EXTRA: 1", "EXTRA: 2"), "FOREIGN", "args.EXTRA changed"),
    ],
)
def test_an_argument_that_no_dockerfile_declares(
    changed: Callable[..., Output],
    project: Path,
    values: tuple[str, str],
    template: str,
    reason: str,
) -> None:
    """Only an `ONBUILD` of the base image can read it; of another frontend that is not known."""
    before, after = (
        MATRIX.replace("template: lone.j2", f"template: lone.j2\n    args: {{{one}}}")
        for one in values
    )
    is_foreign = template == "FOREIGN"
    start = "# syntax=acme/own\n" if is_foreign else ""
    text = f"{start}FROM python\n{'' if is_foreign else template}"
    (project / "templates/lone.j2").write_text(text)
    (project / "matrix.yaml").write_text(before)
    commit(project, "v2")
    (project / "matrix.yaml").write_text(after)

    found = as_json(changed("--since", "v2", "--format", "json"))

    assert [*found] == ["lone"]
    assert found["lone"][0][0] == reason


def test_a_base_that_moved(changed: Callable[..., Output], project: Path) -> None:
    """A changed digest is reported with the name of the base image."""
    pinned = "FROM python:3.11-slim@sha256:{}\n"
    (project / "templates/lone.j2").write_text(pinned.format("0" * 64))
    commit(project, "v2")
    (project / "templates/lone.j2").write_text(pinned.format("1" * 64))

    assert as_json(changed("--since", "v2", "--format", "json")) == {
        "lone": (["base image python:3.11-slim changed"], [])
    }


@pytest.mark.slow
def test_forms_and_filters(changed: Callable[..., Output], project: Path) -> None:
    """Each format lists the selected targets, in the plan's order."""
    (project / "server/requirements.txt").write_text("two\n")
    words = ("--since", "v1", "python=3.11")

    assert changed(*words, "--format", "names")[1] == "server-3_11\nworker-3_11\n"
    assert changed(*words, "image=worker", "--format", "names")[1] == "worker-3_11\n"
    selection = json.loads(changed(*words, "--format", "selection")[1])
    assert selection == {"version": 1, "targets": ["server-3_11", "worker-3_11"]}
    github = json.loads(changed(*words, "--format", "github")[1])["include"]
    assert [entry["target"] for entry in github] == ["server-3_11", "worker-3_11"]
    assert changed(*words)[1].splitlines() == [
        "TARGET       WHY                              DOWNSTREAM",
        "server-3_11  server/requirements.txt changed  worker-3_11",
        "worker-3_11  parent server-3_11 changed",
    ]
    (project / "only.json").write_text(json.dumps(selection))
    assert changed("--since", "v1", "--selection", "only.json", "--format", "names")[1] == (
        "server-3_11\nworker-3_11\n"
    )


def test_a_matrix_that_was_not_there(changed: Callable[..., Output], project: Path) -> None:
    """Everything is changed, for this reason."""
    git(project, "mv", "matrix.yaml", "other.yaml")
    commit(project, "v2")
    git(project, "mv", "other.yaml", "matrix.yaml")

    found = as_json(changed("--since", "v2", "--format", "json"))

    assert {why for reasons, _ in found.values() for why in reasons} == {
        "matrix.yaml did not exist at v2"
    }
    assert list(found) == [*SERVERS, *WORKERS, "lone"]


def test_a_matrix_that_did_not_compile(changed: Callable[..., Output], project: Path) -> None:
    """All targets count as changed, and the first error of the old commit is shown."""
    (project / "matrix.yaml").write_text("imagse: {}\n")
    commit(project, "v2")
    (project / "matrix.yaml").write_text(MATRIX)

    found = as_json(changed("--since", "v2", "--format", "json"))

    (why,) = {why for reasons, _ in found.values() for why in reasons}
    assert why.startswith("matrix.yaml did not compile at v2: ")
    assert "unknown key 'imagse'" in why
    assert len(found) == 5


def test_generated_files_that_git_ignores(changed: Callable[..., Output], project: Path) -> None:
    """Generated files in a context are compared with those compiled from the commit."""
    (project / ".gitignore").write_text("dockerfiles\ndocker-bake.hcl\n")
    (project / "templates/lone.j2").write_text("FROM python\nCOPY . /\n")
    commit(project, "v2")
    assert run([]) == 0

    changed()
    assert changed("--since", "v2", "--format", "names")[1] == ""


def test_what_git_archive_would_leave_out(changed: Callable[..., Output], project: Path) -> None:
    """Files marked for no archive, and filters of line ends, are as a checkout has them."""
    (project / ".gitattributes").write_text("worker/* export-ignore\n*.crlf eol=crlf\n")
    (project / "worker/a.crlf").write_bytes(b"one\r\ntwo\r\n")
    commit(project, "v2")

    assert changed("--since", "v2", "--format", "names")[1] == ""


def test_links_of_a_commit_lead_nowhere(
    changed: Callable[..., Output], project: Path, tmp_path: Path
) -> None:
    """A link that leads out of a project of then is not followed, neither to read nor to write."""
    aim = tmp_path / "aim"
    aim.mkdir()
    (project / "dockerfiles").symlink_to(aim)
    commit(project, "v2")
    (project / "dockerfiles").unlink()

    code, _, told = changed("--since", "v2", "--format", "json")

    assert code == 0, told
    assert list(aim.iterdir()) == []


def test_set_and_the_environment_hold_for_both_sides(
    changed: Callable[..., Output], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What overrides a default hides that the default changed."""
    (project / "matrix.yaml").write_text(MATRIX.replace('"2.4"', '"2.5"'))
    assert as_json(changed("--since", "v1", "--format", "json")).keys() == {*SERVERS, *WORKERS}

    assert changed("--since", "v1", "--set", "*.args.TORCH=3")[1] == ""
    monkeypatch.setenv("TORCH", "3")
    assert changed("--since", "v1")[1] == ""


@pytest.mark.parametrize(
    "words",
    [[], ["--since", "v1", "--against", "registry"], ["--since", "v1", "--set", "no.such=1"]],
    ids=lambda words: " ".join(words) or "nothing",
)
def test_words_that_do_not_go(changed: Callable[..., Output], words: list[str]) -> None:
    """Exactly one other side is named, and --set is as bake takes it."""
    assert changed(*words)[0] == 2


@pytest.mark.parametrize("name", ["v9", "-x", "", "v1:matrix.yaml", "--upload-pack=x"])
def test_no_commit(changed: Callable[..., Output], name: str) -> None:
    """What git takes for no commit is refused, whatever it looks like."""
    code, out, told = changed(f"--since={name}")

    assert (code, out) == (1, "")
    assert "error[unreadable-commit]" in told


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a repository the command fails with a diagnostic."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert run(["changed", "--since", "HEAD"]) == 1


def test_a_repository_of_another_user(
    changed: Callable[..., Output], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository that Git cannot read and a missing commit are different errors."""
    monkeypatch.setattr(Repository, "is_own", lambda _: False)

    code, _, told = changed("--since", "v1")

    assert code == 1
    assert "belongs to another user" in told
    assert "safe.directory" in told


def jobs(output: Output) -> list[list[dict[str, Any]]]:
    """Give the entries of each stage of GitHub's matrices."""
    assert output[0] == 0, output[2]
    found: list[list[dict[str, Any]]] = [one["include"] for one in json.loads(output[1])["stages"]]
    return found


def test_jobs_for_github(changed: Callable[..., Output], project: Path) -> None:
    """Parents are in a stage before their children; each job names its selection."""
    found = jobs(changed(command="ci github"))

    assert [sorted(t for job in stage for t in job["targets"]) for stage in found] == [
        ["lone", *SERVERS],
        WORKERS,
    ]
    for stage in found:
        for job in stage:
            assert json.loads(job["selection"]) == {"version": 1, "targets": job["targets"]}

    (project / "worker/run.sh").write_text("other\n")
    found = jobs(changed("--since", "v1", "--shards", "1", command="ci github"))
    assert [[job["targets"] for job in stage] for stage in found] == [[WORKERS]]
    assert changed("--since", "v1", "image=lone", command="ci github") == (
        0,
        '{"stages": [], "shards": 0}\n',
        "nothing changed\n",
    )


@pytest.mark.slow
def test_nothing_is_handed_on(
    changed: Callable[..., Output], project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The selection of a run in which nothing changed is taken by every command, with a note."""
    code, selection, _ = changed("--since", "v1", "--format", "selection")
    assert code == 0
    (project / "none.json").write_text(selection)
    note = "no target is selected: there is nothing to do\n"
    words = ("--selection", "none.json")

    assert changed(*words, "--format", "names", command="list") == (0, "", note)
    assert changed(*words, "--since", "v1") == (0, "", note)
    assert changed(*words, command="ci github") == (0, '{"stages": [], "shards": 0}\n', note)
    assert changed(*words, command="ci gitlab")[0] == 0

    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text('#!/bin/sh\n[ "$2" = version ] && echo "buildx v0.29.1" || exit 9\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(docker.parent), prepend=os.pathsep)
    changed(command="")
    before = state(project)
    assert changed(*words, "--test", command="build") == (0, "0 built in 0 s\n", note)
    assert json.loads(changed(*words, "--format", "selection", command="build")[1]) == {
        "version": 1,
        "targets": [],
    }
    assert state(project) == before


def test_jobs_for_gitlab(changed: Callable[..., Output]) -> None:
    """A pipeline that is YAML, with a stage for each; also where nothing is to be built."""
    code, out, _ = changed(command="ci gitlab")

    assert code == 0
    pipeline = yaml.safe_load(out)
    assert pipeline.pop("stages") == ["stage-1", "stage-2"]
    found = [json.loads(job["variables"]["SELECTION"])["targets"] for job in pipeline.values()]
    assert sorted(name for names in found for name in names) == ["lone", *SERVERS, *WORKERS]
    last = "compile-matrix build --selection selection.json --test"  # nothing is pushed
    assert all(job["script"][-1] == last for job in pipeline.values())

    included = yaml.safe_load(changed("--include", "ci/x.yml", command="ci gitlab")[1])
    assert included.pop("include") == {"local": "ci/x.yml"}
    assert included.pop("stages")
    assert all(job["extends"] == ".compile-matrix" for job in included.values())

    nothing = yaml.safe_load(changed("--since", "v1", command="ci gitlab")[1])
    assert nothing == {
        "stages": ["stage-1"],
        "nothing changed": {"stage": "stage-1", "script": ["true"]},
    }


@pytest.mark.parametrize("words", [["--shards", "257"], ["--shards", "0"]])
def test_too_many_jobs(changed: Callable[..., Output], words: list[str]) -> None:
    """GitHub takes no more than 256."""
    assert changed(*words, command="ci github")[0] == 2


def test_filters_left_in_the_environment(
    changed: Callable[..., Output], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forgotten export must not leave out targets of a run."""
    monkeypatch.setenv("ONLY_PYTHON", "3.11")

    for service in ("github", "gitlab"):
        code, out, told = changed(command=f"ci {service}")
        assert (code, out) == (1, "")
        assert "ONLY_PYTHON" in told


def test_steps_are_known_by_all_before_them() -> None:
    """Equal beginnings are the same steps; another base, argument or here-document is not."""
    one = steps("FROM a\nRUN x\nRUN y\n")

    assert len(one) == 2
    assert one[:1] == steps("FROM a\nENV A=1\nRUN x\n")[:0] + steps("FROM a\nRUN x\nRUN z\n")[:1]
    assert not set(one) & set(steps("FROM b\nRUN x\nRUN y\n"))
    assert not set(one) & set(steps("FROM a\nARG X\nRUN x\nRUN y\n", arguments={"X": "1"}))
    assert steps("FROM a\nRUN <<E\n1\nE\n") != steps("FROM a\nRUN <<E\n2\nE\n")
    assert len(steps("FROM a AS s\nRUN x\nFROM s\nRUN y\nCOPY --from=s / /\n")) == 3
    assert len(steps("no Dockerfile")) == 1


WORLDS = st.integers(1, 24).flatmap(
    lambda count: st.tuples(
        st.lists(
            st.lists(st.integers(0, max(count - 1, 0)), max_size=2), min_size=count, max_size=count
        ),
        st.lists(
            st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4),
            min_size=count,
            max_size=count,
        ),
        st.integers(1, 10),
    )
)


@pytest.mark.slow
@given(WORLDS)
def test_shards_hold_each_target_once_after_what_it_stands_on(
    world: tuple[list[list[int]], list[list[str]], int],
) -> None:
    """No more shards than asked; parents earlier, or in one shard where stages are too many."""
    links, texts, most = world
    names = [f"t{n}" for n in range(len(links))]
    linked = {f"t{n}": [f"t{m}" for m in found if m < n] for n, found in enumerate(links)}
    known = {
        name: tuple("".join(text[: n + 1]) for n in range(len(text)))
        for name, text in zip(names, texts, strict=True)
    }

    found = stages(names, linked, known, most)

    flat = [shard for stage in found for shard in stage]
    assert 1 <= len(flat) <= most
    assert sorted(name for shard in flat for name in shard.targets) == sorted(names)
    place = {
        name: (s, n)
        for s, stage in enumerate(found)
        for n, shard in enumerate(stage)
        for name in shard.targets
    }
    for name, others in linked.items():
        for other in others:
            assert place[other][0] < place[name][0] or (
                place[other] == place[name] and len(found) == most
            )
    for shard in flat:
        assert shard.steps == len({step for name in shard.targets for step in known[name]})


def test_stages_see_through_what_is_not_asked() -> None:
    """A grandchild is after its grandparent also where what is between them is built by no job."""
    linked = {"child": ["middle"], "middle": ["base"]}

    found = stages(["child", "base"], linked, {"child": ["c"], "base": ["b"]})

    assert [[shard.targets for shard in stage] for stage in found] == [[("base",)], [("child",)]]


def test_shards_keep_shared_steps_together_and_are_even() -> None:
    """Forty targets on four long prefixes in four shards: each prefix is built once."""
    names = [f"t{n}" for n in range(40)]
    known = {
        name: (*(f"prefix {n % 4} {m}" for m in range(9)), f"own {name}")
        for n, name in enumerate(names)
    }

    (stage,) = stages(names, {}, known, 4)

    assert [shard.steps for shard in stage] == [19, 19, 19, 19]
    assert [len(shard.targets) for shard in stage] == [10, 10, 10, 10]


def test_shards_part_where_least_is_shared() -> None:
    """Where two families fit, neither is torn for the sake of a full first shard."""
    known = {
        "a": ("a",),
        "a-reload": ("a", "a+"),
        "b": ("b1", "b2"),
        "b-reload": ("b1", "b2", "b3", "b4"),
    }

    (stage,) = stages(list(known), {}, known, 2)

    assert [shard.targets for shard in stage] == [("a", "a-reload"), ("b", "b-reload")]
    assert [shard.steps for shard in stage] == [2, 4]
