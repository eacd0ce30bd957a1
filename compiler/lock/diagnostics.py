"""What is wrong with bases, in words, at the place that names them."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from compiler.codes import Code
from compiler.constants import LOCK
from compiler.errors import Diagnostic, Location, Severity
from compiler.external.references import canonical_platform, familiar
from compiler.lock.base_images import Base
from compiler.lock.lockfile import Lock, Locked
from compiler.render.dockerfile import DockerfileError
from compiler.render.render import template_place
from compiler.render.templates import Templates
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_EXPRESSION = re.compile(r"\{\{.*?\}\}")
_PIECE = re.compile(r"(?:\{\{.*?\}\}|[^\s=,\"'])+")
"""What stands between spaces, quotes, commas and `=` in a template's line."""
_RANKS = {"arm": 7, "arm64": 8, "amd64": 1}


class Use(NamedTuple):
    """A base as a target needs it."""

    target: Target
    base: Base
    field: str = ""
    """`contexts` or `args` where it is named there, else the Dockerfile."""
    key: str = ""


class LockDiagnostics:
    """Makes the diagnostics of one plan."""

    def __init__(self, plan: Plan, templates: Templates) -> None:
        self._plan, self._templates = plan, templates

    def lacking(self, use: Use, locked: Locked, lock: Lock) -> Iterator[Diagnostic]:
        """Give an error for each platform that a base lacks."""
        image = familiar(use.base.image)
        for platform in use.base.platforms if locked.platforms else ():
            if not has(locked.platforms, platform):
                yield Diagnostic(
                    code=Code.BASE_PLATFORM,
                    message=f"{image} has no {platform}",
                    location=self.place(use),
                    help="take another base, or narrow the `platforms` that need it",
                    related=(("locked here", lock.locate("bases", image)),) if lock.source else (),
                )

    def unlocked(self, use: Use) -> Diagnostic:
        """Return the warning that a base is not locked, or cannot be."""
        if use.base.fault:
            name = use.base.image or use.base.word.text
            return Diagnostic(
                code=Code.UNDECIDED_BASE,
                message=f"{name} cannot be locked: {use.base.fault}",
                location=self.place(use),
                help="write a name that is whole when compiling, by an axis or by `set`",
                severity=Severity.WARNING,
            )
        return Diagnostic(
            code=Code.UNLOCKED_BASE,
            message=f"{familiar(use.base.image)} is not in {LOCK}",
            location=self.place(use),
            help="run `compile-matrix lock`",
            severity=Severity.WARNING,
        )

    def place(self, use: Use) -> Location:
        """Return where a base is named: in matrix.yaml, or the template's line that gave it."""
        matrix = self._plan.matrix
        if use.field:
            image = matrix.images[use.target.image]
            field = image.fields.get(use.field)
            if field is None:
                return matrix.source.locate(image.route, key=True)
            return matrix.source.locate((*field.route, use.key) if use.key else field.route)
        return _origin(self._templates, use.target.template, use.base.word.text) or template_place(
            use.target, matrix
        )

    def broken(self, target: Target, text: str, error: DockerfileError) -> Diagnostic:
        """Return the error that a Dockerfile is none."""
        lines = text.split("\n")
        line = lines[error.line - 1] if 0 < error.line <= len(lines) else ""
        found = _origin(self._templates, target.template, line.strip()) if line.strip() else None
        return Diagnostic(
            code=Code.DOCKERFILE_SYNTAX,
            message=f"{target.name} is no Dockerfile: {error}",
            location=found or template_place(target, self._plan.matrix),
            help="correct the template: what is no Dockerfile cannot be locked",
        )


def _origin(templates: Templates, name: str, word: str) -> Location | None:
    """Return where a template, or one that it leads to, gives a word; None if no line may."""
    found: list[tuple[int, str, int, str]] = []
    for file in templates.reads(name)[0]:
        for number, line in enumerate(templates.lines(file), 1):
            for piece in (line.strip(), *_PIECE.findall(line)):
                literal = _EXPRESSION.split(piece)
                size = len("".join(literal))
                is_base = len(literal) > 1 and line.lstrip()[:5].upper() == "FROM "
                shape = ".*".join(map(re.escape, literal))
                if (size or is_base) and re.fullmatch(shape, word, re.DOTALL):
                    found.append((size, file, number, piece))
    if not found:
        return None
    _, file, number, piece = max(found, key=lambda one: one[0])
    return templates.locate(file, number, piece)


@lru_cache(maxsize=1024)
def has(platforms: tuple[str, ...], wanted: str) -> bool:
    """Tell whether an image runs on a platform: it has it, or a lower variant of it.

    >>> has(("linux/arm/v6", "linux/amd64"), "linux/arm/v7")
    True
    """
    target = _ranked(wanted)
    return any(one[0] == target[0] and one[1] <= target[1] for one in map(_ranked, platforms))


def _ranked(platform: str) -> tuple[str, int]:
    """Return system and architecture, and how high the variant is."""
    full = canonical_platform(platform) or platform
    os, _, rest = full.partition("/")
    architecture, _, variant = rest.partition("/")
    rank = int(variant[1:]) if variant[1:].isdigit() else _RANKS.get(architecture, 0)
    return f"{os}/{architecture}", rank
