"""Read the records of releases in the registry of a matrix."""

import os
from typing import TYPE_CHECKING, NamedTuple

from compiler.cli.context import Invocation


if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.errors import CompileError, Location
    from compiler.external.registry.client import Registries
    from compiler.matrix.matrix import Matrix
    from compiler.output.bake_resolved import ResolvedPlan
    from compiler.releases.latest import Unsigned
    from compiler.releases.record import ReleaseRecord
    from compiler.releases.registry_record import StoredRecord


def read_releases(invocation: Invocation) -> "list[ReleaseRecord]":
    """Return all releases, the newest first; warn of damaged records.

    Raises:
        DiagnosticError: the matrix is invalid, or the registry cannot be read.
    """
    from compiler.external.registry.client import Registries
    from compiler.releases.history import list_releases
    from compiler.releases.record import ReleaseRecord

    registries = Registries(os.environ)
    repository, _ = record_repository(invocation, registries)
    records = list_releases(registries, repository)
    damaged = [record for record in records.values() if not isinstance(record, ReleaseRecord)]
    invocation.warn_of(damaged)
    if not records:
        invocation.note("no release has been published")
    return [record for record in records.values() if isinstance(record, ReleaseRecord)]


def record_repository(
    invocation: Invocation, registries: "Registries"
) -> "tuple[str, ResolvedPlan]":
    """Return the repository of release records, and the plan for the environment."""
    from compiler.bake.environment_values import require_repositories
    from compiler.output.bake_resolved import ResolvedPlan
    from compiler.publish.items import record_repositories
    from compiler.releases.registry_record import choose_repository

    resolved = require_repositories(ResolvedPlan(invocation.plan(), os.environ))
    repository = choose_repository(registries, record_repositories(resolved))
    if repository is None:
        raise no_releases(resolved.plan.matrix)
    return repository, resolved


def no_releases(matrix: "Matrix") -> "CompileError":
    """Return the error for a matrix without tags."""
    from compiler.codes import Code
    from compiler.errors import CompileError, Diagnostic, Location

    return CompileError(
        [
            Diagnostic(
                code=Code.NOTHING_TO_PUBLISH,
                message="no target has a tag, so there are no releases",
                location=Location(path=matrix.source.path, line=0),
                help="add `tags` to the images",
            )
        ]
    )


def find_unsigned(matrix: "Matrix") -> "Unsigned":
    """Return the function that returns which records are not signed as the matrix requires."""
    signer = matrix.signer
    if signer is None:
        return lambda _: ()
    from compiler.publish.release_signatures import UnsignedRecords

    return UnsignedRecords(signer, matrix.source.locate(("publish", "sign"), key=True))


class FoundRelease(NamedTuple):
    """The record of a release, and where it is."""

    repository: str
    stored: "StoredRecord"
    matrix: "Matrix"
    repositories: "Sequence[str]"
    """All repositories of the matrix: only those are read."""

    def check_signed(self) -> None:
        """Reject the record if the matrix has `sign`, and it is not signed.

        Raises:
            DiagnosticError: it is not signed by the signer, or cosign cannot verify it.
        """
        if self.matrix.signer is not None:
            from compiler.publish.release_signatures import reject_unsigned_record

            reject_unsigned_record(
                self.matrix.signer, self.repository, self.stored, self._location()
            )

    def unsigned_images(self, record: "ReleaseRecord") -> "dict[str, str] | None":
        """Return the images that are not signed, with reasons; None if the matrix has no `sign`.

        Args:
            record: the record, or a part of it.

        Raises:
            CosignError: cosign cannot verify signatures.
        """
        if self.matrix.signer is None:
            return None
        from compiler.publish.release_signatures import unsigned_images

        stored = self.stored._replace(record=record)
        return unsigned_images(self.matrix.signer, self.repository, stored, self._location())

    def _location(self) -> "Location":
        return self.matrix.source.locate(("publish", "sign"), key=True)


def find_release(invocation: Invocation, registries: "Registries", version: str) -> FoundRelease:
    """Return a release.

    Raises:
        DiagnosticError: the release does not exist, or the registry cannot be read.
    """
    from compiler.codes import Code
    from compiler.errors import Argument, CompileError, Diagnostic, did_you_mean
    from compiler.external.references import canonical_tag
    from compiler.publish.items import all_repositories
    from compiler.releases.registry_record import (
        pull_stored_record,
        record_tag,
        recorded_versions,
    )

    repository, resolved = record_repository(invocation, registries)
    valid = canonical_tag(f"{repository}:{record_tag(version)}") is not None
    stored = pull_stored_record(registries, repository, version) if valid else None
    if stored is None:
        known = recorded_versions(registries, repository)
        otherwise = "`compile-matrix release list` shows all releases"
        raise CompileError(
            [
                Diagnostic(
                    code=Code.UNKNOWN_RELEASE,
                    message=f"no release {version!r} in {repository}",
                    location=Argument(name="VERSION", text=version),
                    help=did_you_mean(version, known, otherwise=otherwise),
                )
            ]
        )
    return FoundRelease(repository, stored, resolved.plan.matrix, all_repositories(resolved))
