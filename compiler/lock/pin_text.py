"""Write digests after the names of external images in a Dockerfile; tags are kept.

If a name consists of a single ARG, the value of the ARG is pinned, in the Dockerfile or in `args`.
Overriding that ARG then selects another image, unpinned.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from compiler.external.references import canonical_tag, lookup_name
from compiler.lock.base_images import Base, Build, find
from compiler.lock.faults import DIRECTIVE, NOTATION, OPEN_NAME
from compiler.render.dockerfile import read
from compiler.render.dockerfile_words import UNKNOWN
from compiler.render.frontends import SYNTAX, frontend_argument


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A Dockerfile, pinned as far as possible."""

    text: str
    args: Mapping[str, str]
    """Argument -> the digest to write after its value."""
    bases: tuple[Base, ...]
    """All its external images; `fault` is set for those that cannot be pinned."""
    contexts: Mapping[str, str] = field(default_factory=dict)
    """Named contexts that replace its images: name of an image -> name with digest."""
    frontend: str = ""
    """The image that replaces its frontend; empty if none does."""


def pin(text: str, build: Build, digest: Callable[[str], str | None]) -> Pinned:
    """Pin the images that have a digest; others are not changed.

    BuildKit reads the same images in the result, each with its digest. An image that cannot be
    pinned is not changed, and its `fault` says why.

    Raises:
        DockerfileError: the text is not a valid Dockerfile.
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
        if all(_plain(text, base) for base in wanted) or _is_correct(
            pinned, args, build, bases, wanted
        ):
            return Pinned(text=pinned, args=args, bases=bases)
    faulty = tuple(base._replace(fault=NOTATION) if base in wanted else base for base in bases)
    return Pinned(text=text, args={}, bases=faulty)


def pin_from_outside(text: str, build: Build, digest: Callable[[str], str | None]) -> Pinned:
    """Pin the images of a Dockerfile that must not change: by named contexts.

    BuildKit uses a named context for each image that has its name.

    Raises:
        DockerfileError: the text is not a valid Dockerfile.
    """
    syntax = read(text, frontend_argument(build.args)).syntax
    args: dict[str, str] = {}
    contexts: dict[str, str] = {}
    bases = []
    for reference in find(text, build):
        fault = reference.fault
        if not fault and reference.word == syntax and reference.argument != SYNTAX:
            fault = DIRECTIVE
        elif not fault and reference.opened:
            fault = OPEN_NAME
        base = reference._replace(fault=fault)
        bases.append(base)
        locked = None if fault else digest(base.image)
        if locked and base.argument == SYNTAX:
            args[SYNTAX] = locked
        elif locked:
            # BuildKit finds an image of Docker Hub by its short name only.
            names = (canonical_tag(base.image) or base.image, lookup_name(base.image))
            contexts |= dict.fromkeys(names, f"{base.image}@{locked}")
    return Pinned(text=text, args=args, bases=tuple(bases), contexts=contexts)


def _edited(
    text: str, wanted: list[Base], digest: Callable[[str], str | None], *, by_argument: bool
) -> tuple[str, dict[str, str]] | None:
    """Return text and `args` with digests; None if a position is unknown or has two digests."""
    ends: dict[int, str] = {}
    args: dict[str, str] = {}
    for base in wanted:
        pinned = digest(base.image) or ""
        in_args = base.default_end == UNKNOWN and base.argument
        if in_args and (by_argument or base.argument == SYNTAX):
            if args.setdefault(base.argument, pinned) != pinned:
                return None
            continue
        end = base.default_end if by_argument and base.argument else base.word.end
        if end == UNKNOWN or ends.setdefault(end, pinned) != pinned:
            return None
    for end in sorted(ends, reverse=True):
        text = f"{text[:end]}@{ends[end]}{text[end:]}"
    return text, args


def _plain(text: str, base: Base) -> bool:
    """Return whether a name is written literally, so that no check is necessary."""
    return text.endswith(base.image, 0, base.word.end) and "$" not in base.word.text


def _is_correct(
    text: str, args: Mapping[str, str], build: Build, bases: tuple[Base, ...], wanted: list[Base]
) -> bool:
    """Return whether a pinned text names the same images, and all wanted ones with a digest."""
    pinned_args = {
        name: f"{value}@{args[name]}" if name in args else value
        for name, value in build.args.items()
    }
    unpinned = find(text, replace(build, args=pinned_args, open_args=pinned_args))
    rest = [base for base in bases if base not in wanted]
    return [(b.image, b.word.line) for b in unpinned] == [(b.image, b.word.line) for b in rest]
