"""Unpack Debian packages into folders of the tests; nothing is installed on the machine."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support import cache


SOURCES = Path("/etc/apt")
INSTALLED = Path("/var/lib/dpkg/status")
"""What is installed on the machine."""


class Unavailable(Exception):  # noqa: N818 - a state of the machine, not an error
    """The machine cannot provide what a test needs; the text is the reason."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A Debian mirror that the machine uses, and the key that signs it."""

    uri: str
    signed_by: str

    def stanza(self, *suites: str) -> str:
        """Return an entry for these suites in the format of a `.sources` file."""
        lines = ["Types: deb", f"URIs: {self.uri}", f"Suites: {' '.join(suites)}"]
        lines.append("Components: main")
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def codename() -> str:
    """Return the name of the machine's own suite, such as `bookworm`."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    if release.get("ID") != "debian" or not release.get("VERSION_CODENAME"):
        raise Unavailable("this machine does not run Debian")
    return release["VERSION_CODENAME"]


@functools.cache
def source() -> Source:
    """Return the source of the machine's own suite."""
    suite = codename()
    for fields in [*_stanzas(), *_lines()]:
        if suite in fields["suites"].split() and "main" in fields["components"].split():
            return Source(uri=fields["uris"].split()[0], signed_by=fields.get("signed-by", ""))
    raise Unavailable(f"no apt source of this machine has {suite}")


def _stanzas() -> Iterator[Mapping[str, str]]:
    for file in sorted((SOURCES / "sources.list.d").glob("*.sources")):
        text = re.sub(r"(?m)^#.*\n", "", file.read_text())
        for stanza in re.split(r"\n\s*\n", text):
            found = re.findall(r"(?m)^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", stanza)
            fields = {key.lower(): value for key, value in found}
            if {"uris", "suites", "components"} <= fields.keys():
                yield fields


def _lines() -> Iterator[Mapping[str, str]]:
    files = [SOURCES / "sources.list", *sorted((SOURCES / "sources.list.d").glob("*.list"))]
    for file in files:
        text = file.read_text() if file.exists() else ""
        line = r"(?m)^deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+([^#\n]+)"
        for options, uri, suite, components in re.findall(line, text):
            signed_by = re.search(r"signed-by=(\S+)", options)
            yield {
                "uris": uri,
                "suites": suite,
                "components": components,
                "signed-by": signed_by[1] if signed_by else "",
            }


def unpacked(
    name: str, suite: str, packages: Sequence[str], architecture: str = "", *, resolve: bool = False
) -> Path:
    """Return a folder with these packages of a suite unpacked in it; download them at most once.

    Maintainer scripts do not run. With `resolve`, the folder also has the dependencies that the
    machine lacks; the suite must then be the machine's own.
    """
    arch = architecture or native()

    def make(folder: Path) -> None:
        with cache.locked("apt"):
            debs = folder / "debs"
            debs.mkdir()
            _download(debs, suite, packages, arch, resolve=resolve)
        for deb in sorted(debs.glob("*.deb")):
            _run(["dpkg", "-x", str(deb), str(folder)])
            deb.unlink()
        shutil.rmtree(debs)
        for top in ("bin", "sbin", "lib"):
            _merge(folder, top)

    # Another list of packages is another folder.
    listed = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:6]
    return cache.once(f"packages/{name}-{suite}-{arch}-{listed}", make)


def _merge(folder: Path, top: str) -> None:
    """Move a folder such as /bin below /usr, where newer packages have it already."""
    merged = folder / "usr" / top
    if (folder / top).is_dir():
        shutil.copytree(folder / top, merged, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(folder / top)
    (folder / top).symlink_to(Path("usr", top))


def _download(
    folder: Path, suite: str, packages: Sequence[str], architecture: str, *, resolve: bool
) -> None:
    """Download with sources and state of the tests, which are kept to fetch indexes only once."""
    state = cache.root() / "apt" / f"{suite}-{architecture}"
    for below in ("sources", "lists/partial", "cache/archives/partial"):
        (state / below).mkdir(parents=True, exist_ok=True)
    (state / "sources" / "debian.sources").write_text(source().stanza(suite))
    (state / "status").touch()
    options = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Dir::Cache": state / "cache",
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": state / "sources",
        "Dir::State": state,
        "Dir::State::Lists": state / "lists",
        "Dir::State::Status": INSTALLED if resolve else state / "status",
    }
    if resolve:
        (folder / "partial").mkdir()
        options |= {"Dir::Cache::Archives": folder, "Debug::NoLocking": "true"}
        command = ["install", "--download-only", "--no-install-recommends", "--yes"]
    else:
        command = ["download"]
    apt = ["apt-get", "-q", *(f"-o{key}={value}" for key, value in options.items())]
    if any((state / "lists").glob("*_Packages*")):
        # They may name versions that the mirror has replaced.
        with contextlib.suppress(Unavailable):
            _run([*apt, *command, *packages], cwd=folder)
            return
    _run([*apt, "update"], cwd=folder)
    _run([*apt, *command, *packages], cwd=folder)


def native() -> str:
    """Return Debian's name of the machine's own architecture, such as `amd64`."""
    if not shutil.which("dpkg"):
        raise Unavailable("this machine does not run Debian")
    return _run(["dpkg", "--print-architecture"]).strip()


def _run(command: Sequence[str], cwd: Path | None = None) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise Unavailable(f"{' '.join(command[:1])} failed ({done.returncode}): {said[-2000:]}")
    return done.stdout
