"""Read the records of releases in the registry of a matrix."""

import os
from typing import TYPE_CHECKING

from compiler.cli.context import Invocation


if TYPE_CHECKING:
    from compiler.external.registry.client import Registries
    from compiler.output.bake_resolved import ResolvedPlan
    from compiler.releases.record import ReleaseRecord


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
    from compiler.codes import Code
    from compiler.errors import CompileError, Diagnostic, Location
    from compiler.output.bake_resolved import ResolvedPlan
    from compiler.publish.items import record_repositories
    from compiler.releases.registry_record import choose_repository

    resolved = ResolvedPlan(invocation.plan(), os.environ)
    repository = choose_repository(registries, record_repositories(resolved))
    if repository is None:
        raise CompileError(
            [
                Diagnostic(
                    code=Code.NOTHING_TO_PUBLISH,
                    message="no target has a tag, so there are no releases",
                    location=Location(path=resolved.plan.matrix.source.path, line=0),
                    help="add `tags` to the images",
                )
            ]
        )
    return repository, resolved


def read_record(invocation: Invocation, registries: "Registries", version: str) -> "ReleaseRecord":
    """Return the record of a release.

    Raises:
        DiagnosticError: the release does not exist, or the registry cannot be read.
    """
    from compiler.codes import Code
    from compiler.errors import Argument, CompileError, Diagnostic, did_you_mean
    from compiler.external.references import canonical_tag
    from compiler.releases.registry_record import pull_record, record_tag, recorded_versions

    repository, _ = record_repository(invocation, registries)
    valid = canonical_tag(f"{repository}:{record_tag(version)}") is not None
    record = pull_record(registries, repository, version) if valid else None
    if record is None:
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
    return record
