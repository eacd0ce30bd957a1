"""The environment of the engine tests: buildx, an engine, a registry and base images."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support import bases, cache, copied_images, undo_log
from support.engine import Engine


SUPPORT = Path(undo_log.__file__).parent
BASES = [
    *(f"python:{python.tag}" for python in bases.PYTHONS),
    *(f"nvidia/cuda:{tag}" for tag in copied_images.CUDA),
    f"astral/uv:{copied_images.uv_version()}",
]
PLATFORMS = ("linux/amd64", "linux/arm64")


def version(command: Sequence[str | Path]) -> tuple[int, ...]:
    """Return the version of a buildx program."""
    stdout = subprocess.run(
        [*command, "version"], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r" v?(\d+)\.(\d+)\.(\d+)", stdout)
    assert found, stdout
    return tuple(map(int, found.groups()))


def test_the_old_buildx_is_the_oldest_supported(old_buildx: Path) -> None:
    """Bake files are tested with 0.13.1."""
    assert version([old_buildx]) == (0, 13, 1)


def test_the_new_buildx_is_newer(buildx: Path, old_buildx: Path) -> None:
    """Bake files are tested with two different versions."""
    assert version([buildx]) > version([old_buildx])


@pytest.mark.slow
def test_the_arm64_buildx_is_on_arm(arm64_buildx: list[str], tmp_path: Path) -> None:
    """Bake sees the client's platform as on ARM Linux."""
    text = 'variable "BAKE_LOCAL_PLATFORM" {}\n'
    text += 'target "default" { args = { platform = BAKE_LOCAL_PLATFORM } }\n'
    (tmp_path / "docker-bake.hcl").write_text(text)

    done = subprocess.run(
        [*arm64_buildx, "bake", "--print"], cwd=tmp_path, check=True, capture_output=True
    )

    target = json.loads(done.stdout)["target"]["default"]
    assert target["args"] == {"platform": "linux/arm64/v8"}


@pytest.mark.parametrize("base", BASES)
def test_a_base_image_has_its_real_name(engine: Engine, tmp_path: Path, base: str) -> None:
    """An unmodified FROM finds the image."""
    (tmp_path / "Dockerfile").write_text(f"FROM {base}\nLABEL base={base}\n")

    engine.docker("buildx", "build", "--output=type=cacheonly", ".", cwd=tmp_path)


@pytest.mark.parametrize("python", bases.PYTHONS, ids=lambda python: str(python.version))
def test_a_python_image_supports_usual_dockerfiles(
    engine: Engine, tmp_path: Path, python: bases.Python
) -> None:
    """It has the version of its tag, packages, virtual environments and users."""
    dockerfile = f"""\
        FROM python:{python.tag}
        RUN test "$(command -v python)" = /usr/local/bin/python
        RUN python -c 'import sys; assert "%d.%d" % sys.version_info[:2] == "{python.version}"'
        RUN pip install --no-cache-dir tqdm==4.67.1 && python -c 'import tqdm'
        RUN python -m venv /venv && /venv/bin/pip install tqdm==4.67.1
        RUN groupadd --system app && useradd --system --gid app --create-home app
        USER app
        RUN test "$(whoami)" = app
        """
    (tmp_path / "Dockerfile").write_text(dockerfile)

    engine.docker("buildx", "build", "--output=type=cacheonly", ".", cwd=tmp_path)


@pytest.mark.parametrize(
    ("platform", "machine"), [("linux/amd64", "x86_64"), ("linux/arm64", "aarch64")]
)
def test_a_container_runs_on_either_platform(engine: Engine, platform: str, machine: str) -> None:
    """The container has that architecture, natively or emulated."""
    needs(engine, platform)

    image = f"python:{bases.PYTHONS[1].tag}"
    done = engine.docker("run", "--rm", "--platform", platform, image, "uname", "-m")

    assert done.stdout == f"{machine}\n"


def test_an_image_of_two_platforms_is_pushed(engine: Engine, tmp_path: Path) -> None:
    """The registry contains an index of both platforms, and their configurations."""
    needs(engine, *PLATFORMS)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\nLABEL is=tiny\n")
    tag = f"{engine.registry}/engine/tiny:1"

    engine.docker(
        "buildx", "build", "--push", f"--platform={','.join(PLATFORMS)}", f"--tag={tag}", ".",
        cwd=tmp_path,
    )  # fmt: skip

    assert engine.tags("engine/tiny") == ["1"]
    assert list(engine.index("engine/tiny", "1")) == list(PLATFORMS)
    assert engine.config("engine/tiny", "1", "linux/arm64")["config"]["Labels"] == {"is": "tiny"}


def needs(engine: Engine, *platforms: str) -> None:
    """Skip a test if the user's own Docker lacks the platforms."""
    if missing := set(platforms) - set(engine.platforms()):
        pytest.skip(f"this Docker has no {', '.join(sorted(missing))}")


def test_a_cached_folder_is_complete_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder whose creation was interrupted is created again, once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []

    def interrupted(folder: Path) -> None:
        (folder / "half").touch()
        raise KeyboardInterrupt

    def whole(folder: Path) -> None:
        (folder / "whole").touch()
        made.append(folder)

    with pytest.raises(KeyboardInterrupt):
        cache.once("thing", interrupted)
    kept = [cache.once("thing", whole), cache.once("thing", whole)]

    assert kept == [tmp_path / "compile-matrix-tests" / "thing"] * 2
    assert [file.name for file in kept[0].iterdir()] == ["whole"]
    assert len(made) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_next_run_cleans_up_after_a_killed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes are undone and processes ended, except those of a run that is still active."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "left").touch()
    script = f"""\
import os, pathlib, signal, subprocess, sys
sys.path.insert(0, {str(SUPPORT.parent)!r})
from support import undo_log
with undo_log.opened() as log:
    log.undo_by("rm", {str(tmp_path / "left")!r})
    process = subprocess.Popen(["sleep", "100"], stdout=subprocess.DEVNULL)
    log.ends(process.pid)
    print(process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    with (
        undo_log.opened() as living,
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as killed,
    ):
        pid = int(killed.communicate()[0])
        assert killed.returncode == -signal.SIGKILL
        assert undo_log.born(pid)
        living.undo_by("touch", tmp_path / "undone")

        with undo_log.opened() as next_one:
            assert next_one.name != living.name

        assert not undo_log.born(pid)
        assert not (tmp_path / "left").exists()
        assert not (tmp_path / "undone").exists()
    assert (tmp_path / "undone").exists()
