"""Write the record of a release: the last step of publishing."""

from collections.abc import Iterable, Mapping

from compiler.codes import Code
from compiler.external.references import split_tag, tag_key
from compiler.external.registry.client import RegistryError
from compiler.external.registry.parallel import pause, run_parallel
from compiler.publish.checks import find_known_checks, recorded_checks
from compiler.publish.composed_images import released_indexes
from compiler.publish.create_tag import settled_digests
from compiler.publish.image_sizes import recorded_sizes
from compiler.publish.items import ReleaseItem
from compiler.publish.request import (
    ONE_AT_A_TIME,
    ROUNDS,
    SOME_TAGS,
    PublishJob,
    PublishProgress,
)
from compiler.publish.sign import sign_images, signed_indexes, target_signatures
from compiler.publish.signatures import sign_before_tag
from compiler.publish.staged_image import StagedImage
from compiler.publish.unfinished_tags import find_finished_indexes, find_finished_targets
from compiler.publish.version_record import pull_version_record
from compiler.publish.version_tags import is_overtaken, is_rebuilt_elsewhere
from compiler.releases.history import current_digests
from compiler.releases.record import ReleasedTarget, ReleaseRecord
from compiler.releases.registry_record import push_record, record_tag


def released_targets(job: PublishJob, progress: PublishProgress) -> dict[str, ReleasedTarget]:
    """Return the selected targets as they are recorded, by name."""
    return run_parallel(lambda item: _released_target(job, progress, item), job.selected)


def _released_target(
    job: PublishJob, progress: PublishProgress, item: ReleaseItem
) -> ReleasedTarget:
    """Return a target as it is recorded; the state of an image stays that of its first record."""
    image = progress.images[item.target]
    built = item.target in progress.build_seconds
    state = "built" if built else "reused"
    seconds = round(progress.build_seconds.get(item.target, 0.0), 1)
    recorded = progress.previous_target(item.target)
    if recorded is not None and recorded.digest == image.digest:
        state, seconds = recorded.state, recorded.seconds
    sizes = recorded_sizes(job, progress, item)
    return ReleasedTarget(
        target=item.target,
        tags=item.version_tags,
        moving=item.floating_tags,
        digest=image.digest,
        platforms=dict(image.platforms),
        attestations=dict(image.attestations),
        fingerprint=f"sha256:{item.fingerprint}",
        bases=dict(item.bases),
        state=state,
        seconds=seconds,
        bytes=sizes.total,
        sizes=dict(sizes.platforms),
        platform_tags=item.platform_tags,
        checks=recorded_checks(job, progress, item.target),
        signatures=target_signatures(job, progress, item.target),
    )


def write_record(
    job: PublishJob, progress: PublishProgress, targets: Iterable[ReleasedTarget]
) -> ReleaseRecord | None:
    """Write the record, with the targets that other runs of this version have recorded.

    Returns:
        The record; None if another run has recorded or tagged other images of the same targets,
        so that this run must start over with its tags.

    Raises:
        PublishError: another run has recorded images of other inputs meanwhile.
        RegistryError: other runs keep writing the record.
    """
    targets = tuple(targets)
    order = [target.name for target in job.request.resolved.plan.targets]
    for _ in range(ROUNDS):
        stored = pull_version_record(job)
        if stored is not None:
            progress.meets_others |= stored.digest != progress.previous_digest
            _reject_other_inputs(job, progress, stored.record)
            if _has_other_images(job, progress, stored.record):
                return None
        base = stored.record if stored else ReleaseRecord(release=job.version, targets=())
        indexes = signed_indexes(job, released_indexes(job, progress), progress.images)
        base = base.with_indexes(indexes)
        record = base.with_targets(targets, order)
        finished = find_finished_targets(job, record)
        if finished:
            targets += _finished_targets(job, progress, finished)
            record = base.with_targets(targets, order)
        record = record.with_indexes(
            signed_indexes(job, find_finished_indexes(job, record), record.by_name)
        )
        if stored is not None and stored.record.to_text() == record.to_text():
            _sign(job, stored.digest)
            return record
        if is_overtaken(job, progress):
            return None
        digest = _push(job, record, stored.digest if stored else None)
        if digest is None:
            continue
        progress.recorded = {target.target: target.digest for target in record.targets}
        progress.record_digest = digest
        if job.registries.digest(job.record_repository, record_tag(job.version)) != digest:
            pause(0.2)
        elif not find_finished_targets(job, record):
            return None if is_overtaken(job, progress) else record
    raise RegistryError(
        f"{job.record_repository}:{record_tag(job.version)}",
        f"another run keeps writing the record of {job.version}",
        code=Code.CONCURRENT_RELEASE,
        help_=ONE_AT_A_TIME,
    )


