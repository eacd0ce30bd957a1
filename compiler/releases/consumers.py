"""Name the images of a release for the programs that use them."""

import re
import shlex
from collections.abc import Iterable, Mapping

from compiler.codes import Code
from compiler.errors import Argument, Diagnostic, DiagnosticError
from compiler.releases.history import indexes_by_target, released_repositories
from compiler.releases.record import ReleaseRecord


VARIABLE_PREFIX = "IMAGE_"
"""The start of each variable: no target can replace a variable such as PATH."""
_NOT_IN_NAMES = re.compile(r"[^A-Z0-9]")


def image_references(record: ReleaseRecord) -> dict[str, str]:
    """Return each target's image as `REPOSITORY@DIGEST`, if a tag names it.

    A target without tags of its own may be part of an index. If it has one platform, its image is
    that platform's; otherwise it is the index. Tags of several single platforms name no image.
    """
    references, containing = {}, indexes_by_target(record)
    for name, repository in released_repositories(record).items():
        target = record.by_name[name]
        digest = target.digest
        shared = [index.digest for index in containing.get(name, ())]
        if not (target.tags or target.moving):
            platforms = [*target.platforms.values()]
            [digest] = platforms if len(platforms) == 1 else shared[:1] or [""]
        if digest:
            references[name] = f"{repository}@{digest}"
    return references


def variable_name(target: str) -> str:
    """Return the variable of a target.

    >>> variable_name("server-3_11-gpu")
    'IMAGE_SERVER_3_11_GPU'
    """
    return VARIABLE_PREFIX + _NOT_IN_NAMES.sub("_", target.upper())


def format_variables(release: str, references: Mapping[str, str]) -> str:
    """Return a line `IMAGE_TARGET=REPOSITORY@DIGEST` for each image.

    A shell can evaluate the lines, and $GITHUB_ENV and `docker --env-file` accept them: values
    contain no character that a shell interprets, apart from the brackets of an IPv6 address, which
    are quoted.

    Args:
        release: the version.
        references: target -> its image, as `REPOSITORY@DIGEST`.

    Raises:
        DiagnosticError: two targets have the same variable.
    """
    _reject_collisions(release, references)
    return "".join(
        f"{variable_name(name)}={shlex.quote(reference)}\n"
        for name, reference in references.items()
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
