"""A run that ends early, at every moment that there is, and two runs at once."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.constants import MARKER
from compiler.output.artifact import Artifact
from compiler.output.manifest import PLAN_LINE, STAGING, digest, seal
from compiler.output.write import diff, update


CHILD = """
import json, os, sys
from pathlib import Path
from compiler.output.artifact import Artifact
from compiler.output.write import update

root, output, moment, number, files = sys.argv[1:]
artifacts = [Artifact(path, text.encode()) for path, text in json.load(open(files))]
left = int(moment)

def hook(event, args):
    global left
    writes = event in {"os.mkdir", "os.rename", "os.rmdir", "os.remove"}
    if writes or (event == "open" and args[2] & os.O_CREAT):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), int(number))

sys.addaudithook(hook)
update(artifacts, Path(root), output)
"""

HERE = Path(__file__).parents[3]
STRANGERS = {"README.md": "mine", "dockerfiles/hand.Dockerfile": "FROM scratch\n"}


def project(output: str, **targets: str) -> list[Artifact]:
    """Return the artifacts of a plan."""
    head = f"# {MARKER} from matrix.yaml; do not edit.\n"
    files = {f"{output}/{name}.Dockerfile": head + text for name, text in targets.items()}
    uses = "".join(f'  dockerfile = "{path}"\n' for path in files)
    files["docker-bake.hcl"] = f"{head}{PLAN_LINE}{output}/matrix.json\n{uses}"
    plan = seal(
        source="matrix.yaml",
        compiler="1",
        inputs={"matrix.yaml": digest(b"")},
        outputs={path: digest(text.encode()) for path, text in files.items()},
        warnings=[],
        targets=[{"target": name} for name in targets],
        groups={},
    )
    artifacts = [Artifact(path, text.encode()) for path, text in files.items()]
    return [*artifacts, Artifact(f"{output}/matrix.json", plan)]


OLD = project("dockerfiles", same="FROM a\n", changed="FROM b\n", gone="FROM c\n", late="FROM d\n")
UPDATES = {
    "a plan that changes": ("dockerfiles", {"same": "FROM a\n", "changed": "FROM x\n"}),
    "an output folder that moves": ("out/put", {"same": "FROM a\n", "fresh": "FROM y\n"}),
}


def tree(root: Path) -> dict[str, str]:
    """Return every file's text, and every folder."""
    paths = sorted(root.rglob("*"))
    return {str(p.relative_to(root)): "/" if p.is_dir() else p.read_text() for p in paths}


def lay(root: Path, artifacts: list[Artifact]) -> None:
    """Make a project's folder that holds these and strangers."""
    for path, text in STRANGERS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    if artifacts:
        update(artifacts, root, artifacts[-1].path.rpartition("/")[0])


def start(
    root: Path, output: str, artifacts: list[Artifact], moment: int = 0, number: int = 0
) -> subprocess.Popen[bytes]:
    """Start a run that gets a signal before its moment-th step on the disk."""
    files = root.with_suffix(f".{artifacts[0].path.replace('/', '-')}.json")
    if not files.exists():  # Another run may be reading it.
        files.write_text(json.dumps([(a.path, a.content.decode()) for a in artifacts]))
    plan = [str(root), output, str(moment), str(int(number)), str(files)]
    words = [sys.executable, "-c", CHILD, *plan]
    return subprocess.Popen(words, stderr=subprocess.PIPE, cwd=HERE)


def ended(
    base: Path, old: list[Artifact], output: str, new: list[Artifact], number: int
) -> Iterator[Path]:
    """Yield the folder of a run that was ended before its first step, its second, and so on."""
    for moment in range(1, 200):
        root = base / str(moment)
        root.mkdir()
        lay(root, old)
        with start(root, output, new, moment, number) as run:
            error = run.communicate()[1]
        if run.returncode == 0:
            assert moment > len(new)
            return
        assert run.returncode == -number, error.decode()
        yield root
    pytest.fail("a run never came to its end")


