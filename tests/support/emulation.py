"""Run programs of the other architecture: the kernel starts them with qemu."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from support import packages
from support.undo_log import UndoLog


OTHER = {"amd64": "arm64", "arm64": "amd64"}
QEMU = {"amd64": "x86_64", "arm64": "aarch64"}

# The first bytes of a program of each architecture, and the bits of them that count, as in
# qemu-binfmt-conf.sh of qemu.
_ELF = r"\x7fELF\x02\x01\x01" + r"\x00" * 9 + r"\x02\x00"
MAGIC = {"amd64": _ELF + r"\x3e\x00", "arm64": _ELF + r"\xb7\x00"}
MASK = {
    "amd64": r"\xff" * 5 + r"\xfe\xfe\xfc" + r"\xff" * 8 + r"\xfe\xff\xff\xff",
    "arm64": r"\xff" * 7 + r"\x00" + r"\xff" * 8 + r"\xfe\xff\xff\xff",
}


def other() -> str:
    """Return Debian's name of the architecture that is emulated."""
    return OTHER[packages.native()]


def qemu(architecture: str) -> Path:
    """Return the path of the static qemu that runs single programs of this architecture."""
    folder = packages.unpacked("emulation", packages.codename(), ["qemu-user-static", "qemu-user"])
    return folder / "usr" / "bin" / f"qemu-{QEMU[architecture]}-static"


def enable(log: UndoLog) -> None:
    """Let the kernel run programs of the other architecture, in containers too, until the undo.

    With the flag F the kernel opens qemu now, so containers need no qemu of their own. An entry
    that the machine already has is not affected.
    """
    architecture = other()
    name = f"{log.name}-{architecture}"
    # The kernel has one table for all mounts, and drops it with the last mount.
    table = Path(tempfile.mkdtemp(prefix="compile-matrix-binfmt-"))
    log.undo_by("rmdir", table)
    log.undo_by("umount", table)
    subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", table], check=True)
    fields = ["", name, "M", "0", MAGIC[architecture], MASK[architecture], str(qemu(architecture))]
    log.undo_by("sh", "-c", f"echo -1 > {table / name}")
    (table / "register").write_text(":".join([*fields, "PCF"]))
