"""Stand-ins for images of programs and files that need no package manager: busybox, CUDA and uv."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from support import emulation, images, packages
from support.registry import Registry


CUDA = ("12.8.1-base-ubuntu24.04", "12.8.1-runtime-ubuntu24.04")
BUSYBOX = "1.36"
MATRIX = Path(__file__).parents[2] / "matrix.yaml"


def uv_version() -> str:
    """Return the version of uv that the sample mounts."""
    found = re.search(r"(?m)^  uv: (\S+)", MATRIX.read_text())
    assert found, f"{MATRIX} does not set the version of uv"
    return found[1]


def push(registry: Registry, folder: Path) -> None:
    """Push the stand-ins; `folder` is for files that are needed meanwhile.

    Raises:
        Unavailable: PyPI does not provide the wheels of uv.
    """
    _push_busybox(registry, folder)
    _push_cuda(registry, folder)
    _push_uv(registry, folder)


def download_wheels(
    folder: Path, requirements: Sequence[str], machine: str, platforms: Sequence[str], python: str
) -> None:
    """Download wheels for another machine with pip, which uses the settings of this one.

    Args:
        folder: the folder of the wheels.
        requirements: what is downloaded, without dependencies.
        machine: the name of the machine in the tags of wheels, such as `aarch64`.
        platforms: the platforms that wheels may have, without the machine; the best first.
        python: the version of Python.

    Raises:
        Unavailable: a wheel is missing, or pip reaches no index.
    """
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--retries=10", "--no-deps"),
        *("--only-binary=:all:", "--dest", str(folder), "--python-version", python),
        *(f"--platform={platform}_{machine}" for platform in platforms),
        *requirements,
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise packages.Unavailable(f"wheels for {machine} are missing: {done.stderr[-3000:]}")


def _push_busybox(registry: Registry, folder: Path) -> None:
    """Push Debian's static program, with a link for each of its commands."""
    layers = {}
    commands = ""
    for architecture in (packages.native(), emulation.other()):
        found = packages.unpacked("busybox", packages.codename(), ["busybox-static"], architecture)
        program = found / "usr" / "bin" / "busybox"
        if not commands:
            commands = subprocess.run(
                [program, "--list"], check=True, capture_output=True, text=True
            ).stdout
        tree = folder / "busybox" / architecture
        for name in ("bin", "etc", "root", "tmp"):
            (tree / name).mkdir(parents=True)
        for name in commands.split():
            (tree / "bin" / name).symlink_to("busybox")
        (tree / "bin" / "busybox").unlink(missing_ok=True)
        (tree / "bin" / "busybox").write_bytes(program.read_bytes())
        (tree / "bin" / "busybox").chmod(0o755)
        (tree / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (tree / "etc" / "group").write_text("root:x:0:\n")
        layers[architecture] = _layer(tree)
    settings = images.Settings(
        command=("sh",),
        environment={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    images.push(registry, "library/busybox", BUSYBOX, layers, settings)


def _push_cuda(registry: Registry, folder: Path) -> None:
    for tag in CUDA:
        layers = {}
        for architecture, target in (("amd64", "x86_64-linux"), ("arm64", "sbsa-linux")):
            tree = folder / tag / architecture
            home = tree / "usr" / "local" / "cuda-12.8"
            libraries = home / "targets" / target / "lib"
            libraries.mkdir(parents=True)
            (libraries / "libcudart.so.12.8.90").write_text(f"a stand-in for {target}\n")
            (libraries / "libcudart.so.12").symlink_to("libcudart.so.12.8.90")
            (home / "lib64").symlink_to(f"targets/{target}/lib")
            (home / "version.json").write_text('{"cuda": {"version": "12.8.1"}}\n')
            (home.parent / "cuda").symlink_to("/usr/local/cuda-12.8")
            (home.parent / "cuda-12").symlink_to("/usr/local/cuda-12.8")
            settings = tree / "etc" / "ld.so.conf.d"
            settings.mkdir(parents=True)
            (settings / "000_cuda.conf").write_text("/usr/local/cuda/lib64\n")
            layers[architecture] = _layer(tree)
        settings_ = images.Settings(environment={"CUDA_VERSION": "12.8.1"})
        images.push(registry, "nvidia/cuda", tag, layers, settings_)


def _push_uv(registry: Registry, folder: Path) -> None:
    """Push the binaries of the wheels that run with any libc, as that of the real image does."""
    version = uv_version()
    layers = {}
    for architecture, machine in emulation.QEMU.items():
        tree = folder / "uv" / architecture
        tree.mkdir(parents=True)
        wheels = folder / "uv" / f"wheels-{machine}"
        download_wheels(wheels, [f"uv=={version}"], machine, ["musllinux_1_1"], "3.11")
        (wheel,) = wheels.iterdir()
        with zipfile.ZipFile(wheel) as archive:
            program = archive.read(f"uv-{version}.data/scripts/uv")
        (tree / "uv").write_bytes(program)
        (tree / "uv").chmod(0o755)
        layers[architecture] = _layer(tree)
    images.push(registry, "astral/uv", version, layers, images.Settings())


def _layer(tree: Path) -> Path:
    """Return a folder's content as a compressed layer, a file next to the folder."""
    plain = tree.with_suffix(".tar")
    with tarfile.open(plain, "w") as tar:
        for path in sorted(tree.iterdir()):
            tar.add(path, path.name, filter=_owned_by_root)
    compressed = tree.with_suffix(".tar.gz")
    images.compress(plain, compressed)
    return compressed


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = "root"
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member
