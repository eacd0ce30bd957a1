"""A clean-up of registries: what it deletes, and what makes it stop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from support.model_registry import (
    HOST,
    MIRROR,
    ModelRegistries,
    ModelRegistry,
    Perform,
    Repository,
    add_index,
)
from support.release_actors import Silent
from support.releases import plan_of, request_of, templates_of

from compiler.codes import Code
from compiler.errors import DiagnosticError
from compiler.external.registry import artifacts, listings
from compiler.external.registry.artifacts import Artifact, push_artifact
from compiler.external.registry.client import MANIFEST, RegistryError
from compiler.external.registry.responses import Response
from compiler.fingerprint.naming import TIME_PREFIX, fingerprint_tag
from compiler.matrix.matrix import Keep
from compiler.publish import clean_up_notes, deletion_run, read_inventory
from compiler.publish.clean_up import CleanUpPlan, CleanUpResult, clean_up, plan_clean_up
from compiler.publish.publish import publish
from compiler.publish.read_inventory import InventoryReader
from compiler.releases.registry_record import MEDIA_TYPE as RECORD


OWN, COPY = f"{HOST}/acme/a", f"{MIRROR}/acme/a"
MATRIX = f"""\
variables: {{V: "1"}}
axes: {{n: [x, y]}}
images:
  a:
    template: a.j2
    platforms: [linux/amd64]
    tags: ["{OWN}:{{{{ n }}}}-${{V}}", "{COPY}:{{{{ n }}}}-${{V}}"]
    moving: ["{OWN}:{{{{ n }}}}"]
publish: {{version: "${{V}}"}}
"""
KEEP = Keep(releases=1, days=30)


class Project:
    """A matrix with releases; time passes only when a test says so."""

    def __init__(self, own: str = OWN, server: str = OWN) -> None:
        """Take the name of the first repository, in the matrix and at its server."""
        self.own, self.server = own, server
        self.matrix = MATRIX.replace(OWN, own)
        self.model = ModelRegistry()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.plan = plan_of(self.matrix)
        self.gates: list[Callable[[str, str], Response | None]] = []
        self.sent: list[str] = []

    def gate(self, method: str, path: str, perform: Perform) -> Response:
        """Let a gate of the test answer a request, otherwise the registry."""
        self.sent.append(f"{method} {path}")
        answers = (found for gate in self.gates if (found := gate(method, path)))
        return next(answers, None) or perform()

    def registries(self) -> ModelRegistries:
        """Return a client."""
        return ModelRegistries(self.model, self.gate, attempts=1)

    def publish(self, version: str) -> None:
        """Stage and publish all targets with signatures in both forms."""
        for target in self.plan.targets:
            name = f"{target.name} {version}"
            fingerprint = self.fingerprint(name)
            index = add_index(
                self.model,
                self.server,
                {"amd64": self.model.add_image(self.server, name)},
                fingerprint,
            )
            push_artifact(
                self.registries(),
                self.own,
                TIME_PREFIX + index.digest[7:],
                Artifact(
                    b"{}",
                    "time.json",
                    "application/vnd.compile-matrix.time.v1+json",
                    {
                        **artifacts.created_now(),
                        "com.compile-matrix.image": index.digest,
                        "com.compile-matrix.records": self.own,
                    },
                ),
            )
            self.model.add_image(
                self.server, f"signature of {name}", f"sha256-{index.digest[7:]}.sig"
            )
            self.model.add_manifest(
                self.server, {"subject": {"digest": index.digest}, "layers": []}, MANIFEST
            )
        request = request_of(
            self.plan, version, lambda name: self.fingerprint(f"{name} {version}")[3:]
        )
        publish(request, self.registries(), Silent())

    def fingerprint(self, name: str) -> str:
        """Return the tag of an image's fingerprint."""
        return fingerprint_tag(name.encode().hex().ljust(64, "0"))

    def plan_clean_up(self, reader: InventoryReader | None = None) -> CleanUpPlan:
        """Return what a clean-up may delete now."""
        return plan_clean_up(reader or self.reader(), KEEP, self.now)

    def reader(self) -> InventoryReader:
        """Return a reader of both repositories."""
        return InventoryReader(self.registries(), [self.own, COPY], templates_of(self.matrix, "2"))

    def clean_up(self) -> CleanUpResult:
        """Clean up."""
        reader = self.reader()
        plan = self.plan_clean_up(reader)
        return clean_up(self.registries(), plan, lambda: self.plan_clean_up(reader), lambda _: None)

    def tags(self, repository: str = OWN) -> list[str]:
        """Return the tags for users and of records."""
        tags = self.model.repository(repository).tags
        return sorted(tag for tag in tags if not tag.startswith(("fp-", "sha256-")))


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Project:
    """Provide a matrix with two releases of 100 days ago."""
    return with_releases(Project(), monkeypatch)


