"""Stage missing images, by building or merging them, and test images that are not tested yet."""

from collections.abc import Mapping

from compiler.codes import Code
from compiler.external.platforms import missing_platforms
from compiler.external.registry.parallel import run_parallel
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.build_missing import build_images, run_tests
from compiler.publish.confirmation import Confirmation, changed_inputs
from compiler.publish.create_tag import settled
from compiler.publish.image_properties import find_mismatches
from compiler.publish.items import ReleaseItem
from compiler.publish.merge_platforms import all_platforms_tested, merge_platforms
from compiler.publish.request import (
    NOTHING_BUILT,
    ONE_AT_A_TIME,
    ROUNDS,
    SOME_TAGS,
    STAGED,
    PublishJob,
    PublishProgress,
    TargetState,
)
from compiler.publish.staged_image import (
    StagedImage,
    image_manifest,
    passed_tests_tag,
    read_image,
)
from compiler.targets.test_locations import locate_failed_test


Items = Mapping[str, ReleaseItem]

_SEE_LOG = "see the log in .compile-matrix/logs/, correct the cause and run the command again"
_STAGE_FIRST = "stage it with `compile-matrix publish --platform PLATFORM --stage-only`"


def stage_missing(job: PublishJob, progress: PublishProgress) -> None:
    """Build or merge all required images that are not staged.

    Raises:
        PublishError: with all targets that could not be staged.
    """
    missing: Items = {
        name: item for name, item in job.required.items() if name not in progress.images
    }
    for number in range(ROUNDS):
        if not missing:
            return
        progress.is_outdated = True
        confirmation = Confirmation(job, replace=number > 0)
        if job.request.merge:
            reasons = _merge(job, missing)
        else:
            reasons = _build(job, progress, missing, confirmation)
        pending = {*reasons, *confirmation.outdated}
        staged = {name: item for name, item in missing.items() if name not in pending}
        complete = _read_staged(job, staged, reasons)
        progress.images |= complete
        job.report.reached(TargetState.STAGED, complete)
        if reasons:
            help_ = _STAGE_FIRST if job.request.merge else _SEE_LOG
            raise job.error(Code.UNREADY_TARGET, reasons.items(), help_=help_, outcome=STAGED)
        # If another run has staged a parent meanwhile, its children are built again on that image.
        missing = {
            name: item
            for name, item in missing.items()
            if name in confirmation.outdated or confirmation.differ(name, progress.images)
        }
    if missing:
        raise job.error(
            Code.CONCURRENT_RELEASE,
            [(name, "another run keeps replacing its dependencies") for name in missing],
            help_=ONE_AT_A_TIME,
            outcome=STAGED,
        )


def _merge(job: PublishJob, items: Items) -> dict[str, str]:
    """Merge platforms; return the reason for each target that could not be merged."""
    missing = merge_platforms(job.registries, items.values(), job.record_repository)
    return {
        name: f"no staged image for {', '.join(platforms)}" for name, platforms in missing.items()
    }


def _build(
    job: PublishJob, progress: PublishProgress, items: Items, confirmation: Confirmation
) -> dict[str, str]:
    """Build images and stage those whose inputs have not changed meanwhile.

    Args:
        job: what to publish.
        progress: the images that are staged already.
        items: the targets to build.
        confirmation: stages the images.

    Returns:
        Target that failed -> the reason.
    """
    staged = {
        name: f"{job.items[name].repository}@{image.digest}"
        for name, image in progress.images.items()
        if name not in items
    }
    outcome = build_images(
        job.request.resolved.plan,
        items.values(),
        staged,
        job.request.options,
        job.report,
        pushed=confirmation.add,
        refreshed=job.request.refreshed,
        platform=job.request.platform,
    )
    for name in outcome.built:
        seconds = progress.build_seconds.get(name, 0.0) + outcome.seconds.get(name, 0.0)
        progress.build_seconds[name] = seconds
    confirmation.add_all(name for name in outcome.built if name in items)
    reasons = {name: _last_line(tail) for name, tail in outcome.failed.items()}
    reasons |= confirmation.changed
    reasons |= {
        name: f"depends on {parent}, which failed" for name, parent in outcome.skipped.items()
    }
    return reasons


