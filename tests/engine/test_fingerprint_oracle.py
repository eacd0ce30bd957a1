"""A random change gives another fingerprint exactly if BuildKit builds another image.

`FINGERPRINT_SEEDS=10000 make fingerprints` tries many more changes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from engine.steps import executed
from support.engine import Engine

from compiler.fingerprint.fingerprint import project_fingerprints
from compiler.output.bake_resolved import ResolvedPlan
from compiler.pipeline import compile_matrix


pytestmark = pytest.mark.engine

SEEDS = int(os.environ.get("FINGERPRINT_SEEDS", "16"))
TOGETHER = 16
"""Projects that one bake builds; a process for each would take longer than the builds."""
MATRIX = "images: {app: {axes: [], template: t.j2, context: main, tags: ['x/y:1']}}\n"
FILES = {"a.txt": "a", "b.md": "b", "sub/c.txt": "c", "sub/deep/d.md": "d", "idle.txt": "idle"}
IGNORED: Mapping[str, tuple[str, ...]] = {
    "": (),
    "sub/deep\n": ("sub/deep",),
    "**/c.txt\n": ("sub/c.txt",),
    "# none\n*.md\n": ("b.md",),
    # The copy of a file that `relinked` makes.
    "sub/*\n!sub/c.txt\n": ("sub/deep", "sub/copy.txt"),
}
"""Text of an ignore file -> what it leaves out."""
INSTRUCTIONS: Mapping[str, tuple[str, ...]] = {
    "COPY a.txt b.md /{n}/": ("b.md",),
    "COPY sub /{n}/": (),
    "COPY . /{n}/": (),
    "COPY --link sub/*.txt /{n}/": ("sub/c.txt",),
    "COPY */c.txt /{n}/": (),
    "COPY **/c.txt /{n}/": (),
    "COPY [ab].* ?dle.txt /{n}/": (),
    "COPY link /{n}/": ("sub/c.txt", "sub/copy.txt"),
    "COPY linked /{n}/": ("sub/deep",),
    "COPY --exclude=*.md --exclude=deep/** sub /{n}/": (),
    # BuildKit wants to know what links lead to, if there are excludes.
    "COPY --exclude=**/*.md . /{n}/": ("sub/deep", "sub/c.txt"),
    "COPY --exclude=linked --exclude=link . /{n}/": (),
    "COPY --chmod=755 --chown=1:1 a.txt /{n}/": (),
    "COPY --from=first /first /{n}/": (),
    "COPY <<E /{n}/e\n# a\n\nb\nE": (),
    "COPY <<-'E' a.txt /{n}/\n# a\n\t$V\nE": (),
    "ADD a.txt /{n}/": (),
    "ADD --link sub /{n}/": (),
    "ARG V=1": (),
    "ENV A={n}": (),
    "LABEL a={n}": (),
    "WORKDIR /work/{n}": (),
    "USER root": (),
    "VOLUME /volume/{n}": (),
    "EXPOSE {n}": (),
    "STOPSIGNAL SIGINT": (),
    'SHELL ["/bin/sh", "-e", "-c"]': (),
    "HEALTHCHECK CMD true": (),
    'ENTRYPOINT ["/bin/sh"]': (),
    "CMD echo {n}": (),
    "ONBUILD COPY a.txt /{n}": (),
    "RUN --mount=type=bind,source=sub,target=/m ls /m > /{n}": (),
    "RUN --mount=src=a.txt,dst=/m,ro cat /m \\\n # inside\n  > /{n}": (),
    "RUN --mount=from=first,source=/first,target=/m ls /m > /{n}": (),
    "RUN --mount=type=cache,target=/m --mount=type=tmpfs,target=/t touch /m/{n}": (),
    "RUN --mount=type=secret,id=none --network=none echo {n} > /{n}": (),
    'RUN ["/bin/sh", "-c", "echo $V > /{n}"]': (),
    "RUN echo $V > /{n}": (),
    "RUN <<E\n# in\necho {n} > /{n}\nE": (),
}
"""Instruction -> what the ignore file must not leave out."""


def project(folder: Path, random: Random) -> None:
    """Write a random project that BuildKit accepts."""
    ignored = random.choice(list(IGNORED))
    possible = [
        text for text, needs in INSTRUCTIONS.items() if set(needs).isdisjoint(IGNORED[ignored])
    ]
    chosen = [text.format(n=n) for n, text in enumerate(random.choices(possible, k=5), start=1)]
    first = "FROM busybox:1.36 AS first\nCOPY idle.txt /first/\n"
    text = f"# {random.random()}\n{first}FROM busybox:1.36\n"
    (folder / "templates").mkdir(parents=True)
    (folder / "matrix.yaml").write_text(MATRIX)
    # A step of its own keeps builds of other seeds out of the cache.
    unique = f"COPY <<E /unique\n{random.random()}\nE\n"
    (folder / "templates/t.j2").write_text(text + unique + "\n".join(chosen) + "\n")
    for name, content in FILES.items():
        path = folder / "main" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content} {random.random()}")
    (folder / "main/link").symlink_to("sub/c.txt")
    (folder / "main/linked").symlink_to("sub/deep")
    (folder / "main/.dockerignore").write_text(ignored)


def edited(name: str) -> Callable[[Path], object]:
    """Return a change of the bytes of a file."""
    return lambda folder: (folder / "main" / name).write_text("changed")


def replaced(old: str, new: str) -> Callable[[Path], object]:
    """Return a change of the template."""

    def edit(folder: Path) -> None:
        path = folder / "templates/t.j2"
        path.write_text(path.read_text().replace(old, new))

    return edit


def relinked(folder: Path) -> None:
    """Point a link to a copy of the same file."""
    shutil.copy(folder / "main/sub/c.txt", folder / "main/sub/copy.txt")
    (folder / "main/link").unlink()
    (folder / "main/link").symlink_to("sub/copy.txt")


CHANGES: tuple[Callable[[Path], object], ...] = (
    *map(edited, FILES),
    edited("new.txt"),
    edited("sub/new.md"),
    edited("sub/deep/new.txt"),
    lambda folder: (folder / "main/sub/empty").mkdir(),
    lambda folder: os.mkfifo(folder / "main/sub/pipe"),
    lambda folder: (folder / "main/sub/c.txt").chmod(0o755),
    lambda folder: (folder / "main/.dockerignore").write_text("sub/deep/d.md\r\n"),
    relinked,
    replaced("COPY", "# comment\n\nCOPY"),
    replaced("src=", "source="),
    replaced("dst=/m,ro", "readonly=1,target=/m"),
    replaced("# a\n", "# b\n"),
    replaced("# in\n", "# on\n"),
    replaced("# inside", "# outside"),
    replaced("V=1", "V=2"),
    replaced("/first/", "/first/x/"),
    replaced("--exclude=*.md", "--exclude=*.txt"),
)


@dataclass(frozen=True, kw_only=True)
class Build:
    """What BuildKit did for a project."""

    steps: tuple[str, ...]
    """The steps that it executed."""
    image: str
    """The digest of the image's configuration, which names its layers."""


