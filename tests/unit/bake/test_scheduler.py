"""The pure parts of building: parts, faults, what bake says, selections."""

from __future__ import annotations

import base64
import json
import signal
from pathlib import Path

import pytest

from compiler.bake.bake_arguments import ANEW, bake_words
from compiler.bake.batches import along, ordered, split
from compiler.bake.logs import Logs
from compiler.bake.preconditions import refuse_filters
from compiler.bake.process import Interrupts
from compiler.bake.rawjson import Watch
from compiler.bake.refresh_state import spread
from compiler.bake.results import BakeOptions
from compiler.bake.transient_errors import canceled, passing
from compiler.cli.main import run
from compiler.errors import CompileError


LINKED = {"a": {}, "b": {"a": "a"}, "c": {"b": "b"}}
FAMILY = {"b": ["a"], "c": ["b"], "a-test": ["a"], "x": [], "y": ["x", "b"]}
NAMES = ["c", "b", "a", "x", "y", "a-test"]


def test_parents_come_first() -> None:
    """Each target follows all that it stands on, and none is lost."""
    found = ordered(NAMES, FAMILY)

    assert sorted(found) == sorted(NAMES)
    for name in found:
        for other in along([name], FAMILY) - {name}:
            assert found.index(other) < found.index(name)


@pytest.mark.parametrize("most", range(1, 8))
def test_parts_are_bounded(most: int) -> None:
    """A part with what comes along holds at most so many, unless it is one target alone."""
    parts = split(NAMES, FAMILY, most)

    assert [name for part in parts for name in part] == ordered(NAMES, FAMILY)
    for part in parts:
        assert len(along(part, FAMILY)) <= most or len(part) == 1


def test_families_are_not_torn_without_need() -> None:
    """A family that fits begins a new part instead of being cut in two."""
    links = {"b1": ["a"], "b2": ["a"], "d1": ["c"], "d2": ["c"]}

    assert split(["a", "c", "b1", "b2", "d1", "d2"], links, 4) == [
        ("a", "b1", "b2"),
        ("c", "d1", "d2"),
    ]


def test_what_comes_along_counts() -> None:
    """Children of a parent that is not asked for carry it in each part."""
    links = {f"c{n}": ["p"] for n in range(6)}

    assert split(list(links), links, 3) == [("c0", "c1"), ("c2", "c3"), ("c4", "c5")]


@pytest.mark.parametrize(
    "error",
    [
        "failed to receive status: rpc error: code = Unknown desc = no such job abc",
        "failed commit on ref: 400 Bad Request\nerrors:\nunknown: blob unknown to registry",
        "failed to stat active key during commit: snapshot xkgh4qe does not exist: not found",
        'failed to solve: image "127.0.0.1:5000/a:fp-0a": already exists',
        "failed to push r/a:1: unexpected status from PUT request to http://r/v2/: 500 Internal",
        "unexpected status from HEAD request to https://r/v2/a: 429 Too Many Requests",
        "failed to copy: httpReadSeeker: failed open: read tcp 1:2->3:4: i/o timeout",
        "dial tcp 127.0.0.1:5000: connect: connection refused",
        "failed to do request: Put http://r/v2/: EOF",
        "rpc error: code = Unavailable desc = error reading from server: EOF",
        "net/http: TLS handshake timeout",
        "toomanyrequests: You have reached your unauthenticated pull rate limit",
        "ERROR: Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
    ],
)
def test_these_pass(error: str) -> None:
    """Faults of network, registry and engine pass by themselves."""
    assert passing(error)
    assert not canceled(error)


@pytest.mark.parametrize(
    "error",
    [
        'process "/bin/sh -c curl x || echo i/o timeout" did not complete successfully: exit 1',
        'process "/bin/sh -c exit 1" did not complete successfully: exit code: 500',
        "docker.io/library/nothing:1: not found",
        "pull access denied, repository does not exist or may require authorization",
        'failed to calculate checksum of ref: "/requirements.txt": not found',
        "dockerfile parse error on line 3: unknown instruction: RUM",
        "failed to push r/a:1: denied: requested access to the resource is denied",
        "write /x: no space left on device",
        'target stage "429er" could not be found',
    ],
)
def test_these_stay(error: str) -> None:
    """Failing commands, wrong names and missing rights are not tried again."""
    assert passing(error) is None


