"""Check before anything is built: staged images, existing tags, and access to registries."""

from collections.abc import Callable, Collection
from functools import partial
from typing import TypeAlias

from compiler.codes import Code
from compiler.errors import Diagnostic, DiagnosticError
from compiler.external.platforms import missing_platforms
from compiler.external.references import split_tag, tag_key
from compiler.external.registry.client import RegistryError
from compiler.external.registry.copying import Copier
from compiler.external.registry.parallel import run_parallel
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.composed_images import compose_index, known_digest
from compiler.publish.create_tag import ensure_tag
from compiler.publish.items import ReleaseItem
from compiler.publish.request import NOTHING_BUILT, SOME_TAGS, PublishJob, PublishProgress
from compiler.publish.reusable_image import (
    find_complete_image,
    find_reusable_image,
    note_other_platforms,
)
from compiler.publish.staged_image import KnownImage, StagedImage, fingerprint_label, read_image
from compiler.publish.version_record import pull_version_record, reject_unsigned_targets
from compiler.releases.history import current_digests, listed_digests
from compiler.releases.record import ReleasedTarget


_Find: TypeAlias = Callable[[PublishJob, ReleaseItem, str], StagedImage | None]


def find_staged_images(
    job: PublishJob, progress: PublishProgress, *, any_platform: bool = False
) -> None:
    """Find the images of required targets that are already released or staged.

    Args:
        job: what to publish.
        progress: receives the images.
        any_platform: whether images of targets without `platforms` count that this machine would
            build for another platform.
    """
    if job.request.creates_tags:
        read_release(job, progress)
        reject_unsigned_targets(job, progress)
        _reject_other_inputs(job, progress)
    others: dict[str, StagedImage] = {}
    find = find_complete_image if any_platform else partial(find_reusable_image, others=others)
    images = run_parallel(lambda item: _find_image(job, progress, item, find), job.staged)
    progress.images = {name: image for name, image in images.items() if image is not None}
    note_other_platforms(job, others)


def read_release(job: PublishJob, progress: PublishProgress) -> None:
    """Read the record of the release, and what the version tags of selected targets refer to.

    Version tags that the release has not recorded are read only if their repository lists them.
    """
    stored = pull_version_record(job)
    progress.previous = stored.record if stored else None
    progress.previous_digest = stored.digest if stored else ""
    progress.unsigned = progress.unsigned or (stored.unsigned if stored else None)
    tags = [tag for item in job.tagged.values() for tag in item.version_tags]
    previous = progress.previous.images.values() if progress.previous else ()
    recorded = {tag for image in previous for tag in image.tags}
    digests = listed_digests(job.registries, (tag for tag in tags if tag not in recorded))
    progress.meets_others |= any(digests.values())
    digests |= current_digests(job.registries, (tag for tag in tags if tag in recorded))
    progress.version_tags = digests
    progress.is_outdated = False


def _reject_other_inputs(job: PublishJob, progress: PublishProgress) -> None:
    """Reject a version that is recorded for other inputs, and tagged by other templates.

    Version tags that the matrix still has are examined by `reject_existing_tags`.

    Raises:
        PublishError: with all targets whose recorded version tags still name their images, or are
            in repositories that the matrix does not have.
    """
    if job.request.replace:
        return
    others = {
        name: recorded
        for name, item in job.selected.items()
        if (recorded := progress.previous_target(name)) is not None
        and recorded.fingerprint != f"sha256:{item.fingerprint}"
        and {*map(tag_key, recorded.tags)}.isdisjoint(map(tag_key, item.version_tags))
    }
    own = {
        tag: recorded.digest
        for recorded in others.values()
        for tag in recorded.tags
        if job.templates.has_repository(tag)
    }
    current = current_digests(job.registries, own)
    reasons = [
        (name, f"{job.version} is released with another image as {tag}")
        for name, recorded in others.items()
        for tag in recorded.tags[:1]
        if (tag not in own or current[tag] == recorded.digest)
    ]
    if reasons:
        raise job.error(
            Code.EXISTING_TAG,
            reasons,
            help_="publish another version, pass `--replace`, or keep the records of each matrix "
            "in a repository of its own: `publish.staging`",
            outcome=NOTHING_BUILT,
        )


def _find_image(
    job: PublishJob, progress: PublishProgress, item: ReleaseItem, find: _Find
) -> KnownImage | None:
    """Return a target's image: the recorded one of this release, otherwise the staged one."""
    recorded = progress.previous_target(item.target)
    if recorded is not None and recorded.fingerprint == f"sha256:{item.fingerprint}":
        if _is_released(progress, item, recorded):
            return recorded
        image = find_released_image(job, item, recorded.digest)
        if image is not None:
            return image
    image = find(job, item, fingerprint_tag(item.fingerprint))
    if image is None and (platform := job.request.platform):
        tag = fingerprint_tag(item.fingerprint, platform)
        return read_image(job.registries, item.repository, tag)
    return image


