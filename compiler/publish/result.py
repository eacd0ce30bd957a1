"""The result of publishing."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, DiagnosticError
from compiler.releases.record import ReleasedTarget, ReleaseRecord
from compiler.targets.plan import Plan


class PublishedTarget(NamedTuple):
    """One target of the result."""

    record: ReleasedTarget
    created_tags: int
    """The number of tags that this run created or moved."""
    built: bool
    """Whether this run built its image; the record has the state of the first release of it."""


class KeptReason(StrEnum):
    """Why a floating tag does not refer to the published release."""

    NEWER = "newer"
    """It belongs to a newer release."""
    RETURNED = "returned"
    """It was moved to another release after this one had been recorded."""
    OLDER = "older"
    """It refers to this release although a newer one is recorded."""


class KeptTag(NamedTuple):
    """A floating tag that was not moved."""

    version: str
    """The other release."""
    reason: KeptReason


class PublishResult(NamedTuple):
    """What a run has published or staged."""

    release: str
    targets: tuple[PublishedTarget, ...]
    kept_tags: Mapping[str, KeptTag]
    """Floating tag that was not moved -> the other release, and why."""
    unfinished_tags: tuple[str, ...]
    """Version tags of targets that were not selected, whose images no record names."""
    record: ReleaseRecord | None
    """None if only one platform was staged."""
    requests: int
    """The number of requests to registries."""
    previous: ReleaseRecord | None = None
    """The newest older final release; None if there is none."""
    other_targets: tuple[str, ...] = ()
    """Targets of the record that the matrix does not have."""


class PublishError(DiagnosticError):
    """The release is not complete: a diagnostic for each target that prevents it."""

    def __init__(
        self,
        plan: Plan,
        code: Code,
        reasons: Iterable[tuple[str, str]],
        *,
        targets: Mapping[str, str] = MappingProxyType({}),
        help_: str = "",
        outcome: str,
    ) -> None:
        """Create the error.

        Args:
            plan: locates the image of each target in the matrix.
            code: what prevents the release.
            reasons: pairs of the name of a target or composed image, and why it is not ready.
            targets: composed image -> the target that locates it.
            help_: the remedy.
            outcome: what was and was not done.
        """
        images = {target.name: target.image for target in plan.targets}
        super().__init__(
            [
                Diagnostic(
                    code=code,
                    message=f"{name}: {reason}",
                    location=plan.matrix.source.locate(
                        ("images", images[targets.get(name, name)]), key=True
                    ),
                    help=help_,
                )
                for name, reason in reasons
            ],
            outcome=outcome,
        )
