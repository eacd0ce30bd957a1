"""Match patterns: find the values of axes that a rule or a filter selects.

The language is the same for `only`, `exclude`, `when`, `with`, `aliases`, `groups` and filters of
the command line.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from compiler.codes import Code
from compiler.errors import nearest
from compiler.matrix.matcher import Fault, match, spelling
from compiler.matrix.matrix import Axis, Image, Matcher, Pattern, Value
from compiler.matrix.model import Scalar
from compiler.matrix.names import near_axis, no_axis
from compiler.matrix.reader import Reader
from compiler.source.document import Route


Rule: TypeAlias = tuple[tuple[int, frozenset[int]], ...]
"""A pattern for one image: positions of its axes, ascending, with the indexes of values."""


def read_pattern(
    raw: Mapping[str, list[Scalar]],
    route: Route,
    *,
    axes: Mapping[str, Axis],
    images: Collection[str],
    reader: Reader,
) -> Pattern:
    """Read one pattern of matrix.yaml, and report its errors."""
    if not raw and not reader.valid.is_emptied(route):
        reader.problem(
            Code.EMPTY_PATTERN,
            "an empty pattern matches everything",
            route,
            "name at least one axis",
        )
    matchers: dict[str, Matcher] = {}
    wanted: frozenset[str] | None = None
    for name, values in raw.items():
        at = (*route, name)
        if not values:
            if not reader.valid.is_emptied(at):
                reader.problem(Code.EMPTY_PATTERN, f"no value of {name!r} is named", at, "name one")
        elif name == "image":
            known = list(images)
            indexes = {image: n for n, image in enumerate(known)}
            matched = _read_matcher(name, values, indexes, at, reader)
            if matched is not None:
                wanted = frozenset(known[n] for n in matched)
        elif name in axes:
            matched = _read_matcher(name, values, axes[name].indexes, at, reader) or frozenset()
            matchers[name] = Matcher(values=matched, lacking="null" in map(spelling, values))
        elif not reader.valid.is_removed(("axes",)):
            matchers |= _report_axis(name, values, at, axes=axes, pattern=raw, reader=reader)
    return Pattern(matchers=matchers, images=wanted, route=route)


def _report_axis(
    name: str,
    values: Sequence[Scalar],
    at: Route,
    *,
    axes: Mapping[str, Axis],
    pattern: Collection[str],
    reader: Reader,
) -> dict[str, Matcher]:
    """Report an unknown axis; return the matcher for the axis that it most likely means.

    Without a similar axis that has the values and is not in the pattern, return none.
    """
    meant = nearest(name, [*axes, "image"])
    matcher: dict[str, Matcher] = {}
    if meant is not None and meant in axes and meant not in pattern:
        words = [spelling(value) for value in values]
        matched = match(words, list(axes[meant].indexes))
        if not matched.faults:
            matcher = {meant: Matcher(values=matched.values, lacking="null" in words)}
    reader.problem(
        Code.UNKNOWN_AXIS,
        no_axis(name),
        at,
        near_axis(meant, axes),
        key=True,
        repaired=bool(matcher),
    )
    return matcher


def _read_matcher(
    name: str, values: Sequence[Scalar], known: Mapping[str, int], at: Route, reader: Reader
) -> frozenset[int] | None:
    """Return the indexes of the known values that a matcher selects; None if none are known."""
    if not known:
        return None  # the axis is invalid, which is already reported
    words = [spelling(value) for value in values]
    if all(word in known for word in words):  # exact values, the most frequent matcher
        return frozenset([known[word] for word in words])
    matched = match(words, list(known), null=name != "image")
    for fault in () if name in reader.incomplete else matched.faults:
        code, message = worded(fault, name)
        place = (*at, words.index(fault.word))
        reader.problem(code, message, place, fault.help, repaired=fault.meant is not None)
    for text in matched.unversioned:
        reader.warn(
            Code.NOT_A_VERSION,
            f"{text!r} of {name!r} is not a version, so no range matches it",
            at,
            f"add it to the range: [{', '.join([*words, text])}]",
        )
    return matched.values


def worded(fault: Fault, name: str) -> tuple[Code, str]:
    """Return code and message for an error in a matcher of an axis or of `image`."""
    if fault.code is not Code.UNKNOWN_VALUE:
        return fault.code, f"{fault.message} of {name!r}"
    if "has no" not in fault.message:
        return fault.code, fault.message
    if name == "image":
        return Code.UNKNOWN_IMAGE, f"no image is named {fault.word.lstrip('!')!r}"
    return fault.code, f"{name!r} {fault.message}"


def rule(pattern: Pattern, image: Image) -> Rule | None:
    """Return a pattern as a rule for one image; None if it cannot match the image."""
    if pattern.images is not None and image.name not in pattern.images:
        return None
    positions = {axis.name: n for n, axis in enumerate(image.axes)}
    positioned: list[tuple[int, frozenset[int]]] = []
    for name, matcher in pattern.matchers.items():
        if name in positions:
            positioned.append((positions[name], matcher.values))
        elif not matcher.lacking:
            return None
    return tuple(sorted(positioned, key=lambda pair: pair[0]))


def holds(rule_: Rule, values: Sequence[Value]) -> bool:
    """Return whether a rule matches the values of a variant."""
    return all(values[position].index in taken for position, taken in rule_)
