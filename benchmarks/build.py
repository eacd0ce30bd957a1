"""One cold bake of the sample's 18 targets against one `docker buildx build` after another.

The second is how such images are built where each has a job or a loop of its own; each of its
builds begins with an empty cache. And `compile-matrix build` of 300 trivial targets against the
best batching by hand: six bakes of 50, in sequence. Needs an engine
with the sample's base images: run it in a shell that holds one up, see tests/support/engine.py.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path


PROJECT = Path(__file__).parents[1]
ENV = {**os.environ, "ONLY_PYTHON": "3.9,3.11,3.13", "ONLY_PLATFORM": "local"}


def run(*words: str, folder: Path, env: Mapping[str, str] = ENV) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout


def prune(folder: Path) -> None:
    """Empty the build cache."""
    run("docker", "buildx", "prune", "--all", "--force", folder=folder)


def three_hundred(folder: Path) -> tuple[list[float], list[float]]:
    """Build 300 targets by hand and by one command, three times in turn; return the seconds."""
    (folder / "templates").mkdir()
    values = ", ".join(f"v{n}" for n in range(300))
    (folder / "matrix.yaml").write_text(
        f"axes: {{n: [{values}]}}\nimages: {{bench: {{template: t.j2}}}}\n"
    )
    names = [f"bench-v{n}" for n in range(300)]
    times: tuple[list[float], list[float]] = [], []
    for turn in range(6):  # each with steps of its own, so that nothing is cached
        text = f"FROM scratch\nCOPY matrix.yaml /{{{{ n }}}}-{turn}-{time.time_ns()}\n"
        (folder / "templates/t.j2").write_text(text)
        run(sys.executable, "-m", "compiler", folder=folder, env=os.environ)
        start = time.perf_counter()
        if turn % 2:
            run(sys.executable, "-m", "compiler", "build", folder=folder, env=os.environ)
        else:
            for first in range(0, 300, 50):
                part = names[first : first + 50]
                run("docker", "buildx", "bake", *part, folder=folder, env=os.environ)
        times[turn % 2].append(time.perf_counter() - start)
    return times


def main() -> None:
    """Measure each and print the ratios."""
    with tempfile.TemporaryDirectory() as name:
        hand, ours = three_hundred(Path(name))
        print(f"300 targets in six bakes by hand: {min(hand):.1f} s")
        print(f"compile-matrix build of them: {min(ours):.1f} s")
        print(f"ratio: {min(ours) / min(hand):.2f}")
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