def with_releases(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Publish two releases, 100 days ago."""
    for module in (clean_up_notes, deletion_run, read_inventory):
        monkeypatch.setattr(module, "pause", lambda _: False)
    monkeypatch.setattr(artifacts, "utc_now", lambda: project.now)
    project.publish("1")
    project.publish("2")
    project.now += timedelta(days=100)
    return project


def answer(status: int, body: bytes = b"") -> Response:
    """Return a response of a registry."""
    return Response(status=status, reason="no", url="", redirected=False, headers={}, content=body)


def test_an_expired_release_is_deleted_as_a_whole(project: Project) -> None:
    """The other release stays complete, with its signatures, in both repositories."""
    result = project.clean_up()

    assert result.problems == ()
    assert result.kept == ()
    assert project.tags() == ["release-2", "x", "x-2", "y", "y-2"]
    assert project.tags(COPY) == ["x-2", "y-2"]
    for repository in (OWN, COPY):
        store = project.model.repository(repository)
        assert not any(store.missing(digest) for digest in store.tags.values())
        signed = {f"sha256:{tag[7:71]}" for tag in store.tags if tag.endswith(".sig")}
        assert signed == {store.tags["x-2"], store.tags["y-2"]}
        assert sum(b'"subject"' in text for _, text in store.manifests.values()) == 2
    assert project.plan_clean_up().deletions == ()


@pytest.mark.parametrize("before", ["acme/a", "docker.io/acme/a", "index.docker.io/acme/a"])
@pytest.mark.parametrize("after", ["acme/a", "docker.io/acme/a", "index.docker.io/acme/a"])
def test_the_names_of_docker_hub(before: str, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix may name it otherwise than records and notes do, and in several ways."""
    project = with_releases(Project(before, "registry-1.docker.io/acme/a"), monkeypatch)
    interrupt(project)
    templates = templates_of(MATRIX.replace(OWN, after), "2")
    reader = InventoryReader(project.registries(), [after, before, COPY], templates)

    plan = project.plan_clean_up(reader)

    assert plan.kept_releases == ("2",)
    assert plan.expired_releases == ("1",)
    images = [one.image for one in plan.deletions]
    assert len(images) == len({*images})
    clean_up(project.registries(), plan, lambda: project.plan_clean_up(reader), lambda _: None)
    assert project.tags(project.server) == ["release-2", "x", "x-2", "y", "y-2"]
    assert project.tags(COPY) == ["x-2", "y-2"]


def test_a_registry_that_deletes_tags_first(project: Project) -> None:
    """Google's registries delete no manifest that has tags; the result is the same."""
    project.model.deletes_tags_first = True

    result = project.clean_up()

    assert result.problems == ()
    assert project.tags() == ["release-2", "x", "x-2", "y", "y-2"]
    assert project.tags(COPY) == ["x-2", "y-2"]
    assert project.plan_clean_up().deletions == ()


def interrupt(project: Project) -> None:
    """Publish a release that ends before its floating tags and its record, 40 days ago."""
    store = project.model.repository(project.server)
    floating = {name: store.tags[name] for name in "xy"}
    project.publish("3")
    for name, digest in {**floating, "release-3": None}.items():
        store.set_tag(name, digest)
    project.now += timedelta(days=40)


def test_an_interrupted_release_is_deleted(project: Project) -> None:
    """Its version tags lead to nothing that is kept; the reason names its version."""
    interrupt(project)
    young = project.plan_clean_up(), project.now
    project.now -= timedelta(days=11)
    reasons = {one.reason for one in young[0].deletions if "x-3" in one.tags}

    assert not any("x-3" in one.tags for one in project.plan_clean_up().deletions)
    project.now = young[1]
    assert reasons == {"only in interrupted releases: 3"}
    assert project.clean_up().problems == ()
    assert project.tags() == ["release-2", "x", "x-2", "y", "y-2"]
    assert project.tags(COPY) == ["x-2", "y-2"]


def test_an_interrupted_release_of_which_something_cannot_be_deleted(project: Project) -> None:
    """The notes of its staged images stay, so that the next clean-up deletes the rest."""
    interrupt(project)
    project.gates.append(
        lambda method, path: (
            answer(400) if method == "DELETE" and path.startswith(f"{COPY}/manifests/") else None
        )
    )

    assert project.clean_up().problems != ()
    project.gates.clear()
    assert project.clean_up().problems == ()

    assert project.tags() == ["release-2", "x", "x-2", "y", "y-2"]
    assert project.tags(COPY) == ["x-2", "y-2"]


def test_a_release_that_begins_during_a_clean_up(project: Project) -> None:
    """A version tag that did not exist at the first look protects an image, whatever its age."""
    interrupt(project)
    store = project.model.repository(OWN)
    for name in ("x-3", "y-3"):
        store.set_tag(name, None)
        project.model.repository(COPY).set_tag(name, None)
    digest = store.tags[project.fingerprint("a-x 3")]
    reader = project.reader()
    first = project.plan_clean_up(reader)
    store.set_tag("x-4", digest)
    second = project.plan_clean_up(reader)

    assert digest in {one.digest for one in first.deletions}
    assert digest not in {one.digest for one in second.deletions}
    assert digest in {one.digest for one in project.plan_clean_up().deletions}


def test_a_dry_run_only_reads(project: Project) -> None:
    """Planning sends no request that writes."""
    project.sent.clear()

    assert project.plan_clean_up().deletions
    assert {text.split()[0] for text in project.sent} == {"GET", "HEAD"}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (405, b'{"errors": [{"code": "UNSUPPORTED", "message": "no"}]}', "cannot delete manifests"),
        (404, b'{"errors": [{"code": "UNSUPPORTED"}]}', "cannot delete manifests"),
        (403, b'{"errors": [{"code": "DENIED"}]}', "nothing was deleted"),
        (401, b"", "nothing was deleted"),
    ],
)
def test_a_registry_that_cannot_delete(
    project: Project, status: int, body: bytes, reason: str
) -> None:
    """The other registry is cleaned; records stay, so that the next clean-up continues."""
    project.gates.append(
        lambda method, path: (
            answer(status, body) if method == "DELETE" and path.startswith(HOST) else None
        )
    )

    result = project.clean_up()

    assert [problem.code for problem in result.problems] == [Code.CANNOT_DELETE]
    assert reason in result.problems[0].message
    assert project.tags(COPY) == ["x-2", "y-2"]
    assert "release-1" in project.tags()
    assert "x-1" in project.tags()
    assert not any(tag.startswith("fp-gc-") for tag in project.model.repository(OWN).tags)


