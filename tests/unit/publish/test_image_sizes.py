"""`publish.size`: limits of each platform, checked before any tag is created."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.model_registry import HOST, ModelRegistries, ModelRegistry, Perform, add_index
from support.release_actors import Silent
from support.releases import plan_of, request_of

from compiler.codes import Code
from compiler.errors import CompileError, DiagnosticError
from compiler.external.registry.responses import Response
from compiler.fingerprint.naming import LABEL, fingerprint_tag
from compiler.publish.output import PublishFormat, format_release
from compiler.publish.publish import publish
from compiler.publish.release_list import format_releases
from compiler.publish.result import PublishResult
from compiler.publish.summary import result_summary
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import pull_record, push_record


REPOSITORY = f"{HOST}/acme/a"
MATRIX = """\
variables: {V: "1"}
axes: {n: [1, 2]}
images:
  a:
    template: a.j2
    platforms: [linux/amd64, linux/arm64]
    tags: ["REPOSITORY:{{ n }}-${V}"]
publish: {version: "${V}", size: LIMITS}
""".replace("REPOSITORY", REPOSITORY)


class World:
    """A registry, and releases of two targets with images of given sizes."""

    def __init__(self) -> None:
        self.model = ModelRegistry()
        self.requests: list[str] = []
        self.lines: list[str] = []

    def gate(self, method: str, path: str, perform: Perform) -> Response:
        """Note a request."""
        self.requests.append(f"{method} {path}")
        return perform()

    def publish(self, version: str, limits: str, *sizes: int) -> PublishResult:
        """Publish both targets; `sizes` are those of amd64 and arm64 of each of them."""
        plan = plan_of(MATRIX.replace("LIMITS", limits))
        names = [target.name for target in plan.targets]
        prints = {}
        for number, name in enumerate(names):
            pair = sizes[2 * number : 2 * number + 2]
            prints[name] = f"{number}{pair[0]:031}{pair[1]:032}"
            images = {
                platform: self.model.add_image(
                    REPOSITORY,
                    (f"{name}{platform}" * size)[: size - len("layer ")],
                    platform=platform,
                    **{LABEL: f"sha256:{prints[name]}"},
                )
                for platform, size in zip(("amd64", "arm64"), pair, strict=True)
            }
            add_index(self.model, REPOSITORY, images, fingerprint_tag(prints[name]))
        self.requests.clear()
        request = request_of(plan, version, prints.__getitem__)
        report = Silent()
        report.say = self.lines.append  # type: ignore[attr-defined]
        return publish(request, ModelRegistries(self.model, self.gate), report)

    def forget_sizes(self, version: str) -> ReleaseRecord:
        """Remove the sizes of platforms from a record, as older versions have written it."""
        record = self.record(version)
        targets = tuple(replace(target, sizes={}) for target in record.targets)
        old = replace(record, targets=targets)
        push_record(ModelRegistries(self.model), REPOSITORY, old)
        return old

    def record(self, version: str) -> ReleaseRecord:
        """Return the record of a release."""
        record = pull_record(ModelRegistries(self.model), REPOSITORY, version)
        assert record is not None
        return record


@pytest.mark.parametrize(
    ("limits", "messages"),
    [
        ("{max: 3kB, growth: 20%}", []),
        ("{max: 1.5kB}", ["a-1: linux/arm64 has 1.9 kB, more than 1.5kB"]),
        ("{growth: 9.9%}", ["a-1: linux/amd64 has 1.1 kB, 10.0% more than 1.0 kB in 1; "]),
        ("{growth: 0%}", ["a-1: linux/amd64 has 1.1 kB", "a-2: linux/arm64 has 1.3 kB, 8.3% more"]),
        ("{growth: 10%}", []),
    ],
)
def test_limits_of_each_platform(limits: str, messages: list[str]) -> None:
    """The error names image, platform and both sizes; no tag is created."""
    world = World()
    world.publish("1", "null", 1000, 2000, 1200, 1200)

    def publish_larger() -> None:
        world.publish("2", limits, 1100, 1900, 1200, 1300)

    if not messages:
        publish_larger()
        assert world.model.digest(f"{REPOSITORY}:1-2") is not None
        return
    with pytest.raises(DiagnosticError, match="has 1") as raised:
        publish_larger()
    found = raised.value.diagnostics
    assert {one.code for one in found} == {Code.IMAGE_SIZE}
    assert raised.value.outcome.startswith("no tag was created")
    assert len(found) == len(messages)
    assert all(one.message.startswith(text) for one, text in zip(found, messages, strict=True))
    assert world.model.digest(f"{REPOSITORY}:1-2") is None


def test_new_targets_are_exempt_from_growth() -> None:
    """The maximum applies to them as well."""
    world = World()
    world.publish("1", "null", 1000, 1000, 1000, 1000)
    record = world.record("1")
    push_record(ModelRegistries(world.model), REPOSITORY, replace(record, targets=()))

    world.publish("2", "{growth: 1%}", 9000, 9000, 9000, 9000)
    with pytest.raises(DiagnosticError, match="linux/amd64 has"):
        world.publish("3", "{max: 8kB}", 9000, 1000, 1000, 1000)

    assert world.record("2").targets[0].sizes == {"linux/amd64": 9000, "linux/arm64": 9000}


def test_growth_since_a_record_without_sizes() -> None:
    """The images of the release are measured, once, and only where they differ from new ones."""
    world = World()
    world.publish("1", "null", 1000, 1000, 1200, 1200)
    old = world.forget_sizes("1")
    with pytest.raises(DiagnosticError, match=r"linux/arm64 has 1\.3 kB, 30\.0% more") as raised:
        world.publish("2", "{growth: 20%}", 1000, 1300, 1200, 1200)

    assert len(raised.value.diagnostics) == 1
    read = [text.rpartition("/")[2] for text in world.requests if text.startswith("GET")]
    first, second = (target.platforms.values() for target in old.targets)
    assert [read.count(digest) for digest in (*first, *second)] == [1, 1, 1, 1]


def test_growth_since_images_that_are_missing() -> None:
    """A line names them; the release is not prevented."""
    world = World()
    world.publish("1", "null", 1000, 1000, 1200, 1200)
    (digest, _), _ = (target.platforms.values() for target in world.forget_sizes("1").targets)
    del world.model.repository(REPOSITORY).manifests[digest]

    world.publish("2", "{growth: 20%}", 9000, 1000, 1200, 1200)

    assert [line for line in world.lines if line.startswith("growth")] == [
        "growth not checked: sizes of 1 are neither recorded nor readable: a-1 (linux/amd64)"
    ]


def test_limits_need_no_request() -> None:
    """Manifests are read anyhow, and sizes of the last release are in its record."""
    counts = []
    for limits in ("null", "{max: 1GB, growth: 10%}"):
        world = World()
        world.publish("1", limits, 1000, 2000, 1200, 1200)
        first = len(world.requests)
        world.publish("2", limits, 1000, 2000, 1200, 1300)
        counts.append((first, len(world.requests)))

    assert counts[0] == counts[1]


def test_sizes_are_shown() -> None:
    """`release list`, `release show` and the summary of a workflow have them."""
    world = World()
    limits = "{max: 1GB, growth: 10%}"
    result = world.publish("1", limits, 1000, 2000, 1200, 1200)
    record = world.record("1")
    tags = {tag: target.digest for target in record.targets for tag in target.tags}

    shown = format_release(record, PublishFormat.TABLE, {}, {}, tags)
    as_json = format_release(record, PublishFormat.JSON, {}, {}, tags)

    assert "linux/arm64 sha256:" in shown
    assert "  2.0 kB\n" in shown
    assert "  size      3.0 kB\n" in shown
    assert '"sizes": {"linux/amd64": 1000, "linux/arm64": 2000}' in as_json
    first = record.targets[0]
    smaller = replace(record, release="0", targets=(replace(first, bytes=first.bytes // 2),))
    releases = [record, smaller]
    assert format_releases(releases, PublishFormat.TABLE).splitlines() == [
        "RELEASE  TARGETS  BUILT  SIZE    GROWTH",
        "1        2        0      5.4 kB  +100.0%",
        "0        1        0      1.5 kB",
    ]
    as_json = json.loads(format_releases(releases, PublishFormat.JSON))
    assert [(one["bytes"], one["growth"]) for one in as_json] == [(5400, 1.0), (1500, None)]
    plan = plan_of(MATRIX.replace("LIMITS", limits))
    summary = result_summary(plan, result, None)
    assert "Each platform may have at most 1GB and grow by at most 10%." in summary


@pytest.mark.parametrize("limits", ["{max: 1GiB}", "{growth: 10}", "{max: 1GB, growth: -1%}"])
def test_invalid_limits(limits: str) -> None:
    """They are errors of the matrix."""
    with pytest.raises(CompileError, match="of `size`"):
        plan_of(MATRIX.replace("LIMITS", limits))