def _is_released(progress: PublishProgress, item: ReleaseItem, recorded: ReleasedTarget) -> bool:
    """Return whether a version tag shows that the recorded image is in its staging repository."""
    return not missing_platforms(item.platforms, recorded.platforms) and any(
        progress.version_tags.get(tag) == recorded.digest
        for tag in item.version_tags
        if split_tag(tag)[0] == item.repository
    )


def find_released_image(job: PublishJob, item: ReleaseItem, digest: str) -> StagedImage | None:
    """Return an image of this release; stage it again if it is no longer staged.

    A preview does not stage it again.
    """
    image = find_complete_image(job, item, digest)
    if image is None and item.version_tags:
        repository = split_tag(item.version_tags[0])[0]
        image = find_complete_image(job, item._replace(repository=repository), digest)
        if image is not None and not job.request.preview:
            Copier(job.registries).copy(repository, item.repository, digest)
            tag = f"{item.repository}:{fingerprint_tag(item.fingerprint)}"
            ensure_tag(job.registries, image.manifest, tag)
    return image


def reject_early(job: PublishJob, progress: PublishProgress) -> None:
    """Check access to all repositories, and that no version tag refers to another image.

    Raises:
        DiagnosticError: with all repositories that cannot be written to.
        PublishError: with all existing tags of other images.
    """
    repositories = [item.repository for item in job.required.values()]
    if job.request.creates_tags:
        tags = [
            tag for item in job.tagged.values() for tag in (*item.version_tags, *item.floating_tags)
        ]
        repositories += [*(split_tag(tag)[0] for tag in tags), job.record_repository]
    results = run_parallel(
        lambda repository: _access_errors(job, repository), {name: name for name in repositories}
    )
    denied = dict.fromkeys(diagnostic for errors in results.values() for diagnostic in errors)
    if denied:
        raise DiagnosticError(denied, outcome=NOTHING_BUILT)
    reject_existing_tags(job, progress, NOTHING_BUILT)


def _access_errors(job: PublishJob, repository: str) -> tuple[Diagnostic, ...]:
    try:
        job.registries.check_writable(repository)
    except RegistryError as error:
        return error.diagnostics
    return ()


def reject_existing_tags(job: PublishJob, progress: PublishProgress, outcome: str) -> None:
    """Reject version tags that refer to images with other fingerprints.

    Args:
        job: what to publish.
        progress: the images found so far.
        outcome: what the error reports as done or not done.

    Raises:
        PublishError: with all of these tags.
    """
    if not job.request.creates_tags or job.request.replace:
        return
    others: dict[str, ReleaseItem] = {}
    for item in job.tagged.values():
        own = known_digest(progress, item)
        if own is None and any(map(progress.version_tags.get, item.version_tags)):
            own = _composed_digest(job, progress, item)
        for tag in item.version_tags:
            if progress.version_tags[tag] not in {None, own}:
                others[tag] = item
    labels = run_parallel(
        lambda tag: fingerprint_label(
            job.registries,
            split_tag(tag)[0],
            progress.version_tags[tag] or "",
            every_platform=len(others[tag].members) > 1,
        ),
        {tag: tag for tag in others},
    )
    existing = {tag for tag, item in others.items() if labels[tag] != item.fingerprint}
    if existing:
        raise job.error(
            Code.EXISTING_TAG,
            [
                (item.target, f"the tag {tag} already exists for another image")
                for item in job.tagged.values()
                for tag in item.version_tags
                if tag in existing
            ],
            help_=_existing_tag_help(job, existing),
            outcome=SOME_TAGS if progress.overtaken else outcome,
        )


def _composed_digest(job: PublishJob, progress: PublishProgress, item: ReleaseItem) -> str | None:
    """Return the digest of an index that no trusted record names; None for anything else."""
    if not item.is_index or not progress.images.keys() >= {*item.members}:
        return None
    return compose_index(job, progress, item).digest


def _existing_tag_help(job: PublishJob, tags: Collection[str]) -> str:
    """Return the remedy; another version does not help for tags that do not contain it."""
    unversioned = [tag for tag in tags if job.version not in split_tag(tag)[1]]
    if not unversioned:
        return "publish another version, or pass `--replace`"
    variable = f"${{{job.request.release.variable}}}"
    return (
        f"version tags are immutable: add {variable} to the tag {min(unversioned)} in `tags`, move "
        "it to `moving`, or pass `--replace`"
    )
