"""Records and templates of releases, for tests without a registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from compiler.bake.results import BakeOptions
from compiler.external.registry.client import Manifest
from compiler.fingerprint.fingerprint import Fingerprint
from compiler.output.bake_resolved import ResolvedPlan
from compiler.publish.request import PublishRequest
from compiler.releases.record import ReleasedTarget, ReleaseRecord
from compiler.releases.tag_templates import TagTemplates
from compiler.releases.version import Release
from compiler.targets.plan import Plan
from support import phases


plan_of = phases.plan_of


def record_of(
    version: str,
    image: Manifest,
    *,
    target: str = "a",
    tags: Sequence[str],
    moving: Sequence[str],
) -> ReleaseRecord:
    """Return the record of a release of one target."""
    released = released_target(
        target, image.digest, tags=tags, moving=moving, platforms={"linux/amd64": image.digest}
    )
    return ReleaseRecord(release=version, targets=(released,))


def released_target(
    target: str,
    digest: str,
    *,
    tags: Iterable[str],
    moving: Iterable[str],
    platforms: Mapping[str, str] | None = None,
    fingerprint: str = "0" * 64,
) -> ReleasedTarget:
    """Return a target of a release that has built its image."""
    return ReleasedTarget(
        target=target,
        tags=tuple(tags),
        moving=tuple(moving),
        digest=digest,
        platforms=platforms or {},
        attestations={},
        fingerprint=f"sha256:{fingerprint}",
        bases={},
        state="built",
        seconds=1.0,
        bytes=1,
    )


def request_of(planned: Plan, version: str, fingerprint_of: Callable[[str], str]) -> PublishRequest:
    """Return the request to publish all targets of a plan whose version is the variable `V`.

    Args:
        planned: the plan.
        version: the version to publish.
        fingerprint_of: target -> its fingerprint, which does not change during the run.
    """
    prints = {
        target.name: Fingerprint(target.name, fingerprint_of(target.name), {}, (), ())
        for target in planned.targets
    }
    request = PublishRequest(
        resolved=ResolvedPlan(planned, {"V": version}),
        fingerprints=prints,
        dockerfiles=dict.fromkeys(prints, "FROM scratch\n"),
        targets=tuple(prints),
        release=Release("V", version),
        options=BakeOptions(folder=Path()),
        read_again=lambda: request,
    )
    return request


def templates_of(text: str, version: str, variable: str = "V") -> TagTemplates:
    """Return the tags that a matrix can produce for a version."""
    resolved = ResolvedPlan(plan_of(text), {variable: version})
    return TagTemplates(resolved, Release(variable, version))
