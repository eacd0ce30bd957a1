"""Stand-ins for the base images of Docker Hub, made of Debian packages and kept between runs.

They behave like the real ones for what Dockerfiles use: `python`, `pip`, `venv` and `useradd`.
Their contents come from Debian, so versions differ slightly from the real ones.
"""

from __future__ import annotations

import ast
import configparser
import functools
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from support import cache, copied_images, emulation, images, packages
from support.registry import serve


SCRIPT = Path(__file__).with_name("debian-to-python.sh")
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
AUTHORITIES = Path("/usr/local/share/ca-certificates")
INCLUDED = ("ca-certificates", "passwd", "python3", "python3-pip", "python3-venv")
PIP_SETTINGS = (".pip/pip.conf", ".config/pip/pip.conf")
REQUIREMENTS = sorted(Path(__file__).parents[2].glob("templates/*/requirements.txt"))
"""Requirements of the sample: the stand-ins contain their wheels, so pip and uv need no network."""


@dataclass(frozen=True, kw_only=True)
class Python:
    """An official Python image, and the suite of Debian that has its version."""

    version: str
    suite: str
    emulated: bool = False

    @property
    def tag(self) -> str:
        """Return the tag of the official image."""
        return f"{self.version}-slim-bookworm"

    @property
    def architectures(self) -> tuple[str, ...]:
        """Return the architectures of the stand-in, the machine's own first."""
        own = packages.native()
        return (own, emulation.other()) if self.emulated else (own,)


PYTHONS = (
    Python(version="3.9", suite="bullseye"),
    Python(version="3.11", suite="bookworm", emulated=True),
    Python(version="3.13", suite="trixie"),
)


def storage(registry_program: Path) -> Path:
    """Return the storage folder of a registry with every base image; callers must copy it.

    The first call takes a minute or two. The images contain the machine's certificates and its pip
    settings, and are built again when these change.
    """
    return cache.once(f"bases/{_key()}", functools.partial(_fill, registry_program))


def _fill(program: Path, folder: Path) -> None:
    wanted = [(python, arch) for python in PYTHONS for arch in python.architectures]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        roots = dict(zip(wanted, pool.map(lambda one: _root(*one), wanted), strict=True))
    with tempfile.TemporaryDirectory(prefix="compile-matrix-") as scratch:
        registry, process = serve(program, folder, Path(scratch))
        try:
            for python in PYTHONS:
                layers = {arch: roots[python, arch] for arch in python.architectures}
                images.push(registry, "library/python", python.tag, layers, _settings(python))
            copied_images.push(registry, Path(scratch))
        finally:
            process.terminate()
            process.wait()
    # The storage contains them now. Until here they were kept for the run after an interrupted one.
    for root in roots.values():
        shutil.rmtree(root.parent)


def _settings(python: Python) -> images.Settings:
    return images.Settings(
        command=("python3",),
        environment={
            "PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "PYTHON_VERSION": python.version,
        },
    )


def _root(python: Python, architecture: str) -> Path:
    """Return the root filesystem of one image as a compressed layer."""
    name = f"roots/{python.version}-{architecture}-{_key()}"
    made = cache.once(name, functools.partial(_bootstrap, python, architecture))
    return made / "layer.tar.gz"


def _bootstrap(python: Python, architecture: str, folder: Path) -> None:
    (folder / "sources").write_text(packages.source().stanza(python.suite))
    (folder / "pip.conf").write_text(_pip())
    program = _mmdebstrap()
    # It calls a helper of the same folder by name.
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    command: list[str | Path] = [
        "perl",
        program,
        "--mode=root",
        "--skip=check/qemu",
        # Link /bin and the like from the beginning, so that no package has to move them later.
        f"--hook-dir={program.parents[1] / 'share' / 'mmdebstrap' / 'hooks' / 'maybe-merged-usr'}",
        f"--architectures={architecture}",
        f"--include={','.join(INCLUDED)}",
        *_variant(python, architecture, folder),
        "--aptopt=Acquire::Retries 3",
        "--aptopt=Acquire::Languages none",
        python.suite,
        folder / "root.tar",
        folder / "sources",
    ]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise packages.Unavailable(f"mmdebstrap of {python.suite} failed: {done.stderr[-3000:]}")
    images.compress(folder / "root.tar", folder / "layer.tar.gz")


