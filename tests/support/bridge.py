"""Create a network bridge for the engine; bridges and rules of others are not touched."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support import packages
from support.undo_log import UndoLog


# From linux/sockios.h and linux/if.h.
SIOCBRADDBR, SIOCBRDELBR = 0x89A0, 0x89A1
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS = 0x8916, 0x891C, 0x8914
IFF_UP = 0x1

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def build(log: UndoLog) -> str:
    """Create a bridge from which containers reach the network, and return its name.

    The machine keeps forwarding packets afterwards, as it does after Docker itself.
    """
    name = log.name
    network = _free(int(name.removeprefix("cmtest")))
    log.undo_by(sys.executable, __file__, name)
    with _control() as control:
        fcntl.ioctl(control, SIOCBRADDBR, name.encode() + b"\0")
        fcntl.ioctl(control, SIOCSIFADDR, _request(name, network[1]))
        fcntl.ioctl(control, SIOCSIFNETMASK, _request(name, network.netmask))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", name.encode(), IFF_UP))
    if FORWARDING.read_text().strip() != "1":
        FORWARDING.write_text("1")
    outward = ["POSTROUTING", "-s", str(network), "!", "-o", name, "-j", "MASQUERADE"]
    iptables = _iptables()
    for table, chain, *rule in (
        ["nat", *outward],
        ["filter", "FORWARD", "-i", name, "-j", "ACCEPT"],
        ["filter", "FORWARD", "-o", name, "-j", "ACCEPT"],
    ):
        log.undo_by(*iptables, "-t", table, "-D", chain, *rule)
        subprocess.run([*iptables, "-t", table, "-I", chain, *rule], check=True)
    return name


def _remove(name: str) -> None:
    with _control() as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", name.encode(), 0))
        fcntl.ioctl(control, SIOCBRDELBR, name.encode() + b"\0")


def _control() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _request(name: str, address: ipaddress.IPv4Address) -> bytes:
    return struct.pack("16sHH4s8x", name.encode(), socket.AF_INET, 0, address.packed)


def _free(number: int) -> ipaddress.IPv4Network:
    """Return a private network that no route of the machine covers, searching from this number."""
    taken = []
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        fields = line.split()
        destination, mask = (
            ipaddress.IPv4Address(int(field, 16).to_bytes(4, sys.byteorder))
            for field in (fields[1], fields[7])
        )
        if int(mask):
            taken.append(ipaddress.IPv4Network(f"{destination}/{mask}", strict=False))
    networks = list(ipaddress.IPv4Network("10.213.0.0/16").subnets(new_prefix=24))
    for network in networks[number % 256 :] + networks[: number % 256]:
        if not any(network.overlaps(other) for other in taken):
            return network
    raise packages.Unavailable("no private network is free")


def _iptables() -> list[str]:
    """Return a working command of iptables: the machine's own, otherwise an unpacked one."""
    candidates = [["iptables"], ["/usr/sbin/iptables"]]
    if not shutil.which("iptables") and not os.access("/usr/sbin/iptables", os.X_OK):
        names = ["iptables", "libip4tc2", "libip6tc2", "libxtables12", "libnftnl11", "libmnl0"]
        folder = packages.unpacked("iptables", packages.codename(), names)
        libraries = next((folder / "usr" / "lib").glob("*-linux-gnu"))
        environment = [f"LD_LIBRARY_PATH={libraries}", f"XTABLES_LIBDIR={libraries}/xtables"]
        programs = [folder / "usr" / "sbin" / f"xtables-{kind}-multi" for kind in ("nft", "legacy")]
        candidates = [["env", *environment, str(program), "iptables"] for program in programs]
    for candidate in candidates:
        command = [*candidate, "-w", "30"]
        if shutil.which(candidate[0]):
            tried = [*command, "-t", "nat", "-S"]
            if not subprocess.run(tried, check=False, capture_output=True).returncode:
                return command
    raise packages.Unavailable("iptables does not work on this machine")


if __name__ == "__main__":
    _remove(sys.argv[1])
