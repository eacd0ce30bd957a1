"""What a clean-up may delete: a pure function of what repositories contain."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from support.model_registry import HOST, digest_of
from support.releases import released_target

from compiler.external.registry.client import INDEX, MANIFEST, Manifest
from compiler.fingerprint.naming import CHECK_PREFIX, TIME_PREFIX, fingerprint_tag
from compiler.matrix.matrix import Keep
from compiler.publish.check_marks import IMAGE
from compiler.publish.check_marks import MEDIA_TYPE as CHECK
from compiler.publish.deletions import Deletion, plan_deletions
from compiler.publish.inventory import (
    Inventory,
    StoredManifest,
    StoredRelease,
    StoredRepository,
    stored_manifest,
)
from compiler.publish.retention import Retention
from compiler.publish.staging_time import MEDIA_TYPE as TIME
from compiler.publish.staging_time import RECORDS
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import MEDIA_TYPE as RECORD


NOW = datetime(2026, 6, 1, tzinfo=UTC)
OTHER = f"{HOST}/acme/other"
OWN = f"{HOST}/acme/a"
CREATED = "org.opencontainers.image.created"


class Content:
    """A repository that a test fills."""

    def __init__(self, name: str = OWN) -> None:
        """Create an empty repository."""
        self.name = name
        self.tags: dict[str, str] = {}
        self.manifests: dict[str, StoredManifest] = {}
        self.releases: list[StoredRelease] = []
        self.announced: set[str] = set()
        self.version_tags: dict[str, str] = {}

    def add(self, data: dict[str, Any], *tags: str, media_type: str = MANIFEST) -> str:
        """Store a manifest; return its digest."""
        content = json.dumps(data).encode()
        digest = digest_of(content)
        self.manifests[digest] = stored_manifest(Manifest(digest, media_type, content))
        self.tags |= dict.fromkeys(tags, digest)
        return digest

    def image(self, name: str, *tags: str, **more: Any) -> str:
        """Store an image with one layer of 1,000 bytes."""
        layer = {"digest": digest_of(name.encode()), "size": 1000}
        return self.add({"name": name, "layers": [layer], **more}, *tags)

    def index(self, children: Iterable[str], *tags: str, **more: Any) -> str:
        """Store an index."""
        entries = [{"digest": digest} for digest in children]
        return self.add({"manifests": entries, **more}, *tags, media_type=INDEX)

    def artifact(
        self,
        media_type: str,
        days: float | None,
        *tags: str,
        about: str = "",
        text: str = "",
        records: str = "",
    ) -> str:
        """Store an artifact that was written some days ago."""
        annotations = {} if days is None else {CREATED: (NOW - timedelta(days=days)).isoformat()}
        annotations |= {IMAGE: about} if about else {}
        annotations |= {RECORDS: records} if records else {}
        layer = {"mediaType": media_type, "digest": digest_of(text.encode()), "size": 2}
        return self.add({"text": text, "annotations": annotations, "layers": [layer]}, *tags)

    def stage(self, digest: str, days: float | None, records: str = OWN) -> str:
        """Give an image the tag of a fingerprint, and note its age; return the tag."""
        tag = fingerprint_tag(sha256(digest.encode()).hexdigest())
        self.tags[tag] = digest
        if days is not None:
            self.artifact(TIME, days, TIME_PREFIX + digest[7:], about=digest, records=records)
        return tag

    def release(
        self, version: str, days: float | None, images: dict[str, str], *moving: str
    ) -> str:
        """Record a release of images with their version tags; return the digest of the record."""
        targets = tuple(
            released_target(tag, digest, tags=[f"{self.name}:{tag}"], moving=moving)
            for tag, digest in images.items()
        )
        record = ReleaseRecord(release=version, targets=targets)
        digest = self.artifact(RECORD, days, f"release-{version}", text=record.to_text())
        self.releases.append(StoredRelease(record=record, repository=self.name, digest=digest))
        self.tags |= images
        return digest

    def interrupt(self, version: str, *images: str) -> list[str]:
        """Give images version tags of a release without a record; return the tags."""
        tags = [f"{number}-of-{version}" for number, _ in enumerate(images)]
        self.tags |= dict(zip(tags, images, strict=True))
        self.version_tags |= {f"{self.name}:{tag}": version for tag in tags}
        return tags

    @property
    def stored(self) -> StoredRepository:
        """The repository as the planner sees it."""
        return StoredRepository(
            name=self.name,
            tags=self.tags,
            manifests=self.manifests,
            announced=frozenset(self.announced),
        )


def planned(
    *contents: Content, releases: int = 1, days: int = 30, floating: Iterable[str] = ()
) -> tuple[Deletion, ...]:
    """Return what may be deleted of repositories."""
    inventory = inventory_of(*contents, floating=floating)
    retention = Retention(inventory, Keep(releases=releases, days=days), NOW)
    return plan_deletions(retention, inventory)


def inventory_of(*contents: Content, floating: Iterable[str] = ()) -> Inventory:
    """Return what repositories contain."""
    return Inventory(
        repositories=tuple(content.stored for content in contents),
        releases=tuple(release for content in contents for release in content.releases),
        floating_tags=frozenset(floating),
        version_tags={
            tag: one for content in contents for tag, one in content.version_tags.items()
        },
    )


def kept_releases(content: Content) -> list[str]:
    """Return which releases stay if one is kept for each matrix."""
    retention = Retention(inventory_of(content), Keep(releases=1, days=30), NOW)
    return [one.record.release for one in retention.kept_releases]


def digests(deletions: Iterable[Deletion]) -> set[str]:
    """Return the digests of deletions."""
    return {one.digest for one in deletions}


@pytest.fixture
def content() -> Content:
    """Provide an empty repository."""
    return Content()


def test_an_expired_release_and_all_that_only_it_has(content: Content) -> None:
    """Its record, images, platforms, attestations, signatures, checks and notes may go."""
    platform, attestation = content.image("old amd64"), content.image("old attestation")
    old = content.index([platform, attestation])
    fingerprint = content.stage(old, 90)
    note = content.tags[TIME_PREFIX + old[7:]]
    mark = content.artifact(CHECK, 90, CHECK_PREFIX + "a" * 64, about=old)
    cosign = content.image("signature", f"sha256-{old[7:]}.sig")
    of_platform = content.image("of platform", f"sha256-{platform[7:]}.att")
    referrer = content.image("bundle", subject={"digest": old})
    fallback = content.index([referrer], f"sha256-{old[7:]}")
    record = content.release("1", 80, {"old-1": old}, f"{OWN}:moving")
    new = content.image("new", "new-2")
    content.release("2", 70, {"new-2": new}, f"{OWN}:moving")

    found = planned(content)

    expected = {old, platform, attestation, note, mark, cosign, of_platform, referrer}
    assert digests(found) == {*expected, fallback, record}
    reasons = {one.digest: one.reason for one in found}
    assert reasons[old] == "only in expired releases: 1"
    assert reasons[platform] == f"part of {old[:19]}"
    assert reasons[cosign] == f"about {old[:19]}, which is not kept"
    assert reasons[record] == "the release has expired"
    assert sorted(found[0].tags) == sorted([fingerprint, "old-1"])
    order = [one.digest for one in found]
    assert order[0] == old
    assert order[-1] == record
    assert order.index(platform) < order.index(of_platform)


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        ("1", ["1", "4"]),  # somebody has returned to it
        ("2", ["3", "4"]),  # 2, 3 and 3.1rc1 have the same image: `latest` is 3
        ("4", ["4"]),
        (None, ["4"]),
    ],
)
def test_the_release_that_floating_tags_name(
    content: Content, named: str | None, kept: list[str]
) -> None:
    """It stays, whatever its age: otherwise another release would be the latest."""
    images = {version: content.image(f"of {version}") for version in "124"}
    images |= {"3": images["2"], "3.1rc1": images["2"]}
    for version, image in images.items():
        content.release(version, 90, {f"a-{version}": image}, f"{OWN}:now", f"{OWN}:other")
    if named:
        content.tags["now"] = images[named]

    assert sorted(kept_releases(content)) == kept


@pytest.mark.parametrize(
    ("tag", "is_kept"),
    [
        ("latest", True),
        ("of-another-team", True),
        ("fp-short", True),
        ("check-short", True),
        ("release-of-an-image", True),
        (f"fp-{'b' * 64}", False),
        (f"fp-{'b' * 64}-linux-arm64-pushed", False),
        (f"fp-{'b' * 64}-tested-0123456789ab", False),
    ],
)
def test_any_other_tag_protects(content: Content, tag: str, *, is_kept: bool) -> None:
    """A digest with several tags is deleted only if none of them is kept."""
    image = content.image("old", tag)
    index = content.index([image])
    content.stage(index, 90)
    content.artifact(TIME, 90, TIME_PREFIX + image[7:], about=image)
    content.release("1", 80, {"old-1": index})
    content.release("2", 1, {"new-2": content.image("new")})

    found = digests(planned(content))

    assert (image in found) is not is_kept
    assert index in found


@pytest.mark.parametrize(("days", "is_kept"), [(None, True), (29.9, True), (30, False), (-1, True)])
def test_age(content: Content, days: float | None, *, is_kept: bool) -> None:
    """Unknown age counts as young, and so does the future."""
    staged = content.image("staged")
    content.stage(staged, days)
    content.release("2", 500, {"new-2": content.image("new")})
    released = content.image("released")
    content.release("1", days, {"old-1": released})

    found = digests(planned(content))

    assert (staged in found) is not is_kept
    assert (released in found) is not is_kept


def test_a_kept_release_protects_in_every_repository(content: Content) -> None:
    """Also where its tags are missing, and what is staged is protected wherever it is released."""
    copy = Content(OTHER)
    kept, young = content.image("kept"), content.image("young")
    content.stage(kept, 90)
    content.stage(young, 1)
    content.release("2", 80, {"new-2": kept})
    for image in ("kept", "young", "gone"):
        copy.image(image)
    copy.release("1", 90, {"x-1": kept, "y-1": young, "z-1": copy.image("gone")})

    found = planned(content, copy)

    assert [(one.repository, one.tags) for one in found] == [
        (OTHER, ("z-1",)),
        (OTHER, ("release-1",)),
    ]


@pytest.mark.parametrize("case", ["moving of the matrix", "moving of a record", "kept version"])
def test_version_tags_that_protect(content: Content, case: str) -> None:
    """A version tag of an expired release that is also another tag leads to what is kept."""
    image = content.image("old")
    content.release("1", 80, {"x": image})
    moving = [f"{OWN}:x"] if case == "moving of a record" else []
    content.release("2", 80, {"new": content.image("new")}, *moving)
    if case == "kept version":
        content.release("3", 1, {"x": image})
        content.tags["x"] = image
    floating = [f"{OWN}:x"] if case == "moving of the matrix" else []

    assert image not in digests(planned(content, floating=floating))


def test_a_version_tag_that_was_moved_by_hand_protects(content: Content) -> None:
    """Only a tag that still names the image of the record is the tag of its release."""
    content.release("1", 80, {"x": content.image("old")})
    content.release("2", 80, {"new": content.image("new")})
    content.tags["x"] = content.image("of another")

    assert content.tags["x"] not in digests(planned(content))


def test_a_release_in_progress_protects(content: Content) -> None:
    """Version tags without a record, and images that are pushed and not yet noted, stay."""
    image, pushed = content.image("tagged", "a-3"), content.image("pushed")
    content.stage(image, 90)
    content.tags[f"fp-{'c' * 64}-pushed"] = pushed
    content.release("2", 80, {"new": content.image("new")})

    assert planned(content) == ()


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("old", ["index", "platform"]),
        ("young", []),
        ("one image is young", []),
        ("of unknown age", []),
        ("never staged", []),
        ("staged by an older version", []),
        ("recorded in a repository that is not read", []),
        ("recorded in a repository that cannot be listed", []),
        ("the version has a record", []),
        ("a record names the tag", []),
        ("another tag names the image", []),
        ("a floating tag names the image", []),
        ("a kept release has the image", []),
        ("an index of staged images", ["index", "platform", "shared"]),
        ("an index of other images, too", ["index"]),
        ("the tag of a platform", ["index", "platform"]),
        ("only the tag of a platform is left, and young", []),
    ],
)
def test_an_interrupted_release(content: Content, case: str, expected: list[str]) -> None:
    """Its version tags protect only what may be in progress or is foreign."""
    names = {"platform": content.image("platform"), "other": content.image("other", "foreign")}
    names["index"] = content.index([names["platform"]])
    tagged = {
        "an index of staged images": ["index", "shared"],
        "an index of other images, too": ["index", "mixed"],
        "the tag of a platform": ["index", "platform"],
        "only the tag of a platform is left, and young": ["platform"],
        "one image is young": ["index", "other"],
    }.get(case, ["index"])
    if "shared" in tagged:
        names["shared"] = content.index([names["platform"]], annotations={"of": "two"})
    if "mixed" in tagged:
        names["mixed"] = content.index([names["platform"], names["other"]])
    tags = content.interrupt("3", *(names[name] for name in tagged))
    days = {"young": 1, "of unknown age": None, "only the tag of a platform is left, and young": 1}
    if case != "never staged":
        records = {
            "staged by an older version": "",
            "recorded in a repository that is not read": OTHER,
            "recorded in a repository that cannot be listed": OTHER,
        }.get(case, OWN)
        content.stage(names["index"], days.get(case, 90), records)
    if case == "one image is young":
        content.stage(names["other"], 1)
    if case == "another tag names the image":
        content.tags["of-a-user"] = names["index"]
    named = {"kept": content.image("kept")}
    if case == "a record names the tag":
        named[tags[0]] = names["index"]
    if case == "a kept release has the image":
        named["new"] = names["index"]
    content.release("3" if case == "the version has a record" else "2", 80, named)
    floating = [f"{OWN}:{tags[0]}"] if case == "a floating tag names the image" else []

    unlisted = [Content(OTHER)] if case.endswith("cannot be listed") else []
    found = planned(content, *unlisted, floating=floating)

    notes = {one.digest for one in found if one.kind == "time"}
    assert digests(found) - notes == {names[name] for name in expected}
    if expected:
        assert found[0].reason == "only in interrupted releases: 3"
        assert tags[0] in found[0].tags


def test_releases_of_other_matrices_stay(content: Content) -> None:
    """A record without a tag in our repositories is another matrix's, whatever its age."""
    foreign = content.image("foreign")
    content.stage(foreign, 90)
    shared = Content(OTHER)
    shared.release("7", 90, {"x-7": foreign})
    content.releases.append(
        StoredRelease(
            record=shared.releases[0].record,
            repository=OWN,
            digest=content.artifact(RECORD, 90, "release-7"),
        )
    )
    content.release("1", 80, {"new": content.image("new")})

    assert planned(content) == ()


