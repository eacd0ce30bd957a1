"""Build missing images, push them to their staging repositories, and run their tests.

Builds as `compile-matrix build` does. A parent that is already staged is passed to its children by
digest, so it is never rebuilt for them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from compiler.bake.results import BakeOptions, BuildReport, Outcome
from compiler.bake.scheduler import build
from compiler.constants import TEST_SUFFIX
from compiler.fingerprint.naming import label, pushed_tag
from compiler.publish.items import ReleaseItem
from compiler.publish.staged_image import KnownImage
from compiler.targets.plan import Plan


def build_images(
    plan: Plan,
    items: Iterable[ReleaseItem],
    staged: Mapping[str, str],
    options: BakeOptions,
    report: BuildReport,
    *,
    pushed: Callable[[Mapping[str, str]], None],
    refreshed: Collection[str] = (),
    platform: str = "",
) -> Outcome:
    """Build images and push each to its repository, under a tag that no release reads.

    Args:
        plan: the compiled plan.
        items: the targets to build.
        staged: target -> `REPOSITORY@DIGEST` of images that are already staged.
        options: how to build.
        report: receives the progress.
        pushed: receives the digests of pushed targets by name, as soon as they are known.
        refreshed: targets to build without cache.
        platform: the only platform to build; empty for all.

    Raises:
        CompileError: bake rejects every target.
        KeyboardInterrupt: raised again after all processes have been stopped.
    """
    missing = {item.target: item for item in items}
    overrides: dict[str, tuple[str, ...]] = {
        name: (
            f"tags={item.repository}:{pushed_tag(item.fingerprint, platform)}",
            label(item.fingerprint),
        )
        for name, item in missing.items()
    }
    # A target without tags is never staged: it is built together with its dependents.
    unstaged = {target.name for target in plan.targets} - staged.keys()
    build_options = replace(
        options,
        push=True,
        platforms=(platform,) if platform else (),
        overrides=overrides,
        uncached=frozenset(refreshed) & (unstaged | missing.keys()),
        pins=staged,
        pushed=pushed,
        repositories={name: item.repository for name, item in missing.items()},
    )
    return build(plan, missing, build_options, report)


def run_tests(
    plan: Plan,
    items: Iterable[ReleaseItem],
    images: Mapping[str, KnownImage],
    options: BakeOptions,
    report: BuildReport,
    *,
    platform: str = "",
) -> dict[str, str]:
    """Run the tests of staged images, which are passed by digest.

    Returns:
        Target whose tests failed -> the last lines of their output.

    Raises:
        CompileError: bake rejects every target.
        KeyboardInterrupt: raised again after all processes have been stopped.
    """
    tests = {f"{item.target}{TEST_SUFFIX}": item for item in items}
    if not tests:
        return {}
    test_options = replace(
        options,
        platforms=(platform,) if platform else (),
        pins={
            item.target: f"{item.repository}@{images[item.target].digest}"
            for item in tests.values()
        },
    )
    outcome = build(plan, tests, test_options, report)
    return {tests[name].target: tail for name, tail in outcome.failed.items()}
