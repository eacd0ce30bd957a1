"""Determine the platforms of each target: valid, unique, and narrowed by its axis values."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location, Problems, did_you_mean
from compiler.external.platforms import KNOWN_PLATFORMS, canonical_platform, unversioned_platform
from compiler.matrix.bake_strings import BakeString, interpolate, substitute
from compiler.source.document import Route
from compiler.targets.checked_environment import CheckedEnvironment
from compiler.targets.field_locations import TargetUnderCheck


class _Narrowed(NamedTuple):
    """The platforms of some targets."""

    platforms: tuple[BakeString, ...]
    errors: tuple[Diagnostic, ...]
    """What is wrong with them."""


class Platforms:
    """Narrows the platforms of targets; equal inputs are computed once."""

    def __init__(self, environment: CheckedEnvironment, problems: Problems) -> None:
        """Take the values of the bake variables, and the collector of errors."""
        self._environment, self._problems = environment, problems
        self._values = environment.values
        self._narrowed: dict[tuple[Any, ...], _Narrowed] = {}
        self._reported: dict[tuple[Location, int], Diagnostic] = {}
        """Location of a list or an entry, and position in the list -> its unknown platform."""

    def narrowed(
        self, subject: TargetUnderCheck, platforms: tuple[BakeString, ...]
    ) -> tuple[BakeString, ...]:
        """Return those of an image's platforms that all axis values of a target allow.

        Without platforms of the image, the values determine them. An empty result is added to the
        problems, unless neither the image nor a value names a platform.
        """
        values = subject.variant.values
        narrowing = tuple([value for value in values if value.platforms is not None])
        if not platforms and not narrowing:
            return ()
        key = (subject.variant.image, platforms, narrowing)
        result = self._narrowed.get(key)
        if result is None:
            errors: list[Diagnostic] = []
            result = _Narrowed(self._narrow(subject, platforms, errors), tuple(errors))
            if all(text.constant is not None for v in narrowing for text in v.platforms or ()):
                self._narrowed[key] = result
        if result.errors:
            self._problems.extend(result.errors, subject.name)
        return result.platforms

    def _narrow(
        self,
        subject: TargetUnderCheck,
        platforms: tuple[BakeString, ...],
        errors: list[Diagnostic],
    ) -> tuple[BakeString, ...]:
        """Return the allowed platforms; add what is wrong to the errors."""
        locate = subject.matrix.source.locate
        allowed = self._known(platforms, lambda n: subject.entry("platforms", platforms[n]), errors)
        bounded = bool(platforms)
        for value in subject.variant.values:
            if value.platforms is None:
                continue
            try:
                texts = tuple(
                    interpolate(text, item, self._values)
                    for text in value.platforms
                    for item in text.items(subject.scope)
                )
            except CompileError as error:
                self._problems.reject(error, subject.name)
                break
            route: Route = (*value.route, "platforms")
            own = self._known(texts, partial(_nth, locate, route), errors)
            before = allowed
            allowed = _common(allowed, own) if bounded else own
            if not allowed and (before or not bounded) and (own or not texts):
                errors.append(
                    Diagnostic(
                        code=Code.NO_PLATFORM,
                        message="no platform is allowed by all axis values of this combination",
                        location=locate(route),
                        help="add a platform here, or exclude the combination",
                        related=(("platforms of the image", subject.locate("platforms")),)
                        if platforms
                        else (),
                    )
                )
                break
            bounded = True
        return tuple(allowed.values())

    def _known(
        self,
        texts: tuple[BakeString, ...],
        location: Callable[[int], Location],
        errors: list[Diagnostic],
    ) -> dict[str, BakeString]:
        """Return canonical platform -> as written; add what is wrong to the errors."""
        known: dict[str, BakeString] = {}
        for n, text in enumerate(texts):
            plain = substitute(text, self._values)
            full = canonical_platform(plain)
            if text and not plain:
                continue  # Bake ignores it.
            if full is None and self._environment.accepts_platforms(plain):
                full = plain
            if full is None:
                at = location(n)
                errors.append(self._reported.setdefault((at, n), _unknown(plain, at)))
            elif full in known:
                errors.append(
                    Diagnostic(
                        code=Code.DUPLICATE_VALUE,
                        message=f"duplicate platform {plain!r}",
                        location=location(n),
                        help="remove one of them",
                    )
                )
            else:
                known[full] = text
        return known


def _unknown(text: str, location: Location) -> Diagnostic:
    return Diagnostic(
        code=Code.UNKNOWN_PLATFORM,
        message=f"unknown platform {text!r}",
        location=location,
        help="write one platform in each entry, or one expression that results in a list"
        if len(text.split()) > 1 or "," in text
        else near_platform(text),
    )


def _common(
    allowed: Mapping[str, BakeString], own: Mapping[str, BakeString]
) -> dict[str, BakeString]:
    """Return the platforms in both, by canonical name, in the order of the first.

    A platform without a version of its operating system contains those with one.
    """
    common: dict[str, BakeString] = {}
    for full, text in allowed.items():
        if full in own or unversioned_platform(full) in own:
            common[full] = text
        else:
            common |= {name: its for name, its in own.items() if unversioned_platform(name) == full}
    return common


def _nth(locate: Callable[[Route], Location], route: Route, n: int) -> Location:
    return locate((*route, n))


_MACHINES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}


def near_platform(text: str) -> str:
    """Return a suggestion for an unknown platform, such as one in the notation of `uname`.

    >>> near_platform("linux/x86_64")
    "did you mean 'linux/amd64'?"
    """
    system, _, machine = text.rpartition("/")
    name = f"{system or 'linux'}/{_MACHINES.get(machine, machine)}"
    if canonical_platform(name) is not None:
        return f"did you mean {name!r}?"
    return did_you_mean(text, KNOWN_PLATFORMS, otherwise="write it as linux/amd64")
