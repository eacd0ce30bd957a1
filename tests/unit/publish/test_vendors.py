"""The same releases in the registries of nine products, and by an IPv6 address."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from support.pushed_images import push_built
from support.release_actors import Silent
from support.releases import plan_of, request_of
from support.vendor_server import SECRET, USER, Vendor, serve
from support.vendors import VENDORS, OverIpv6

from compiler.bake.results import BakeOptions, Outcome
from compiler.constants import TEST_SUFFIX
from compiler.errors import DiagnosticError
from compiler.external.registry.client import Registries
from compiler.external.registry.read_only import ReadOnlyRegistries
from compiler.matrix.matrix import Keep
from compiler.output.bake_resolved import ResolvedPlan
from compiler.publish.clean_up import CleanUpPlan, clean_up, plan_clean_up
from compiler.publish.preview import preview
from compiler.publish.promote import promote_release
from compiler.publish.publish import publish
from compiler.publish.read_inventory import InventoryReader
from compiler.publish.request import PublishRequest
from compiler.publish.result import PublishResult
from compiler.releases.history import find_sboms, list_releases, released_repositories
from compiler.releases.latest import find_latest
from compiler.releases.record import ReleaseRecord
from compiler.releases.registry_record import pull_record
from compiler.releases.tag_templates import TagTemplates
from compiler.releases.version import Release


MATRIX = """\
variables: {V: "1"}
axes: {n: [a, b, c, d, e, f, g, h]}
images:
  app:
    template: a.j2
    platforms: [linux/amd64]
    tests: ["true"]
    tags:
      - "HOST/acme/images/app:{{ n }}-${V}"
      - "HOST/acme/images/copy:{{ n }}-${V}"
      - "OTHER/acme/images/copy:{{ n }}-${V}"
    moving: ["HOST/acme/images/app:{{ n }}"]
publish: {version: "${V}"}
"""
REPOSITORIES = ("acme", "acme/images", "acme/images/app", "acme/images/copy")


class Project:
    """A matrix that is released in two registries of a product."""

    def __init__(
        self, vendor: Vendor, other: Vendor, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Log in to the registries, and let builds push images without building.

        Layers and configurations count as large, so that they are copied in chunks.
        """
        self.vendor, self.other = vendor, other
        matrix = MATRIX.replace("HOST", vendor.address).replace("OTHER", other.address)
        self.plan = plan_of(matrix)
        self.repository = f"{vendor.address}/acme/images/app"
        login = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
        auths = {each.address: {"auth": login} for each in (vendor, other)}
        monkeypatch.setattr("compiler.external.registry.blob_download.CHUNK", 64)
        (folder / "config.json").write_text(json.dumps({"auths": auths}))
        self.environment = {"DOCKER_CONFIG": str(folder)}
        monkeypatch.setattr("compiler.publish.build_missing.build", self.build)
        monkeypatch.setattr("compiler.external.registry.http._wait", lambda _: False)

    def build(self, _plan: object, targets: Any, options: BakeOptions, _report: object) -> Outcome:
        """Push an image for each target."""
        registries = Registries(self.environment)
        built = {
            name: {}
            if name.endswith(TEST_SUFFIX)
            else {"containerimage.digest": push_built(registries, options.overrides[name], name)}
            for name in targets
        }
        return Outcome(built=built, failed={}, skipped={}, seconds=dict.fromkeys(built, 1.0))

    def request(self, version: str) -> PublishRequest:
        """Return the request to publish a version, whose images are new."""
        return request_of(
            self.plan, version, lambda name: sha256(f"{name} {version}".encode()).hexdigest()
        )

    def publish(self, version: str) -> PublishResult:
        """Publish a version."""
        return publish(self.request(version), Registries(self.environment), Silent())

    def preview(self, version: str) -> Collection[str]:
        """Return what a release would do with its images."""
        request = replace(self.request(version), preview=True)
        found = preview(request, ReadOnlyRegistries(self.environment), Silent())
        return {target.state for target in found.targets}

    def tags(self) -> dict[str, str]:
        """Return the tags of the first repository, without those of staged images."""
        tags = self.vendor.model.repository(self.repository).tags
        return {name: tags[name] for name in tags if not name.startswith("fp-")}

    def promote(self, version: str) -> None:
        """Return to a release."""
        registries = Registries(self.environment)
        record = pull_record(registries, self.repository, version)
        assert record is not None
        resolved = ResolvedPlan(self.plan, {"V": version})
        promoted = promote_release(
            registries, record, TagTemplates(resolved, Release("V", version))
        )
        assert all(promoted.moved.values())
        assert promoted.skipped == {}


@pytest.mark.slow
@pytest.mark.parametrize("vendor", VENDORS)
def test_releases(vendor: type[Vendor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Preview, two releases, one of them again, return to the first, list and show."""
    server, other = vendor(), vendor()
    with serve(server), serve(other):
        project = Project(server, other, tmp_path, monkeypatch)
        prepare(project)
        assert project.preview("1") == {"build"}
        first = project.publish("1")
        second = project.publish("2")
        tags = project.tags()
        assert tags["a"] == tags["a-2"] != tags["a-1"]
        assert project.preview("2") == {"reuse"}
        writes = len(server.model.writes)
        again = project.publish("2")
        assert not [write for write in server.model.writes[writes:] if "/manifests/" in write]
        assert again.record == second.record
        project.promote("1")
        check(project, first)
    assert server.leaked == other.leaked == []


def test_a_clean_up_by_an_ipv6_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It deletes the old release, in all repositories."""
    server, other = OverIpv6(), OverIpv6()
    with serve(server), serve(other):
        project = Project(server, other, tmp_path, monkeypatch)
        project.publish("1")
        project.publish("2")
        registries = Registries(project.environment)
        templates = TagTemplates(ResolvedPlan(project.plan, {"V": "2"}), Release("V", "2"))
        reader = InventoryReader(registries, sorted(templates.repositories), templates)

        def plan() -> CleanUpPlan:
            return plan_clean_up(reader, Keep(releases=1, days=0), datetime.now(tz=UTC))

        result = clean_up(registries, plan(), plan, lambda _: None)
        assert result.deleted
        assert "a-2" in project.tags()
        assert "a-1" not in project.tags()


def prepare(project: Project) -> None:
    """Create repositories where a push does not; before, the registry's own error is quoted."""
    server = project.vendor
    if server.missing(REPOSITORIES[-1], writes=True) is None:
        return
    with pytest.raises(DiagnosticError, match=r"not found|does not exist"):
        project.publish("1")
    assert server.model.writes == []
    for each in (server, project.other):
        each.existing |= set(REPOSITORIES)


def check(project: Project, first: PublishResult) -> None:
    """Check releases, their records and their tags."""
    tags = project.tags()
    assert tags["a"] == tags["a-1"]
    for server in (project.vendor, project.other):
        copies = server.model.repository(f"{server.address}/acme/images/copy")
        assert copies.tags["h-2"] == tags["h-2"]
        assert copies.missing(tags["h-2"]) == []
    assert any(write.startswith("PATCH") for write in project.other.model.writes)
    registries = Registries(project.environment)
    releases = list_releases(registries, project.repository)
    assert list(releases) == ["2", "1"]
    assert all(isinstance(record, ReleaseRecord) for record in releases.values())
    assert releases["1"] == first.record
    latest = find_latest(registries, project.repository, [project.repository])
    assert latest.record == first.record
    assert first.record is not None
    assert not any(
        find_sboms(registries, first.record, released_repositories(first.record)).values()
    )
