"""Parse and compare platforms as BuildKit and containerd do."""

import re
from collections.abc import Collection, Iterable
from typing import Self


_OS_VERSION = re.compile(r"\([^()]*\)")
_PLATFORM = re.compile(
    r"(?P<os>[a-z0-9]+)(?P<version>\([0-9]+(?:\.[0-9]+)*\))?/(?P<arch>[a-z0-9_]+)(?:/(?P<variant>v[0-9]+))?\Z"
)

ARCHITECTURES: dict[str, tuple[str, ...]] = {
    "linux": (
        *("386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle"),
        *("ppc64", "ppc64le", "riscv64", "s390x"),
    ),
    "windows": ("386", "amd64", "arm", "arm64"),
    "darwin": ("amd64", "arm64"),
    "freebsd": ("386", "amd64", "arm", "arm64", "riscv64"),
    "wasip1": ("wasm",),
    "wasi": ("wasm",),
}
"""Operating system -> architectures, with the names that Go and BuildKit use."""

_VARIANTS = {
    "arm": ("v5", "v6", "v7", "v8"),
    "arm64": ("v8", "v9"),
    "amd64": ("v1", "v2", "v3", "v4"),
}

KNOWN_PLATFORMS = tuple(
    f"{os}/{arch}" for os, architectures in ARCHITECTURES.items() for arch in architectures
)
"""All platforms without a variant; for near-miss hints."""


class PlatformName(str):
    """A platform in the normal form of BuildKit, with its parts; `variant` may be empty.

    >>> PlatformName("linux/arm").variant, PlatformName("linux/arm64/v8")
    ('v7', 'linux/arm64')
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Take a valid platform in any form."""
        name = canonical_platform(text) or text
        return super().__new__(cls, f"{name}/v7" if name == "linux/arm" else name)

    @property
    def os(self) -> str:
        """The operating system, without a version."""
        return unversioned_platform(self).split("/")[0]

    @property
    def arch(self) -> str:
        """The architecture."""
        return self.split("/")[1]

    @property
    def variant(self) -> str:
        """The variant of the architecture, such as `v7`; empty if there is none."""
        return "".join(self.split("/")[2:])


def unversioned_platform(text: str) -> str:
    """Return a platform without the version of its operating system.

    >>> unversioned_platform("windows(10.0.26100)/amd64")
    'windows/amd64'
    """
    return _OS_VERSION.sub("", text)


def selects_platform(wanted: Collection[str], platform: str) -> bool:
    """Return whether a filter by canonical platforms matches a platform.

    A platform without a version of its operating system matches every version.

    >>> selects_platform({"windows/amd64"}, "windows(10.0.26100)/amd64")
    True
    """
    full = canonical_platform(platform) or platform
    return full in wanted or ("(" in full and unversioned_platform(full) in wanted)


def os_version(text: str) -> str:
    """Return the version of the operating system in a platform; empty if there is none.

    >>> os_version("windows(10.0.26100)/amd64")
    '10.0.26100'
    """
    version = _OS_VERSION.search(text)
    return version[0][1:-1] if version else ""


def find_platform(wanted: str, platforms: Iterable[str]) -> str | None:
    """Return the platform of an image that a canonical platform asks for; None if it lacks it.

    The version of an operating system may be incomplete: an image has one with more parts.

    >>> find_platform("windows/amd64", ["linux/amd64", "windows(10.0.26100.1)/amd64"])
    'windows(10.0.26100.1)/amd64'
    """
    known = tuple(platforms)
    if wanted in known:
        return wanted
    for platform in known:
        if unversioned_platform(platform) == unversioned_platform(wanted):
            version = os_version(platform)
            if not version or f"{version}.".startswith(f"{os_version(wanted)}.".lstrip(".")):
                return platform
    return None


def missing_platforms(wanted: Iterable[str], platforms: Iterable[str]) -> list[str]:
    """Return the canonical platforms that an image with these platforms lacks."""
    known = tuple(platforms)
    return [name for name in wanted if find_platform(name, known) is None]


def overlapping_platforms(platform: str, other: str) -> bool:
    """Return whether an index cannot contain both canonical platforms.

    >>> overlapping_platforms("windows/amd64", "windows(10.0.26100)/amd64")
    True
    """
    if platform == other:
        return True
    plain, other_plain = unversioned_platform(platform), unversioned_platform(other)
    return plain == other_plain and (platform == plain or other == other_plain)


def canonical_platform(text: str) -> str | None:
    """Return a platform in the form that BuildKit compares; None if it is unknown.

    >>> canonical_platform("linux/arm64/v8")
    'linux/arm64'
    >>> canonical_platform("windows(10.0.26100)/amd64")
    'windows(10.0.26100)/amd64'
    >>> canonical_platform("linux/amd46") is None
    True
    """
    match = _PLATFORM.match(text)
    if match is None or match["arch"] not in ARCHITECTURES.get(match["os"], ()):
        return None
    os, arch, variant = match["os"], match["arch"], match["variant"]
    if match["version"]:
        if os != "windows":
            return None
        os = f"{os}{match['version']}"
    if variant is not None and variant not in _VARIANTS.get(arch, ()):
        return None
    if (arch, variant) in (("arm64", "v8"), ("amd64", "v1"), ("arm", "v7")):
        variant = None  # the architecture's default variant, as containerd normalises it
    return f"{os}/{arch}/{variant}" if variant else f"{os}/{arch}"
