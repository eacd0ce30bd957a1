"""Runs that are killed or interrupted at any moment, and runs at the same time."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.disk import artifacts as project

from compiler.constants import LOCAL_FOLDER, MARKER, STAGING
from compiler.output.artifact import Artifact
from compiler.output.diff import diff
from compiler.output.files import digest
from compiler.output.saved_state import State, digests, save_state, up_to_date
from compiler.output.write import update


pytestmark = pytest.mark.slow


CHILD = """
import json, os, signal, sys, traceback
from pathlib import Path
from compiler.output.artifact import Artifact
from compiler.output.saved_state import State, digests, save_state
from compiler.output.write import update

def run(root, output, moment, number, files, inputs):
    artifacts = [Artifact(path, text.encode()) for path, text in json.load(open(files))]
    left = int(moment)

    def hook(event, args):
        nonlocal left
        writes = event in {"os.mkdir", "os.rename", "os.rmdir", "os.remove"}
        if writes or (event == "open" and args[2] & os.O_CREAT):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), int(number))

    sys.addaudithook(hook)
    update(artifacts, Path(root), output)
    state = State(
        compiler="1", matrix="README.md", output=output, tested=0, inputs=json.loads(inputs),
        existing=0, unbaked=0, globs={}, outputs=digests(artifacts), warnings=[],
    )
    save_state(root, state)

def fork(arguments):
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        run(*arguments)
    except KeyboardInterrupt:  # an interpreter ends by the signal
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)

for line in sys.stdin:
    print(fork(json.loads(line)), flush=True)
"""
"""Runs with the arguments of each line of stdin, in a child of its own, which starts quickly."""

HERE = Path(__file__).parents[3]
STRANGERS = {"README.md": "mine", "dockerfiles/hand.Dockerfile": "FROM scratch\n"}
INPUTS: dict[str, str | None] = {"README.md": digest(STRANGERS["README.md"].encode())}

OLD = project(same="FROM a\n", changed="FROM b\n", gone="FROM c\n", late="FROM d\n")
UPDATES = {
    "a plan that changes": ("dockerfiles", {"same": "FROM a\n", "changed": "FROM x\n"}),
    "an output folder that changes": ("out/put", {"same": "FROM a\n", "fresh": "FROM y\n"}),
}


def save(root: Path, output: str, artifacts: list[Artifact]) -> None:
    """Save the state of a run, as its last act."""
    state = State(
        compiler="1",
        matrix="README.md",
        output=output,
        tested=0,
        existing=0,
        globs={},
        unbaked=0,
        inputs=INPUTS,
        outputs=digests(artifacts),
        warnings=[],
    )
    save_state(root, state)


def tree(root: Path) -> dict[str, str]:
    """Return every file's text, and every folder, without the local folder."""
    paths = [path for path in sorted(root.rglob("*")) if LOCAL_FOLDER not in path.parts]
    return {str(p.relative_to(root)): "/" if p.is_dir() else p.read_text() for p in paths}


def lay(root: Path, artifacts: list[Artifact]) -> None:
    """Write a project with these artifacts, their state, and files of others."""
    for path, text in STRANGERS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    if artifacts:
        output = artifacts[-1].path.rpartition("/")[0]
        update(artifacts, root, output)
        save(root, output, artifacts)


def arguments(
    root: Path, output: str, artifacts: list[Artifact], moment: int = 0, number: int = 0
) -> list[str]:
    """Return the arguments of a run that gets a signal before its moment-th step on the disk."""
    files = root.with_suffix(f".{artifacts[0].path.replace('/', '-')}.json")
    if not files.exists():  # Another run may be reading it.
        files.write_text(json.dumps([(a.path, a.content.decode()) for a in artifacts]))
    return [str(root), output, str(moment), str(int(number)), str(files), json.dumps(INPUTS)]