def test_unknown_media_types_and_orphans_stay(content: Content) -> None:
    """What a manifest means that we do not understand, and what is about a missing manifest."""
    platform = content.image("in the future")
    content.stage(platform, 90)
    content.add({"parts": [platform]}, f"fp-{'d' * 64}", media_type="application/future+json")
    content.image("orphan", f"sha256-{'e' * 64}.sig")

    assert planned(content) == ()


def test_what_an_interrupted_clean_up_has_left(content: Content) -> None:
    """Its announcement leads to manifests without tags; what is needed since then stays."""
    left, needed = content.image("left"), content.image("needed")
    content.index([needed], "latest")
    signature = content.image("signature", f"sha256-{'f' * 64}.sig")
    content.announced = {left, needed, f"sha256:{'f' * 64}"}

    found = planned(content)

    assert digests(found) == {left, signature}
    assert found[0].reason == "left by an interrupted clean-up"


def test_bytes_that_can_be_freed(content: Content) -> None:
    """Blobs that something else has do not count, and a blob of two manifests counts once."""
    copy = Content(OTHER)
    for repository in (content, copy):
        for name in ("shared", "old"):
            image = repository.image(name)
            repository.stage(image, 90)
    copy.index([copy.image("shared", annotations={"a": "b"})], "foreign")

    found = planned(content, copy)

    images = [one for one in found if one.tags[0].startswith("fp-") and "time" not in one.tags[0]]
    sizes = sorted(one.bytes - len(_text(one, content, copy)) for one in images)
    assert sizes == [0, 0, 0, 1000]


