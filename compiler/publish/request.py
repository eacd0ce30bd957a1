"""Input and state of publishing."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from compiler.bake.results import BakeOptions, BuildReport
from compiler.codes import Code
from compiler.external.references import split_tag
from compiler.external.registry.client import Registries
from compiler.fingerprint.fingerprint import Fingerprint
from compiler.output.bake_resolved import ResolvedPlan
from compiler.publish.check_results import CheckResult, Key
from compiler.publish.clean_up_notes import CleanUps
from compiler.publish.items import ReleaseItem
from compiler.publish.result import PublishError
from compiler.publish.signatures import Signatures
from compiler.publish.staged_image import ComposedImage, ImageSizes, KnownImage, known_sizes
from compiler.releases.record import ReleasedTarget, ReleaseRecord
from compiler.releases.tag_templates import TagTemplates
from compiler.releases.version import Release
from compiler.targets.target import Target


ROUNDS = 4
"""Maximum number of repetitions after another run has interfered."""
NOTHING_BUILT = "nothing was built"
STAGED = "no tag was created; built images are staged, and the next run reuses them"
SOME_TAGS = "some tags may have been created"
ONE_AT_A_TIME = "run one release at a time"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRequest:
    """What to publish, and how."""

    resolved: ResolvedPlan
    """The plan for the version to publish, with the changes of `--set`."""
    fingerprints: Mapping[str, Fingerprint]
    dockerfiles: Mapping[str, str]
    """Target -> the text of its Dockerfile."""
    targets: tuple[str, ...]
    release: Release
    options: BakeOptions
    read_again: "Callable[[], PublishRequest]"
    """Reads the project again and returns the same request for its present inputs."""
    refreshed: Collection[str] = ()
    """Targets that the lock requires to be built without cache."""
    replace: bool = False
    """Whether existing version tags may be assigned to other images."""
    move_floating_tags: bool = True
    merge: bool = False
    """Whether missing images are merged from single platforms instead of built."""
    platform: str = ""
    """The only platform to stage; empty for all."""
    stage_only: bool = False
    """Whether no tag is created: images are only built, staged and tested."""
    checks: tuple[str, ...] = ()
    """The only checks to run, on images that are already staged; no tag is created."""
    preview: bool = False
    """Whether nothing may be written."""

    @property
    def creates_tags(self) -> bool:
        """Return whether a release is published, and not only a part of its work done."""
        return not (self.stage_only or self.platform or self.checks)

    @property
    def builds_images(self) -> bool:
        """Return whether missing images are built, and not only merged or checked."""
        return not (self.merge or self.checks)


class TargetState(StrEnum):
    """What a run has achieved for a target, in this order."""

    STAGED = "staged"
    TESTED = "tested"
    CHECKED = "checked"
    SIGNED = "signed"
    PROMOTED = "promoted"


class PublishReport(BuildReport, Protocol):
    """Receives the progress of a build, and of what follows it."""

    def say(self, text: str) -> None:
        """Receive a line of text."""

    def reached(self, state: TargetState, targets: Collection[str], *, known: bool = False) -> None:
        """Receive targets that have reached a state; `known` if an earlier run achieved that."""

    def ended(self, activity: str) -> None:
        """Receive the end of an activity that was reported as the step of a target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishJob:
    """A request with everything that follows from it; it does not change during a run."""

    request: PublishRequest
    registries: Registries
    report: PublishReport
    record_repository: str
    """The repository of the release's record; empty if only one platform is staged."""
    dependencies: Mapping[str, Sequence[str]]
    """Target -> its direct dependencies."""
    items: Mapping[str, ReleaseItem]
    """All targets of the matrix that can be released."""
    selected: Mapping[str, ReleaseItem]
    """The targets to release."""
    required: Mapping[str, ReleaseItem]
    """The selected targets with all their dependencies."""
    composed: Mapping[str, ReleaseItem]
    """All images that consist of those of targets: of single platforms, and indexes."""
    tagged: Mapping[str, ReleaseItem]
    """The images that get tags: the selected targets, then composed images."""
    templates: TagTemplates
    """The tags that the matrix can produce."""
    targets: Mapping[str, Target]
    """All targets of the matrix."""
    signatures: Signatures | None = None
    """Signs and verifies images; None if the matrix has no `sign`, or nothing is to be signed."""

    def repositories(self, item: ReleaseItem) -> list[str]:
        """Return the repositories of the tags that a release creates or moves for an image."""
        tags = (*item.version_tags, *(item.floating_tags if self.moves_floating_tags else ()))
        return list(dict.fromkeys(split_tag(tag)[0] for tag in tags))

    def reached(self, state: TargetState, targets: Iterable[str], changed: Collection[str]) -> None:
        """Report targets that have reached a state, those of them that did so in this run last."""
        names = list(targets)
        self.report.reached(state, [name for name in names if name not in changed], known=True)
        self.report.reached(state, [name for name in names if name in changed])

    @property
    def version(self) -> str:
        """Return the version to publish."""
        return self.request.release.version

    @property
    def moves_floating_tags(self) -> bool:
        """Return whether floating tags follow this release."""
        return self.request.move_floating_tags and self.request.release.is_final

    def error(
        self, code: Code, reasons: Iterable[tuple[str, str]], *, help_: str = "", outcome: str
    ) -> PublishError:
        """Return the error for targets that prevent the release."""
        return PublishError(
            self.request.resolved.plan,
            code,
            reasons,
            targets={name: item.first_target for name, item in self.composed.items()},
            help_=help_,
            outcome=outcome,
        )

    def passes(self) -> Iterator[Mapping[str, ReleaseItem]]:
        """Yield the images that get tags in the order of their tags.

        Platforms come after the indexes that contain them. Some registries reject an index while
        another request stores one of its manifests again.
        """
        tagged = self.tagged.items()
        yield {name: item for name, item in tagged if not item.members}
        yield {name: item for name, item in tagged if item.is_index}
        yield {name: item for name, item in tagged if item.platform}

    @property
    def staged(self) -> Mapping[str, ReleaseItem]:
        """Return the required targets, and the other targets of their indexes."""
        members = {member for item in self.tagged.values() for member in item.members}
        names = {*self.required, *members}
        return {name: item for name, item in self.items.items() if name in names}