def test_what_belongs_to_an_image_that_was_not_deleted_stays(project: Project) -> None:
    """Neither its platforms nor its signatures nor its record are deleted."""
    digest = project.model.repository(OWN).tags["x-1"]
    project.gates.append(
        lambda method, path: (
            answer(400) if method == "DELETE" and path == f"{OWN}/manifests/{digest}" else None
        )
    )

    result = project.clean_up()

    assert len(result.problems) == 1
    store = project.model.repository(OWN)
    assert not store.missing(digest)
    assert f"sha256-{digest[7:]}.sig" in store.tags
    assert project.tags() == ["release-1", "release-2", "x", "x-1", "x-2", "y", "y-2"]
    project.gates.clear()
    assert project.clean_up().problems == ()
    assert project.tags() == ["release-2", "x", "x-2", "y", "y-2"]


def test_a_deletion_that_takes_effect_late(project: Project) -> None:
    """It is reported, and releases count the clean-up as running."""
    project.gates.append(
        lambda method, path: (
            answer(202)
            if method == "DELETE" and path.startswith(COPY) and "sha256:000" not in path
            else None
        )
    )

    result = project.clean_up()

    assert "still in" in result.problems[0].message
    (tag,) = [tag for tag in project.model.repository(COPY).tags if tag.startswith("fp-gc-")]
    manifest = project.registries().manifest(COPY, tag)
    assert manifest is not None
    note = clean_up_notes.read_note(project.registries(), COPY, manifest)
    assert note is not None
    assert not note.has_ended


def test_an_interrupted_clean_up_is_continued(project: Project) -> None:
    """Manifests to which no tag leads any more are known from the note."""
    deletions = iter(range(100))

    def interrupt(method: str, path: str) -> None:
        if method == "DELETE" and "sha256:000" not in path and next(deletions) >= 5:
            raise KeyboardInterrupt

    project.gates.append(interrupt)
    with pytest.raises(KeyboardInterrupt):
        project.clean_up()
    project.gates.clear()

    assert project.clean_up().problems == ()

    store = project.model.repository(OWN)
    assert not any(store.missing(digest) for digest in store.manifests)
    assert store.manifests.keys() == reachable(store)


