"""The command that publishes: its options, what it shows meanwhile, how it ends."""

import os
import signal
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from compiler.cli.bake_options import BakeFlags, PassingOn, add_bake_options, display
from compiler.cli.context import Invocation


if TYPE_CHECKING:
    from compiler.external.registry.client import Registries
    from compiler.publish.request import PublishError, PublishRequest, PublishResult


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """The options of `publish`, but for how its result is written."""

    filters: tuple[str, ...]
    selection: str | None
    version: str | None
    replace: bool
    no_moving: bool
    stage_only: bool
    platform: str
    merge: bool
    flags: BakeFlags
    bake_arguments: tuple[str, ...]


@click.command("publish", cls=PassingOn)
@click.argument("words", nargs=-1, metavar="[FILTER]... [-- BAKE_ARGUMENT...]")
@click.option("--selection", metavar="FILE", help="Only targets that this file selects.")
@click.option("--version", metavar="VERSION", help="Publish as this version.")
@click.option("--replace", is_flag=True, help="Give tags of this version to other images.")
@click.option("--no-moving", is_flag=True, help="Leave the tags that move where they are.")
@click.option("--stage-only", is_flag=True, help="Build one --platform, to be joined later.")
@click.option("--platform", default="", metavar="PLATFORM", help="The platform to stage.")
@click.option("--merge", is_flag=True, help="Join what was staged for each platform.")
@add_bake_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people, or the record of the release.",
)
@click.pass_context
def publish_(
    context: click.Context,
    /,
    words: tuple[str, ...],
    selection: str | None,
    version: str | None,
    platform: str,
    *,
    replace: bool,
    no_moving: bool,
    stage_only: bool,
    merge: bool,
    flags: BakeFlags,
    form: str,
) -> None:
    """Release targets under the version that `publish` in matrix.yaml names: all, or nothing.

    What waits in the registry with the same fingerprint is not built again. The rest is built as
    by `build`, pushed to where images wait, and tested. Only when everything is there it gets its
    tags, by digest; tags that move come last, and never go back to an older version. The record
    of it is pushed as release-VERSION, and is .compile-matrix/release.json.

    Running it again does only what is missing. Exit code 1 if anything is: then nothing was
    promoted. Behind `--` bake is given --allow and --debug; all else would decide what is built.

    \b
    Examples:
      compile-matrix publish
      compile-matrix publish image=server --version v1.4-rc1
      compile-matrix publish --platform linux/arm64 --stage-only
      compile-matrix publish --merge
    """
    given: Invocation = context.obj
    options = PublishOptions(
        filters=words,
        selection=selection,
        version=version,
        replace=replace,
        no_moving=no_moving,
        stage_only=stage_only,
        platform=platform,
        merge=merge,
        flags=flags,
        bake_arguments=PassingOn.passed(context),
    )
    _check(options)
    from compiler.external.registry.client import Registries, RegistryError
    from compiler.publish.output import PublishFormat, left, published
    from compiler.publish.request import PublishError

    start = time.monotonic()
    registries = Registries(os.environ)
    try:
        asked = _asked(given, options)
        if selection is not None and not asked.targets:
            given.note_none()
            return
        done = _published(asked, registries)
    except PublishError as error:
        _tell(error)
        context.exit(1)
    except RegistryError as error:
        click.echo(f"error: {error}\nwhat waits is kept; the next run goes on from there", err=True)
        context.exit(1)
    except KeyboardInterrupt:
        click.echo("interrupted: the next run goes on from here", err=True)
        context.exit(128 + signal.SIGINT)
    if done.record:
        from compiler.bake.logs import state_folder
        from compiler.releases.record import text

        (state_folder(given.folder) / "release.json").write_text(
            text(done.record), encoding="utf-8"
        )
    if form == PublishFormat.JSON:
        click.echo("".join(f"{line}\n" for line in left(done)), err=True, nl=False)
    click.echo(published(done, PublishFormat(form), time.monotonic() - start), nl=False)