TARGET = """
target "{name}" {{
  attest = ["type=provenance,disabled=true"]
  context = "{name}/main"
  dockerfile = "cwd://{name}/Dockerfile"
  network = "none"
  output = ["type=image,unpack=false"]
}}
"""


def build(engine: Engine, folders: Sequence[Path]) -> list[Build]:
    """Build valid projects, folders next to each other, in one bake."""
    where, names = folders[0].parent, [folder.name for folder in folders]
    hcl = "".join(TARGET.format(name=name) for name in names)
    (where / "docker-bake.hcl").write_text(hcl)
    arguments = ("--progress=rawjson", "--metadata-file=built", *names)
    log = engine.docker("buildx", "bake", *arguments, cwd=where).stderr
    metadata = json.loads((where / "built").read_text())
    steps: dict[str, list[str]] = {name: [] for name in names}
    for step in executed(log):
        steps[step[1:].split()[0]].append(step)
    return [
        Build(steps=tuple(steps[name]), image=metadata[name]["containerimage.config.digest"])
        for name in names
    ]


def fingerprint(folder: Path) -> str:
    """Write the project's Dockerfile and return the fingerprint of its target."""
    compiled = compile_matrix(folder / "matrix.yaml")
    (folder / "Dockerfile").write_text(compiled.dockerfiles["app"])
    return project_fingerprints(compiled, ResolvedPlan(compiled.plan, {}), folder)["app"].digest


@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_a_fingerprint_changes_exactly_if_an_engine_builds_again(
    engine: Engine, tmp_path: Path, first: int
) -> None:
    """After a change, BuildKit executes a step or makes another image, or nothing is different."""
    changes: dict[Path, list[Callable[[Path], object]]] = {}
    for seed in range(first, min(first + TOGETHER, SEEDS)):
        random = Random(seed)  # noqa: S311 - reproducible
        folder = tmp_path / f"seed-{seed}"
        project(folder, random)
        changes[folder] = random.sample(CHANGES, k=3)
    folders = [*changes]
    before, built = [*map(fingerprint, folders)], build(engine, folders)
    for turn in range(3):
        for folder in folders:
            changes[folder][turn](folder)
        now, rebuilt = [*map(fingerprint, folders)], build(engine, folders)

        for n, folder in enumerate(folders):
            is_rebuilt = bool(rebuilt[n].steps) or rebuilt[n].image != built[n].image
            assert (now[n] != before[n]) == is_rebuilt, (
                f"{folder.name}: {changes[folder][turn]}\n{rebuilt[n]}\n"
                f"{(folder / 'Dockerfile').read_text()}"
            )
        before, built = now, rebuilt
