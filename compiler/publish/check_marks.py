"""Remember in the registry which checks an image has passed, so that no machine repeats them.

A mark is a small artifact in the repository of the staged image. Its tag is `check-<sha256>`,
which is a digest of the check's name and command, of the content of its inputs, and of the image.
So an edited check, another input or another image has no mark. Everyone who may push can write
one, so marks are signed and verified if images are.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from compiler.errors import DiagnosticError
from compiler.external.registry.artifacts import (
    Artifact,
    age,
    artifact_annotations,
    artifact_blob,
    created_now,
    push_artifact,
)
from compiler.external.registry.client import InvalidContentError, Registries
from compiler.fingerprint.naming import CHECK_PREFIX
from compiler.matrix.matrix import Check, Matrix
from compiler.source.project_files import FileError, Files


MEDIA_TYPE = "application/vnd.compile-matrix.check.v1+json"
IMAGE = "com.compile-matrix.image"
"""The annotation with the digest of the image that an artifact is about."""
_CHECK = "com.compile-matrix.check"
_MAX_SKEW = 300
"""Seconds by which the clock of another machine may be ahead of this one's."""


class Mark(NamedTuple):
    """The mark of one check of one image."""

    check: Check
    repository: str
    digest: str
    """The digest of the image."""
    inputs: tuple[str, ...]
    """The digests of the check's inputs."""

    @property
    def tag(self) -> str:
        """Return the mark's tag."""
        parts = [self.check.name, self.check.command, list(self.inputs), self.digest]
        return CHECK_PREFIX + sha256(json.dumps(parts).encode()).hexdigest()


def read_inputs(matrix: Matrix, check: Check, folder: Path) -> tuple[str, ...]:
    """Return the digests of the files that a check reads, as they are now.

    Raises:
        DiagnosticError: a file is missing or cannot be read.
    """
    files = Files(folder)
    digests = []
    for number, path in enumerate(check.inputs):
        try:
            digests.append(sha256(files.read(path)).hexdigest())
        except FileError as error:
            route = ("publish", "checks", check.name, "inputs", number)
            raise DiagnosticError([error.at(matrix.source.locate(route))]) from None
    return tuple(digests)


def write_mark(
    registries: Registries, mark: Mark, before_tag: Callable[[str], None] | None = None
) -> None:
    """Record that an image has passed a check.

    Args:
        registries: the registry of the image.
        mark: the mark.
        before_tag: called with the digest of the mark, when it is stored and has no tag yet.
    """
    annotations = {**created_now(), _CHECK: mark.check.name, IMAGE: mark.digest}
    content = json.dumps({"version": 1, "check": mark.check.name, "image": mark.digest}).encode()
    artifact = Artifact(content, "check.json", MEDIA_TYPE, annotations)
    push_artifact(registries, mark.repository, mark.tag, artifact, before_tag)


def find_mark(registries: Registries, mark: Mark) -> str | None:
    """Return the digest of a valid mark in the registry; an image or a damaged mark is none.

    Raises:
        RegistryError: the registry cannot be read.
    """
    try:
        manifest = registries.manifest(mark.repository, mark.tag)
    except InvalidContentError:
        return None
    if manifest is None or artifact_blob(manifest, MEDIA_TYPE) is None:
        return None
    annotations = artifact_annotations(manifest)
    valid = mark.check.valid
    is_own = annotations.get(IMAGE) == mark.digest
    if is_own and (valid is None or _is_recent(age(manifest), valid)):
        return manifest.digest
    return None


def _is_recent(mark_age: timedelta | None, seconds: int) -> bool:
    """Return whether an age is known and at most so many seconds."""
    return mark_age is not None and -_MAX_SKEW <= mark_age.total_seconds() <= seconds