def is_record_replaced(job: PublishJob, progress: PublishProgress, record: ReleaseRecord) -> bool:
    """Return whether another run has replaced the record that this run has written without it.

    A filtered run does so if it has looked for a record right before. It does not add the images
    of this run while a run of an older version has moved their floating tags.
    """
    repository = job.record_repository
    if progress.record_digest in {"", job.registries.digest(repository, record_tag(job.version))}:
        return False
    stored = pull_version_record(job)
    recorded = stored.record.images if stored else {}
    return any(
        name not in recorded or recorded[name].digest != image.digest
        for name, image in record.images.items()
        if name in job.tagged
    )


def _finished_targets(
    job: PublishJob, progress: PublishProgress, finished: Mapping[str, StagedImage]
) -> tuple[ReleasedTarget, ...]:
    """Return targets that another run has finished as they are recorded; sign their images."""
    job.report.say(f"recording {len(finished)} finished by another run of {job.version}")
    progress.images |= finished
    find_known_checks(job, progress, finished)
    items = [job.items[name] for name in finished]
    sign_images(job, progress, items)
    return tuple(_released_target(job, progress, item) for item in items)


def _sign(job: PublishJob, digest: str) -> None:
    """Sign a record, if anything is signed."""
    sign = sign_before_tag(job.signatures, job.record_repository)
    if sign is not None:
        sign(digest)


class _RecordChangedError(Exception):
    """Another run has written the record since it was read."""


def _push(job: PublishJob, record: ReleaseRecord, replaced: str | None) -> str | None:
    """Store a record, and sign it, if its tag still names the record that it is made from.

    Registries cannot compare and set a tag: another run can still write between two requests.

    Args:
        job: what to publish.
        record: the record.
        replaced: the digest of the record that it replaces; None if there is none.

    Returns:
        The digest of the record; None if another run has written one meanwhile.
    """
    tag = f"{job.record_repository}:{record_tag(job.version)}"

    def before_tag(digest: str) -> None:
        _sign(job, digest)
        if settled_digests(job.registries, [tag], {tag: {replaced}})[tag] != replaced:
            raise _RecordChangedError

    try:
        return push_record(job.registries, job.record_repository, record, before_tag)
    except _RecordChangedError:
        return None


def _reject_other_inputs(job: PublishJob, progress: PublishProgress, record: ReleaseRecord) -> None:
    """Reject a record that another run has written since for images of other inputs.

    That run has released the version, so the tags that this run took from it are returned.
    """
    recorded = record.by_name
    others = [
        name
        for name, item in job.selected.items()
        if name in recorded
        and recorded[name].fingerprint != f"sha256:{item.fingerprint}"
        and recorded[name] != progress.previous_target(name)
    ]
    if others and not job.request.replace:
        _return_tags(job, progress, record)
        reason = f"another run has released {job.version} with other inputs"
        raise job.error(
            Code.CONCURRENT_RELEASE,
            [(name, reason) for name in others],
            help_="publish the inputs of one of both as another version",
            outcome=SOME_TAGS,
        )


def _has_other_images(job: PublishJob, progress: PublishProgress, record: ReleaseRecord) -> bool:
    """Return whether another run has recorded other images of the same inputs."""
    recorded = record.by_name
    return any(
        is_rebuilt_elsewhere(progress, item, recorded[name])
        for name, item in job.selected.items()
        if name in recorded
    )


def _return_tags(job: PublishJob, progress: PublishProgress, record: ReleaseRecord) -> None:
    """Let the tags that this run has created, of all that a record names, name its images again."""
    images = {
        tag: (image, progress.digest(item))
        for name, image in record.images.items()
        if (item := job.tagged.get(name)) is not None
        for tag in (*image.tags, *image.moving)
        if tag_key(tag) in {*map(tag_key, (*item.version_tags, *item.floating_tags))}
    }
    current = current_digests(job.registries, images)

    def return_tag(tag: str) -> None:
        image, _ = images[tag]
        repository, name = split_tag(tag)
        manifest = job.registries.manifest(repository, image.digest)
        if manifest is not None:
            job.registries.put_manifest(repository, name, manifest)

    run_parallel(
        return_tag,
        {
            tag: tag
            for tag, (image, own) in images.items()
            if current[tag] == own and own != image.digest
        },
    )
