"""The other architecture: its programs run here by qemu, and the kernel knows how."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from support import packages
from support.undo_log import UndoLog


OTHER = {"amd64": "arm64", "arm64": "amd64"}
QEMU = {"amd64": "x86_64", "arm64": "aarch64"}

# What a program of that architecture begins with, and which of its bits count: from
# qemu-binfmt-conf.sh of qemu.
_ELF = r"\x7fELF\x02\x01\x01" + r"\x00" * 9 + r"\x02\x00"
MAGIC = {"amd64": _ELF + r"\x3e\x00", "arm64": _ELF + r"\xb7\x00"}
MASK = {
    "amd64": r"\xff" * 5 + r"\xfe\xfe\xfc" + r"\xff" * 8 + r"\xfe\xff\xff\xff",
    "arm64": r"\xff" * 7 + r"\x00" + r"\xff" * 8 + r"\xfe\xff\xff\xff",
}


def other() -> str:
    """Give Debian's name of the architecture that is emulated."""
    return OTHER[packages.native()]


def qemu(architecture: str) -> Path:
    """Give the static qemu that runs single programs of that architecture."""
    folder = packages.unpacked("emulation", packages.codename(), ["qemu-user-static", "qemu-user"])
    return folder / "usr" / "bin" / f"qemu-{QEMU[architecture]}-static"


def enable(log: UndoLog) -> None:
    """Have the kernel run programs of the other architecture, in containers too, until undone.

    F: the kernel opens qemu now, so that it is found from within any container. Where the machine
    has an entry of its own, both stand side by side.
    """
    architecture = other()
    name = f"{log.name}-{architecture}"
    # The kernel has one table, wherever it is mounted, and forgets it with the last mount.
    table = Path(tempfile.mkdtemp(prefix="compile-matrix-binfmt-"))
    log.undo_by("rmdir", table)
    log.undo_by("umount", table)
    subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", table], check=True)
    fields = ["", name, "M", "0", MAGIC[architecture], MASK[architecture], str(qemu(architecture))]
    log.undo_by("sh", "-c", f"echo -1 > {table / name}")
    (table / "register").write_text(":".join([*fields, "PCF"]))
