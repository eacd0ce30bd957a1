"""The commands `release list`, `latest`, `show`, `diff` and `promote`."""

import json
import os
from typing import TYPE_CHECKING

import click

from compiler.cli.common_options import METAVAR, Command, Group, format_option, require_command
from compiler.cli.completion import complete_filter, complete_target_name, complete_version
from compiler.cli.context import Invocation, pass_invocation
from compiler.cli.release_records import (
    find_release,
    find_unsigned,
    read_releases,
    record_repository,
)
from compiler.reports.text import counted, inert, printable, shortened


if TYPE_CHECKING:
    from compiler.releases.record import ReleaseRecord


@click.group("release", cls=Group, invoke_without_command=True, subcommand_metavar=METAVAR)
@click.pass_context
def release_(context: click.Context) -> None:
    """List, show and compare releases, and move floating tags to one of them.

    Releases are read from their records in the registry of this matrix's images.
    """
    require_command(context)


@release_.command("list", cls=Command)
@format_option("table", "json", "github", help="Format of the result.")
@pass_invocation
def list_(invocation: Invocation, /, output_format: str) -> None:
    """List all releases, the newest first.

    \b
    Examples:
      compile-matrix release list
      compile-matrix release list --format json
    """
    from compiler.publish.output import PublishFormat
    from compiler.publish.release_list import format_releases

    releases = read_releases(invocation)
    click.echo(format_releases(releases, PublishFormat(output_format)), nl=False)


@release_.command("latest", cls=Command)
@click.argument("target", metavar="[TARGET]", default="", shell_complete=complete_target_name)
@format_option("text", "json", "github", help="Format of the result.")
@pass_invocation
def latest_(invocation: Invocation, /, target: str, output_format: str) -> None:
    """Print the version that consumers should use: that of the latest release.

    It is the release that floating tags name now, so that it follows `release promote`. Without
    floating tags, it is the highest version that is completely released. With a TARGET, only
    releases and floating tags of that target count. If the matrix has `sign`, a release counts only
    if its record is signed; cosign verifies that.

    Exit code 1 if there is none.

    \b
    Examples:
      compile-matrix release latest
      compile-matrix release latest server-3_11
    """
    from compiler.external.registry.client import Registries
    from compiler.publish.items import all_repositories
    from compiler.releases.latest import find_latest, no_release

    registries = Registries(os.environ)
    repository, resolved = record_repository(invocation, registries)
    targets = (target,) if target else ()
    unsigned = find_unsigned(resolved.plan.matrix)
    record, damaged = find_latest(
        registries, repository, all_repositories(resolved), targets, unsigned
    )
    invocation.warn_of(damaged)
    if record is None:
        raise no_release(repository, target)
    absent = [name for name in resolved.staging if name not in record.by_name]
    if absent and not target:
        invocation.note(
            f"note: {printable(record.release)} was published without {shortened(absent, 3)}; "
            "a TARGET selects the latest release of one target"
        )
    version = json.dumps({"version": 1, "release": record.release})
    click.echo(version if output_format == "json" else inert(printable(record.release)))


@release_.command("show", cls=Command)
@click.argument("version", metavar="VERSION", shell_complete=complete_version)
@click.argument("filters", nargs=-1, metavar="[FILTER]...", shell_complete=complete_filter)
@format_option("table", "json", "env", "github", help="Format of the result.")
@pass_invocation
def show_(
    invocation: Invocation, /, version: str, filters: tuple[str, ...], output_format: str
) -> None:
    """Show the targets of a release: digests, tags, platforms, base images, SBOMs.

    Tags that refer to another image now, or are missing, are marked. Only repositories of the
    matrix are read. `json` also has each image as REPOSITORY@DIGEST. `env` prints only the images,
    as shell variables named IMAGE_TARGET.

    If the matrix has `sign`, all signatures are verified with cosign. An image without a valid one
    is an error, and `env` prints nothing.

    FILTER is as in `list`, or the name of a target that the matrix no longer has.

    \b
    Examples:
      compile-matrix release show v1.4.0
      compile-matrix release show v1.4.0 --format env >> "$GITHUB_ENV"
      compile-matrix release show v1.4.0 python=3.11 --format json
    """
    from compiler.external.registry.client import Registries
    from compiler.publish.output import PublishFormat, format_release
    from compiler.releases.consumers import format_variables, image_references
    from compiler.releases.history import (
        current_digests,
        find_sboms,
        in_repositories,
        lost_version_tags,
        released_repositories,
    )

    registries = Registries(os.environ)
    release = find_release(invocation, registries, version)
    record = release.stored.record
    references = image_references(record)
    repositories = released_repositories(record, release.repositories)
    if filters:
        record = record.narrowed(_selected_targets(invocation, record, filters))
    unsigned = release.unsigned_images(record)
    if output_format == "env":
        _reject_unsigned(unsigned)
        selected = {name: references[name] for name in record.by_name if name in references}
        click.echo(format_variables(version, selected), nl=False)
        return
    sboms = find_sboms(registries, record, repositories)
    tags = (tag for image in record.images.values() for tag in (*image.tags, *image.moving))
    current = current_digests(registries, in_repositories(tags, release.repositories))
    click.echo(
        format_release(record, PublishFormat(output_format), references, sboms, current, unsigned),
        nl=False,
    )
    lost = lost_version_tags(record, current)
    if lost:
        invocation.note(
            f"{counted(len(lost), 'version tag')} no longer of release {version}: "
            f"{printable(shortened(lost, 3))}; to repair it, publish it again with `--replace`"
        )
    _reject_unsigned(unsigned)