def _check(options: PublishOptions) -> None:
    """Refuse options that do not go together, and what no release takes."""
    if options.stage_only and options.merge:
        raise click.UsageError("--stage-only builds a platform, --merge joins them: say one")
    if options.stage_only != bool(options.platform):
        raise click.UsageError("--stage-only and --platform go together: a release has all")
    for word in options.flags.sets:
        key = word.partition("=")[0].removesuffix("+").split(".")[1:2]
        if key and key[0] in {"tags", "push", "load", "output"}:
            raise click.UsageError(f"--set: {key[0]} of a release is not to be set: {word!r}")
    # Fingerprints know nothing of it, and a target that is named there would be pushed as it is.
    words = iter(options.bake_arguments)
    for word in words:
        if word == "--allow":
            next(words, None)
        elif not word.startswith("--allow=") and word not in {"--debug", "-D"}:
            raise click.UsageError(
                f"a release passes only --allow and --debug on to bake, not {word!r}: "
                "say in matrix.yaml, or by FILTERs and --set in front of `--`, what is built"
            )


def _asked(given: Invocation, options: PublishOptions) -> "PublishRequest":
    """Return what is to be published; what is wrong is refused."""
    from compiler.bake.preconditions import reject_filters, require_buildx
    from compiler.fingerprint.fingerprint import texts
    from compiler.fingerprint.project import project_fingerprints
    from compiler.fingerprint.set_overrides import OverrideError, Overrides
    from compiler.lock.refresh_dates import dates
    from compiler.publish.request import PublishRequest
    from compiler.releases.version import release
    from compiler.targets.filters import select
    from compiler.targets.selection_file import selected

    reject_filters(os.environ)
    version = release(given.plan(), os.environ, options.version)
    require_buildx()
    compiled = given.fresh()
    environment = {**os.environ, version.variable: version.version}
    targets = select(compiled.plan, options.filters)
    if options.selection is not None:
        targets = selected(compiled.plan, targets, options.selection)
    platform = _platform(options.platform)
    names = [target.name for target in compiled.plan.targets]
    try:
        overrides = Overrides(options.flags.sets, targets=names, environment=environment)
        prints = project_fingerprints(
            compiled, given.folder, environment, sets=options.flags.sets, shown=given.shown
        )
    except OverrideError as error:
        raise click.UsageError(f"--set: {error}") from None
    return PublishRequest(
        plan=compiled.plan,
        prints=prints,
        texts=texts(compiled),
        targets=tuple(target.name for target in targets),
        release=version,
        environment=environment,
        options=replace(
            options.flags.options(given.folder),
            extra=options.bake_arguments,
            environment={version.variable: version.version},
        ),
        overrides=overrides,
        refreshed=frozenset(dates(given.folder, given.shown)),
        replace=options.replace,
        moving=not options.no_moving,
        merge=options.merge,
        platform=platform,
    )


def _platform(text: str) -> str:
    """Return the canonical form of `--platform`; empty if the option is absent."""
    from compiler.external.references import canonical_platform
    from compiler.targets.filters import local_platform

    platform = local_platform() if text == "local" else canonical_platform(text)
    if text and platform is None:
        raise click.UsageError(f"invalid value for --platform: {text!r}")
    return platform or ""


def _published(asked: "PublishRequest", registries: "Registries") -> "PublishResult":
    """Publish, and show how it goes."""
    from compiler.publish.publish import publish

    shown = display()
    try:
        return publish(asked, registries, shown)
    finally:
        shown.end()


def _tell(error: "PublishError") -> None:
    """Say what is missing, each with why, and what to do."""
    for name, why in error.reasons:
        click.echo(f"{name}: {why}", err=True)
    done = "not all is" if error.partly else "nothing is"
    click.echo(f"error: {done} promoted, because of {len(error.reasons)} of them", err=True)
    if error.help:
        click.echo(error.help, err=True)
