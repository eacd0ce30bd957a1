"""What dependents and tests get from the targets that they link to, on two platforms."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import command
from support.engine import Engine


pytestmark = pytest.mark.engine

PLATFORMS = ("linux/amd64", "linux/arm64")
TEXT = "what-only-the-base-image-reads"
MATRIX = """\
defaults: {network: none, platforms: [linux/amd64, linux/arm64]}
images:
  base:
    template: base.j2
    secret: ["id=token,env=TOKEN", "type=file,id=key,src=key.pem"]
    ssh: ["default=agent.sock"]
  child: {from: base, template: child.j2}
  grandchild:
    from: child
    template: child.j2
    tests: ['test "$(cat /read)" = "LENGTH 4"']
"""
BASE = """\
FROM python:3.11-slim-bookworm
RUN --mount=type=secret,id=token --mount=type=secret,id=key --mount=type=ssh \\
    test -S "$SSH_AUTH_SOCK" && python -c "print(*(len(open(f'/run/secrets/{name}').read()) \\
    for name in ('token', 'key')))" > /read
"""
CHILD = "FROM {{ parent }}\nRUN cp /read /{{ target }}\n"

RESOURCES = """\
images:
  limited:
    template: limited.j2
    platforms: [linux/amd64, linux/arm64]
    network: none
    shm-size: 128m
    extra-hosts: {mirror.example.com: 192.0.2.1}
    ulimits: ["nofile=1000:1001"]
    tests:
      - test "$(ulimit -Sn) $(ulimit -Hn)" = "1000 1001"
      - grep -q "192.0.2.1.*mirror.example.com" /etc/hosts
      - df -k /dev/shm | grep -q " 131072 "
      - test "$(ls /sys/class/net)" = lo
"""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[None]:
    """Provide a socket in place of an SSH agent."""
    folder = os.open(tmp_path, os.O_RDONLY)  # The path of a socket is short.
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/agent.sock")
        server.listen()
        yield
    os.close(folder)


@pytest.mark.usefixtures("agent")
def test_secrets_of_linked_targets(engine: Engine, tmp_path: Path) -> None:
    """A dependent builds its parent with the parent's secrets and SSH agents, each time."""
    _require_platforms(engine)
    matrix = MATRIX.replace("LENGTH", str(len(TEXT)))
    _write(tmp_path, matrix, base=BASE, child=CHILD)
    (tmp_path / "key.pem").write_text("key\n")
    env = {**engine.env, "TOKEN": TEXT}

    for names in (["grandchild"], ["child"], [], ["grandchild", "--test-only"]):
        command.call(
            tmp_path,
            *("build", *names, "--no-cache", "--set=*.output=type=cacheonly"),
            *("--", "--allow=ssh"),
            env=env,
        )


def test_tests_run_as_steps_of_their_image(engine: Engine, tmp_path: Path) -> None:
    """They have its network, shared memory, limits and hosts."""
    _require_platforms(engine)
    _write(tmp_path, RESOURCES, limited="FROM python:3.11-slim-bookworm\n")

    command.call(tmp_path, "build", "--test-only", env=engine.env)


def _require_platforms(engine: Engine) -> None:
    if not set(PLATFORMS) <= set(engine.platforms()):
        pytest.skip("the engine cannot emulate another platform")


def _write(folder: Path, matrix: str, **templates: str) -> None:
    (folder / "templates").mkdir()
    for name, text in templates.items():
        (folder / f"templates/{name}.j2").write_text(text)
    (folder / "matrix.yaml").write_text(matrix)
    command.call(folder)