def status(**fields: object) -> bytes:
    """Return a line as bake says it."""
    return json.dumps(fields).encode() + b"\n"


def vertex(digest: str, name: str, **more: object) -> dict[str, object]:
    """Return a step as bake tells it."""
    return {"digest": digest, "name": name, "started": "2026-01-01T00:00:00Z", **more}


def test_a_shared_step_fails_for_all_that_share_it() -> None:
    """Targets that meet one failing step are found together; what was canceled is not blamed."""
    watch = Watch()
    said = base64.b64encode(b"no paint\n").decode()
    lines = [
        status(vertexes=[vertex("d1", "[a 2/3] RUN paint"), vertex("d2", "[c 2/2] RUN sleep")]),
        status(logs=[{"vertex": "d1", "data": said}]),
        status(vertexes=[vertex("d1", "[b 2/3] RUN paint")]),
        status(vertexes=[vertex("d1", "[a 2/3] RUN paint", completed="x", error="exit code: 1")]),
        status(
            vertexes=[vertex("d2", "[c 2/2] RUN sleep", completed="x", error="context canceled")]
        ),
        b"ERROR: target a: failed to solve: exit code: 1\n",
    ]
    told = [line for text in lines for line in watch.read(text)]

    assert watch.errors() == [(frozenset({"a", "b"}), "exit code: 1", "no paint\n")]
    assert [line.text for line in told if line.target == "b"] == ["[2/3] RUN paint\nno paint\n"]


def test_the_last_words_name_the_target() -> None:
    """Where no step failed, the error at the end says who did, or nobody."""
    watch = Watch()
    list(watch.read(b"ERROR: target a: failed to solve: no match for platform\n"))

    assert watch.errors()[0][:2] == (frozenset({"a"}), "failed to solve: no match for platform")
    assert not watch.seen


def test_a_status_over_several_lines() -> None:
    """Buildx 0.13 indents its JSON; it is read as well."""
    watch = Watch()
    text = json.dumps({"vertexes": [vertex("d", "[a 1/1] COPY . .")]}, indent=2) + "\n"
    told = [line for part in text.splitlines(keepends=True) for line in watch.read(part.encode())]

    assert [line.step for line in told] == ["[1/1] COPY . ."]
    assert watch.words == ""


def test_logs_ignore_themselves_and_replace_old_ones(tmp_path: Path) -> None:
    """What an earlier build said of a target is gone; others' logs stay."""
    for text in ("one\n", "two\n"):
        logs = Logs(tmp_path, ["a"])
        logs.add("a", text)
        logs.flush()
    other = Logs(tmp_path, ["b"])
    other.add("b", "x")
    other.flush()

    assert (tmp_path / ".compile-matrix/.gitignore").read_text() == "*\n"
    assert (tmp_path / ".compile-matrix/logs/a.log").read_text() == "two\n"
    assert other.shown("b") == ".compile-matrix/logs/b.log"