def _reject_unsigned(reasons: "dict[str, str] | None") -> None:
    """Reject a release with images that are not signed.

    Raises:
        DiagnosticError: with all of them.
    """
    if reasons:
        from compiler.errors import DiagnosticError
        from compiler.publish.signatures import unsigned

        raise DiagnosticError([unsigned(*pair) for pair in reasons.items()])


@release_.command("diff", cls=Command)
@click.argument("old", metavar="VERSION", shell_complete=complete_version)
@click.argument("new", metavar="VERSION", shell_complete=complete_version)
@format_option("text", "json", "markdown", "github", help="Format of the result.")
@pass_invocation
def diff_(invocation: Invocation, /, old: str, new: str, output_format: str) -> None:
    """Show how a release differs from an earlier one: images, sizes, base images, packages.

    Images are the same if their digests are. Packages are compared if both images have an SBOM in
    the SPDX format, as BuildKit attaches with `attest: [type=sbom]`. `markdown` is for release
    notes.

    \b
    Examples:
      compile-matrix release diff v1.3.0 v1.4.0
      compile-matrix release diff v1.3.0 v1.4.0 --format markdown > notes.md
    """
    from compiler.external.registry.client import Registries
    from compiler.releases.release_diff import diff_releases
    from compiler.reports.release_diff import DiffFormat, format_diff

    registries = Registries(os.environ)
    before, after = (find_release(invocation, registries, version) for version in (old, new))
    records = before.stored.record, after.stored.record
    difference = diff_releases(registries, *records, after.repositories)
    click.echo(format_diff(difference, DiffFormat(output_format)), nl=False)


@release_.command("promote", cls=Command)
@click.argument("version", metavar="VERSION", shell_complete=complete_version)
@click.option("--removed", is_flag=True, help="Also move tags of targets that were removed.")
@format_option("text", "json", "github", help="Format of the result.")
@pass_invocation
def promote_(invocation: Invocation, /, version: str, output_format: str, *, removed: bool) -> None:
    """Move the floating tags of a release to it, forward or back.

    Version tags are not changed. Only tags that the current matrix can produce are moved; others
    are listed and not moved. All tags are verified at the end. Run an interrupted command again.
    If the matrix has `sign`, the record must be signed.

    \b
    Examples:
      compile-matrix release promote v1.3.2
    """
    from compiler.external.registry.client import Registries
    from compiler.output.bake_resolved import ResolvedPlan
    from compiler.publish.promote import promote_release
    from compiler.releases.tag_templates import templates_for

    registries = Registries(os.environ)
    release = find_release(invocation, registries, version)
    release.check_signed()
    record = release.stored.record
    templates = templates_for(ResolvedPlan(invocation.plan(), os.environ), version)
    moved, skipped = promote_release(registries, record, templates, removed=removed)
    states = {tag: "moved" if changed else "unchanged" for tag, changed in moved.items()}
    if output_format == "json":
        tags = [{"tag": tag, "state": state} for tag, state in (states | skipped).items()]
        click.echo(json.dumps({"version": 1, "release": version, "tags": tags}, indent=1))
        return
    for tag, state in (states | skipped).items():
        click.echo(printable(f"{tag}: {state}"))
    click.echo(f"{counted(sum(moved.values()), 'tag')} moved to {version}")


def _selected_targets(
    invocation: Invocation, record: "ReleaseRecord", filters: tuple[str, ...]
) -> list[str]:
    """Return the names of a record's targets that match all filters."""
    from compiler.targets.filters import select

    if record.by_name.keys() >= set(filters):
        return [*filters]
    return [target.name for target in select(invocation.plan(), filters)]
