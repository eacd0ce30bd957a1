"""Name the images of a release for the programs that use them."""

import re
import shlex
from collections.abc import Iterable

from compiler.codes import Code
from compiler.errors import Argument, Diagnostic, DiagnosticError
from compiler.releases.history import released_repository
from compiler.releases.record import ReleasedTarget, ReleaseRecord


VARIABLE_PREFIX = "IMAGE_"
"""The start of each variable: no target can replace a variable such as PATH."""
_NOT_IN_NAMES = re.compile(r"[^A-Z0-9]")


def image_reference(target: ReleasedTarget) -> str | None:
    """Return a target's image as `REPOSITORY@DIGEST`; None if it has no tag."""
    repository = released_repository(target)
    return f"{repository}@{target.digest}" if repository else None


def variable_name(target: str) -> str:
    """Return the variable of a target.

    >>> variable_name("server-3_11-gpu")
    'IMAGE_SERVER_3_11_GPU'
    """
    return VARIABLE_PREFIX + _NOT_IN_NAMES.sub("_", target.upper())


def format_variables(record: ReleaseRecord) -> str:
    """Return a line `IMAGE_TARGET=REPOSITORY@DIGEST` for each target with a tag.

    A shell can evaluate the lines, and $GITHUB_ENV and `docker --env-file` accept them: values
    contain no character that a shell interprets, apart from the brackets of an IPv6 address, which
    are quoted.

    Raises:
        DiagnosticError: two targets have the same variable.
    """
    references = {target.target: image_reference(target) for target in record.targets}
    _reject_collisions(record.release, references)
    return "".join(
        f"{variable_name(name)}={shlex.quote(reference)}\n"
        for name, reference in references.items()
        if reference
    )


def _reject_collisions(release: str, targets: Iterable[str]) -> None:
    names: dict[str, str] = {}
    errors: list[Diagnostic] = []
    for target in targets:
        other = names.setdefault(variable_name(target), target)
        if other != target:
            errors.append(
                Diagnostic(
                    code=Code.NAME_COLLISION,
                    message=f"{other} and {target} have the same variable {variable_name(target)}",
                    location=Argument(name="VERSION", text=release),
                    help="select one of them with a FILTER, or use --format json",
                )
            )
    if errors:
        raise DiagnosticError(errors)