def _text(deletion: Deletion, *contents: Content) -> bytes:
    (own,) = [content for content in contents if content.name == deletion.repository]
    return b"x" * own.manifests[deletion.digest].size


def test_random_inventories() -> None:
    """Nothing is deleted that a root reaches; everything is deleted that only expired tags reach.

    The reference walks the same graph from each root alone, edge by edge, by its own rules.
    """
    deleted = 0
    for seed in range(300):
        rng = random.Random(seed)  # noqa: S311 - for cases
        content = Content()
        known = [content.image(f"{number}") for number in range(6)]
        for _ in range(rng.randrange(6)):
            known.append(content.index(rng.sample(known, rng.randrange(1, 4))))
        for number in range(rng.randrange(5)):
            subject = rng.choice(known)
            if rng.random() < 0.5:
                known.append(content.image(f"s{number}", f"sha256-{subject[7:]}.sig"))
            else:
                known.append(content.image(f"s{number}", subject={"digest": subject}))
        roots: set[str] = set()
        ages: dict[str, int] = {}
        for digest in rng.sample(known, 4):
            days = rng.choice([None, 1, 90])
            content.stage(digest, days)
            roots |= {digest} if days != 90 else set()
            ages |= {digest: days} if days is not None else {}
        for digest in rng.sample(known, rng.randrange(2)):
            content.tags[f"foreign-{digest[7:12]}"] = digest
            roots.add(digest)
        for version in range(rng.randrange(4)):
            image, days = rng.choice(known), rng.choice([None, 1, 90])
            record = content.release(str(version), days, {f"x-{version}": image})
            roots |= {image, record} if days != 90 else set()
        for name in "78"[: rng.randrange(3)]:
            images = rng.sample(known, rng.randrange(1, 4))
            content.interrupt(name, *images)
            own = {one: _ages(content, ages, one) for one in known}
            children = {one: content.manifests[one].children for one in images}
            may_run = any(1 in own[part] for one in images for part in (one, *children[one]))
            roots |= {
                one
                for one in images
                if may_run
                or not (own[one] or (children[one] and all(own[part] for part in children[one])))
            }
        if content.releases:
            newest = content.releases[-1]
            roots |= {newest.digest, *newest.digests()}

        found = digests(planned(content))

        kept = _reachable(content, roots)
        notes = {m.digest for m in content.manifests.values() if m.kind == "time"}
        assert not found & kept, seed
        assert found - notes == set(content.manifests) - kept - notes, seed
        deleted += len(found)
    assert deleted > 500


