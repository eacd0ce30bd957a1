"""What building takes and gives: options, what is told on the way, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from compiler.constants import BAKE_BATCH, BAKE_JOBS, BAKE_RETRIES


Metadata = Mapping[str, Any]
"""What bake's --metadata-file says of a target, such as `containerimage.digest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeOptions:
    """How to bake."""

    folder: Path
    """The project's folder, which holds docker-bake.hcl; bake runs in it."""
    push: bool = False
    load: bool = False
    builder: str | None = None
    no_cache: bool = False
    pull: bool = False
    platforms: tuple[str, ...] = ()
    """What the targets' platforms are narrowed to, by ONLY_PLATFORM; none: all that they have."""
    sets: tuple[str, ...] = ()
    """Words for --set, as `*.args.NAME=VALUE`, given to every bake."""
    overrides: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Target -> `KEY=VALUE`s, given as `--set TARGET.KEY=VALUE` where the target is baked."""
    pins: Mapping[str, str] = field(default_factory=dict)
    """Target -> the image, as `REPOSITORY@DIGEST`, that others stand on instead of building it."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Target -> where it is pushed to: what stands on it in a later bake takes it from there."""
    extra: tuple[str, ...] = ()
    """Other words for bake, as they are."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Bake variables (and all else of the environment) beside those of this process."""
    jobs: int = BAKE_JOBS
    batch_size: int = BAKE_BATCH
    retries: int = BAKE_RETRIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a build. Each target that was asked for is in one of the first three."""

    built: Mapping[str, Metadata]
    failed: Mapping[str, str]
    """Target -> the end of what it said."""
    skipped: Mapping[str, str]
    """Target that was not tried -> the one that it stands on and that failed."""
    seconds: Mapping[str, float]
    """Target -> from its first step to its last, over all attempts."""

    @property
    def sound(self) -> bool:
        """Tell whether everything was built."""
        return not self.failed and not self.skipped


class Report(Protocol):
    """Who is told how a build goes, always from the thread that called `build`."""

    def begin(self, targets: Sequence[str]) -> None:
        """Take all that will be built, in the order in which it will."""

    def step(self, target: str, step: str) -> None:
        """Take what a target does now."""

    def built(self, target: str, seconds: float) -> None:
        """Take that a target is built, and pushed or loaded if asked for."""

    def failed(self, target: str, tail: str, log: str) -> None:
        """Take that a target failed, the end of what it said, and where its log is."""

    def skipped(self, target: str, parent: str) -> None:
        """Take that a target is not tried, because one that it stands on failed."""

    def again(self, targets: Sequence[str], why: str, seconds: float) -> None:
        """Take that these will be tried again in some seconds, because of a passing fault."""

    def warned(self, text: str) -> None:
        """Take what bake warns of; each is told once."""

    def tick(self) -> None:
        """Take that time passes; called several times a second."""
