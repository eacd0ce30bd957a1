"""Images that are missing are built and pushed to where they wait, and tested there.

Takes what is to be made and what is there already; the runner of `compile-matrix build` does the
work. A parent that is there, or was pushed by an earlier bake, stands in its child by its digest:
it is never built again beneath a child.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from compiler.bake.bake_arguments import NO_CACHE
from compiler.bake.results import BakeOptions, BuildReport, Outcome
from compiler.bake.scheduler import build
from compiler.constants import TEST_SUFFIX
from compiler.fingerprint.naming import fingerprint_tag, label
from compiler.publish.items import Item
from compiler.publish.staged_image import StagedImage
from compiler.targets.plan import Plan


def make(
    plan: Plan,
    wanted: Iterable[Item],
    there: Mapping[str, str],
    options: BakeOptions,
    report: BuildReport,
    *,
    refreshed: Collection[str] = (),
    platform: str = "",
) -> Outcome:
    """Build images and push each to its place, under the tag of its fingerprint alone.

    Args:
        plan: what is planned.
        wanted: what is to be built.
        there: target -> `REPOSITORY@DIGEST`, of what waits already.
        options: how to build.
        report: who is told.
        refreshed: targets that are to be built without cache.
        platform: the one platform to build for, if it is to be joined with others later.

    Raises:
        CompileError: bake refuses everything.
        KeyboardInterrupt: as it came, when all is stopped.
    """
    found = {item.target: item for item in wanted}
    overrides: dict[str, tuple[str, ...]] = {
        name: (
            f"tags={item.place}:{fingerprint_tag(item.fingerprint, platform)}",
            label(item.fingerprint),
            *([NO_CACHE] if name in refreshed else []),
        )
        for name, item in found.items()
    }
    # What waits nowhere, for it has no tag, is built along with what stands on it.
    overrides |= {
        target.name: (NO_CACHE,)
        for target in plan.targets
        if target.name in refreshed and target.name not in {*found, *there}
    }
    given = replace(
        options,
        push=True,
        platforms=(platform,) if platform else (),
        overrides=overrides,
        pins=there,
        repositories={name: item.place for name, item in found.items()},
    )
    return build(plan, found, given, report)


def examine(
    plan: Plan,
    wanted: Iterable[Item],
    images: Mapping[str, StagedImage],
    options: BakeOptions,
    report: BuildReport,
    *,
    platform: str = "",
) -> dict[str, str]:
    """Run the tests of images that wait, by their digests.

    Returns:
        Target -> the end of what its tests said, of those that failed.

    Raises:
        CompileError: bake refuses everything.
        KeyboardInterrupt: as it came, when all is stopped.
    """
    found = {f"{item.target}{TEST_SUFFIX}": item for item in wanted}
    given = replace(
        options,
        platforms=(platform,) if platform else (),
        pins={item.target: f"{item.place}@{images[item.target].digest}" for item in found.values()},
    )
    outcome = build(plan, found, given, report) if found else None
    failed = outcome.failed if outcome else {}
    return {found[name].target: tail for name, tail in failed.items()}