def _variant(python: Python, architecture: str, folder: Path) -> list[str]:
    """Return the options of mmdebstrap for an architecture.

    Packages are unpacked and not configured: Debian's scripts take most of the time, and under
    emulation minutes. Of what these scripts create, Dockerfiles need the users and groups. The
    wheels of another architecture are those that pip has chosen natively.
    """
    users = "cd $1; for name in passwd group; do cp usr/share/base-passwd/$name.master etc/$name"
    hooks = [f"{users}; done"]
    requirements = ""
    if architecture == packages.native():
        requirements = " ".join(map(str, REQUIREMENTS))
    else:
        _download_wheels(python, architecture, folder / "wheels")
        hooks.append(f"mkdir -p $1/opt; cp -r {folder / 'wheels'} $1/opt/wheels")
    hooks.append(f"sh {SCRIPT} $1 {folder / 'pip.conf'} {BUNDLE} {AUTHORITIES} {requirements}")
    options = ["--variant=extract", "--include=?essential"]
    return [*options, *(f"--extract-hook={hook}" for hook in hooks)]


def _download_wheels(python: Python, architecture: str, folder: Path) -> None:
    """Download, for another architecture, the wheels that the native stand-in contains."""
    with tarfile.open(_root(python, packages.native())) as layer:
        paths = [Path(name) for name in layer.getnames() if "opt/wheels/" in name]
    versions = [path.name.split("-")[:2] for path in paths]
    platforms = [*(f"manylinux_2_{minor}" for minor in range(36, 16, -1)), "manylinux2014"]
    copied_images.download_wheels(
        folder,
        [f"{name}=={version}" for name, version in versions],
        emulation.QEMU[architecture],
        platforms,
        python.version,
    )


def _mmdebstrap() -> Path:
    if found := shutil.which("mmdebstrap"):
        return Path(found)
    folder = packages.unpacked("bootstrap", packages.codename(), ["mmdebstrap"])
    return folder / "usr" / "bin" / "mmdebstrap"


def _pip() -> str:
    """Return the pip settings of the images: the machine's certificates and its index servers.

    Indexes that need a password are left out.
    """
    lines = ["[global]", f"cert = {BUNDLE}"]
    settings = configparser.RawConfigParser()
    settings.read([Path("/etc/pip.conf"), *(Path.home() / name for name in PIP_SETTINGS)])
    for name in ("index-url", "extra-index-url"):
        variable = f"PIP_{name.upper().replace('-', '_')}"
        value = os.environ.get(variable, settings.get("global", name, fallback=""))
        urls = [url for url in value.split() if url.startswith("http") and "@" not in url]
        if urls:
            lines.append(f"{name} = {' '.join(urls)}")
    return "\n".join(lines) + "\n"


@functools.cache
def _key() -> str:
    """Return a hash of all inputs of the images; comments, docstrings and layout do not count."""
    machine = f"{packages.native()} {packages.source()} {_pip()} {copied_images.uv_version()}"
    digest = hashlib.sha256(machine.encode())
    for module in (Path(__file__), Path(copied_images.__file__), Path(images.__file__)):
        digest.update(_code(module).encode())
    for file in [SCRIPT, BUNDLE, *REQUIREMENTS, *sorted(AUTHORITIES.glob("*.crt"))]:
        digest.update(file.read_bytes() if file.exists() else b"")
    return digest.hexdigest()[:12]


def _code(module: Path) -> str:
    tree = ast.parse(module.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [
                part
                for part in node.body
                if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
    return ast.dump(tree)
