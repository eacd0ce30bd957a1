"""Links between targets: each leads somewhere, none in a circle, and on the right platforms."""

import re
from collections.abc import Mapping

from compiler.codes import Code
from compiler.constants import LINK_PREFIX
from compiler.errors import Diagnostic, Location, Problems, did_you_mean
from compiler.external.references import canonical_platform, canonical_tag
from compiler.matrix.matrix import Matrix
from compiler.matrix.strings import BakeString, variables_in
from compiler.targets.graph import Graph, cycles
from compiler.targets.target import Target


def check_links(matrix: Matrix, targets: list[Target], problems: Problems) -> None:
    """Check what every target stands on or copies from: parents, and `target:` contexts."""
    by_name = {target.name: target for target in targets}
    checks = _Links(matrix, by_name, problems)
    for target in targets:
        if target.tests:
            checks.stage(target)
    for target in targets:
        for context, other in target.links.items():
            checks.link(target, context, other)
    checks.cycles({target.name: tuple(target.links.values()) for target in targets if target.links})


def link_to(name: str) -> str:
    """Return the value of a named context that is another target.

    >>> link_to("base")
    'target:base'
    """
    return f"{LINK_PREFIX}{name}"


def linked_target(context: str) -> str | None:
    """Return the name of the target that a named context is; None if its value is anything else.

    >>> linked_target("target:base"), linked_target("docker-image://python")
    ('base', None)
    """
    return context.removeprefix(LINK_PREFIX) if context.startswith(LINK_PREFIX) else None


def links_in(contexts: Mapping[BakeString, BakeString]) -> dict[str, str]:
    """Return named context -> target, of those that are targets whatever bake variables are."""
    return {
        str(key): name
        for key, value in contexts.items()
        if (name := linked_target(value)) is not None and not variables_in(value)
    }


class _Links:
    def __init__(self, matrix: Matrix, targets: Mapping[str, Target], problems: Problems) -> None:
        self._matrix, self._targets, self._problems = matrix, targets, problems
        self._told: set[tuple[object, ...]] = set()

    def link(self, target: Target, key: str, other: str) -> None:
        """Check one link: that it leads to a target which has the platforms."""
        linked = self._targets.get(other)
        place = self._place(target, key)
        if linked is None:
            near = did_you_mean(other, sorted(self._targets))
            self._add(
                Code.UNKNOWN_TARGET, f"no target is named {other!r}", place, near, target.name
            )
            return
        if target.parent == other:
            self.stage(linked)
        missing = self._lacking(target, linked)
        if missing:
            fault = (Code.PARENT_PLATFORM, target.image, linked.image, tuple(missing))
            if fault not in self._told:
                self._told.add(fault)
                self._add(
                    Code.PARENT_PLATFORM,
                    f"{target.name!r} is built for {missing[0]}, and {other!r}, "
                    "which it stands on, is not",
                    place,
                    f"add the platform to {linked.image!r}, or take it from {target.image!r}",
                    related=(
                        (
                            "its image",
                            self._matrix.source.locate(
                                self._matrix.images[linked.image].route, key=True
                            ),
                        ),
                    ),
                )

    def stage(self, target: Target) -> None:
        """Check that a target's name can stand in a FROM, as a child or its tests have it."""
        if _is_stage(target.name) or ("stage", target.image) in self._told:
            return
        self._told.add(("stage", target.image))
        self._add(
            Code.BAD_PARENT_NAME,
            f"{target.name!r} cannot stand in a FROM: BuildKit takes it for no image name",
            self._matrix.source.locate(self._matrix.images[target.image].route, key=True),
            "use lower-case letters and digits, with single `-`, `_` or `.` between",
        )

    @staticmethod
    def _lacking(target: Target, linked: Target) -> list[str]:
        """Return the platforms of a target that what it links to lacks.

        A parent without platforms is built for the client's, which may be the child's single one.
        What is no parent may be one platform's for all: files to copy; of several, bake wants each.
        """
        if target.platforms is linked.platforms:
            return []
        if target.parent != linked.name and min(map(len, (target.platforms, linked.platforms))) < 2:  # noqa: PLR2004
            return []
        if not linked.platforms:
            return list(target.platforms[1:])
        has = {canonical_platform(text) or text for text in linked.platforms}
        return [text for text in target.platforms if (canonical_platform(text) or text) not in has]

    def cycles(self, graph: Graph[str]) -> None:
        """Reject targets that depend on each other: one cycle for each set of images."""
        for names in cycles(graph):
            images = frozenset(self._targets[name].image for name in names)
            if (Code.LINK_CYCLE, images) in self._told:
                continue
            self._told.add((Code.LINK_CYCLE, images))
            first = self._targets[names[0]]
            context = next(key for key, other in first.links.items() if other == names[1])
            self._add(
                Code.LINK_CYCLE,
                f"targets stand on one another in a circle: {' -> '.join(names)}",
                self._place(first, context),
                "let one of them stand on an image of a registry",
            )

    def _place(self, target: Target, key: str) -> Location:
        image = self._matrix.images[target.image]
        if image.parent is not None and target.parent == key:
            return self._matrix.source.locate(image.parent.route)
        routes = [
            override.fields["contexts"].route
            for override in reversed(image.overrides)
            if "contexts" in override.fields
        ]
        if "contexts" in image.fields:
            routes.append(image.fields["contexts"].route)
        for route in routes:
            place = self._matrix.source.locate((*route, key))
            if place != self._matrix.source.locate(route) or route is routes[-1]:
                return place
        return self._matrix.source.locate(image.route, key=True)

    def _add(
        self,
        code: Code,
        message: str,
        location: Location,
        help_: str,
        variant: str | None = None,
        related: tuple[tuple[str, Location], ...] = (),
    ) -> None:
        self._problems.add(
            Diagnostic(code=code, message=message, location=location, help=help_, related=related),
            variant,
        )


def _is_stage(name: str) -> bool:
    """Tell whether a named context of this name can stand in a FROM."""
    return name != "scratch" and canonical_tag(re.sub(r":.*", "", name)) is not None
