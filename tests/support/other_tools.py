"""Other tools that build variants of images, as tests of docs/comparison.md run them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class OtherTools:
    """A folder, and the programs that run in it."""

    folder: Path
    buildx: Path
    compose_plugin: Path

    def run(self, *command: str | Path, **files: str) -> subprocess.CompletedProcess[str]:
        """Write files, with `__` for a dot in their names, and run a command."""
        for name, text in files.items():
            path = self.folder / name.replace("__", ".")
            path.write_text(text, encoding="utf-8")
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)

    def bake(self, text: str, *arguments: str) -> Mapping[str, Any]:
        """Return the targets of a bake file."""
        options = ("bake", "--file", "b.hcl", "--print")
        done = self.run(self.buildx, *options, *arguments, b__hcl=text)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout)["target"])

    def compose(self, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Docker Compose with a compose file; by default, print what it reads."""
        return self.run(self.compose_plugin, *(arguments or ("config",)), compose__yaml=text)

    def loop(self, script: str) -> tuple[list[str], int]:
        """Run a script; return the calls of `docker` and the exit code. Python 3.10 fails."""
        fake = 'docker() { echo "$*" >> calls; case "$*" in *:3.10*) return 1;; esac; }\n'
        done = self.run("sh", "-c", fake + script)
        return (self.folder / "calls").read_text().splitlines(), done.returncode

    def bakery(self, matrix: str, extra: str = "") -> subprocess.CompletedProcess[str]:
        """Run `bakery build --plan` for an image with a matrix."""
        (self.folder / "worker/matrix").mkdir(parents=True, exist_ok=True)
        text = (
            'repository: {url: "https://example.com/acme"}\n'
            "registries: [{host: docker.io, namespace: acme}]\n"
            f"{extra}images:\n  - name: worker\n    matrix:\n"
            "      namePattern: 'py{{ Values.py }}-{{ Values.gpu }}'\n"
            f"      os: [{{name: Ubuntu 24.04, primary: true}}]\n{matrix}"
        )
        options = ("--plan", "--matrix-versions", "include")
        return self.run("bakery", "build", *options, bakery__yaml=text)
