"""The release that consumers should use, from records and floating tags in memory."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from support.fake_registries import FakeRegistries
from support.releases import released_target

from compiler.external.registry.client import Manifest
from compiler.releases.latest import find_latest, find_previous
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import pull_stored_record, push_record


REPOSITORY = "r.example/a"


class Releases:
    """Releases of images with the repositories `r.example/a` and `r.example/b`."""

    def __init__(self) -> None:
        self.registries = FakeRegistries()

    def image(self, content: str, *tags: str) -> Manifest:
        """Store an image in both repositories."""
        self.registries.add_image("r.example/b", content, *tags)
        return self.registries.add_image(REPOSITORY, content, *tags)

    def record(self, version: str, *, moving: tuple[str, ...] = ("latest",), **images: str) -> None:
        """Record a release: target -> the content of its image."""
        targets = (
            released_target(
                name,
                self.image(content).digest,
                tags=[f"r.example/{name}:{version}"],
                moving=[f"r.example/{name}:{tag}" for tag in moving],
            )
            for name, content in images.items()
        )
        push_record(
            self.registries, REPOSITORY, ReleaseRecord(release=version, targets=tuple(targets))
        )

    def latest(self, *targets: str) -> str | None:
        """Return the version that is found."""
        repositories = (REPOSITORY, "r.example/b")
        record = find_latest(self.registries, REPOSITORY, repositories, targets).record
        return record.release if record else None


@pytest.fixture
def releases() -> Releases:
    """Provide a registry without releases."""
    return Releases()


def test_no_release(releases: Releases) -> None:
    """Images without a record are not a release."""
    releases.image("1", "v1", "latest")

    assert releases.latest() is None


def test_floating_tags_decide(releases: Releases) -> None:
    """A release that was not promoted, or was rolled back, is not the latest."""
    releases.record("v1", a="1", b="1")
    releases.record("v2", a="2", b="1")
    releases.record("v3", a="3", b="3")
    releases.image("1", "latest")
    assert releases.latest() == "v1"

    releases.image("3", "latest")
    assert releases.latest() == "v3"


def test_releases_of_the_same_images(releases: Releases) -> None:
    """The highest final version counts: floating tags do not move to a prerelease."""
    for version in ("v1", "v2", "v3-rc1", "alice-test"):
        releases.record(version, a="1")
    releases.image("1", "latest")

    assert releases.latest() == "v2"


def test_some_floating_tags_only(releases: Releases) -> None:
    """A release that was interrupted, and names only some of its tags, is not the latest."""
    releases.record("v1", a="1", b="1")
    releases.record("v2", a="2", b="2")
    releases.registries.add_image(REPOSITORY, "2", "latest")
    releases.registries.add_image("r.example/b", "1", "latest")

    assert releases.latest("a") == "v2"
    assert releases.latest("b") == "v1"
    assert releases.latest() == "v2"


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (("v1.9", "v1.10", "v2.0-rc1", "alice-test"), "v1.10"),
        (("v2.0-rc1", "v2.0-rc2"), "v2.0-rc2"),
        (("alice-test",), None),
    ],
)
def test_without_floating_tags(
    versions: tuple[str, ...], expected: str | None, releases: Releases
) -> None:
    """The highest version counts; a name that is not a version never does."""
    for version in versions:
        releases.record(version, moving=(), a="1")

    assert releases.latest() == expected


def test_a_promoted_name(releases: Releases) -> None:
    """A release without a comparable version counts if floating tags name it."""
    releases.record("v1", a="1")
    releases.record("alice-test", a="2")
    releases.image("2", "latest")

    assert releases.latest() == "alice-test"


def test_damaged_and_foreign_records(releases: Releases) -> None:
    """An invalid record is reported and left out; tags of other repositories are not read."""
    releases.record("v1", a="1")
    releases.record("v2", a="2", other="2")
    releases.record("v3", a="3")
    blob = next(digest for digest, blob in releases.registries.blobs.items() if b'"v3"' in blob)
    releases.registries.blobs[blob] = b"{}"
    releases.image("2", "latest")

    found = find_latest(releases.registries, REPOSITORY, (REPOSITORY,))

    assert found.record is not None
    assert found.record.release == "v2"
    assert [error.diagnostics[0].code for error in found.damaged] == ["bad-record"]


class Signed:
    """Signatures of some releases; `verified` are the numbers of records of each verification."""

    def __init__(self, releases: Releases, *versions: str) -> None:
        self.verified: list[int] = []
        stored = (
            pull_stored_record(releases.registries, REPOSITORY, version) for version in versions
        )
        self.digests = {one.digest for one in stored if one}

    def __call__(self, records: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return the records that are not signed."""
        records = list(records)
        self.verified += [len(records)] if records else []
        return {(name, digest) for name, digest in records if digest not in self.digests}


@pytest.mark.parametrize(
    ("tagged", "signed", "expected", "left_out", "verified"),
    [
        ("4", ["v4"], "v4", 0, [1]),
        ("4", ["v1", "v2", "v3"], "v3", 1, [1, 1]),
        ("2", ["v1", "v2", "v4"], "v2", 0, [1]),
        ("2", ["v1"], "v1", 3, [1, 1, 2]),
        ("2", [], None, 4, [1, 1, 2]),
        ("none", ["v1", "v2"], "v2", 2, [1, 3]),
    ],
)
def test_records_that_are_not_signed(
    releases: Releases,
    tagged: str,
    signed: list[str],
    expected: str | None,
    left_out: int,
    verified: list[int],
) -> None:
    """They are left out, whether floating tags name them or not; most are not verified."""
    for number in "1234":
        releases.record(f"v{number}", a=number)
    releases.image(tagged, "latest")
    unsigned = Signed(releases, *signed)

    found = find_latest(releases.registries, REPOSITORY, (REPOSITORY,), (), unsigned)

    assert (found.record.release if found.record else None) == expected
    assert [error.diagnostics[0].code for error in found.damaged] == ["unsigned-image"] * left_out
    assert unsigned.verified == verified


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v3.0", "v2.0"),
        ("v2.0", "v1.0"),
        ("v2.5", "v2.0"),
        ("v1.5", "v1.0"),
        ("v1.0", None),
        ("nightly", "v3.0"),
        ("", "v3.0"),
    ],
)
def test_previous_release(releases: Releases, version: str, expected: str | None) -> None:
    """It is the highest one below a version; final releases come before prereleases."""
    for number, name in enumerate(("v1.0", "v2.0", "v3.0", "v3.1-rc1", "nightly")):
        releases.record(name, a=str(number))

    found = find_previous(releases.registries, REPOSITORY, version)

    assert (found.release if found else None) == expected


def test_an_image_with_the_tag_of_a_record(releases: Releases) -> None:
    """It is not a release."""
    releases.record("v2.0", a="2")
    releases.registries.add_image(REPOSITORY, "x", "release-v2.1")

    found = find_previous(releases.registries, REPOSITORY, "v2.5")

    assert found is not None
    assert found.release == "v2.0"
    assert releases.latest() == "v2.0"
