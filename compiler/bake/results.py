"""Input and output of a build: its options, progress reports and outcome."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from compiler.bake.trace import BuildTrace
from compiler.constants import BAKE_BATCH, BAKE_JOBS, BAKE_RETRIES


Metadata = Mapping[str, Any]
"""What bake's --metadata-file records of one target, such as `containerimage.digest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeOptions:
    """How to bake."""

    folder: Path
    """The project's folder, which contains docker-bake.hcl; bake runs in it."""
    push: bool = False
    load: bool = False
    builder: str | None = None
    no_cache: bool = False
    pull: bool = False
    platforms: tuple[str, ...] = ()
    """Platforms to build, passed as ONLY_PLATFORM; empty means all platforms of each target."""
    sets: tuple[str, ...] = ()
    """Arguments of `--set`, such as `*.args.NAME=VALUE`, passed to every bake invocation."""
    overrides: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Target -> `KEY=VALUE` arguments, passed as `--set TARGET.KEY=VALUE` when it is baked."""
    uncached: frozenset[str] = frozenset()
    """Targets that are built without the cache."""
    pins: Mapping[str, str] = field(default_factory=dict)
    """Target -> `REPOSITORY@DIGEST` of an existing image that its dependents use."""
    repositories: Mapping[str, str] = field(default_factory=dict)
    """Target -> the repository to which it is pushed; later batches pin it there by digest."""
    extra: tuple[str, ...] = ()
    """Further arguments of bake, passed unchanged."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Bake variable -> the value of this build, instead of its default."""
    var_option: bool = False
    """Whether buildx has `--var`; otherwise variables are passed in the environment only."""
    pushed: Callable[[Mapping[str, str]], None] | None = None
    """Receives the digests of pushed targets by name after each batch, in the calling thread."""
    trace: BuildTrace = field(default_factory=BuildTrace)
    """Collects the steps of all builds with these options."""
    jobs: int = BAKE_JOBS
    batch_size: int = BAKE_BATCH
    retries: int = BAKE_RETRIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a build; each requested target is in `built`, `failed` or `skipped`.

    `failed` can contain a dependency that was not requested.
    """

    built: Mapping[str, Metadata]
    failed: Mapping[str, str]
    """Target -> the last lines of its error."""
    skipped: Mapping[str, str]
    """Target that was not built -> the failed target that it depends on."""
    seconds: Mapping[str, float]
    """Target -> seconds from its first step to its last, summed over all attempts."""

    @property
    def sound(self) -> bool:
        """Return whether every target was built."""
        return not self.failed and not self.skipped


class BuildReport(Protocol):
    """Receives the progress of a build, always in the thread that called `build`."""

    def begin(self, targets: Sequence[str]) -> None:
        """Receive all targets, in build order."""

    def step(self, target: str, step: str) -> None:
        """Receive the step that a target has started."""

    def built(self, target: str, seconds: float) -> None:
        """Receive a target that is built, and pushed or loaded as requested."""

    def failed(self, target: str, tail: str, log: str) -> None:
        """Receive a target that failed, the last lines of its error, and the path of its log."""

    def skipped(self, target: str, parent: str) -> None:
        """Receive a target that is skipped because a target that it depends on failed."""

    def again(self, targets: Sequence[str], why: str, seconds: float) -> None:
        """Receive targets that are retried in some seconds because of a transient error."""

    def warned(self, text: str) -> None:
        """Receive a warning of bake; each text is reported once."""

    def tick(self) -> None:
        """Receive the passing of time; called several times per second."""
