"""Publish a release: stage missing images, then create tags for all of them or none.

Promises that no tag is created before every image has passed its tests and checks, and is in every
repository that will name it. Shared tags and tags of platforms come after the version tags of
their targets. Floating tags come after version tags and only move forward; the record is last.
Another run does only what is missing.
Refuses early: version tags of other images, and registries without write access.
"""

from contextlib import ExitStack
from dataclasses import replace

from compiler.bake.batches import direct_dependencies, linked_contexts
from compiler.codes import Code
from compiler.errors import Argument, Diagnostic, DiagnosticError, on_error
from compiler.external.registry.client import Registries, RegistryError
from compiler.publish.checks import ensure_checked, reject_unknown_checks
from compiler.publish.composed_images import without_partial_indexes
from compiler.publish.create_tag import OvertakenError
from compiler.publish.deleted_images import (
    note_clean_ups,
    reject_announced_images,
    reject_deleted_images,
)
from compiler.publish.floating_tags import FloatingTags
from compiler.publish.items import composed_items, record_repositories, release_items
from compiler.publish.preflight import find_staged_images, reject_early
from compiler.publish.request import (
    NOTHING_BUILT,
    ONE_AT_A_TIME,
    ROUNDS,
    SOME_TAGS,
    STAGED,
    PublishJob,
    PublishProgress,
    PublishReport,
    PublishRequest,
    TargetState,
)
from compiler.publish.result import PublishedTarget, PublishResult
from compiler.publish.signatures import Signatures, open_signatures
from compiler.publish.stage import ensure_tested, reject_unready, stage_missing
from compiler.publish.tag_conflicts import reject_tag_conflicts
from compiler.publish.tag_owners import TagOwners
from compiler.publish.unfinished_tags import find_unfinished_tags, reject_unfinished_tags
from compiler.publish.version_record import trust_latest
from compiler.publish.version_tags import (
    adopt_released_images,
    create_version_tags,
    find_restaged_images,
)
from compiler.publish.write_record import is_record_replaced, released_targets, write_record
from compiler.releases.registry_record import choose_repository
from compiler.releases.tag_templates import TagTemplates
from compiler.targets.graph import closure


def publish(
    request: PublishRequest, registries: Registries, report: PublishReport
) -> PublishResult:
    """Publish a release; see the module.

    If the matrix has `sign`, that images can be signed is checked first.

    Raises:
        PublishError: the release is not complete.
        RegistryError: a registry denies access, or does not respond.
        CompileError: bake rejects every target.
        KeyboardInterrupt: raised again; another run completes what was started.
    """
    matrix = request.resolved.plan.matrix
    is_signed = request.creates_tags or request.checks
    location = matrix.source.locate(("publish", "sign"), key=True)
    opened = open_signatures(matrix.signer if is_signed else None, registries, location)
    with ExitStack() as stack:
        with on_error(NOTHING_BUILT):
            signatures = stack.enter_context(opened)
        return _publish(request, registries, report, signatures)


def _publish(
    request: PublishRequest,
    registries: Registries,
    report: PublishReport,
    signatures: Signatures | None,
) -> PublishResult:
    progress = PublishProgress()
    with on_error(NOTHING_BUILT):
        job = replace(prepare(request, registries, report), signatures=signatures)
        reject_unknown_checks(job)
        reject_tag_conflicts(job)
        note_clean_ups(job, progress)
        find_staged_images(job, progress)
        report.reached(TargetState.STAGED, progress.images, known=True)
        reject_announced_images(job, progress)
        reject_early(job, progress)
        reject_unfinished_tags(job, progress)
        job = without_partial_indexes(job, progress)
    with on_error(STAGED):
        if request.checks:
            reject_unready(job, progress)
        else:
            stage_missing(job, progress)
            ensure_tested(job, progress)
        if request.checks or request.creates_tags:
            ensure_checked(job, progress)
    if request.creates_tags:
        return _release(job, progress)
    reject_deleted_images(job, progress, STAGED)
    return _stage_result(job, progress)


