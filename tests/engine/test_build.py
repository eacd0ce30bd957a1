"""`compile-matrix build` on a real BuildKit and a real registry: much at once, and with faults."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support import command, proxy
from support.engine import Engine


pytestmark = pytest.mark.engine

OWN = f"runner{os.getpid()}"
"""Where this run pushes: an engine that is held up keeps what others pushed."""
PATIENCE = 300
"""Seconds that anything may take on a busy machine."""


def project(folder: Path, matrix: str, **templates: str) -> Path:
    """Make a project and compile it."""
    (folder / "templates").mkdir()
    for name, text in templates.items():
        (folder / f"templates/{name}.j2").write_text(text)
    (folder / "matrix.yaml").write_text(matrix)
    command.run(folder)
    return folder


def build(
    engine: Engine, folder: Path, *words: str, code: int = 0, **env: str
) -> subprocess.CompletedProcess[str]:
    """Build, and expect an exit code."""
    environment = {**engine.env, "REGISTRY": f"{engine.registry}/{OWN}", **env}
    return command.run(folder, "build", *words, env=environment, code=code)


def many(count: int) -> str:
    """Return a matrix of so many trivial targets."""
    values = ", ".join(f"v{n}" for n in range(count))
    return f"axes: {{n: [{values}]}}\nimages: {{{OWN}-many: {{template: trivial.j2}}}}\n"


def test_three_hundred_in_one_command(engine: Engine, tmp_path: Path) -> None:
    """Far more targets than one bake can bear are built, each with a log."""
    folder = project(tmp_path, many(300), trivial="FROM scratch\nCOPY matrix.yaml /{{ n }}\n")

    done = build(engine, folder, "--set=*.output=type=cacheonly")

    assert done.stdout.startswith("300 built in ")
    assert len(list((folder / ".compile-matrix/logs").iterdir())) == 300
    assert not (folder / ".compile-matrix/failed.json").exists()


FAMILY = """\
variables: {REGISTRY: nowhere.invalid}
axes: {n: [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9]}
images:
  runner-base:
    template: base.j2
    tags: ["${REGISTRY}/runner-base:{{ n }}"]
    tests: ["test -s /said"]
  runner-child: {from: runner-base, template: child.j2, tags: ["${REGISTRY}/runner-child:{{ n }}"]}
  runner-leaf: {from: runner-child, template: child.j2, tags: ["${REGISTRY}/runner-leaf:{{ n }}"]}
"""
BASE = """\
FROM python:3.11-slim-bookworm
RUN echo {{ n }} > /said
{% if n == "a3" %}
RUN echo out of paint; exit 7
{% endif %}
"""
CHILD = "FROM {{ parent }}\nRUN echo {{ target }} > /child\n"
LOST = ["runner-base-a3", "runner-child-a3", "runner-leaf-a3", "runner-base-a3-test"]


def test_one_that_fails_costs_itself_and_its_children(engine: Engine, tmp_path: Path) -> None:
    """Of forty, with tests, all others are built and pushed; the reason is told and kept."""
    folder = project(tmp_path, FAMILY, base=BASE, child=CHILD)

    done = build(engine, folder, "--push", "--test", code=1)

    assert "36 built, 1 failed, 3 not tried" in done.stdout
    assert "  | out of paint\n" in done.stderr
    assert "out of paint" in (folder / ".compile-matrix/logs/runner-base-a3.log").read_text()
    for image in ("base", "child", "leaf"):
        assert engine.tags(f"{OWN}/runner-{image}") == [f"a{n}" for n in range(10) if n != 3]
    left = json.loads((folder / ".compile-matrix/failed.json").read_text())
    assert left == {"version": 1, "targets": LOST}

    (folder / "templates/base.j2").write_text(BASE.replace("exit 7", "true"))
    stale = build(engine, folder, "--selection", ".compile-matrix/failed.json", code=1)

    assert "error[stale-files]" in stale.stderr

    command.run(folder)
    words = ("--push", "--selection", ".compile-matrix/failed.json", "--format", "json")
    said = json.loads(build(engine, folder, *words).stdout)

    assert list(said["built"]) == LOST
    assert said["built"]["runner-leaf-a3"]["digest"] == engine.digest(f"{OWN}/runner-leaf", "a3")
    assert not (folder / ".compile-matrix/failed.json").exists()


def test_a_failing_parent_that_nobody_asked_for(engine: Engine, tmp_path: Path) -> None:
    """Children alone are asked for: the parent that comes along is said to have failed."""
    folder = project(tmp_path, FAMILY, base=BASE, child=CHILD)

    done = build(engine, folder, "image=runner-leaf", "n=a3,a4", code=1)

    assert "1 built, 1 failed, 1 not tried" in done.stdout
    assert "runner-base-a3  failed" in done.stdout


def test_parents_without_cache_are_built_once(engine: Engine, tmp_path: Path) -> None:
    """Parts share what was built anew: every child has the layers that its parent was pushed with.

    Also with nothing but the children asked for, and where the lock wants it for some.
    """
    matrix = """
variables: {REGISTRY: nowhere.invalid}
axes: {n: [a, b, c]}
images:
  anew-base: {axes: [], template: base.j2, tags: ["${REGISTRY}/anew-base:x"]}
  anew-child: {from: anew-base, template: child.j2, tags: ["${REGISTRY}/anew-child:{{ n }}"]}