def start() -> subprocess.Popen[str]:
    """Start a process that takes the arguments of runs from stdin."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=HERE,
        text=True,
    )


def request(runner: subprocess.Popen[str], words: list[str]) -> None:
    """Let a process begin a run with these arguments."""
    assert runner.stdin
    print(json.dumps(words), file=runner.stdin, flush=True)


def exit_code(runner: subprocess.Popen[str]) -> int:
    """Return the exit code of the run of a process, once it has ended."""
    assert runner.stdout
    return int(runner.stdout.readline())


@pytest.fixture(scope="module")
def runner() -> Iterator[subprocess.Popen[str]]:
    """Start one process for the runs of all tests: to import the modules takes longest."""
    with start() as started:
        yield started


def interrupted(
    runner: subprocess.Popen[str],
    base: Path,
    old: list[Artifact],
    output: str,
    new: list[Artifact],
    number: int,
) -> Iterator[Path]:
    """Yield the folder of a run that gets a signal before its first step, its second, and so on."""
    for moment in range(1, 200):
        root = base / str(moment)
        root.mkdir()
        lay(root, old)
        request(runner, arguments(root, output, new, moment, number))
        code = exit_code(runner)
        if code == 0:
            assert moment > len(new)
            return
        if code != -number:
            pytest.fail(f"exit code {code}\n{runner.communicate()[1]}")
        yield root
    pytest.fail("the run never completed")


@pytest.mark.parametrize(("output", "targets"), UPDATES.values(), ids=UPDATES)
@pytest.mark.parametrize("old", [OLD, []], ids=["over an old plan", "the first time"])
def test_a_kill_leaves_whole_files_and_the_next_run_completes_them(
    tmp_path: Path,
    runner: subprocess.Popen[str],
    old: list[Artifact],
    output: str,
    targets: dict[str, str],
) -> None:
    """After a kill at any step every file is whole, and the bake file names only existing ones.

    Files of others stay. The saved state claims to be up to date only if all files are complete.
    The next run completes everything.
    """
    new = project(output, **targets)
    (tmp_path / "new").mkdir()
    lay(tmp_path / "new", new)
    expected = tree(tmp_path / "new")
    known = {a.path: {a.content} for a in old}
    for artifact in new:
        known.setdefault(artifact.path, set()).add(artifact.content)
    saved = set()

    for root in interrupted(runner, tmp_path, old, output, new, signal.SIGKILL):
        for path, contents in known.items():
            assert not (root / path).exists() or (root / path).read_bytes() in contents
        bake = root / "docker-bake.hcl"
        named = re.findall('dockerfile = "(.*)"', bake.read_text()) if bake.exists() else []
        assert all((root / path).is_file() for path in named)
        files = {(p, t) for p, t in tree(root).items() if t != "/" and STAGING not in p}
        complete = files == {(p, t) for p, t in expected.items() if t != "/"}
        assert (diff(new, root, output) == ()) == complete
        state = up_to_date(root, "README.md", compiler="1")
        if state is not None:
            (plan,) = [plan for plan in (old, new) if plan and state.outputs == digests(plan)]
            assert diff(plan, root, state.output) == ()
        saved.add((complete, state is not None))

        update(new, root, output)
        save(root, output, new)

        assert tree(root) == expected
        assert {path.name for path in (root / LOCAL_FOLDER).iterdir()} == {
            ".gitignore",
            "state.json",
        }
        assert up_to_date(root, "README.md", compiler="1") is not None
    assert (True, False) in saved
    assert (False, False) in saved


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("output", "targets"), UPDATES.values(), ids=UPDATES)
def test_a_signal_that_can_be_caught_changes_nothing_or_everything(
    tmp_path: Path,
    runner: subprocess.Popen[str],
    number: int,
    output: str,
    targets: dict[str, str],
) -> None:
    """After such a signal the disk is as before or complete, without staged files."""
    new = project(output, **targets)
    for name, artifacts in (("old", OLD), ("new", new)):
        (tmp_path / name).mkdir()
        lay(tmp_path / name, artifacts)
    expected = [tree(tmp_path / "old"), tree(tmp_path / "new")]

    ends = [
        expected.index(tree(root))
        for root in interrupted(runner, tmp_path, OLD, output, new, number)
    ]

    assert ends == sorted(ends)
    assert set(ends) == {0, 1}


@pytest.mark.slow
def test_runs_at_the_same_time_do_not_mix(tmp_path: Path) -> None:
    """After several runs at the same time, the disk has the plan of one of them, complete."""
    plans = [
        project(**{f"t{n}": f"FROM {word}\n" for n in range(first, first + 150)})
        for word, first in (("a", 0), ("b", 100))
    ]
    expected = []
    for number, plan in enumerate(plans):
        root = tmp_path / f"expected-{number}"
        root.mkdir()
        lay(root, plan)
        expected.append(tree(root))
    root = tmp_path / "project"
    root.mkdir()
    lay(root, [OLD[0], *OLD[-2:]])

    runners = [(start(), plan) for plan in plans * 3]
    for _ in range(4):
        for runner, plan in runners:
            request(runner, arguments(root, "dockerfiles", plan))
        codes = [exit_code(runner) for runner, _ in runners]

        assert codes == [0] * len(runners)
        assert tree(root) in expected
        state = up_to_date(root, "README.md", compiler="1")
        assert state is None or state.outputs == digests(plans[expected.index(tree(root))])
    errors = [runner.communicate()[1] for runner, _ in runners]
    assert errors == [""] * len(runners)


def test_staged_files_of_a_killed_run_are_no_change_and_are_removed(tmp_path: Path) -> None:
    """--check does not see what a killed run staged; the next run removes it."""
    lay(tmp_path, OLD)
    expected = tree(tmp_path)
    for folder in (tmp_path, tmp_path / "dockerfiles"):
        (folder / STAGING).mkdir()
        (folder / STAGING / "late.Dockerfile").write_text(f"# {MARKER}")

    assert diff(OLD, tmp_path, "dockerfiles") == ()
    assert update(OLD, tmp_path, "dockerfiles") == ()
    assert tree(tmp_path) == expected


@pytest.mark.slow
def test_a_kill_in_the_middle_of_a_big_plan_is_repaired(
    tmp_path: Path, runner: subprocess.Popen[str]
) -> None:
    """After kills at many moments of a run that writes 2,000 files, the next run repairs all."""
    new = project(**{f"t{n}": f"FROM b{n}\n" * 20 for n in range(1000)})
    lay(tmp_path, project(**{f"t{n}": "FROM a\n" for n in range(500, 1500)}))

    for moment in range(1, 2000, 233):
        request(runner, arguments(tmp_path, "dockerfiles", new, moment, signal.SIGKILL))

        assert exit_code(runner) == -signal.SIGKILL
        assert diff(new, tmp_path, "dockerfiles") != ()
    update(new, tmp_path, "dockerfiles")

    assert {path.name for path in (tmp_path / "dockerfiles").iterdir()} == {
        "hand.Dockerfile",
        *(a.path.rpartition("/")[2] for a in new if "/" in a.path),
    }
