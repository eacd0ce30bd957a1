"""A random change gives another fingerprint exactly if BuildKit builds another image.

`FINGERPRINT_SEEDS=10000 make fingerprints` tries many more changes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
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
MATRIX = "images: {app: {axes: [], template: t.j2, context: main, tags: ['x/y:1']}}\n"
FILES = {"a.txt": "a", "b.md": "b", "sub/c.txt": "c", "sub/deep/d.md": "d", "idle.txt": "idle"}
IGNORED: Mapping[str, tuple[str, ...]] = {
    "": (),
    "sub/deep\n": ("sub/deep",),
    "**/c.txt\n": ("sub/c.txt",),
    "# none\n*.md\n": ("b.md",),
    "sub/*\n!sub/c.txt\n": ("sub/deep",),
}
"""Text of an ignore file -> what it leaves out."""
INSTRUCTIONS: Mapping[str, tuple[str, ...]] = {
    "COPY a.txt b.md /{n}/": ("b.md",),
    "COPY sub /{n}/": (),
    "COPY . /{n}/": (),
    "COPY --link sub/*.txt /{n}/": (),
    "COPY */c.txt /{n}/": (),
    "COPY **/c.txt /{n}/": (),
    "COPY [ab].* ?dle.txt /{n}/": (),
    "COPY link /{n}/": ("sub/c.txt",),
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
    (folder / "templates").mkdir()
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


def build(engine: Engine, folder: Path) -> Build:
    """Build a project that is valid."""
    output = ("--output=type=image,unpack=false", "--provenance=false", "--metadata-file=built")
    arguments = ("--progress=rawjson", *output, "--file=Dockerfile", "main")
    log = engine.docker("buildx", "build", *arguments, cwd=folder).stderr
    metadata = json.loads((folder / "built").read_text())
    return Build(steps=tuple(executed(log)), image=metadata["containerimage.config.digest"])


def fingerprint(folder: Path) -> str:
    """Write the project's Dockerfile and return the fingerprint of its target."""
    compiled = compile_matrix(folder / "matrix.yaml")
    (folder / "Dockerfile").write_text(compiled.dockerfiles["app"])
    return project_fingerprints(compiled, ResolvedPlan(compiled.plan, {}), folder)["app"].digest


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_fingerprint_changes_exactly_if_an_engine_builds_again(
    engine: Engine, tmp_path: Path, seed: int
) -> None:
    """After a change, BuildKit executes a step or makes another image, or nothing is different."""
    random = Random(seed)  # noqa: S311 - reproducible
    project(tmp_path, random)
    before, built = fingerprint(tmp_path), build(engine, tmp_path)
    for change in random.sample(CHANGES, k=3):
        change(tmp_path)
        now, rebuilt = fingerprint(tmp_path), build(engine, tmp_path)

        is_rebuilt = bool(rebuilt.steps) or rebuilt.image != built.image
        assert (now != before) == is_rebuilt, (
            f"{change}\n{rebuilt}\n{(tmp_path / 'Dockerfile').read_text()}"
        )
        before, built = now, rebuilt
