"""`compile-matrix build` with a real BuildKit and registry: many targets, failures, retries."""

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
"""This run's namespace: a shared engine keeps the images of other runs."""
PATIENCE = 300
"""Timeout in seconds, for a busy machine."""


def project(folder: Path, matrix: str, **templates: str) -> Path:
    """Write a project and compile it."""
    (folder / "templates").mkdir()
    for name, text in templates.items():
        (folder / f"templates/{name}.j2").write_text(text)
    (folder / "matrix.yaml").write_text(matrix)
    command.call(folder)
    return folder


def build(
    engine: Engine, folder: Path, *arguments: str, code: int = 0, **env: str
) -> subprocess.CompletedProcess[str]:
    """Build and check the exit code."""
    environment = {**engine.env, "REGISTRY": f"{engine.registry}/{OWN}", **env}
    return command.call(folder, "build", *arguments, env=environment, code=code)


def many(count: int) -> str:
    """Return a matrix with this number of trivial targets."""
    values = ", ".join(f"v{n}" for n in range(count))
    return f"axes: {{n: [{values}]}}\nimages: {{{OWN}-many: {{template: trivial.j2}}}}\n"


def test_three_hundred_in_one_command(engine: Engine, tmp_path: Path) -> None:
    """More targets than one bake invocation supports are built, each with a log."""
    folder = project(tmp_path, many(300), trivial="FROM scratch\nCOPY matrix.yaml /{{ n }}\n")

    done = build(engine, folder, "--set=*.output=type=cacheonly")

    assert done.stdout.startswith("300 built in ")
    assert len(list((folder / ".compile-matrix/logs").iterdir())) == 300
    assert not (folder / ".compile-matrix/failed.json").exists()


FAMILY = """\
variables: {REGISTRY: nowhere.invalid}
axes: {n: [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9]}
defaults: {network: none}
images:
  runner-base:
    template: base.j2
    tags: ["${REGISTRY}/runner-base:{{ n }}"]
    tests: ["test -s /said"]
  runner-child: {from: runner-base, template: child.j2, tags: ["${REGISTRY}/runner-child:{{ n }}"]}
  runner-leaf: {from: runner-child, template: child.j2, tags: ["${REGISTRY}/runner-leaf:{{ n }}"]}
"""
BASE = """\
FROM busybox:1.36
RUN echo {{ n }} > /said
{% if n == "a3" %}
RUN echo out of paint; exit 7
{% endif %}
"""
CHILD = "FROM {{ parent }}\nRUN echo {{ target }} > /child\n"
LOST = ["runner-base-a3", "runner-child-a3", "runner-leaf-a3", "runner-base-a3-test"]


def test_only_dependents_of_a_failed_target_are_skipped(engine: Engine, tmp_path: Path) -> None:
    """All other targets are built, tested and pushed; the error is shown and logged."""
    folder = project(tmp_path, FAMILY, base=BASE, child=CHILD)

    done = build(engine, folder, "--push", "--test", code=1)

    assert "36 built, 1 failed, 3 skipped" in done.stdout
    assert "  | out of paint\n" in done.stderr
    assert "out of paint" in (folder / ".compile-matrix/logs/runner-base-a3.log").read_text()
    for image in ("base", "child", "leaf"):
        assert engine.tags(f"{OWN}/runner-{image}") == [f"a{n}" for n in range(10) if n != 3]
    remaining = json.loads((folder / ".compile-matrix/failed.json").read_text())
    assert remaining == {"version": 1, "targets": LOST}

    (folder / "templates/base.j2").write_text(BASE.replace("exit 7", "true"))
    stale = build(engine, folder, "--selection", ".compile-matrix/failed.json", code=1)

    assert "error[stale-files]" in stale.stderr

    command.call(folder)
    arguments = ("--push", "--selection", ".compile-matrix/failed.json", "--format", "json")
    result = json.loads(build(engine, folder, *arguments).stdout)

    assert list(result["built"]) == LOST
    assert result["built"]["runner-leaf-a3"]["digest"] == engine.digest(f"{OWN}/runner-leaf", "a3")
    assert not (folder / ".compile-matrix/failed.json").exists()


def test_a_failing_parent_that_was_not_requested(engine: Engine, tmp_path: Path) -> None:
    """Only children are requested: their parent is reported as failed."""
    folder = project(tmp_path, FAMILY, base=BASE, child=CHILD)

    done = build(engine, folder, "image=runner-leaf", "n=a3,a4", code=1)

    assert "1 built, 1 failed, 1 skipped" in done.stdout
    assert "runner-base-a3  failed" in done.stdout


