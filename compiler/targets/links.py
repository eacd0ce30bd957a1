"""Links between targets: named contexts that are other targets, `target:NAME`.

A link must lead to an existing target that has the platforms of the linking one; no target may
depend on itself.
"""

import re
from collections.abc import Collection, Mapping

from compiler.codes import Code
from compiler.constants import LINK_PREFIX
from compiler.errors import Diagnostic, Location, Problems, did_you_mean
from compiler.external.platforms import canonical_platform
from compiler.external.references import canonical_tag
from compiler.matrix.bake_strings import BakeString, interpolate, variables_in
from compiler.matrix.matrix import Matrix
from compiler.matrix.names import safe
from compiler.targets.graph import Graph, cycles
from compiler.targets.target import NO_LINKS, Target, link_graph


def check_links(
    matrix: Matrix, targets: list[Target], problems: Problems, unchecked: Collection[str] = ()
) -> None:
    """Check the links of targets: to parents, and to targets that are copied from.

    Args:
        matrix: the matrix.
        targets: its targets without errors.
        problems: the collector of errors.
        unchecked: the names of its other targets. A link to one of them is valid.
    """
    by_name = {target.name: target for target in targets}
    checks = _Links(matrix, by_name, problems, unchecked)
    for target in targets:
        if target.tests:
            checks.stage(target)
    for target in targets:
        for context, other in target.links.items():
            checks.link(target, context, other)
    checks.cycles(link_graph(target for target in targets if target.links))


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


def links_in(contexts: Mapping[BakeString, BakeString]) -> Mapping[str, str]:
    """Return named context -> target, of those that are targets whatever bake variables are."""
    if not contexts:
        return NO_LINKS
    return {
        str(key): name
        for key, value in contexts.items()
        if (name := linked_target(value)) is not None and not variables_in(value)
    }


class _Links:
    def __init__(
        self,
        matrix: Matrix,
        targets: Mapping[str, Target],
        problems: Problems,
        unchecked: Collection[str],
    ) -> None:
        self._matrix, self._targets, self._problems = matrix, targets, problems
        self._unchecked = unchecked
        self._reported: set[tuple[object, ...]] = set()

    def link(self, target: Target, key: str, other: str) -> None:
        """Check that a link leads to a target with the necessary platforms."""
        linked = self._targets.get(other)
        if linked is None and self._is_unchecked(target, other):
            return
        location = self._location(target, key)
        if linked is None:
            near = did_you_mean(other, sorted((*self._targets, *self._unchecked)))
            self._add(Code.UNKNOWN_TARGET, f"unknown target {other!r}", location, near, target.name)
            return
        if target.parent == other:
            self.stage(linked)
        missing = self._lacking(target, linked)
        if missing:
            error = (Code.PARENT_PLATFORM, target.image, linked.image, tuple(missing))
            if error not in self._reported:
                self._reported.add(error)
                self._add(
                    Code.PARENT_PLATFORM,
                    f"{target.name!r} has platform {missing[0]}, but its dependency {other!r} "
                    "does not",
                    location,
                    f"add the platform to {linked.image!r}, or remove it from {target.image!r}",
                    related=(
                        (
                            "its image",
                            self._matrix.source.locate(
                                self._matrix.images[linked.image].route, key=True
                            ),
                        ),
                    ),
                )

    def _is_unchecked(self, target: Target, other: str) -> bool:
        """Return whether a link leads to a target that is missing because of an error."""
        if target.parent == other or other in self._unchecked:
            return True
        names = map(safe, self._matrix.left_out)
        return any(other == name or other.startswith(f"{name}-") for name in names)

    def stage(self, target: Target) -> None:
        """Check that FROM accepts a target's name, which a child or its tests write there."""
        if _is_stage(target.name) or ("stage", target.image) in self._reported:
            return
        self._reported.add(("stage", target.image))
        self._add(
            Code.BAD_PARENT_NAME,
            f"{target.name!r} cannot be used in FROM: it is not a valid image name",
            self._matrix.source.locate(self._matrix.images[target.image].route, key=True),
            "use lower-case letters and digits, separated by single `-`, `_` or `.`",
        )

    @staticmethod
    def _lacking(target: Target, linked: Target) -> list[str]:
        """Return the platforms of a target that a linked target lacks.

        A parent without platforms is built for the client's platform, which may be the only one of
        the child. A target that is only copied from may have a single platform, whose files suit
        all; if it has several, bake requires each.
        """
        if target.platforms is linked.platforms:
            return []
        if target.parent != linked.name and min(map(len, (target.platforms, linked.platforms))) < 2:  # noqa: PLR2004
            return []
        if not linked.platforms:
            return list(target.platforms[1:])
        known = {canonical_platform(text) or text for text in linked.platforms}
        return [
            text for text in target.platforms if (canonical_platform(text) or text) not in known
        ]

    def cycles(self, graph: Graph[str]) -> None:
        """Reject targets that depend on each other: one cycle for each set of images."""
        for names in cycles(graph):
            images = frozenset(self._targets[name].image for name in names)
            if (Code.LINK_CYCLE, images) in self._reported:
                continue
            self._reported.add((Code.LINK_CYCLE, images))
            first = self._targets[names[0]]
            context = next(key for key, other in first.links.items() if other == names[1])
            self._add(
                Code.LINK_CYCLE,
                f"targets depend on each other: {' -> '.join(names)}",
                self._location(first, context),
                "base one of them on an image from a registry",
            )

    def _location(self, target: Target, key: str) -> Location:
        """Return where a link is written: at `from`, or under `contexts`."""
        spec = target.spec
        if spec.parent is not None and target.parent == key:
            return self._matrix.source.locate(spec.parent.route)
        contexts = spec.written["contexts"].value if "contexts" in spec.written else {}
        for name, value in contexts.values() if isinstance(contexts, Mapping) else ():
            if interpolate(name, name.render(target.scope), self._matrix.variables) == key:
                return value.locate()
        return self._matrix.source.locate(self._matrix.images[target.image].route, key=True)

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
    """Return whether FROM accepts the name of a named context."""
    return name != "scratch" and canonical_tag(re.sub(r":.*", "", name)) is not None
