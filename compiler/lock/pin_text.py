"""Digests into a Dockerfile: text -> text whose external images are pinned, their tags kept.

Where a name is one whole ARG, the ARG's value is pinned, in the Dockerfile or in `args`: who gives
another value gets that image, unpinned. Everywhere else the digest stands behind the name. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from compiler.lock.base_images import SYNTAX, Base, Build, find
from compiler.render.dockerfile_words import UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A Dockerfile that is pinned as far as it can be."""

    text: str
    args: Mapping[str, str]
    """Argument -> the digest that its value gets."""
    bases: tuple[Base, ...]
    """All its external images; with a fault where one cannot be pinned."""


def pin(text: str, build: Build, digest: Callable[[str], str | None]) -> Pinned:
    """Pin what has a digest; what has none stays as it is.

    Promises that the pinned text names, as BuildKit reads it, the same images, each with its own
    digest; an image for which that cannot be done has a fault and stays as it is.

    Raises:
        DockerfileError: it is no Dockerfile.
    """
    bases = find(text, build)
    wanted = [base for base in bases if not base.fault and digest(base.image)]
    if not wanted:
        return Pinned(text=text, args={}, bases=bases)
    for by_argument in (True, False):
        edited = _edited(text, wanted, digest, by_argument=by_argument)
        if edited is None:
            continue
        pinned, args = edited
        if all(_plain(text, base) for base in wanted) or _stands(
            pinned, args, build, bases, wanted
        ):
            return Pinned(text=pinned, args=args, bases=bases)
    hidden = "it is written in a way that leaves no place for a digest"
    faulty = tuple(base._replace(fault=hidden) if base in wanted else base for base in bases)
    return Pinned(text=text, args={}, bases=faulty)


def _edited(
    text: str, wanted: list[Base], digest: Callable[[str], str | None], *, by_argument: bool
) -> tuple[str, dict[str, str]] | None:
    """Put digests in; nothing where there is no place, or two want to stand in one."""
    places: dict[int, str] = {}
    args: dict[str, str] = {}
    for base in wanted:
        found = digest(base.image) or ""
        given = base.default_end == UNKNOWN and base.argument
        if given and (by_argument or base.argument == SYNTAX):
            if args.setdefault(base.argument, found) != found:
                return None
            continue
        end = base.default_end if by_argument and base.argument else base.word.end
        if end == UNKNOWN or places.setdefault(end, found) != found:
            return None
    for end in sorted(places, reverse=True):
        text = f"{text[:end]}@{places[end]}{text[end:]}"
    return text, args


def _plain(text: str, base: Base) -> bool:
    """Tell whether the name stands in the text as it is, so that nothing can go wrong."""
    return text.endswith(base.image, 0, base.word.end) and "$" not in base.word.text


def _stands(
    text: str, args: Mapping[str, str], build: Build, bases: tuple[Base, ...], wanted: list[Base]
) -> bool:
    """Tell whether a pinned text still names what it named, and all that is wanted is pinned."""
    given = {
        name: f"{value}@{args[name]}" if name in args else value
        for name, value in build.args.items()
    }
    left = find(text, replace(build, args=given, open_args=given))
    rest = [base for base in bases if base not in wanted]
    return [(b.image, b.word.line) for b in left] == [(b.image, b.word.line) for b in rest]