def prepare(request: PublishRequest, registries: Registries, report: PublishReport) -> PublishJob:
    """Determine what a request is about."""
    items = release_items(request.resolved, request.fingerprints, request.dockerfiles)
    selected = {
        name: items[name]
        for name in request.targets
        if name in items and (not request.platform or request.platform in items[name].platforms)
    }
    if not selected:
        raise _nothing_selected(request)
    repositories = record_repositories(request.resolved)
    creates_tags = request.creates_tags
    repository = choose_repository(registries, repositories) if creates_tags else None
    composed = composed_items(request.resolved, items)
    tagged = dict(selected)
    if creates_tags:
        tagged |= {
            name: item
            for name, item in composed.items()
            if not selected.keys().isdisjoint(item.members)
        }
    dependencies = direct_dependencies(linked_contexts(request.resolved.plan))
    required = closure(selected, dependencies)
    return PublishJob(
        request=request,
        registries=registries,
        report=report,
        record_repository=repository or "",
        dependencies=dependencies,
        items=items,
        selected=selected,
        required={name: item for name, item in items.items() if name in required},
        composed=composed,
        tagged=tagged,
        templates=TagTemplates(request.resolved, request.release),
        targets={target.name: target for target in request.resolved.plan.targets},
    )


def _nothing_selected(request: PublishRequest) -> DiagnosticError:
    if request.platform:
        location = Argument(name="--platform", text=request.platform)
        message = f"no selected target has the platform {request.platform}"
        help_ = "`compile-matrix list` shows the platforms of all targets"
    else:
        location = Argument(name="FILTER")
        message = "no selected target has a tag"
        help_ = "add `tags` to the images, or select other targets"
    return DiagnosticError(
        [Diagnostic(code=Code.NOTHING_TO_PUBLISH, message=message, location=location, help=help_)],
        outcome=NOTHING_BUILT,
    )


def _stage_result(job: PublishJob, progress: PublishProgress) -> PublishResult:
    """Return the result of staging or checking images: no tag is created."""
    return PublishResult(
        release=job.version,
        targets=tuple(
            PublishedTarget(target, 0, built=name in progress.build_seconds)
            for name, target in released_targets(job, progress).items()
        ),
        kept_tags={},
        unfinished_tags=(),
        record=None,
        requests=job.registries.requests,
    )


def _continue_with_staged(job: PublishJob, progress: PublishProgress) -> None:
    """Take the images that were staged last: the run that has interfered uses them, too."""
    progress.images |= find_restaged_images(job, progress, job.selected)
    progress.overtaken = progress.is_outdated = True


def _created_tags(job: PublishJob, progress: PublishProgress, target: str) -> int:
    """Return how many tags were created for a target, its platforms and the indexes it begins."""
    names = [name for name, item in job.tagged.items() if item.first_target == target]
    return sum(progress.created_tags.get(name, 0) for name in names)


def _release(job: PublishJob, progress: PublishProgress) -> PublishResult:
    """Create the tags and write the record; start over if another run interferes."""
    owners = TagOwners.of(job)
    floating_tags = FloatingTags(job, progress, owners)
    trust_latest(job, progress, owners.latest)
    for _ in range(ROUNDS):
        try:
            adopt_released_images(job, progress)
            create_version_tags(job, progress)
        except OvertakenError:
            _continue_with_staged(job, progress)
            continue
        floating_tags.move()
        targets = released_targets(job, progress)
        record = write_record(job, progress, targets.values())
        if record is None:
            _continue_with_staged(job, progress)
            continue
        floating_tags.settle(record)
        if is_record_replaced(job, progress, record):
            continue
        reject_deleted_images(job, progress, SOME_TAGS)
        return PublishResult(
            release=job.version,
            targets=tuple(
                PublishedTarget(
                    target,
                    _created_tags(job, progress, name),
                    built=name in progress.build_seconds,
                )
                for name, target in targets.items()
            ),
            kept_tags=floating_tags.kept,
            unfinished_tags=tuple(find_unfinished_tags(job, record)),
            record=record,
            requests=job.registries.requests,
            previous=owners.latest,
            other_targets=tuple(name for name in record.by_name if name not in job.targets),
        )
    raise RegistryError(
        job.record_repository,
        f"another run keeps publishing {job.version}",
        code=Code.CONCURRENT_RELEASE,
        help_=ONE_AT_A_TIME,
    )
