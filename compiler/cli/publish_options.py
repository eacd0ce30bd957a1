"""The options of `publish`, and which of them exclude each other."""

from dataclasses import dataclass

import click

from compiler.cli.bake_options import BakeFlags


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """The options of `publish`, except the format of its result."""

    filters: tuple[str, ...]
    selection: str | None
    version: str | None
    replace: bool = False
    no_moving: bool = False
    stage_only: bool = False
    platform: str = ""
    merge: bool = False
    checks: tuple[str, ...] = ()
    """The only checks to run; empty to publish or stage images."""
    dry_run: bool = False
    if_changed: bool = False
    skip_eol: bool = False
    """Whether targets whose support has ended are left out."""
    summary: str | None = None
    """The file to which a summary is appended."""
    flags: BakeFlags
    bake_arguments: tuple[str, ...] = ()
    builds: bool = True
    """Whether images may be built, so that buildx is required."""

    @property
    def complete(self) -> bool:
        """Return whether all targets of the matrix are to be published."""
        return not self.filters and self.selection is None and not self.skip_eol


_EXCLUSIVE = {
    "--stage-only": ("--merge", "--if-changed", "--checks"),
    "--checks": ("--merge", "--if-changed", "--replace", "--dry-run", "--platform"),
}
"""Option -> the options that cannot be combined with it."""


def check_options(options: PublishOptions) -> None:
    """Reject options that exclude each other, and arguments that would change the images.

    Raises:
        UsageError: for the first of them.
    """
    is_set = {
        "--stage-only": options.stage_only,
        "--checks": bool(options.checks),
        "--merge": options.merge,
        "--if-changed": options.if_changed,
        "--replace": options.replace,
        "--dry-run": options.dry_run,
        "--platform": bool(options.platform),
    }
    for option, others in _EXCLUSIVE.items():
        for other in others:
            if is_set[option] and is_set[other]:
                raise click.UsageError(f"{option} and {other} exclude each other")
    if options.platform and not options.stage_only:
        raise click.UsageError("--platform requires --stage-only")
    for argument in options.flags.sets:
        key = argument.partition("=")[0].removesuffix("+").split(".")[1:2]
        if key and key[0] in {"tags", "push", "load", "output"}:
            raise click.UsageError(
                f"--set: {key[0]} of a release cannot be overridden: {argument!r}"
            )
    # Fingerprints ignore these arguments, and a target among them would be pushed as it is.
    arguments = iter(options.bake_arguments)
    for argument in arguments:
        if argument == "--allow":
            next(arguments, None)
        elif not argument.startswith("--allow=") and argument not in {"--debug", "-D"}:
            raise click.UsageError(
                f"only --allow and --debug can be passed to bake, not {argument!r}: "
                "use matrix.yaml, FILTERs or --set in front of `--`"
            )