def test_parents_without_cache_are_built_once(engine: Engine, tmp_path: Path) -> None:
    """Every child has the layers of the pushed parent, although batches are built separately.

    The same is true if only the children are requested, and for targets that the lock refreshes.
    """
    matrix = """
variables: {REGISTRY: nowhere.invalid}
axes: {n: [a, b, c]}
defaults: {network: none}
images:
  fresh-base: {axes: [], template: base.j2, tags: ["${REGISTRY}/fresh-base:x"]}
  fresh-child: {from: fresh-base, template: child.j2, tags: ["${REGISTRY}/fresh-child:{{ n }}"]}
"""
    base = "FROM busybox:1.36\nRUN cat /proc/sys/kernel/random/uuid > /said\n"
    child = "FROM {{ parent }}\nRUN echo {{ n }} > /c\n"
    folder = project(tmp_path, matrix, base=base, child=child)

    def layers(*arguments: str) -> list[str]:
        build(engine, folder, "--push", "--part=2", *arguments)
        tags = [("fresh-base", "x"), *(("fresh-child", n) for n in "abc")]
        return [
            engine.config(f"{OWN}/{image}", tag)["rootfs"]["diff_ids"][1] for image, tag in tags
        ]

    first = layers("--no-cache")
    children = layers("--no-cache", "image=fresh-child")
    (folder / "matrix.lock").write_text("version: 1\nrefreshed: {fresh-base: 2026-11-25}\n")
    command.call(folder)
    refreshed = layers()
    (folder / "matrix.lock").write_text("version: 1\nrefreshed: {fresh-base: 2026-11-26}\n")
    command.call(folder)
    build(engine, folder, "--push", "image=fresh-base")
    later = layers("image=fresh-child")

    assert len(set(first)) == 1
    assert children[0] == first[0]
    assert len(set(children[1:])) == 1
    assert len(set(refreshed)) == 1
    assert len(set(later)) == 1
    assert len({*first, *children, *refreshed, *later}) == 4


def test_a_failing_shared_step_runs_once(engine: Engine, tmp_path: Path) -> None:
    """Twelve targets share a failing step, which runs once or a few times, not twelve times."""
    values = ", ".join(f"v{n}" for n in range(12))
    matrix = f"axes: {{n: [{values}]}}\nimages: {{runner-same: {{template: same.j2}}}}\n"
    run = "echo run $(cat /proc/sys/kernel/random/uuid); sleep 2; exit"
    same = f"FROM busybox:1.36\nRUN {run} {os.getpid() % 250 + 1}\n"
    folder = project(tmp_path, matrix, same=f"{same}COPY matrix.yaml /{{{{ n }}}}\n")

    done = build(engine, folder, code=1)

    assert "0 built, 12 failed" in done.stdout
    logs = [file.read_text() for file in (folder / ".compile-matrix/logs").iterdir()]
    runs = [re.findall(r"^run ([0-9a-f-]{36})$", log, re.MULTILINE) for log in logs]
    assert len(runs) == 12
    assert 1 <= len({run for log in runs for run in log}) <= 4


def failing(request: proxy.Request) -> int:
    """Fail the first requests and then every third one.

    BuildKit itself retries a push a few times, but not the lookup of a base image.
    """
    fails = request.path != "/v2/" and (request.number < 6 or request.number % 3 == 2)
    return (500 if request.number % 2 else 429) if fails else 0


def test_transient_errors_are_retried(engine: Engine, tmp_path: Path) -> None:
    """A third of all requests to the registry fails, and everything is pushed nevertheless."""
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
    assert "retrying runner-faulty-" in done.stderr
    assert engine.tags(f"{OWN}/runner-faulty") == ["x", "y", "z"]


def accept_interrupts() -> None:
    """Let Ctrl-C reach a process, even if these tests run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_all_processes(
    number: signal.Signals, engine: Engine, tmp_path: Path
) -> None:
    """Ctrl-C and SIGTERM stop every bake process; the exit code is 130."""
    own = f"{{{{ n }}}} {os.getpid()}{number}"
    slow = f"FROM busybox:1.36\nRUN sleep {2 * PATIENCE} # {own}\n"
    folder = project(tmp_path, many(40), trivial=slow)
    process = subprocess.Popen(
        [*command.COMMAND, "build", "--part=2", "--jobs=2"],
        cwd=folder,
        env={**engine.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=accept_interrupts,  # noqa: PLW1509 - no other thread is running
    )
    logs = folder / ".compile-matrix/logs"
    end = time.monotonic() + PATIENCE
    while not any("sleep" in file.read_text() for file in logs.glob("*")):
        assert process.poll() is None, "".join(process.communicate())
        assert time.monotonic() < end
        time.sleep(0.1)

    process.send_signal(number)
    _, stderr = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    assert "interrupted: all builds are stopped" in stderr
    remaining = json.loads((folder / ".compile-matrix/failed.json").read_text())["targets"]
    assert f"{len(remaining)} targets not built; to continue: " in stderr
    assert len(remaining) + stderr.count("] built ") == 40
    assert "Traceback" not in stderr
    processes = subprocess.run(
        ["ps", "-A", "-o", "args="], check=True, capture_output=True, text=True
    )
    assert not [line for line in processes.stdout.splitlines() if f"{OWN}-many-v" in line]


def test_common_errors_are_reported_once(engine: Engine, tmp_path: Path) -> None:
    """An unknown option, builder or target fails at once, with the message of bake."""
    folder = project(tmp_path, many(40), trivial="FROM scratch\nCOPY matrix.yaml /{{ n }}\n")
    for arguments in (["--", "--nonsense"], ["--builder=nonsense"], ["--set=nonsense.args.A=1"]):
        stderr = build(engine, folder, *arguments, code=1).stderr

        assert "error[cannot-build]: docker buildx bake failed: " in stderr
        assert "nonsense" in stderr
