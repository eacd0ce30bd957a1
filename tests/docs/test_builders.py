"""Commands of pages that create builders on other machines are accepted by buildx.

buildx checks drivers and their options without a connection. Builders of this machine's Docker are
left out, because buildx connects to create them.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.markdown import PAGES, blocks


CREATE = re.compile(r"(?m)^docker buildx create (?:.*\\\n)*.*$")
REMOTE = re.compile(r"--driver (?:kubernetes|remote)\b|\bssh://")
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: c
"""


def _scripts() -> Iterator[tuple[str, str]]:
    """Yield the commands of each block that creates remote builders, with its place."""
    for page in PAGES:
        for block in blocks(page.read_text(encoding="utf-8")):
            commands = [text for text in CREATE.findall(block.text) if REMOTE.search(text)]
            if block.language == "sh" and commands:
                yield f"{page.name}:{block.line}", "\n".join(commands)


SCRIPTS = dict(_scripts())


@pytest.mark.parametrize("place", SCRIPTS)
def test_builders_can_be_created(place: str, tmp_path: Path, buildx: Path) -> None:
    """Every driver, option and endpoint is one that buildx knows; no cluster is contacted."""
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    for name in ("ca.pem", "client.pem", "client-key.pem"):
        (tmp_path / name).touch()
    docker = f'docker() {{ shift; {shlex.quote(str(buildx))} "$@"; }}\n'
    script = f"set -e\n{docker}{SCRIPTS[place].replace(' --bootstrap', '')}\n"
    environment = {"BUILDX_CONFIG": str(tmp_path), "KUBECONFIG": str(tmp_path / "kubeconfig")}

    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_builders_are_found() -> None:
    """The guide to builders shows each kind of builder."""
    shown = "".join(SCRIPTS.values())

    assert all(text in shown for text in ("--driver kubernetes", "--driver remote", "ssh://"))
