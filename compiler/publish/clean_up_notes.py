"""Announce in the registry what a clean-up deletes, so that a release notices it.

Registries have neither locks nor conditional deletions. A clean-up writes a note with all digests
that it intends to delete, and only then looks whether tags lead to them. A release creates its
tags, and only then looks for notes. So at least one of both sees the other: the clean-up keeps the
image, or the release fails and says why.

A note is an artifact with the tag `fp-gc-<random>`. It is written again when the clean-up has
ended. It also lists for the next clean-up what an interrupted one has not deleted.
"""

import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from compiler.external.json_object import load_object
from compiler.external.registry.artifacts import (
    Artifact,
    age,
    artifact_blob,
    created_now,
    push_artifact,
)
from compiler.external.registry.client import (
    InvalidContentError,
    Manifest,
    Registries,
    RejectedError,
)
from compiler.external.registry.listings import DIGEST
from compiler.external.registry.parallel import pause, run_parallel
from compiler.fingerprint.naming import CLEAN_UP_PREFIX


MEDIA_TYPE = "application/vnd.compile-matrix.clean-up.v1+json"
MAX_DIGESTS = 100_000
"""Maximum number of digests of a note, so that it is smaller than the limit for blobs."""
LEASE = 3600.0
"""Seconds after its note for which a clean-up deletes."""
EXPIRY = timedelta(hours=2)
"""After this time, a note of a clean-up that was killed no longer affects releases."""
RUNNING = "a clean-up is running and may delete its image"
_LOOKS = 5
"""Maximum number of looks at a clean-up that has not ended."""

Image = tuple[str, str]
"""Repository and digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUpNote:
    """What a clean-up deletes in one repository."""

    digests: frozenset[str]
    has_ended: bool
    """Whether all that it has deleted is gone."""


def new_note_tag() -> str:
    """Return a tag for the notes of one clean-up."""
    return CLEAN_UP_PREFIX + secrets.token_hex(16)


def write_note(registries: Registries, repository: str, tag: str, note: CleanUpNote) -> str:
    """Write a note, or replace it; return its digest.

    Raises:
        RegistryError: the registry denies access, or does not respond.
    """
    content = {"version": 1, "ended": note.has_ended, "digests": sorted(note.digests)}
    artifact = Artifact(json.dumps(content).encode(), "clean-up.json", MEDIA_TYPE, created_now())
    return push_artifact(registries, repository, tag, artifact)


def read_note(registries: Registries, repository: str, manifest: Manifest) -> CleanUpNote | None:
    """Return the note in a manifest; None if it is another manifest, or damaged."""
    blob = artifact_blob(manifest, MEDIA_TYPE)
    try:
        content = registries.blob(repository, blob) if blob else None
    except InvalidContentError:
        return None
    data = load_object(content or b"") or {}
    digests = data.get("digests")
    if not isinstance(digests, list):
        return None
    valid = (text for text in digests if isinstance(text, str) and DIGEST.match(text))
    note_age = age(manifest)
    has_expired = note_age is not None and note_age > EXPIRY
    has_ended = data.get("ended") is True or has_expired
    return CleanUpNote(digests=frozenset(valid), has_ended=has_ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUps:
    """The clean-ups that are known before a run."""

    ended: Collection[Image] = ()
    """The notes of those that have ended: what they have deleted is missing already."""
    running: Collection[Image] = ()
    """The images that the others may delete."""


def read_clean_ups(registries: Registries, repositories: Iterable[str]) -> CleanUps:
    """Return the clean-ups in repositories; call it before images are looked for."""
    notes = _read_notes(registries, repositories)
    return CleanUps(
        ended=frozenset(key for key, note in notes.items() if note.has_ended),
        running=_announced(notes, has_ended=False),
    )


def find_deleted_images(
    registries: Registries, images: Iterable[Image], known: CleanUps
) -> dict[Image, str]:
    """Return the images that clean-ups have deleted or may be about to delete, with the reason.

    An image that was deleted and stored again counts: its signatures and checks are gone. Waits
    for a moment for clean-ups that have not ended. Call it after the last tag was created.

    Args:
        registries: the registries of the images.
        images: manifests that must be in their repositories.
        known: the clean-ups that were known before the run.
    """
    needed = frozenset(images)
    repositories = {repository for repository, _ in needed}
    running: frozenset[Image] = frozenset()
    deleted: frozenset[Image] = frozenset()
    for number in range(_LOOKS):
        notes = {
            key: note
            for key, note in _read_notes(registries, repositories).items()
            if key not in known.ended
        }
        running = needed & _announced(notes, has_ended=False)
        deleted = needed & _announced(notes, has_ended=True)
        if not running or pause(0.5 * 2.0**number):
            break
    return {
        **dict.fromkeys(sorted(running), RUNNING),
        **dict.fromkeys(sorted(deleted), "a clean-up has deleted its image"),
    }


def _announced(notes: Mapping[Image, CleanUpNote], *, has_ended: bool) -> frozenset[Image]:
    """Return the images in the notes of clean-ups that have ended, or of those that have not."""
    return frozenset(
        (repository, digest)
        for (repository, _), note in notes.items()
        if note.has_ended is has_ended
        for digest in note.digests
    )


def _read_notes(registries: Registries, repositories: Iterable[str]) -> dict[Image, CleanUpNote]:
    """Return the notes in repositories, by repository and digest."""
    notes: dict[Image, CleanUpNote] = {}

    def read(repository: str) -> None:
        try:
            tags = registries.tags(repository)
        except RejectedError:
            return  # A clean-up must list tags, too.
        for tag in tags:
            if tag.startswith(CLEAN_UP_PREFIX):
                manifest = registries.manifest(repository, tag)
                note = read_note(registries, repository, manifest) if manifest else None
                if manifest is not None and note is not None:
                    notes[repository, manifest.digest] = note

    run_parallel(read, {name: name for name in sorted(repositories)})
    return notes
