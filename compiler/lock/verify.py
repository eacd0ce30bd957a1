"""Verify the signatures of base images before they are locked, as `lock.verify` demands."""

import os

from compiler.codes import Code
from compiler.constants import LOCK
from compiler.errors import CompileError, Diagnostic
from compiler.external.cosign import open_cosign
from compiler.external.references import canonical_tag
from compiler.lock.lockfile import Lock
from compiler.lock.update import Project
from compiler.lock.verified import find_entry
from compiler.matrix.verified_bases import VerifiedBases


def require_cosign(project: Project) -> None:
    """Check, before the first lookup, that cosign can verify what must be signed.

    Raises:
        CosignError: images must be signed, and cosign is missing or too old.
    """
    entries = (find_entry(project.plan.matrix, image) for image in project.uses)
    for entry in dict.fromkeys(entry for entry in entries if entry is not None):
        with open_cosign(entry.signer, os.environ, entry.location) as cosign:
            cosign.check_version()


def verify_bases(project: Project, lock: Lock) -> int:
    """Verify all locked images that must be signed, by digest; return their number.

    Args:
        project: the project, whose matrix names who must have signed.
        lock: the lock to be written.

    Raises:
        CompileError: with all images that are not signed.
        CosignError: cosign fails, or a registry cannot be read.
    """
    required: dict[VerifiedBases, dict[str, str]] = {}
    for image in lock.bases:
        entry = find_entry(project.plan.matrix, image)
        if entry is not None:
            name = (canonical_tag(image) or image).rpartition(":")[0]
            required.setdefault(entry, {})[f"{name}@{lock.bases[image].digest}"] = image
    problems: list[Diagnostic] = []
    for entry, references in required.items():
        with open_cosign(entry.signer, os.environ, entry.location) as cosign:
            reasons = cosign.verify([*references])
        problems += [
            _unsigned(project, entry, references[reference], reference, reason)
            for reference, reason in reasons.items()
        ]
    if problems:
        raise CompileError(problems, outcome=f"{LOCK} is unchanged")
    return sum(map(len, required.values()))


def _unsigned(
    project: Project, entry: VerifiedBases, image: str, reference: str, reason: str
) -> Diagnostic:
    use = project.uses[image][0]
    return Diagnostic(
        code=Code.UNSIGNED_IMAGE,
        message=f"{image} is not signed as this entry requires: {reference}: {reason}",
        location=entry.location,
        help="check where the image comes from, or correct the signer of this entry",
        related=(("used here", project.pinner.diagnostics.locate(use)),),
    )
