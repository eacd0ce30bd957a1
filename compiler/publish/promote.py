"""Move the floating tags of a recorded release to its images.

A record is untrusted input. Only tags that the templates of the matrix can produce are moved, and
only to images that the record's version tags name.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, DiagnosticError, Repository
from compiler.external.references import split_tag
from compiler.external.registry.client import Manifest, Registries
from compiler.external.registry.copying import Copier
from compiler.external.registry.parallel import MAX_TRANSFERS, run_parallel
from compiler.publish.clean_up_notes import (
    RUNNING,
    CleanUps,
    Image,
    find_deleted_images,
    read_clean_ups,
)
from compiler.publish.create_tag import settled_digests
from compiler.publish.verified_images import Move, Verification, is_reserved, promotion_problem
from compiler.releases.history import current_digests
from compiler.releases.record import RecordedImage, ReleaseRecord, index_name
from compiler.releases.tag_templates import TagTemplates


_NO_TAG_MOVED = "no tag was moved"
_PROMOTE_AGAIN = "run the command again to decide for this release"


class Promotion(NamedTuple):
    """The result of a promotion."""

    moved: dict[str, bool]
    """Tag -> whether it was moved; False if it referred to the release already."""
    skipped: dict[str, str]
    """Tag of the record that was not moved -> why."""


def promote_release(
    registries: Registries, record: ReleaseRecord, templates: TagTemplates, *, removed: bool = False
) -> Promotion:
    """Move all floating tags of a release to it, forward or back.

    Args:
        registries: the registries of the matrix.
        record: the record of the release.
        templates: the tags that the matrix can produce for this release.
        removed: whether tags of targets that the matrix no longer has are moved, too.

    Raises:
        DiagnosticError: an image is missing, or a version tag names another image, and no tag was
            moved; or another run has moved a tag meanwhile.
        RegistryError: a registry denies access.
    """
    moves: list[Move] = []
    skipped: dict[str, str] = {}
    for image in record.images.values():
        for tag in image.moving:
            reason = _reason_to_skip(image, tag, templates, removed=removed)
            if reason:
                skipped[tag] = reason
            else:
                moves.append(Move(tag, image, _source(image, tag, templates)))
    clean_ups = read_clean_ups(registries, {split_tag(move.tag)[0] for move in moves})
    _reject(record, _announced(record, moves, clean_ups), _NO_TAG_MOVED)
    manifests = _read_images(registries, moves, Verification(registries, record, templates))
    copier = Copier(registries)
    run_parallel(
        lambda move: copier.copy(move.source, split_tag(move.tag)[0], move.image.digest),
        {move.tag: move for move in moves},
        workers=MAX_TRANSFERS,
    )
    before = current_digests(registries, (move.tag for move in moves))
    stale = {move.tag: move for move in moves if before[move.tag] != move.image.digest}
    for is_platform in (False, True):  # see `PublishJob.passes`
        run_parallel(
            lambda move: registries.put_manifest(
                *split_tag(move.tag), manifests[move.source, move.image.digest]
            ),
            {tag: move for tag, move in stale.items() if move.image.is_platform == is_platform},
        )
    _check_moved(registries, record, moves)
    _reject_deleted(registries, record, moves, clean_ups)
    return Promotion({move.tag: move.tag in stale for move in moves}, skipped)


def _reason_to_skip(
    image: RecordedImage, tag: str, templates: TagTemplates, *, removed: bool
) -> str:
    """Return why a tag must not be moved; empty if it may be moved."""
    if templates.is_floating(tag):
        return ""
    if not templates.has_repository(tag):
        return "skipped: the matrix has no tag in this repository"
    if image.target in templates.version_tags:
        return "skipped: the matrix has no such floating tag"
    if is_reserved(tag) or templates.is_version_tag(tag):
        return "skipped: it is not a floating tag"
    if removed:
        return ""
    return f"skipped: the matrix has no target {image.target}; pass `--removed` to move the tag"


def _source(image: RecordedImage, tag: str, templates: TagTemplates) -> str:
    """Return the repository of this matrix that contains a recorded image."""
    own = (split_tag(tag)[0] for tag in image.tags if templates.has_repository(tag))
    return next(own, split_tag(tag)[0])


def _read_images(
    registries: Registries, moves: Iterable[Move], verification: Verification
) -> dict[tuple[str, str], Manifest]:
    """Return the manifests to assign, by repository and digest.

    Raises:
        DiagnosticError: an image or a version tag is missing, or names another image.
    """
    moves = tuple(moves)
    images = {key: key for move in moves for key in [(move.source, move.image.digest)]}
    manifests = run_parallel(lambda image: registries.manifest(*image), images)
    problems = verification.problems(moves, manifests)
    if problems:
        raise DiagnosticError(problems, outcome=_NO_TAG_MOVED)
    return {key: manifest for key, manifest in manifests.items() if manifest is not None}


def _check_moved(registries: Registries, record: ReleaseRecord, moves: Iterable[Move]) -> None:
    """Reject that another run has moved one of the tags meanwhile."""
    moves = tuple(moves)
    expected = {move.tag: {move.image.digest} for move in moves}
    current = settled_digests(registries, expected, expected)
    elsewhere = [move for move in moves if current[move.tag] != move.image.digest]
    if elsewhere:
        raise DiagnosticError(
            [
                Diagnostic(
                    code=Code.CONCURRENT_RELEASE,
                    message=f"another run has moved the floating tag {move.tag} to "
                    f"{current[move.tag] or 'no image'}",
                    location=Repository(name=split_tag(move.tag)[0]),
                    help=_PROMOTE_AGAIN,
                )
                for move in elsewhere
            ],
            outcome=f"not all floating tags name {record.release}",
        )


def _reject_deleted(
    registries: Registries, record: ReleaseRecord, moves: Iterable[Move], known: CleanUps
) -> None:
    """Reject that a clean-up deletes an image to which a tag was moved; see `clean_up_notes`."""
    deleted = find_deleted_images(registries, _needed(record, moves), known)
    _reject(record, deleted, f"not all floating tags name a complete image of {record.release}")


def _announced(
    record: ReleaseRecord, moves: Iterable[Move], clean_ups: CleanUps
) -> dict[Image, str]:
    """Return the images that a running clean-up may delete, with the reason."""
    return dict.fromkeys(sorted(_needed(record, moves).intersection(clean_ups.running)), RUNNING)


def _reject(record: ReleaseRecord, images: Mapping[Image, str], outcome: str) -> None:
    """Reject a promotion that needs these images."""
    if images:
        raise DiagnosticError(
            [
                promotion_problem(
                    Code.DELETED_IMAGE,
                    repository,
                    f"image of release {record.release} {repository}@{digest}: {reason}",
                )
                for (repository, digest), reason in images.items()
            ],
            outcome=outcome,
        )


def _needed(record: ReleaseRecord, moves: Iterable[Move]) -> set[Image]:
    """Return the manifests that the repositories of tags must have."""
    return {
        (split_tag(move.tag)[0], digest)
        for move in moves
        for digest in (move.image.digest, *_content(record, move.image))
    }


def _content(record: ReleaseRecord, image: RecordedImage) -> Iterator[str]:
    """Yield the digests that the image of a record contains."""
    members = {index_name(index.targets): index.targets for index in record.indexes}
    names = () if image.is_platform else members.get(image.name, (image.target,))
    for name in names:
        target = record.by_name.get(name)
        if target is not None:
            yield from target.platforms.values()
            yield from target.attestations.values()