def reachable(store: Repository) -> set[str]:
    """Return the manifests to which tags lead, and those that refer to them."""
    found = set(store.tags.values())
    texts = [store.manifests[digest][1] for digest in found]
    found |= {one for one in store.manifests if any(one.encode() in text for text in texts)}
    subjects = {f'"subject": {{"digest": "{one}"'.encode(): one for one in found}
    return found | {
        digest
        for digest, (_, text) in store.manifests.items()
        if any(subject in text for subject in subjects)
    }


def test_a_damaged_record_stops_everything(project: Project) -> None:
    """What it names is unknown."""
    artifact = Artifact(b"{", "release.json", RECORD)
    push_artifact(project.registries(), OWN, "release-0", artifact)

    with pytest.raises(RegistryError, match="not a valid release record"):
        project.clean_up()
    assert not any("DELETE" in text and "manifests" in text for text in project.sent)


def test_a_tag_that_cannot_be_read_stops_everything(project: Project) -> None:
    """Its manifest may contain anything."""
    digest = project.model.repository(OWN).tags["x-2"]
    project.gates.append(
        lambda method, path: answer(404) if method == "GET" and path.endswith(digest) else None
    )

    with pytest.raises(RegistryError, match="exists, but its manifest"):
        project.clean_up()


def test_a_tag_that_leads_nowhere_protects_nothing(project: Project) -> None:
    """Some registries go on listing tags of deleted manifests."""
    project.model.repository(OWN).set_tag("ghost", f"sha256:{'a' * 64}")

    assert project.clean_up().problems == ()


def test_tags_and_referrers_in_pages(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page is read, and an endless list is an error."""
    image = project.model.repository(OWN).tags["x-1"]
    pages = iter([b'{"tags": ["x-1"]}', b'{"tags": ["page-2"]}', b'{"tags": []}'])
    links = iter("122")
    project.model.repository(OWN).set_tag("page-2", image)

    def paged(method: str, path: str) -> Response | None:
        if method != "GET" or f"{OWN}/tags/list" not in path:
            return None
        link = {"Link": f'</v2/acme/a/tags/list?last={next(links)}>; rel="next"'}
        return Response(
            status=200, reason="", url="", redirected=False, headers=link, content=next(pages)
        )

    project.gates.append(paged)
    assert project.registries().tags(OWN) == ["x-1", "page-2"]

    project.gates.clear()
    monkeypatch.setattr(listings, "MAX_PAGES", 3)
    entry = f'{{"manifests": [{{"digest": "{image}"}}]}}'.encode()
    project.gates.append(
        lambda _, path: (
            Response(
                status=200,
                reason="",
                url="",
                redirected=False,
                headers={"Link": f'</v2/a/referrers/b?last={len(project.sent)}>; rel="next"'},
                content=entry,
            )
            if "/referrers/" in path
            else None
        )
    )
    with pytest.raises(RegistryError, match="more than 3 pages"):
        project.plan_clean_up()


def test_too_many_manifests(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository that is too large is an error, not a half-read inventory."""
    monkeypatch.setattr(read_inventory, "MAX_MANIFESTS", 5)

    with pytest.raises(RegistryError, match="more than 5 manifests"):
        project.plan_clean_up()


def test_unknown_age_counts_from_the_first_clean_up(project: Project) -> None:
    """Images of older versions of this program get old, too."""
    old = project.model.add_image(OWN, "staged by an older version", f"fp-{'a' * 64}")

    assert project.plan_clean_up().undated == ((OWN, old.digest),)
    project.clean_up()
    project.now += timedelta(days=29)
    assert old.digest not in {one.digest for one in project.plan_clean_up().deletions}
    project.now += timedelta(days=1)
    assert old.digest in {one.digest for one in project.plan_clean_up().deletions}


def test_a_release_notices_a_clean_up_that_is_running(project: Project) -> None:
    """It fails after its last tag, and says why; after the clean-up it succeeds."""
    digest = project.model.repository(OWN).tags["x-2"]
    note = clean_up_notes.CleanUpNote(digests=frozenset({digest}), has_ended=False)
    clean_up_notes.write_note(project.registries(), OWN, "fp-gc-other", note)

    with pytest.raises(DiagnosticError) as failure:
        project.publish("2")
    assert failure.value.outcome == "nothing was built"
    assert [problem.code for problem in failure.value.diagnostics] == [Code.DELETED_IMAGE]
    assert "is running and may delete its image" in str(failure.value)

    project.now += clean_up_notes.EXPIRY + timedelta(minutes=1)
    project.publish("2")
