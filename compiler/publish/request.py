"""What publishing takes, what it holds while it goes on, and what it gives."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from compiler.bake.results import BakeOptions, BuildReport
from compiler.external.registry.client import Registries
from compiler.fingerprint.fingerprint import Fingerprint
from compiler.fingerprint.set_overrides import Overrides
from compiler.publish.items import Item
from compiler.publish.staged_image import StagedImage
from compiler.releases.record import Record
from compiler.releases.version import Release
from compiler.targets.plan import Plan


ROUNDS = 4
"""How often it is done again what another run has undone meanwhile."""
ALONE = "let one release run at a time"
AGAIN = "nothing was promoted; what was built waits, and the next run does only what is missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRequest:
    """What is to be published, and how."""

    plan: Plan
    prints: Mapping[str, Fingerprint]
    texts: Mapping[str, str]
    """Target -> its Dockerfile."""
    targets: tuple[str, ...]
    release: Release
    environment: Mapping[str, str]
    """The environment with the version in it."""
    options: BakeOptions
    overrides: Overrides | None = None
    """What `--set` changes."""
    refreshed: Collection[str] = ()
    """Targets that the lock wants built without cache."""
    replace: bool = False
    """Whether tags for ever may be given to another image."""
    moving: bool = True
    merge: bool = False
    """Whether what is missing is joined from platforms, instead of built."""
    platform: str = ""
    """The platform that alone is staged, if that is all."""


class PublishReport(BuildReport, Protocol):
    """Who is told: how the building goes, and in words what else is done."""

    def say(self, text: str) -> None:
        """Take a line."""


class Row(NamedTuple):
    """One target of what was published."""

    record: Mapping[str, Any]
    """As in release.json."""
    given: int
    """How many tags it was given by this run."""


class PublishResult(NamedTuple):
    """What was done."""

    release: str
    home: str
    rows: tuple[Row, ...]
    kept: Mapping[str, str]
    """Tag that moves, and was left -> the newer release that has it."""
    record: Mapping[str, Any]
    requests: int


class PublishError(Exception):
    """There is no release: what is missing, each with why.

    Nothing was promoted; or not all, where another run came between.
    """

    def __init__(
        self, reasons: Iterable[tuple[str, str]], help_: str = "", *, partly: bool = False
    ) -> None:
        self.reasons, self.help, self.partly = tuple(reasons), help_, partly
        super().__init__("; ".join(f"{name}: {why}" for name, why in self.reasons))


@dataclass(slots=True, kw_only=True)
class PublishRun:
    """A release that is being made."""

    asked: PublishRequest
    registries: Registries
    tell: PublishReport
    home: str
    """Where its record is."""
    linked: Mapping[str, Sequence[str]]
    """Target -> what it stands on or copies from."""
    items: Mapping[str, Item]
    """Everything that could be released."""
    wanted: Mapping[str, Item]
    """What is."""
    needed: Mapping[str, Item]
    """The same, and all that it stands on."""
    images: dict[str, StagedImage] = field(default_factory=dict)
    """What waits, by target."""
    built: dict[str, float] = field(default_factory=dict)
    """What this run has built -> the seconds that it took."""
    overtaken: bool = False
    """Whether another run gave a tag of it to another image meanwhile."""
    before: Record | None = None
    """What is recorded of this release already."""