@dataclass(slots=True)
class PublishProgress:
    """What a run has found and done so far."""

    images: dict[str, KnownImage] = field(default_factory=dict)
    """Target -> its staged image."""
    version_tags: dict[str, str | None] = field(default_factory=dict)
    """Version tag of a selected target -> the digest that it referred to when it was read last."""
    is_outdated: bool = False
    """Whether version tags and the record must be read again: something took time meanwhile."""
    clean_ups: CleanUps = field(default_factory=CleanUps)
    """The clean-ups that were known before the run."""
    composed: Mapping[str, ComposedImage] = field(default_factory=dict)
    """Composed image by its name."""
    build_seconds: dict[str, float] = field(default_factory=dict)
    """Target that this run has built -> the seconds of its build."""
    meets_others: bool = False
    """Whether another run of this version was noticed, by tags or a record that it has written."""
    overtaken: bool = False
    """Whether another run has assigned one of the tags to another image."""
    previous: ReleaseRecord | None = None
    """The record of this release, as it was read last."""
    unsigned: ReleaseRecord | None = None
    """The record of this release before the run, if it is not signed as the matrix requires."""
    previous_digest: str = ""
    """The digest of that record's manifest."""
    recorded: Mapping[str, str] = field(default_factory=dict)
    """Target -> digest in the record that this run has written last."""
    record_digest: str = ""
    """The digest of that record's manifest."""
    lost: set[str] = field(default_factory=set)
    """The digests of recorded images that are missing or incomplete: others replace them."""
    latest: ReleaseRecord | None = None
    """The last release before this one."""
    trusts_sizes: bool = True
    """Whether the sizes in its record are used."""
    sizes: dict[str, ImageSizes] = field(default_factory=dict)
    """Digest -> sizes of images that need not be measured again."""
    tested: set[str] = field(default_factory=set)
    """The digests of images that have passed their tests."""
    checked: dict[Key, tuple[str, CheckResult]] = field(default_factory=dict)
    """Target and check -> the digest of the checked image, and the result."""
    created_tags: dict[str, int] = field(default_factory=dict)
    """Target -> the number of tags that this run created or moved."""

    def count_tags(self, target: str, count: int) -> None:
        """Add to the number of tags created for a target."""
        self.created_tags[target] = self.created_tags.get(target, 0) + count

    def has_created_tags(self, item: ReleaseItem) -> bool:
        """Return whether this run has created all version tags of a target."""
        return 0 < len(item.version_tags) <= self.created_tags.get(item.target, 0)

    def add_latest(self, record: ReleaseRecord | None, *, is_signed: bool) -> None:
        """Take the last release before this one, with the sizes of its images if it is signed."""
        self.latest, self.trusts_sizes = record, is_signed
        for target in record.targets if record and is_signed else ():
            if (sizes := known_sizes(target)) is not None:
                self.sizes[target.digest] = sizes

    def digest(self, item: ReleaseItem) -> str:
        """Return the digest of an image of the run."""
        images = self.composed if item.members else self.images
        return images[item.target].digest

    def previous_target(self, name: str) -> ReleasedTarget | None:
        """Return a target of the release's record; None if it is not recorded."""
        return self.previous.by_name.get(name) if self.previous else None
