"""Platforms: known ones, each once, narrowed to what a variant's values allow."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location, Problems, did_you_mean
from compiler.external.references import KNOWN_PLATFORMS, canonical_platform
from compiler.matrix.strings import BakeString, interpolate, substitute
from compiler.source.document import Route
from compiler.targets.field_locations import TargetUnderCheck
from compiler.targets.field_rendering import Rendered


class Platforms:
    """Narrows the platforms of targets; what no value depends on is decided once."""

    def __init__(self, variables: Mapping[str, str], problems: Problems) -> None:
        """Take the values of the bake variables, and where faults go."""
        self._values, self._problems = variables, problems
        self._narrowed: dict[tuple[Any, ...], tuple[BakeString, ...]] = {}

    def narrow(self, subject: TargetUnderCheck, fields: dict[str, Rendered]) -> None:
        """Replace a target's platforms by what its values leave of them."""
        given: tuple[BakeString, ...] = fields.get("platforms", ())  # type: ignore[assignment]
        narrowing = tuple(value for value in subject.variant.values if value.platforms is not None)
        if not given and not narrowing:
            return
        key = (subject.variant.image, given, narrowing)
        left = self._narrowed.get(key)
        if left is None:
            left = self._left(subject, given)
            if all(text.constant is not None for v in narrowing for text in v.platforms or ()):
                self._narrowed[key] = left
        if left:
            fields["platforms"] = left

    def _left(
        self, subject: TargetUnderCheck, given: tuple[BakeString, ...]
    ) -> tuple[BakeString, ...]:
        locate = subject.matrix.source.locate
        left = self._known(given, lambda n: subject.entry("platforms", given[n]))
        bounded = bool(given)
        for value in subject.variant.values:
            if value.platforms is None:
                continue
            try:
                texts = tuple(
                    interpolate(text, text.render(subject.scope), self._values)
                    for text in value.platforms
                )
            except CompileError as error:
                self._problems.extend(error.diagnostics, subject.name)
                break
            route: Route = (*value.route, "platforms")
            allowed = self._known(texts, partial(_nth, locate, route))
            before = left
            left = (
                {full: text for full, text in left.items() if full in allowed}
                if bounded
                else allowed
            )
            if not left and (before or not bounded) and (allowed or not texts):
                self._problems.add(
                    Diagnostic(
                        code=Code.NO_PLATFORM,
                        message="the values leave no platform",
                        location=locate(route),
                        help="widen it, or exclude the combination",
                        related=(("narrows these", subject.place("platforms")),) if given else (),
                    ),
                    subject.name,
                )
                break
            bounded = True
        return tuple(left.values())

    def _known(
        self, texts: tuple[BakeString, ...], place: Callable[[int], Location]
    ) -> dict[str, BakeString]:
        """Return canonical platform -> as written; what BuildKit does not know is a problem."""
        found: dict[str, BakeString] = {}
        for n, text in enumerate(texts):
            plain = substitute(text, self._values)
            full = canonical_platform(plain)
            if full is None:
                self._problems.add(
                    Diagnostic(
                        code=Code.UNKNOWN_PLATFORM,
                        message=f"there is no platform {plain!r}",
                        location=place(n),
                        help=near_platform(plain),
                    )
                )
            elif full in found:
                self._problems.add(
                    Diagnostic(
                        code=Code.DUPLICATE_VALUE,
                        message=f"the platform {plain!r} is listed twice",
                        location=place(n),
                        help="remove one",
                    )
                )
            else:
                found[full] = text
        return found


def _nth(locate: Callable[[Route], Location], route: Route, n: int) -> Location:
    return locate((*route, n))


_MACHINES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}


def near_platform(text: str) -> str:
    """Return help for a platform that is not known: others name the same machine otherwise.

    >>> near_platform("linux/x86_64")
    "did you mean 'linux/amd64'?"
    """
    system, _, machine = text.rpartition("/")
    name = f"{system or 'linux'}/{_MACHINES.get(machine, machine)}"
    if canonical_platform(name) is not None:
        return f"did you mean {name!r}?"
    return did_you_mean(text, KNOWN_PLATFORMS, otherwise="write it as linux/amd64")
