"""Disks that are full, read-only or over a limit: nothing is changed."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.disk import files, project

from compiler.constants import STAGING
from compiler.output.artifact import Artifact
from compiler.output.write import update


pytestmark = pytest.mark.slow


HERE = Path(__file__).parents[3]
CHILD = """
import json, os, sys
from pathlib import Path
from compiler.output.artifact import Artifact
from compiler.errors import CompileError
from compiler.output.write import update

root, output, user, files = json.loads(sys.argv[1])
if user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
try:
    update([Artifact(path, text.encode()) for path, text in files], Path(root), output)
except CompileError as error:
    found = [(d.code, d.location.path, d.message, d.help) for d in error.diagnostics]
else:
    found = []
names = sorted(str(p.relative_to(root)) for p in Path(root).rglob("*"))
print(json.dumps([found, names]))
"""


def child(
    root: Path,
    artifacts: list[Artifact],
    *words: str,
    user: int = 0,
    limit: Callable[[], None] | None = None,
) -> tuple[list[list[str]], list[str]]:
    """Return the errors of another process, and the names of the files after it."""
    plan = [str(root), "dockerfiles", user, [(a.path, a.content.decode()) for a in artifacts]]
    done = subprocess.run(
        [*words, sys.executable, "-c", CHILD, json.dumps(plan)],
        stdout=subprocess.PIPE,
        check=True,
        cwd=HERE,
        preexec_fn=limit,
    )
    found, names = json.loads(done.stdout)
    return found, names


def test_a_limit_on_size_changes_nothing(tmp_path: Path) -> None:
    """If a file would exceed the limit of a file's size, nothing is changed."""
    update(project("a"), tmp_path, "dockerfiles")
    before = files(tmp_path)
    found, _ = child(
        tmp_path,
        project("a", "b", text="RUN true\n" * 2000),
        limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )

    assert [(code, path) for code, path, _, _ in found] == [
        ("cannot-write", "dockerfiles/a.Dockerfile")
    ]
    assert "File too large; nothing is changed" in found[0][2]
    assert files(tmp_path) == before
    assert not list(tmp_path.rglob(STAGING))


@pytest.fixture
def mounting() -> list[str]:
    """Return the words that run a shell where file systems can be mounted, unseen by others.

    Any user of Linux may do so, unless forbidden; continuous integration has to allow it.
    """
    words = ["unshare", "--mount", "--map-root-user", "sh", "-ec"]
    probe = "mount -t tmpfs -o size=64k none /mnt"
    if sys.platform != "linux":
        pytest.skip("file systems are mounted as Linux does")
    if subprocess.run([*words, probe], check=False, capture_output=True).returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("nothing can be mounted here: the promises about full disks go untested")
        pytest.skip("nothing can be mounted here")
    return words


def test_a_full_disk_changes_nothing(tmp_path: Path, mounting: list[str]) -> None:
    """If there is not enough room for all files, none is written, and the room is freed."""
    shell = f'mount -t tmpfs -o size=64k none {tmp_path}; exec "$0" "$@"'
    big = project("a", "b", text="RUN true\n" * 5000)

    found, names = child(tmp_path, big, *mounting, shell)

    message = "cannot write 'dockerfiles/b.Dockerfile': No space left on device; nothing is changed"
    expected = ["cannot-write", "dockerfiles/b.Dockerfile", message, "make room on the disk"]
    assert (found, names) == ([expected], [])


def test_a_read_only_disk_is_refused(tmp_path: Path, mounting: list[str]) -> None:
    """A read-only disk is reported for all folders at once."""
    shell = f"mount -t tmpfs -o size=64k none {tmp_path}; mkdir {tmp_path}/dockerfiles; "
    shell += f'mount -o remount,ro {tmp_path}; exec "$0" "$@"'

    found, names = child(tmp_path, project("a"), *mounting, shell)

    assert [(code, path) for code, path, _, _ in found] == [
        ("cannot-write", "."),
        ("cannot-write", "dockerfiles"),
    ]
    assert {message.partition(": ")[2] for _, _, message, _ in found} == {
        "Read-only file system; nothing is changed"
    }
    assert names == ["dockerfiles"]


def test_missing_permissions_are_reported_for_all_files_at_once() -> None:
    """Files that cannot be read or written are reported before anything is changed."""
    with tempfile.TemporaryDirectory() as base:
        root = Path(base)
        update(project("a", "b"), root, "dockerfiles")
        # Who may do everything becomes somebody who may not.
        user = 65534 if os.geteuid() == 0 else 0
        locked = [root / "dockerfiles" / "a.Dockerfile", root / "docker-bake.hcl"]
        for path in locked:
            path.chmod(0)
        root.chmod(0o755)
        (root / "dockerfiles").chmod(0o555)

        unreadable, _ = child(root, project("a", "b"), user=user)
        for path in locked:
            path.chmod(0o644)
        unwritable, _ = child(root, project("a", "b", "c"), user=user)
        nothing, _ = child(root, project("a", "b"), user=user)
        (root / "dockerfiles").chmod(0o755)

    assert [(code, path) for code, path, _, _ in unreadable] == [
        ("cannot-read", "dockerfiles/a.Dockerfile"),
        ("cannot-read", "docker-bake.hcl"),
    ]
    assert ("cannot-write", "dockerfiles") in [(code, path) for code, path, _, _ in unwritable]
    assert nothing == []
