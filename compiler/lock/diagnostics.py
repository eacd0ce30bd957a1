"""Make the diagnostics of base images, located where matrix.yaml or a template names them."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from compiler.codes import Code
from compiler.constants import LOCK
from compiler.errors import Diagnostic, Location, Severity
from compiler.external.platforms import canonical_platform, unversioned_platform
from compiler.external.references import familiar
from compiler.lock.base_images import Base
from compiler.lock.lockfile import Lock, Locked
from compiler.render.dockerfile import DockerfileError
from compiler.render.render import template_location
from compiler.render.template_lines import invalid_dockerfile, origin
from compiler.render.templates import Templates
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_RANKS = {"arm": 7, "arm64": 8, "amd64": 1}


class Use(NamedTuple):
    """A base image that a target needs."""

    target: Target
    base: Base
    field: str = ""
    """`contexts` or `args` if it is named there; empty for the Dockerfile."""
    key: str = ""


class LockDiagnostics:
    """Makes the diagnostics of one plan."""

    def __init__(self, plan: Plan, templates: Templates) -> None:
        self._plan, self._templates = plan, templates

    def lacking(self, use: Use, locked: Locked, lock: Lock) -> Iterator[Diagnostic]:
        """Yield an error for each platform that a base image lacks."""
        image = familiar(use.base.image)
        for platform in use.base.platforms if locked.platforms else ():
            if not has(locked.platforms, platform):
                yield Diagnostic(
                    code=Code.BASE_PLATFORM,
                    message=f"{image} does not have the platform {platform}",
                    location=self.locate(use),
                    help="use another base image, or remove the platform from its targets",
                    related=(("locked here", lock.locate("bases", image)),) if lock.source else (),
                )

    def unlocked(self, use: Use, *, denied: bool = False) -> Diagnostic:
        """Return the warning that a base image is not, or cannot be, locked.

        Args:
            use: the base image.
            denied: whether builds are denied such images, so that it is an error.
        """
        severity = Severity.ERROR if denied else Severity.WARNING
        if use.base.fault is not None:
            name = use.base.image or use.base.word.text
            return Diagnostic(
                code=Code.UNDECIDED_BASE,
                message=f"{name} cannot be locked: {use.base.fault.reason}",
                location=self.locate(use),
                help=use.base.fault.remedy,
                severity=severity,
            )
        return Diagnostic(
            code=Code.UNLOCKED_BASE,
            message=f"{familiar(use.base.image)} is not in {LOCK}",
            location=self.locate(use),
            help="run `compile-matrix lock`",
            severity=severity,
        )

    def locate(self, use: Use) -> Location:
        """Return where a base image is named: in matrix.yaml, or in a line of the template."""
        matrix = self._plan.matrix
        if use.field:
            image = matrix.images[use.target.image]
            field = image.fields.get(use.field)
            if field is None:
                return matrix.source.locate(image.route, key=True)
            return matrix.source.locate((*field.route, use.key) if use.key else field.route)
        return origin(
            self._templates, use.target.template, use.base.word.text
        ) or template_location(use.target, matrix)

    def invalid(self, target: Target, text: str, error: DockerfileError) -> Diagnostic:
        """Return the error for an invalid Dockerfile."""
        return invalid_dockerfile(self._plan, self._templates, target, text, error)


@lru_cache(maxsize=1024)
def has(platforms: tuple[str, ...], wanted: str) -> bool:
    """Return whether an image with these platforms runs on one: on itself, or a lower variant.

    >>> has(("linux/arm/v6", "linux/amd64"), "linux/arm/v7")
    True
    """
    target = _ranked(wanted)
    return any(name == target[0] and rank <= target[1] for name, rank in map(_ranked, platforms))


def _ranked(platform: str) -> tuple[str, int]:
    """Return a platform without its variant, and the variant as a number."""
    full = unversioned_platform(canonical_platform(platform) or platform)
    os, _, rest = full.partition("/")
    architecture, _, variant = rest.partition("/")
    rank = int(variant[1:]) if variant[1:].isdigit() else _RANKS.get(architecture, 0)
    return f"{os}/{architecture}", rank