def test_filters_in_the_environment_are_all_told() -> None:
    """Each is an error; an empty one is none."""
    with pytest.raises(CompileError) as caught:
        refuse_filters({"ONLY_GPU": "true", "ONLY_PYTHON": "3.9", "ONLY_IMAGE": " ", "X": "1"})

    assert [d.location.text for d in caught.value.diagnostics] == [
        "ONLY_GPU=true",
        "ONLY_PYTHON=3.9",
    ]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a project of three targets, one with tests."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text("FROM scratch\n")
    (tmp_path / "matrix.yaml").write_text(
        "axes: {n: [x, y]}\n"
        "images: {a: {template: t.j2, tests: [one]}, b: {template: t.j2, axes: []}}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_selection_comes_back(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `list` writes, `--selection` reads; filters narrow it; a test selects its target."""
    run(["list", "n=y", "--format", "selection"])
    (project / "s.json").write_text(capsys.readouterr().out)

    assert run(["list", "--selection", "s.json", "--format", "names"]) == 0
    assert capsys.readouterr().out == "a-y\n"

    (project / "s.json").write_text('{"version": 1, "targets": ["b", "a-x-test"]}')
    run(["list", "image=a", "--selection", "s.json", "--format", "names"])

    assert capsys.readouterr().out == "a-x\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"version": 2, "targets": ["b"]}', "version 2 of a selection"),
        ('{"version": 1, "targets": "b"}', "this is not `"),
        ('{"version": 1, "targets": ["b"], "more": 1}', "this is not `"),
        ('{"version": 1, "targets": [1]}', "this is not `"),
        ('{"version": true, "targets": ["b"]}', "this is not `"),
        ("[" * 100_000, "this is not `"),
        ("[]", "this is not `"),
        ("", "this is no JSON"),
        ("\0", "error["),
        ('{"version": 1, "targets": ["c", "a-xx"]}', "did you mean 'a-x'?"),
        ('{"version": 1, "targets": ["b-test"]}', "no target is named 'b-test'"),
    ],
)
def test_a_selection_is_read_strictly(
    text: str, says: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no selection, or of other targets, is refused with what is wrong."""
    (project / "s.json").write_text(text)

    assert run(["list", "--selection", "s.json"]) == 1

    told = capsys.readouterr().err
    assert says in told
    assert "s.json" in told


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", ["none.json", "templates"])
def test_a_selection_that_is_no_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file and a folder are told as such."""
    assert run(["list", "--selection", name]) == 1
    assert "error[" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("all_", "done", "words"),
    [
        (True, [], ["--no-cache", "--set=b.labels.x=1", f"--set=b.{ANEW}"]),
        (True, ["a", "b"], ["--set=b.labels.x=1", f"--set=c.{ANEW}"]),
        (True, ["a"], ["--set=b.labels.x=1", f"--set=b.{ANEW}", f"--set=c.{ANEW}"]),
        (False, [], ["--set=b.labels.x=1", f"--set=b.{ANEW}"]),
        (False, ["a"], ["--set=b.labels.x=1", f"--set=b.{ANEW}"]),
        (False, ["a", "b"], ["--set=b.labels.x=1", f"--set=c.{ANEW}"]),
    ],
)
def test_without_cache_once(
    all_: bool,  # noqa: FBT001
    done: list[str],
    words: list[str],
    tmp_path: Path,
) -> None:
    """What an earlier bake built without the cache is not built so again beneath others."""
    given = BakeOptions(folder=tmp_path, no_cache=all_, overrides={"b": ["labels.x=1", ANEW]})

    assert bake_words(["c"], given, LINKED, {}, done) == words


def test_what_stands_on_the_refreshed_is_refreshed() -> None:
    """The cache would have it as it stood on what was there before."""
    dates = {"a": "2026-11-25", "b": "2026-11-01", "gone": "2026-11-25"}

    found = spread(dates, {"x": [], **FAMILY, "a": []})

    assert found == dict.fromkeys(["a", "b", "c", "a-test", "y"], "2026-11-25")


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("a.dockerfile=other", "would build from a file that is not compiled here"),
        ("*.network=host", "bake loses what --set says of network"),
    ],
)
def test_what_bake_takes_and_does_not_do(
    word: str,
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is refused, as by `publish` and `changed`; bake would say nothing of it."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/a.j2").write_text("FROM scratch\n")
    (tmp_path / "matrix.yaml").write_text("images: {a: {template: a.j2}}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("compiler.bake.preconditions.require_buildx", lambda: None)
    assert run([]) == 0

    code = run(["build", "--set", word])

    assert code == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_at_the_very_end_is_not_lost(number: signal.Signals) -> None:
    """It may come while the last bake ends, and what follows a build is not to begin then."""
    before = signal.getsignal(number)

    with pytest.raises(KeyboardInterrupt), Interrupts():
        signal.raise_signal(number)

    assert signal.getsignal(number) is before
