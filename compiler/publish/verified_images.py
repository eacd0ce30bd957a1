"""Verify the images of a record before tags are moved to them.

A record is untrusted input: its images exist, and version tags of its release name them. An image
without version tags of its own consists of what other version tags of the release name.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, Repository
from compiler.external.references import split_tag, tag_key
from compiler.external.registry.attached import DIGEST_PREFIX
from compiler.external.registry.client import Manifest, Registries
from compiler.external.registry.parallel import run_parallel
from compiler.fingerprint.naming import CHECK_PREFIX, FINGERPRINT_PREFIX
from compiler.output.bake_resolved import ResolvedPlan
from compiler.releases.history import current_digests
from compiler.releases.record import RecordedImage, ReleaseRecord
from compiler.releases.registry_record import RECORD_PREFIX
from compiler.releases.tag_templates import TagTemplates


_AGAIN = "publish the release again, or promote another one"
_RESERVED = (FINGERPRINT_PREFIX, RECORD_PREFIX, CHECK_PREFIX, DIGEST_PREFIX)
"""Prefixes of tags that are not those of images for users."""


class Move(NamedTuple):
    """A floating tag that is to refer to an image."""

    tag: str
    image: RecordedImage
    source: str
    """The repository that contains the image."""


def is_reserved(tag: str) -> bool:
    """Return whether a tag is one of our own, not that of an image for users."""
    return split_tag(tag)[1].startswith(_RESERVED)


def promotion_problem(code: Code, repository: str, message: str, help_: str = _AGAIN) -> Diagnostic:
    """Return the diagnostic of an image that no tag may be moved to."""
    return Diagnostic(code=code, message=message, location=Repository(name=repository), help=help_)


class Verification:
    """Decides whether the floating tags of a record may be moved to its images."""

    def __init__(
        self,
        registries: Registries,
        record: ReleaseRecord,
        templates: TagTemplates,
    ) -> None:
        """Take a record, and the tags that the matrix can produce for its release.

        Args:
            registries: the registries of the matrix.
            record: the record.
            templates: the tags.
        """
        self._registries, self._record, self._templates = registries, record, templates

    def problems(
        self, moves: Iterable[Move], manifests: Mapping[tuple[str, str], Manifest | None]
    ) -> list[Diagnostic]:
        """Return why tags must not be moved.

        Args:
            moves: the tags, with their images.
            manifests: repository and digest of each image -> its manifest; None if it is missing.
        """
        moves = tuple(moves)
        images = {(move.source, move.image.digest): move.image for move in moves}
        missing = [
            promotion_problem(
                Code.MISSING_IMAGE,
                repository,
                f"missing image of release {self._record.release}: {repository}@{digest} "
                f"({image.name})",
            )
            for (repository, digest), image in images.items()
            if manifests[repository, digest] is None
        ]
        wrong = self._wrong_tags(move.image for move in moves)
        unnamed = [
            self._unnamed(move)
            for move in moves
            if (manifest := manifests[move.source, move.image.digest]) is not None
            and not self._is_named(move, manifest)
        ]
        return [*missing, *wrong, *unnamed]

    def _wrong_tags(self, images: Iterable[RecordedImage]) -> Iterator[Diagnostic]:
        """Yield the problems of version tags that do not name the image of the record."""
        expected = dict.fromkeys(
            (tag, image.digest)
            for image in images
            for tag in image.tags
            if self._templates.has_repository(tag)
        )
        current = current_digests(self._registries, (tag for tag, _ in expected))
        release = self._record.release
        for tag, digest in expected:
            repository, tagged = split_tag(tag)[0], current[tag]
            if tagged is None:
                message = f"missing version tag of release {release}: {tag}"
                yield promotion_problem(Code.MISSING_IMAGE, repository, message)
            elif tagged != digest:
                message = f"{tag} names {tagged}, but the record of {release} has {digest}"
                yield promotion_problem(Code.BAD_RECORD, repository, message)

    def _is_named(self, move: Move, manifest: Manifest) -> bool:
        """Return whether version tags of the release name an image, or all that it consists of."""
        if any(self._version_tags(move.image)):
            return True
        if tag_key(move.tag) in self._unverifiable or move.image.digest in self._released:
            return True
        content = set(_entries(manifest))
        return bool(content) and content <= self._released

    def _version_tags(self, image: RecordedImage) -> Iterator[str]:
        """Yield the tags of a recorded image that are version tags of its release.

        The matrix has no templates for the tags of a target that was removed, and others for tags
        that were renamed.
        """
        templates = self._templates
        for tag in image.tags:
            if templates.is_release_tag(tag) or (
                templates.has_repository(tag)
                and not templates.is_floating(tag)
                and not is_reserved(tag)
                and not templates.is_version_tag_of_another(tag)
            ):
                yield tag

    @cached_property
    def _unverifiable(self) -> frozenset[str]:
        return frozenset(map(tag_key, _unverifiable_tags(self._templates.resolved)))

    @cached_property
    def _released(self) -> frozenset[str]:
        """The digests that version tags of the release name, and of what these consist of."""
        recorded = {
            tag: image.digest
            for image in self._record.images.values()
            for tag in self._version_tags(image)
        }
        current = current_digests(self._registries, recorded)
        named = {
            (split_tag(tag)[0], digest): (split_tag(tag)[0], digest)
            for tag, digest in recorded.items()
            if current[tag] == digest
        }
        manifests = run_parallel(lambda image: self._registries.manifest(*image), named)
        released = {
            image: manifest for image, manifest in manifests.items() if manifest is not None
        }
        return frozenset(
            digest
            for (_, digest), manifest in released.items()
            for digest in (digest, *_entries(manifest))
        )

    def _unnamed(self, move: Move) -> Diagnostic:
        """Return the problem of an image that no version tag names."""
        release = self._record.release
        return promotion_problem(
            Code.BAD_RECORD,
            split_tag(move.tag)[0],
            f"no version tag of release {release} names the image for {move.tag}: "
            f"{move.image.digest} ({move.image.name})",
        )


def _entries(manifest: Manifest) -> Iterator[str]:
    """Yield the digests that an index lists."""
    listed = manifest.data.get("manifests")
    for entry in listed if isinstance(listed, list) else ():
        yield str(entry.get("digest")) if isinstance(entry, dict) else ""


def _unverifiable_tags(resolved: ResolvedPlan) -> Iterator[str]:
    """Yield the floating tags of images for which the matrix has no version tags.

    An image of a platform, or an index, can be verified by the version tags of its targets, and a
    target by those of its index.
    """
    shared = resolved.shared_tags.items()
    in_index = {name for targets, (tags, _) in shared if tags for name in targets}
    untagged = [
        target
        for target in resolved.plan.targets
        if not resolved.version_tags(target) and target.name not in in_index
    ]
    for target in untagged:
        yield from resolved.floating_tags(target)
        for platform in resolved.platform_tags(target):
            yield from () if platform.tags else platform.moving
    names = {target.name for target in untagged}
    for targets, (tags, moving) in shared:
        yield from () if tags or names.isdisjoint(targets) else moving
