"""Patterns: which values of which axes a rule or a filter is about."""

from collections.abc import Collection, Mapping

from compiler.errors import did_you_mean
from compiler.matrix import Axis, Matcher, Pattern
from compiler.model import Scalar
from compiler.reader import Reader
from compiler.source import Route


def spelling(value: Scalar) -> str:
    """Return how a value is written in names, filters and patterns.

    >>> spelling(True), spelling(None), spelling("3.10")
    ('true', 'null', '3.10')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def match_values(words: Collection[str], axis: Axis) -> tuple[Matcher, tuple[str, ...]]:
    """Find the values of an axis that any of the words names.

    Returns:
        the matcher, and the words that name no value; `null` is never among them.
    """
    known = {value.text: value.index for value in axis.values}
    found = frozenset(known[word] for word in words if word in known)
    unknown = tuple(word for word in words if word not in known and word != "null")
    return Matcher(values=found, lacking="null" in words), unknown


def read_pattern(
    raw: Mapping[str, list[Scalar]],
    route: Route,
    *,
    axes: Mapping[str, Axis],
    images: Collection[str],
    reader: Reader,
) -> Pattern:
    """Read one pattern of matrix.yaml; what is wrong with it is noted."""
    if not raw:
        reader.problem(
            "empty-pattern", "this pattern matches everything", route, "name at least one axis"
        )
    matchers: dict[str, Matcher] = {}
    wanted: frozenset[str] | None = None
    for name, values in raw.items():
        at = (*route, name)
        if not values:
            reader.problem("empty-pattern", f"no value of {name!r} is named", at, "name one")
            continue
        words = [spelling(value) for value in values]
        if name == "image":
            wanted = frozenset(words)
            unknown: tuple[str, ...] = tuple(word for word in words if word not in images)
            known: Collection[str] = images
        elif name in axes:
            matchers[name], unknown = match_values(words, axes[name])
            known = [value.text for value in axes[name].values]
            if not known:
                unknown = ()  # what is wrong with the axis has been said
        else:
            reader.problem(
                "unknown-axis",
                f"no axis is named {name!r}",
                at,
                did_you_mean(name, [*axes, "image"], otherwise=f"the axes are {', '.join(axes)}"),
                key=True,
            )
            continue
        for word in unknown:
            is_image = name == "image"
            reader.problem(
                "unknown-image" if is_image else "unknown-value",
                f"no image is named {word!r}" if is_image else f"{name!r} has no value {word!r}",
                (*at, words.index(word)),
                did_you_mean(word, known, otherwise=f"there are {', '.join(known)}"),
            )
    return Pattern(matchers=matchers, images=wanted, route=route)


def constraint(
    pattern: Pattern, image: str, positions: Mapping[str, int]
) -> dict[int, frozenset[int]] | None:
    """Say a pattern for one image: position of an axis -> indexes of the values that it takes.

    Returns:
        None where the pattern can never match the image.
    """
    if pattern.images is not None and image not in pattern.images:
        return None
    found: dict[int, frozenset[int]] = {}
    for name, matcher in pattern.matchers.items():
        if name in positions:
            found[positions[name]] = matcher.values
        elif not matcher.lacking:
            return None
    return found
