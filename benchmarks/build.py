"""Measure how long cold builds take: `python benchmarks/build.py [trivial] [tested] [cold]`.

trivial: `compile-matrix build` of 300 targets with one COPY each, against six bakes of 50.
tested: `compile-matrix build --test` of the sample with a further axis, 306 targets with tests,
against a sequence of bakes of 30 or 50 targets with their tests.
cold: one bake of the sample's 18 targets, against today's practice; see cold.py.

Without arguments all three are measured. They need an engine with the sample's base images; see
tests/support/engine.py.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import cold
from cold import change


LOCAL = {**os.environ, "ONLY_PLATFORM": "local"}


def run(*words: str, folder: Path, env: Mapping[str, str] = LOCAL) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout


def prune(folder: Path) -> None:
    """Empty the build cache."""
    run("docker", "buildx", "prune", "--all", "--force", folder=folder)


def ours(folder: Path, *words: str) -> float:
    """Build everything with `compile-matrix build`; return the seconds."""
    start = time.perf_counter()
    run(sys.executable, "-m", "compiler", "build", *words, folder=folder, env=os.environ)
    return time.perf_counter() - start


def hand(folder: Path, names: Sequence[str], size: int, *words: str) -> float:
    """Build targets with a sequence of bakes of this size; return the seconds."""
    start = time.perf_counter()
    for first in range(0, len(names), size):
        batch = names[first : first + size]
        run("docker", "buildx", "bake", *words, *batch, folder=folder, env=LOCAL)
    return time.perf_counter() - start


def compare(what: str, by_hand: Mapping[str, float], by_us: float) -> None:
    """Print seconds, and the ratio to the fastest sequence of bakes."""
    for how, seconds in by_hand.items():
        print(f"{what}, {how}: {seconds:.1f} s")
    print(f"{what}, by one compile-matrix build: {by_us:.1f} s")
    print(f"ratio to the best: {by_us / min(by_hand.values()):.2f}", flush=True)


def trivial(folder: Path) -> None:
    """Measure 300 trivial targets, three times each."""
    (folder / "templates").mkdir()
    values = ", ".join(f"v{n}" for n in range(300))
    (folder / "matrix.yaml").write_text(
        f"axes: {{n: [{values}]}}\nimages: {{bench: {{template: t.j2}}}}\n"
    )
    names = [f"bench-v{n}" for n in range(300)]
    times: tuple[list[float], list[float]] = [], []
    for turn in range(6):  # unique steps, so that nothing is cached
        text = f"FROM scratch\nCOPY matrix.yaml /{{{{ n }}}}-{turn}-{time.time_ns()}\n"
        (folder / "templates/t.j2").write_text(text)
        run(sys.executable, "-m", "compiler", folder=folder, env=os.environ)
        times[turn % 2].append(ours(folder) if turn % 2 else hand(folder, names, 50))
    compare("300 trivial targets", {"50 a bake": min(times[0])}, min(times[1]))


def tested(folder: Path) -> None:
    """Measure the sample with three Pythons and 17 teams, each of which has its own layer."""
    cold.copy_sample(folder)
    teams = ", ".join(f"t{n}" for n in range(17))
    change(
        folder / "matrix.yaml",
        {
            "  python: [3.9, 3.10, 3.11, 3.12, 3.13, 3.14]\n": (
                f"  python: [3.9, 3.11, 3.13]\n  team: [{teams}]\n"
            ),
            "    axes: [python, gpu]\n": "    axes: [python, team, gpu]\n",
        },
    )
    change(
        folder / "templates/Dockerfile.j2",
        {"\nUSER 10001:10001\n": "\nRUN echo {{ team }} > /etc/team\nUSER 10001:10001\n"},
    )
    run(sys.executable, "-m", "compiler", folder=folder, env=os.environ)
    words = (sys.executable, "-m", "compiler", "list", "--format=names")
    names = run(*words, folder=folder, env=os.environ).split()
    nowhere = "--set=*.output=type=cacheonly"
    pairs = [name for target in names for name in (target, f"{target}-test")]
    prune(folder)
    by_us = ours(folder, "--test", "--platform=local", nowhere)
    by_hand = {}
    for size in (30, 50):
        prune(folder)
        by_hand[f"{size} a bake"] = hand(folder, pairs, 2 * size, nowhere)
    compare(f"{len(names)} targets with tests", by_hand, by_us)


MEASUREMENTS = {"trivial": trivial, "tested": tested, "cold": cold.measure}


def main() -> None:
    """Run the named measurements, or all."""
    for name, measure in MEASUREMENTS.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            with tempfile.TemporaryDirectory() as folder:
                measure(Path(folder))


if __name__ == "__main__":
    main()
