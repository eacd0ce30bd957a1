"""Matrices of the kind of golang, dotnet and text-embeddings-inference have exactly their tags.

`language/` has a small matrix of each kind. The expected tags are listed here by plain loops over
the names that such projects publish, with the platforms behind each tag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from compiler import compile_matrix
from compiler.matrix.bake_strings import substitute


Tags: TypeAlias = dict[str, set[str]]
"""Tag -> the platforms of what it names."""

CASES = Path(__file__).parent / "language"
LINUX = {"linux/amd64", "linux/arm64"}
WINDOWS = {"ltsc2025": "windows(10.0.26100)/amd64", "ltsc2022": "windows(10.0.20348)/amd64"}


def tags_of(case: str) -> tuple[Tags, int, int]:
    """Compile a case; return its tags, the number of indexes, and that of platform tags.

    Checks that it compiles without warnings.
    """
    plan = compile_matrix(CASES / case / "matrix.yaml").plan
    assert [warning.message for warning in plan.warnings] == []
    values = {name: variable.resolved for name, variable in plan.matrix.variables.items()}
    platforms = {target.name: set(map(str, target.platforms)) for target in plan.targets}
    found: list[tuple[str, set[str]]] = []
    of_platforms = 0
    for target in plan.targets:
        own = (*target.tags, *target.moving, *target.aliases)
        found += [(substitute(tag, values), platforms[target.name]) for tag in own]
        for one in target.platform_tags:
            names = (*one.tags, *one.moving)
            of_platforms += len(names)
            found += [(substitute(tag, values), {one.platform}) for tag in names]
    for index in plan.indexes:
        members = set[str]().union(*(platforms[name] for name in index.targets))
        found.append((substitute(index.tag, values), members))
    assert len(dict(found)) == len(found), "a tag is listed twice"
    return dict(found), len(plan.indexes), of_platforms


def golang() -> Iterator[tuple[str, set[str]]]:
    """Yield the tags of the golang images: 84, of which 18 are indexes of several targets."""
    for prefixes in (("1.26.2", "1.26", "1", ""), ("1.25.9", "1.25")):
        for prefix in prefixes:
            start = f"docker.io/library/golang:{prefix}{'-' if prefix else ''}"
            for name in ("trixie", "bookworm", "bullseye", "alpine"):
                yield f"{start}{name}", LINUX
            for version in ("3.23", "3.22", "3.21"):
                yield f"{start}alpine{version}", LINUX
            for name in ("windowsservercore", "nanoserver"):
                yield f"{start}{name}", set(WINDOWS.values())
                for release, platform in WINDOWS.items():
                    yield f"{start}{name}-{release}", {platform}
            yield f"docker.io/library/golang:{prefix or 'latest'}", LINUX | set(WINDOWS.values())


def dotnet() -> Iterator[tuple[str, set[str]]]:
    """Yield the tags of three .NET images: for each platform, for each system, and indexes."""
    all_linux = {"amd64": "linux/amd64", "arm64v8": "linux/arm64", "arm32v7": "linux/arm/v7"}
    two = {"amd64": "linux/amd64", "arm64v8": "linux/arm64"}
    windows = {"amd64": WINDOWS["ltsc2025"]}
    for image in ("runtime-deps", "runtime", "sdk"):
        systems = {"noble": all_linux}
        flavours = ("", "-aot") if image == "sdk" else ("", "-extra", "-aot")
        for flavour in flavours:
            systems[f"alpine3.23{flavour}"] = all_linux
            systems[f"azurelinux3.0{flavour}"] = two
            if image != "sdk":
                systems[f"noble-chiseled{flavour}"] = all_linux
        if image != "runtime-deps":
            systems["nanoserver-ltsc2025"] = windows
        for version in ("9.0.11", "9.0", "10.0.1", "10.0"):
            start = f"mcr.microsoft.com/dotnet/{image}:{version}"
            both = {*all_linux.values(), *(windows.values() if image != "runtime-deps" else ())}
            yield start, both
            for system, platforms in systems.items():
                yield f"{start}-{system}", set(platforms.values())
                for cpu, platform in platforms.items():
                    yield f"{start}-{system}-{cpu}", {platform}


def embeddings() -> Iterator[tuple[str, set[str]]]:
    """Yield the tags of images that differ in arguments, each for two servers."""
    start = "ghcr.io/acme/embeddings:"
    for prefix in ("cpu-", "turing-", "", "86-", "89-", "hopper-", "cuda-"):
        for version in ("1.8.3", "1.8", "latest"):
            for server in ("",) if prefix == "cuda-" else ("", "-grpc"):
                yield (
                    f"{start}{prefix}{version}{server}",
                    LINUX if prefix == "cpu-" else {"linux/amd64"},
                )


@pytest.mark.parametrize(
    ("case", "expected", "indexes", "of_platforms", "total"),
    [
        ("golang", golang, 18, 0, 84),
        ("dotnet", dotnet, 12, 276, 396),
        ("embeddings", embeddings, 0, 0, 39),
    ],
)
def test_the_tags_are_those_of_the_project(
    case: str,
    expected: Callable[[], Iterator[tuple[str, set[str]]]],
    indexes: int,
    of_platforms: int,
    total: int,
) -> None:
    """Each tag exists once, with the platforms that it should have, and no other."""
    found, *counts = tags_of(case)

    assert found == dict(expected())
    assert [*counts, len(found)] == [indexes, of_platforms, total]


def test_arguments_are_those_of_the_table() -> None:
    """Numbers and flags of JSON are text as written; a row without an argument has none."""
    targets = compile_matrix(CASES / "embeddings" / "matrix.yaml").plan.targets
    args = {target.name: target.fields.get("args", {}) for target in targets}

    assert args["embeddings-turing"] == {"CUDA_COMPUTE_CAP": "75", "USE_FLASH": "false"}
    assert args["embeddings-hopper-grpc"] == {"CUDA_COMPUTE_CAP": "90"}
    assert args["embeddings-cpu"] == args["embeddings-all"] == {}


def test_windows_images_copy_from_their_parents() -> None:
    """`from` of an axis value leads to another value of that axis, in the same image."""
    targets = compile_matrix(CASES / "golang" / "matrix.yaml").plan.targets
    parents = {target.name: target.parent for target in targets if target.parent}

    assert parents == {
        f"golang-{go}-nanoserver-{release}": f"golang-{go}-windowsservercore-{release}"
        for go in ("1_26_2", "1_25_9")
        for release in WINDOWS
    }