def _ages(content: Content, staged: dict[str, int], digest: str) -> list[int]:
    """Return for how many days an image, or an index that contains it, is staged."""
    parents = [one for one in staged if digest in content.manifests[one].children]
    return [staged[one] for one in (digest, *parents) if one in staged]


def _reachable(content: Content, roots: set[str]) -> set[str]:
    """Return what roots reach, by repeating every rule until nothing is added."""
    kept = set(roots)
    while True:
        more = {child for d in kept for child in content.manifests[d].children}
        more |= {m.digest for m in content.manifests.values() if m.subject in kept}
        more |= {content.manifests[d].subject for d in kept} - {""}
        more |= {
            digest
            for tag, digest in content.tags.items()
            if tag.startswith("sha256-") and f"sha256:{tag[7:71]}" in kept
        }
        if more <= kept:
            return kept
        kept |= more


def test_records_that_are_not_signed_do_not_displace_signed_ones(content: Content) -> None:
    """Among those that are signed, the newest stay, whatever else claims to be newer."""
    for version in ("1", "2", "90", "91"):
        content.release(version, 400, {version: content.image(version)})
    content.releases[2:] = [replace(one, is_signed=False) for one in content.releases[2:]]

    assert kept_releases(content) == ["2", "91"]


def test_a_release_of_two_matrices_is_foreign(content: Content) -> None:
    """A record that also names an image in another repository never expires."""
    for version in ("1", "2", "3"):
        images = {version: content.image(version), f"b-{version}": content.image(f"b {version}")}
        content.release(version, 400, images)
    first = content.releases[0]
    own, other = first.record.targets
    targets = (own, replace(other, tags=(f"{OTHER}:b-1",)))
    content.releases[0] = replace(first, record=replace(first.record, targets=targets))

    assert kept_releases(content) == ["1", "3"]