"""
    base = "FROM python:3.11-slim-bookworm\nRUN date +%N > /said\n"
    child = "FROM {{ parent }}\nRUN echo {{ n }} > /c\n"
    folder = project(tmp_path, matrix, base=base, child=child)

    def layers(*words: str) -> list[str]:
        build(engine, folder, "--push", "--part=2", *words)
        tags = [("anew-base", "x"), *(("anew-child", n) for n in "abc")]
        return [engine.config(f"{OWN}/{at}", tag)["rootfs"]["diff_ids"][1] for at, tag in tags]

    first = layers("--no-cache")
    children = layers("--no-cache", "image=anew-child")
    (folder / "matrix.lock").write_text("version: 1\nrefreshed: {anew-base: 2026-11-25}\n")
    command.run(folder)
    refreshed = layers()
    (folder / "matrix.lock").write_text("version: 1\nrefreshed: {anew-base: 2026-11-26}\n")
    command.run(folder)
    build(engine, folder, "--push", "image=anew-base")
    later = layers("image=anew-child")

    assert len(set(first)) == 1
    assert children[0] == first[0]
    assert len(set(children[1:])) == 1
    assert len(set(refreshed)) == 1
    assert len(set(later)) == 1
    assert len({*first, *children, *refreshed, *later}) == 4


def test_steps_that_are_shared_fail_once_for_all(engine: Engine, tmp_path: Path) -> None:
    """Twelve targets fail of one step, and it is run but once or twice, not twelve times."""
    values = ", ".join(f"v{n}" for n in range(12))
    matrix = f"axes: {{n: [{values}]}}\nimages: {{runner-same: {{template: same.j2}}}}\n"
    run = "echo run $(cat /proc/sys/kernel/random/uuid); sleep 2; exit"
    same = f"FROM python:3.11-slim-bookworm\nRUN {run} {os.getpid() % 250 + 1}\n"
    folder = project(tmp_path, matrix, same=f"{same}COPY matrix.yaml /{{{{ n }}}}\n")

    done = build(engine, folder, code=1)

    assert "0 built, 12 failed" in done.stdout
    logs = [file.read_text() for file in (folder / ".compile-matrix/logs").iterdir()]
    runs = [re.findall(r"^run ([0-9a-f-]{36})$", log, re.MULTILINE) for log in logs]
    assert len(runs) == 12
    assert 1 <= len({one for found in runs for one in found}) <= 4


def failing(request: proxy.Request) -> int:
    """Fail every third request, and the first ones all.

    BuildKit itself tries a push again, a few times; a base image that it looks up it does not.
    """
    fails = request.path != "/v2/" and (request.number < 6 or request.number % 3 == 2)
    return (500 if request.number % 2 else 429) if fails else 0


def test_faults_that_pass_are_tried_again(engine: Engine, tmp_path: Path) -> None:
    """A third of all requests to the registry fails, and everything is pushed all the same."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    engine.docker(
        "buildx", "build", "--push", f"--tag={engine.registry}/runner/ground:1", ".", cwd=tmp_path
    )
    matrix = (
        "variables: {REGISTRY: nowhere.invalid}\naxes: {n: [x, y, z]}\n"
        "images: {runner-faulty: {template: t.j2, tags: ['${REGISTRY}/runner-faulty:{{ n }}']}}\n"
    )
    with proxy.before(engine.registry) as between:
        between.fault = failing
        folder = project(
            tmp_path,
            matrix,
            t=f"FROM {between.address}/runner/ground:1\nCOPY matrix.yaml /{{{{ n }}}}\n",
        )

        done = build(engine, folder, "--push", "--retries=20", REGISTRY=f"{between.address}/{OWN}")

    assert between.failed >= 3
    assert " again in " in done.stderr
    assert engine.tags(f"{OWN}/runner-faulty") == ["x", "y", "z"]


def heedful() -> None:
    """Let Ctrl-C reach a process, even where these tests run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(
    number: signal.Signals, engine: Engine, tmp_path: Path
) -> None:
    """Ctrl-C and SIGTERM stop every bake, say so, and end with 130."""
    own = f"{{{{ n }}}} {os.getpid()}{number}"
    slow = f"FROM python:3.11-slim-bookworm\nRUN sleep {2 * PATIENCE} # {own}\n"
    folder = project(tmp_path, many(40), trivial=slow)
    running = subprocess.Popen(
        [*command.COMMAND, "build", "--part=2", "--jobs=2"],
        cwd=folder,
        env={**engine.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heedful,  # noqa: PLW1509 - no thread is there
    )
    logs = folder / ".compile-matrix/logs"
    end = time.monotonic() + PATIENCE
    while not any("sleep" in file.read_text() for file in logs.glob("*")):
        assert running.poll() is None, "".join(running.communicate())
        assert time.monotonic() < end
        time.sleep(0.1)

    running.send_signal(number)
    _, said = running.communicate(timeout=PATIENCE)

    assert running.returncode == 130
    assert "interrupted: every bake is stopped" in said
    assert "Traceback" not in said
    told = subprocess.run(["ps", "-A", "-o", "args="], check=True, capture_output=True, text=True)
    assert not [line for line in told.stdout.splitlines() if f"{OWN}-many-v" in line]


def test_what_bake_refuses_is_refused_once(engine: Engine, tmp_path: Path) -> None:
    """A wrong option, builder or field fails at once, in the words of bake."""
    folder = project(tmp_path, many(40), trivial="FROM scratch\nCOPY matrix.yaml /{{ n }}\n")
    for words in (["--", "--nonsense"], ["--builder=nonsense"], ["--set=nonsense.args.A=1"]):
        said = build(engine, folder, *words, code=1).stderr

        assert "error[cannot-build]: docker buildx bake failed: " in said
        assert "nonsense" in said
