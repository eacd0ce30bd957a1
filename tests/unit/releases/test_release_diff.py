"""The difference between releases, with SBOMs in a registry in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from support.fake_registries import FakeRegistries, make_manifest
from support.releases import released_target

from compiler.releases.consumers import image_references
from compiler.releases.packages import parse_packages
from compiler.releases.record import ReleasedIndex, ReleasedTarget, ReleaseRecord
from compiler.releases.release_diff import ReleaseDiff, diff_releases
from compiler.reports.markdown import markdown
from compiler.reports.release_diff import DiffFormat, format_diff


REPOSITORY = "r.example/a"
AMD64 = "linux/amd64"


def digest(number: int) -> str:
    """Return a digest."""
    return f"sha256:{str(number) * 64}"


def statement(packages: Mapping[str, str]) -> bytes:
    """Return an in-toto statement with an SPDX document, as BuildKit writes it."""
    rows: list[dict[str, Any]] = [{"name": "sbom", "SPDXID": "SPDXRef-DocumentRoot"}]
    rows += [{"name": name, "versionInfo": version} for name, version in packages.items()]
    return json.dumps(
        {"predicateType": "https://spdx.dev/Document", "predicate": {"packages": rows}}
    ).encode()


class Releases:
    """Images with SBOMs, and releases of them."""

    def __init__(self) -> None:
        self.registries = FakeRegistries()

    def image(self, name: str, number: int, content: bytes | None, **fields: Any) -> ReleasedTarget:
        """Return a released image; with content, its SBOM is stored."""
        attestations = {}
        if content is not None:
            blob = self.registries.put_blob(REPOSITORY, content)
            layer = {
                "digest": blob,
                "annotations": {"in-toto.io/predicate-type": "https://spdx.dev/Document"},
            }
            manifest = make_manifest({"layers": [layer], "config": {"digest": blob}})
            self.registries.manifests[REPOSITORY, manifest.digest] = manifest
            attestations = {AMD64: manifest.digest}
        target = released_target(
            name, digest(number), tags=[f"{REPOSITORY}:{name}"], moving=[], platforms={AMD64: "x"}
        )
        return replace(target, attestations=attestations, bytes=number * 1_000_000, **fields)

    def diff(self, old: ReleaseRecord, new: ReleaseRecord) -> ReleaseDiff:
        """Compare two releases of a matrix with this repository."""
        return diff_releases(self.registries, old, new, [REPOSITORY])


@pytest.fixture
def releases() -> Releases:
    """Provide a registry without releases."""
    return Releases()


def two_releases(releases: Releases) -> tuple[ReleaseRecord, ReleaseRecord]:
    """Return two releases with each kind of difference."""
    python = "python:3.11"
    image = releases.image
    old = [
        image("same", 1, None),
        image("gone", 1, None, bases={python: digest(1)}),
        image(
            "patched", 2, statement({"openssl": "3.0.1", "zlib": "1"}), bases={python: digest(1)}
        ),
        image("rebuilt", 2, statement({"a": "1"})),
        image("damaged", 2, b"no"),
    ]
    new = [
        image("same", 1, None),
        image(
            "patched", 3, statement({"openssl": "3.0.2", "curl": "8"}), bases={python: digest(2)}
        ),
        image("rebuilt", 3, None),
        image("damaged", 3, statement({"a": "1"}), fingerprint=digest(5)),
        image("added", 4, None, bases={python: digest(2)}),
    ]
    patched = replace(new[1], fingerprint=digest(4), platforms={AMD64: "x", "linux/arm64": "y"})
    return (
        ReleaseRecord(release="v1", targets=tuple(old)),
        ReleaseRecord(release="v2", targets=(new[0], patched, *new[2:])),
    )


def test_text(releases: Releases) -> None:
    """Images come in the order of the new release; removed ones follow."""
    text = format_diff(releases.diff(*two_releases(releases)), DiffFormat.TEXT)

    assert (
        text
        == """\
changed  patched
  size     2.0 MB -> 3.0 MB (+50.0%)
  why      base image python:3.11 changed
  why      platform linux/arm64 added
  base     python:3.11 sha256:111111111111 -> sha256:222222222222
  package  curl (none) -> 8
  package  openssl 3.0.1 -> 3.0.2
  package  zlib 1 -> (none)
changed  rebuilt
  size     2.0 MB -> 3.0 MB (+50.0%)
  why      rebuilt from the same inputs
changed  damaged
  size     2.0 MB -> 3.0 MB (+50.0%)
  why      other inputs changed
