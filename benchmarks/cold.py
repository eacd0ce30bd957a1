"""Measure the cold build of the sample's 18 targets of three Pythons, for one platform.

One bake is compared with today's practice: one `docker buildx build` after another with pip, each
from an empty cache, as separate CI jobs run them. The two are measured in turn on one engine.

Then each target is built alone, with a common cache. BuildKit executes each step once, and no step
shares the cores with another, so the steps' seconds divided by the cores bound the bake from below.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import progress


PROJECT = Path(__file__).parents[1]
ENV = {**os.environ, "ONLY_PLATFORM": "local", "ONLY_PYTHON": "3.9,3.11,3.13"}
RUNS = int(os.environ.get("RUNS", "3"))
EXECUTED = ("FROM", "RUN", "COPY", "WORKDIR")

UV = "--mount=type=bind,from=astral/uv:{{ uv }},source=/uv,target=/usr/local/bin/uv \\\n    "
WITH_PIP = {
    UV: "",
    "target=/root/.cache/uv": "target=/root/.cache/pip",
    "    --mount=type=tmpfs,target=/tmp \\\n": "",
    "uv venv --no-python-downloads": "python -m venv --without-pip",
    "uv pip install --python=/control/venv --link-mode=copy --compile-bytecode": (
        "pip install --target=/control/venv/lib/python{{ python }}/site-packages"
    ),
    "uv pip install --system --link-mode=copy --compile-bytecode": "pip install",
}
"""Texts of the sample's template -> what the same steps are with pip."""


def copy_sample(folder: Path) -> None:
    """Copy the sample matrix."""
    for name in ("matrix.yaml", "pyproject.toml", "docker-bake.hcl.j2"):
        (folder / name).write_bytes((PROJECT / name).read_bytes())
    shutil.copytree(PROJECT / "templates", folder / "templates")


def change(file: Path, pieces: Mapping[str, str]) -> None:
    """Replace every occurrence of texts in a file, each of which must occur."""
    text = file.read_text()
    for old, new in pieces.items():
        if old not in text:
            raise SystemExit(f"{file.name} does not contain {old!r}")
        text = text.replace(old, new)
    file.write_text(text)


def buildx(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `docker buildx`."""
    command = ["docker", "buildx", *arguments]
    return subprocess.run(command, cwd=folder, env=ENV, check=True, capture_output=True, text=True)


def empty(folder: Path, targets: Mapping[str, Any]) -> None:
    """Empty the build cache, and delete the images that keep layers of it."""
    tags = [tag for target in targets.values() for tag in target["tags"]]
    remove = ["docker", "image", "rm", "--force", *tags]
    subprocess.run(remove, env=ENV, check=False, capture_output=True)
    buildx(folder, "prune", "--all", "--force")


def bake(folder: Path) -> tuple[float, progress.Trace]:
    """Bake everything; return the seconds and the executed steps."""
    start = time.perf_counter()
    done = buildx(folder, "bake", "--progress=rawjson")
    return time.perf_counter() - start, progress.read(done.stderr)


def build(folder: Path, target: Mapping[str, Any]) -> tuple[float, str]:
    """Build one target without bake; return the seconds and BuildKit's progress."""
    arguments = ["build", target["context"], "--progress=rawjson"]
    arguments += ["--file", target["dockerfile"].removeprefix("cwd://")]
    arguments += [f"--platform={','.join(target['platforms'])}", f"--tag={target['tags'][0]}"]
    for name, path in target.get("contexts", {}).items():
        arguments.append(f"--build-context={name}={path}")
    start = time.perf_counter()
    done = buildx(folder, *arguments)
    return time.perf_counter() - start, done.stderr


def measure(folder: Path) -> None:
    """Measure and print everything."""
    projects = {name: folder / name for name in ("uv", "pip")}
    for name, project in projects.items():
        project.mkdir()
        copy_sample(project)
        if name == "pip":
            change(project / "templates/Dockerfile.j2", WITH_PIP)
        command = [sys.executable, "-m", "compiler"]
        subprocess.run(command, cwd=project, env=ENV, check=True, capture_output=True)
    ours, practice = projects.values()
    targets = json.loads(buildx(ours, "bake", "--print").stdout)["target"]
    bakes, sequences = [], []
    for _ in range(RUNS):
        empty(ours, targets)
        bakes.append(bake(ours))
        seconds = 0.0
        for target in targets.values():
            empty(practice, targets)
            seconds += build(practice, target)[0]
        sequences.append(seconds)
        print(
            f"one bake: {bakes[-1][0]:.1f} s; one build after another: {seconds:.1f} s", flush=True
        )
    empty(ours, targets)
    alone = progress.read(*(build(ours, target)[1] for target in targets.values()))
    baked, trace = sorted(bakes, key=lambda bake: bake[0])[RUNS // 2]
    ratios = [seconds / bake[0] for bake, seconds in zip(bakes, sequences, strict=True)]
    print(f"ratio: {statistics.median(ratios):.1f}")
    cores = os.cpu_count() or 1
    for name, steps in (("in the bake", trace), ("alone", alone)):
        print(
            f"steps {name}: {steps.count('RUN')} RUN {steps.total('RUN'):.1f} s, "
            f"{steps.count('FROM')} FROM {steps.total('FROM'):.1f} s, "
            f"{steps.count('exporting')} exports {steps.total('exporting'):.1f} s; "
            f"longest chain {steps.longest_chain():.1f} s"
        )
        bound = steps.lower_bound(cores, *EXECUTED)
        everything = steps.lower_bound(cores, *EXECUTED, "exporting")
        print(
            f"  lower bound on {cores} cores: {bound:.1f} s, the bake took {baked / bound:.2f} "
            f"times that; with exports {everything:.1f} s, {baked / everything:.2f} times"
        )
    sys.stdout.flush()
