"""Sign images by digest and verify their signatures, each at most once per run."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from compiler.codes import Code
from compiler.errors import Diagnostic, DiagnosticError, Location, Repository
from compiler.external.registry.attached import AttachedArtifacts
from compiler.external.registry.client import Registries
from compiler.external.registry.parallel import pause, run_parallel
from compiler.external.signer import Signer


_LAG = 1.0
"""Seconds after which a signature that a registry does not list yet is looked for again."""


class SignedImage(NamedTuple):
    """An image, or another manifest, that is or must be signed."""

    repository: str
    digest: str

    @property
    def reference(self) -> str:
        """Return its name for cosign."""
        return f"{self.repository}@{self.digest}"


class SigningProgram(Protocol):
    """A program that signs and verifies: see `Cosign`."""

    signer: Signer

    def check(self) -> None:
        """Check that the program can sign."""

    def sign(self, references: list[str]) -> None:
        """Sign images."""

    def verify(self, references: list[str]) -> dict[str, str]:
        """Return the images that are not signed, each with the reason."""


class Signatures:
    """The signatures that a run has made or verified."""

    def __init__(self, program: SigningProgram, registries: Registries) -> None:
        """Take the program that signs, and the registries of the images."""
        self._program, self._registries = program, registries
        self._attached = AttachedArtifacts(registries)
        self._verified: set[SignedImage] = set()
        self._rejected: set[SignedImage] = set()

    @property
    def label(self) -> str:
        """Return the signer as it is recorded."""
        return self._program.signer.label

    def find_signed(
        self, images: Iterable[SignedImage], trusted: Collection[SignedImage] = ()
    ) -> set[SignedImage]:
        """Return the images that the signer has signed.

        Takes one request for each image. Only images to which anything is attached are verified.

        Args:
            images: the images.
            trusted: images that a signed record names as signed. They are not verified again, if
                anything is attached to them.

        Raises:
            CosignError: cosign cannot verify signatures.
            RegistryError: a registry cannot be read.
        """
        wanted = dict.fromkeys(images)
        unknown = {image: image for image in wanted if image not in self._verified}
        for repository in dict.fromkeys(image.repository for image in unknown):
            self._attached.tags(repository, "")
        exist = run_parallel(lambda image: self._attached.exist(*image), unknown)
        candidates = [image for image in unknown if exist[image]]
        unverified = {image.reference: image for image in candidates if image not in trusted}
        reasons = self._program.verify([*unverified]) if unverified else {}
        self._verified |= {image for image in candidates if image.reference not in reasons}
        return self._verified.intersection(wanted)

    def verify(self, image: SignedImage) -> bool:
        """Return whether the signer has signed an image, which another run may have done just now.

        An image that is not signed is looked at twice, and then counts as such in this run.

        Raises:
            CosignError: cosign cannot verify signatures.
        """
        if image not in self._verified and image not in self._rejected:
            reasons = self._program.verify([image.reference])
            if reasons and not pause(_LAG):
                reasons = self._program.verify([image.reference])
            (self._rejected if reasons else self._verified).add(image)
        return image in self._verified

    def ensure(
        self, images: Iterable[SignedImage], trusted: Collection[SignedImage] = ()
    ) -> list[SignedImage]:
        """Sign the images that the signer has not signed yet, and verify the signatures.

        Returns:
            The images that had to be signed.

        Raises:
            DiagnosticError: an image cannot be signed, or its signature is not valid afterwards.
            RegistryError: a registry cannot be read.
        """
        images = dict.fromkeys(images)
        signed = self.find_signed(images, trusted)
        missing = [image for image in images if image not in signed]
        if missing:
            references = [image.reference for image in missing]
            self._program.sign(references)
            reasons = self._program.verify(references)
            if reasons:
                raise DiagnosticError([unsigned(*pair) for pair in reasons.items()])
            self._verified.update(missing)
        return missing


def sign_before_tag(signatures: Signatures | None, repository: str) -> Callable[[str], None] | None:
    """Return what to do with an artifact before it gets its tag: sign it, if anything is signed.

    Args:
        signatures: the signatures of the run.
        repository: the repository of the artifact.
    """
    if signatures is None:
        return None

    def sign(digest: str) -> None:
        signatures.ensure([SignedImage(repository, digest)])

    return sign


def unsigned(reference: str, reason: str) -> Diagnostic:
    """Return the error for an image of a release without a valid signature."""
    return Diagnostic(
        code=Code.UNSIGNED_IMAGE,
        message=f"{reference} is not signed as `publish.sign` requires: {reason}",
        location=Repository(name=reference.partition("@")[0]),
        help="publish the release again to sign it; `--replace` verifies each signature again",
    )


@contextmanager
def open_signatures(
    signer: Signer | None, registries: Registries, location: Location
) -> Iterator[Signatures | None]:
    """Provide the signatures of a run, after a check that images can be signed.

    Args:
        signer: who signs; None for nobody.
        registries: the registries of the images.
        location: where matrix.yaml names the signer.

    Raises:
        CosignError: cosign is missing or too old, or the key cannot be used.
    """
    if signer is None:
        yield None
        return
    from compiler.external.cosign import open_cosign

    with open_cosign(signer, os.environ, location) as program:
        program.check()
        yield Signatures(program, registries)