def _read_staged(job: PublishJob, items: Items, reasons: dict[str, str]) -> dict[str, StagedImage]:
    """Return the images that are staged now; add a reason for each that is incomplete."""
    platform = job.request.platform
    tags = {name: fingerprint_tag(item.fingerprint, platform) for name, item in items.items()}

    def read(item: ReleaseItem) -> StagedImage | None:
        return settled(lambda: read_image(job.registries, item.repository, tags[item.target]))

    images = run_parallel(read, items)
    staged: dict[str, StagedImage] = {}
    for name, image in images.items():
        item = items[name]
        tag = f"{item.repository}:{tags[name]}"
        if image is None:
            reasons[name] = f"{tag} is missing although it was pushed"
            continue
        required = {platform} if platform else set(item.platforms)
        missing = sorted(missing_platforms(required, image.platforms))
        if missing:
            reasons[name] = f"{tag} lacks the platform {', '.join(missing)}"
        else:
            staged[name] = image
    return staged


def ensure_tested(job: PublishJob, progress: PublishProgress) -> None:
    """Test all selected images that have not passed their tests yet, and record which pass.

    Raises:
        PublishError: with all targets whose tests failed.
    """
    untested = find_untested(job, progress)
    tested = {name for name, item in job.selected.items() if item.tests} - untested.keys()
    job.report.reached(TargetState.TESTED, tested, known=True)
    if not untested:
        return
    progress.is_outdated = True
    steps = [item for item in untested.values() if any(test.is_step for test in item.tests)]
    plan = job.request.resolved.plan
    failed = run_tests(
        plan,
        steps,
        progress.images,
        job.request.options,
        job.report,
        platform=job.request.platform,
    )
    reasons = changed_inputs(job, untested)
    reasons |= {
        name: f"its tests failed: {_last_line(tail)} "
        f"({locate_failed_test(plan.matrix, job.targets[name], tail)})"
        for name, tail in failed.items()
    }
    passed = {name: item for name, item in untested.items() if name not in reasons}
    mismatches = find_mismatches(job, passed, progress.images)
    reasons |= {name: f"its tests failed: {'; '.join(texts)}" for name, texts in mismatches.items()}
    passed = {name: item for name, item in passed.items() if name not in reasons}
    run_parallel(lambda item: _record_passed(job, progress, item, job.request.platform), passed)
    job.report.reached(TargetState.TESTED, passed)
    if reasons:
        outcome = SOME_TAGS if progress.overtaken else STAGED
        raise job.error(Code.UNREADY_TARGET, reasons.items(), help_=_SEE_LOG, outcome=outcome)
    progress.tested |= {progress.images[name].digest for name in untested}


def find_untested(job: PublishJob, progress: PublishProgress) -> dict[str, ReleaseItem]:
    """Return the selected staged images that have not passed their tests."""
    items = {
        name: item
        for name, item in job.selected.items()
        if item.tests
        and name in progress.images
        and progress.images[name].digest not in progress.tested
    }
    passed = run_parallel(lambda item: _has_passed(job, progress, item), items)
    progress.tested |= {progress.images[name].digest for name in items if passed[name]}
    return {name: item for name, item in items.items() if not passed[name]}


def reject_unready(job: PublishJob, progress: PublishProgress) -> None:
    """Reject selected images that are not staged and tested, because they cannot be checked.

    Raises:
        PublishError: with all of these targets.
    """
    reasons = {name: "it is not staged" for name in job.selected if name not in progress.images}
    if not reasons:
        reasons = dict.fromkeys(find_untested(job, progress), "it has not passed its tests")
    if reasons:
        help_ = "run `compile-matrix publish --stage-only` for the same commit first"
        raise job.error(Code.UNREADY_TARGET, reasons.items(), help_=help_, outcome=NOTHING_BUILT)


def _record_passed(
    job: PublishJob, progress: PublishProgress, item: ReleaseItem, platform: str = ""
) -> None:
    """Create the tag that records that an image passed its tests."""
    tag = passed_tests_tag(item.fingerprint, item.tests, platform)
    manifest = image_manifest(job.registries, item.repository, progress.images[item.target])
    job.registries.put_manifest(item.repository, tag, manifest)


def _has_passed(job: PublishJob, progress: PublishProgress, item: ReleaseItem) -> bool:
    """Return whether a staged image passed these tests before."""
    image = progress.images[item.target]
    for platform in dict.fromkeys([job.request.platform, ""]):
        tag = passed_tests_tag(item.fingerprint, item.tests, platform)
        if job.registries.digest(item.repository, tag) == image.digest:
            return True
    if job.request.merge and all_platforms_tested(job.registries, item, image.platforms):
        _record_passed(job, progress, item)
        return True
    return False


def _last_line(output: str) -> str:
    """Return the last line of an output that is not empty."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason reported"