@pytest.mark.parametrize(("output", "targets"), UPDATES.values(), ids=UPDATES)
@pytest.mark.parametrize("old", [OLD, []], ids=["over an old plan", "the first time"])
def test_a_kill_leaves_whole_files_and_the_next_run_mends_them(
    tmp_path: Path, old: list[Artifact], output: str, targets: dict[str, str]
) -> None:
    """Killed at any step: files are old or new, bake's exist, strangers stay; a run mends all."""
    new = project(output, **targets)
    (tmp_path / "new").mkdir()
    lay(tmp_path / "new", new)
    expected = tree(tmp_path / "new")
    known = {a.path: {a.content} for a in old}
    for artifact in new:
        known.setdefault(artifact.path, set()).add(artifact.content)

    for root in ended(tmp_path, old, output, new, signal.SIGKILL):
        for path, contents in known.items():
            assert not (root / path).exists() or (root / path).read_bytes() in contents
        bake = root / "docker-bake.hcl"
        named = re.findall('dockerfile = "(.*)"', bake.read_text()) if bake.exists() else []
        assert all((root / path).is_file() for path in named)
        files = {(p, t) for p, t in tree(root).items() if t != "/" and STAGING not in p}
        complete = files == {(p, t) for p, t in expected.items() if t != "/"}
        assert (diff(new, root, output) == ()) == complete

        update(new, root, output)

        assert tree(root) == expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("output", "targets"), UPDATES.values(), ids=UPDATES)
def test_a_polite_signal_changes_nothing_or_everything(
    tmp_path: Path, number: int, output: str, targets: dict[str, str]
) -> None:
    """Ended by a signal that can be caught, the disk is as before or complete, without rests."""
    new = project(output, **targets)
    for name, artifacts in (("old", OLD), ("new", new)):
        (tmp_path / name).mkdir()
        lay(tmp_path / name, artifacts)
    expected = [tree(tmp_path / "old"), tree(tmp_path / "new")]

    found = [expected.index(tree(root)) for root in ended(tmp_path, OLD, output, new, number)]

    assert found == sorted(found)
    assert set(found) == {0, 1}


def test_runs_at_once_do_not_mix(tmp_path: Path) -> None:
    """Of several runs at once, one has its plan on the disk, whole and alone."""
    plans = [
        project("dockerfiles", **{f"t{n}": f"FROM {word}\n" for n in range(first, first + 150)})
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

    for _ in range(4):
        runs = [start(root, "dockerfiles", plan) for plan in plans * 3]
        errors = [run.communicate()[1] for run in runs]

        assert errors == [b""] * len(runs)
        assert tree(root) in expected


def test_a_killed_runs_rest_is_no_drift_and_is_removed(tmp_path: Path) -> None:
    """--check sees nothing in what a killed run staged; the next run removes it all the same."""
    lay(tmp_path, OLD)
    expected = tree(tmp_path)
    for folder in (tmp_path, tmp_path / "dockerfiles"):
        (folder / STAGING).mkdir()
        (folder / STAGING / "late.Dockerfile").write_text(f"# {MARKER}")

    assert diff(OLD, tmp_path, "dockerfiles") == ()
    assert update(OLD, tmp_path, "dockerfiles") == ()
    assert tree(tmp_path) == expected


def test_a_kill_in_the_midst_of_a_big_plan_is_mended(tmp_path: Path) -> None:
    """A kill by the clock, wherever it meets a run that writes 2,000 files, is mended too."""
    new = project("dockerfiles", **{f"t{n}": f"FROM b{n}\n" * 20 for n in range(1000)})
    lay(tmp_path, project("dockerfiles", **{f"t{n}": "FROM a\n" for n in range(500, 1500)}))

    for moment in range(1, 2000, 233):
        with start(tmp_path, "dockerfiles", new, moment, signal.SIGKILL) as run:
            run.communicate()

        assert run.returncode == -signal.SIGKILL
        assert diff(new, tmp_path, "dockerfiles") != ()
    update(new, tmp_path, "dockerfiles")

    assert {path.name for path in (tmp_path / "dockerfiles").iterdir()} == {
        "hand.Dockerfile",
        *(a.path.rpartition("/")[2] for a in new if "/" in a.path),
    }
