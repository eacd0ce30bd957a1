"""One cold bake of the sample's 18 targets against one `docker buildx build` after another.

The second is how such images are built where each has a job or a loop of its own; each of its
builds begins with an empty cache. Needs an engine with the sample's base images: run it in a shell
that holds one up, see tests/support/engine.py.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


PROJECT = Path(__file__).parents[1]
ENV = {**os.environ, "ONLY_PYTHON": "3.9,3.11,3.13", "ONLY_PLATFORM": "local"}


def run(*words: str, folder: Path) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(words, cwd=folder, env=ENV, check=True, capture_output=True, text=True)
    return done.stdout


def prune(folder: Path) -> None:
    """Empty the build cache."""
    run("docker", "buildx", "prune", "--all", "--force", folder=folder)


def main() -> None:
    """Measure both once and print the ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("matrix.yaml", "pyproject.toml", "docker-bake.hcl.j2"):
            (folder / file).write_bytes((PROJECT / file).read_bytes())
        run("cp", "-r", str(PROJECT / "templates"), ".", folder=folder)
        run(sys.executable, "-m", "compiler", folder=folder)
        targets = json.loads(run("docker", "buildx", "bake", "--print", folder=folder))["target"]
        prune(folder)
        start = time.perf_counter()
        run("docker", "buildx", "bake", folder=folder)
        baked = time.perf_counter() - start
        single = 0.0
        for target in targets.values():
            prune(folder)
            words = ["docker", "buildx", "build", target["context"]]
            words += ["--file", target["dockerfile"].removeprefix("cwd://")]
            words += [f"--platform={','.join(target['platforms'])}"]
            for key, path in target.get("contexts", {}).items():
                words.append(f"--build-context={key}={path}")
            start = time.perf_counter()
            run(*words, folder=folder)
            single += time.perf_counter() - start
        print(f"one bake of {len(targets)} targets: {baked:.1f} s")
        print(f"one build after another: {single:.1f} s")
        print(f"ratio: {single / baked:.1f}")


if __name__ == "__main__":
    main()