added    added
  size     4.0 MB
  base     python:3.11 (none) -> sha256:222222222222
removed  gone
  size     1.0 MB
  base     python:3.11 sha256:111111111111 -> (none)
v1 to v2: 1 added, 1 removed, 3 changed, 1 unchanged
"""
    )


def test_json(releases: Releases) -> None:
    """Packages are null where they are not known."""
    diff = releases.diff(*two_releases(releases))

    document = json.loads(format_diff(diff, DiffFormat.JSON))

    images = {image["target"]: image for image in document["images"]}
    assert document["unchanged"] == ["same"]
    assert images["patched"]["packages"] == [
        {"name": "curl", "from": None, "to": "8"},
        {"name": "openssl", "from": "3.0.1", "to": "3.0.2"},
        {"name": "zlib", "from": "1", "to": None},
    ]
    assert images["rebuilt"]["packages"] is None
    assert images["damaged"]["packages"] is None
    assert images["added"]["digest"] == {"from": None, "to": digest(4)}
    assert images["added"]["bases"] == [{"name": "python:3.11", "from": None, "to": digest(2)}]
    assert images["gone"]["bytes"] == {"from": 1_000_000, "to": None}


def test_markdown(releases: Releases) -> None:
    """Release notes count the images of each package; texts from the registry are escaped."""
    old, new = two_releases(releases)
    hostile = releases.image("x|y", 5, None)
    new = replace(new, targets=(*new.targets, hostile))

    text = format_diff(releases.diff(old, new), DiffFormat.MARKDOWN)

    assert text.startswith("### Changes from v1 to v2\n")
    assert "| x&#124;y | added |  | 5.0 MB |  |\n" in text
    assert "| base image | before | after | images |\n" in text
    python, before, after = map(markdown, ("python:3.11", digest(1)[:19], digest(2)[:19]))
    assert f"| {python} | {before} | {after} | 1 |\n" in text
    assert f"| {python} |  | {after} | 1 |\n" in text
    assert "| openssl | 3.0.1 | 3.0.2 | 1 |\n" in text
    assert "\n1 image unchanged.\n" in text


def test_no_difference(releases: Releases) -> None:
    """Another version of the same images has no differences."""
    old, _ = two_releases(releases)

    diff = releases.diff(old, replace(old, release="v1.1"))

    assert format_diff(diff, DiffFormat.MARKDOWN).endswith("\n\nNo image differs.\n\n")
    assert format_diff(diff, DiffFormat.TEXT) == (
        "v1 to v1.1: 0 added, 0 removed, 0 changed, 5 unchanged\n"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"predicate": []}',
        b'{"predicate": {"packages": 1}}',
        b'{"predicate": {"packages": [1]}}',
        b'{"predicate": {"packages": [{"versionInfo": "1"}]}}',
        b'{"predicate": {"packages": [{"name": 1, "versionInfo": "1"}]}}',
        b'{"predicate": {"packages": [{"name": "a", "versionInfo": [1]}]}}',
        b"[" * 100_000,
    ],
)
def test_invalid_sboms(content: bytes) -> None:
    """An SBOM is content from a registry: anything else counts as missing."""
    assert parse_packages(content) is None


def test_several_versions_of_a_package() -> None:
    """A package can be installed in several versions, for example as a module of two programs."""
    rows = [{"name": "a", "versionInfo": version} for version in ("2", "1", "2")]

    assert parse_packages(json.dumps({"predicate": {"packages": rows}}).encode()) == {
        "a": ("1", "2")
    }


def test_a_large_record_takes_little_time(releases: Releases) -> None:
    """A record is untrusted: time grows with its size, not with the square of it."""
    names = [f"t{number}" for number in range(3000)]
    index = ReleasedIndex(
        targets=tuple(names), tags=("r.example/a:x",), moving=(), digest=digest(1)
    )
    old = ReleaseRecord(
        release="v1",
        targets=tuple(released_target(name, digest(1), tags=(), moving=()) for name in names),
        indexes=(index,) * 100,
    )
    new = replace(old, release="v2", targets=tuple(replace(one, bytes=2) for one in old.targets))
    changed = tuple(replace(one, digest=digest(2)) for one in old.targets)

    start = time.process_time()
    assert len(releases.diff(old, new).unchanged) == len(names)
    assert len(releases.diff(old, replace(new, targets=changed)).changes) == len(names)
    assert len(image_references(old)) == len(names)
    assert time.process_time() - start < 5
