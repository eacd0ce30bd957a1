"""What a matrix means, worked out the slow way: from the words of its documentation alone.

Nothing of the compiler is used. Where it must refuse a matrix, `Wrong` says so by the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple, TypeAlias

from packaging.specifiers import InvalidSpecifier, Specifier
from packaging.version import InvalidVersion, Version


Value: TypeAlias = str | bool | None
Matrix: TypeAlias = dict[str, Any]

OPERATORS = ("<", ">", "==", "!=", "~=")
MERGED = ("args", "labels", "annotations", "contexts", "extra-hosts")


class Wrong(Exception):  # noqa: N818 - it says what a matrix is
    """The matrix must be refused; its text is the code."""


class Built(NamedTuple):
    """One target."""

    name: str
    image: str
    chosen: dict[str, str]
    fields: dict[str, Any]
    parent: str | None


def spelling(value: Value) -> str:
    """Return a value as it is written."""
    return value if isinstance(value, str) else {None: "null", True: "true", False: "false"}[value]


def listed(matcher: Any) -> list[str]:
    """Return the words of a matcher."""
    return [spelling(word) for word in (matcher if isinstance(matcher, list) else [matcher])]


def takes(word: str, text: str, known: Sequence[str]) -> bool:
    """Tell whether a word takes one value, in the order: exact, range, negation, glob."""
    if word in known or word == "null":
        return word == text
    if word.startswith(OPERATORS):
        return in_range(word, text)
    if word.startswith("!"):
        return not takes(word[1:], text, known)
    return glob(word, text)


def in_range(word: str, text: str) -> bool:
    """Tell whether a value is a version, and in a range; prereleases count."""
    try:
        version = Version(text)
    except InvalidVersion:
        return False
    clauses = [clause.strip() for clause in word.split(",") if clause.strip()]
    return all(Specifier(clause).contains(str(version), prereleases=True) for clause in clauses)


def glob(pattern: str, text: str) -> bool:
    """Tell whether a glob takes a text as a whole."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(glob(pattern[1:], text[n:]) for n in range(len(text) + 1))
    if not text:
        return False
    found = re.match(r"\[(!?)(\][^\]]*|[^\]]+)\]", pattern)
    if found:
        inside = any(
            first <= text[0] <= last for first, last in re.findall(r"(.)-(.)", found[2])
        ) or text[0] in re.sub(r".-.", "", found[2])
        return inside != bool(found[1]) and glob(pattern[found.end() :], text[1:])
    return pattern[0] in ("?", text[0]) and glob(pattern[1:], text[1:])


def negates(word: str, known: Sequence[str]) -> bool:
    """Tell whether a word is a negation."""
    return word.startswith("!") and word not in known and not word.startswith(OPERATORS)


def matches(words: Sequence[str], text: str | None, known: Sequence[str]) -> bool:
    """Tell whether a matcher takes a value; None is an axis that the image lacks."""
    if text is None:
        return "null" in words
    if all(negates(word, known) for word in words):
        return all(takes(word, text, known) for word in words)
    return any(takes(word, text, known) for word in words)


def faulty(words: Sequence[str], known: Sequence[str]) -> bool:
    """Tell whether a matcher must be refused: a word, or all of it, is about no value."""
    if not words or any(_void(word, known) for word in words):
        return True
    return all(negates(word, known) for word in words) and not any(
        matches(words, text, known) for text in known
    )


def _void(word: str, known: Sequence[str]) -> bool:
    if word in known or word == "null":
        return False
    if negates(word, known):
        inner = word[1:]
        return not inner or negates(inner, known) or _void(inner, known)
    try:
        return not any(takes(word, text, known) for text in known)
    except InvalidSpecifier:
        return True


class Ground:
    """A matrix, and the values of its axes."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        self.axes: dict[str, dict[str, tuple[Value, Matrix]]] = {
            name: {
                spelling(value): (value, (form[value] or {}) if isinstance(form, dict) else {})
                for value in form
            }
            for name, form in matrix.get("axes", {}).items()
        }
        self.images: dict[str, Matrix] = matrix["images"]
        self.defaults: Matrix = matrix.get("defaults", {})

    def option(self, image: str, key: str, default: Any = None) -> Any:
        """Return what is replaced as a whole: the image's, or that of `defaults`."""
        return self.images[image].get(key, self.defaults.get(key, default))

    def known(self, name: str) -> list[str]:
        """Return the values of an axis, or the images."""
        return list(self.images) if name == "image" else list(self.axes[name])

    def along(self, image: str) -> list[str]:
        """Return the axes of an image."""
        found: list[str] = self.option(image, "axes", list(self.axes))
        return found

    def match(self, pattern: Matrix, image: str, chosen: Mapping[str, str]) -> bool:
        """Tell whether a pattern takes a variant."""
        mine = {"image": image, **chosen}
        return all(
            matches(listed(matcher), mine.get(name), self.known(name))
            for name, matcher in pattern.items()
        )

    def check(self, pattern: Matrix) -> None:
        """Refuse a pattern that is about nothing."""
        if not pattern:
            raise Wrong("empty-pattern")
        for name, matcher in pattern.items():
            if name != "image" and name not in self.axes:
                raise Wrong("unknown-axis")
            words = listed(matcher)
            nulls = name == "image" and any(word.lstrip("!") == "null" for word in words)
            if nulls or faulty(words, self.known(name)):
                raise Wrong("pattern")

    def overrides(self, image: str) -> list[Matrix]:
        """Return the overrides that an image may meet, in order."""
        return [*self.matrix.get("overrides", []), *self.option(image, "overrides", [])]

    def patterns(self) -> Iterator[Matrix]:
        """Give every pattern that stands somewhere, but those of `with`."""
        yield from self.matrix.get("exclude", [])
        yield from self.matrix.get("groups", {}).values()
        for values in self.axes.values():
            yield from (options["only"] for _, options in values.values() if "only" in options)
        for image in self.images:
            yield from self.option(image, "only", [])
            yield from self.option(image, "exclude", [])
            yield from self.option(image, "aliases", {}).values()
            yield from (override["when"] for override in self.overrides(image))

    def variants(self, image: str) -> Iterator[dict[str, str]]:
        """Expand an image as the documentation says it: the product, less what a rule drops."""
        along = self.along(image)
        drops = [*self.matrix.get("exclude", []), *self.option(image, "exclude", [])]
        keeps = self.option(image, "only")
        for combination in product(*(self.axes[name] for name in along)):
            chosen = dict(zip(along, combination, strict=True))
            wants = [
                {axis: word for axis, word in want.items() if axis in (*chosen, "image")}
                for name, text in chosen.items()
                if (want := self.axes[name][text][1].get("only"))
            ]
            if (
                not any(self.match(row, image, chosen) for row in drops)
                and (keeps is None or any(self.match(row, image, chosen) for row in keeps))
                and all(self.match(want, image, chosen) for want in wants)
            ):
                yield chosen


def expanded(matrix: Matrix) -> list[tuple[str, dict[str, str]]]:
    """Return the variants of a matrix.

    Raises:
        Wrong: a pattern is about nothing, or an image is left with none.
    """
    ground = Ground(matrix)
    for pattern in ground.patterns():
        ground.check(pattern)
    found = []
    for image in ground.images:
        mine = [(image, chosen) for chosen in ground.variants(image)]
        if not mine:
            raise Wrong("no-variants")
        found += mine
    return found


def built(matrix: Matrix, variables: Mapping[str, str]) -> list[Built]:
    """Return the targets of a matrix whose strings know no Jinja but `{{ name }}`.

    Raises:
        Wrong: as `expanded`; or an alias, a parent or the platforms are not as they must be.
    """
    ground = Ground(matrix)
    variants = expanded(matrix)
    names = [_name(ground, image, chosen, variants) for image, chosen in variants]
    found = []
    for (image, chosen), (name, joined) in zip(variants, names, strict=True):
        parent = _parent(ground, image, chosen, variants, names)
        scope: dict[str, Any] = {
            **{axis: ground.axes[axis][text][0] for axis, text in chosen.items()},
            "image": image,
            "target": name,
            "variant": joined,
            "parent": parent,
        }
        fields = _fields(ground, image, chosen, scope, variables)
        fields["aliases"] = [
            _said(tag, scope, variables)
            for tag, pattern in ground.option(image, "aliases", {}).items()
            if ground.match(pattern, image, chosen)
        ]
        found.append(Built(name, image, chosen, fields, parent))
    for image in ground.images:
        for pattern in ground.option(image, "aliases", {}).values():
            taken = [ground.match(pattern, its, chosen) for its, chosen in variants if its == image]
            if sum(taken) != 1:
                raise Wrong("alias-mismatch")
    return found


def _name(
    ground: Ground, image: str, chosen: dict[str, str], variants: list[tuple[str, dict[str, str]]]
) -> tuple[str, str]:
    fragments = []
    for axis, text in chosen.items():
        value, options = ground.axes[axis][text]
        plain = axis if value is True else value or ""
        fragments.append(options.get("tag", plain))
    joined = "-".join(fragment for fragment in fragments if fragment)
    alone = sum(its == image for its, _ in variants) == 1
    whole = f"{image}-{joined}" if joined else image if alone else f"{image}-default"
    return re.sub(r"[^a-zA-Z0-9_-]", "_", whole), joined


def _parent(
    ground: Ground,
    image: str,
    chosen: dict[str, str],
    variants: list[tuple[str, dict[str, str]]],
    names: list[tuple[str, str]],
) -> str | None:
    given = ground.option(image, "from")
    if given is None:
        return None
    given = {"image": given} if isinstance(given, str) else given
    fixed = given.get("with", {})
    if fixed:
        ground.check(fixed)
    there = [
        name
        for (its, other), (name, _) in zip(variants, names, strict=True)
        if its == given["image"]
        and all(
            other[axis] == chosen[axis]
            if axis in chosen
            else axis in fixed and matches(listed(fixed[axis]), other[axis], ground.known(axis))
            for axis in other
        )
    ]
    if len(there) != 1:
        raise Wrong("ambiguous-parent" if there else "missing-parent")
    return there[0]


def _fields(
    ground: Ground,
    image: str,
    chosen: dict[str, str],
    scope: dict[str, Any],
    variables: Mapping[str, str],
) -> dict[str, Any]:
    values = [ground.axes[axis][text][1] for axis, text in chosen.items()]
    above = [
        override
        for override in ground.overrides(image)
        if ground.match(override["when"], image, chosen)
    ]
    levels = [ground.defaults, ground.images[image], *above]
    settings = [ground.matrix, ground.defaults, ground.images[image], *values, *above]
    for level in settings:
        for name, text in level.get("set", {}).items():
            scope[name] = _said(text, scope, {})
    fields: dict[str, Any] = {}
    for level in levels:
        for name, value in level.items():
            merged = name in MERGED and isinstance(fields.get(name), dict)
            fields[name] = {**fields[name], **value} if merged else value
    fields = {
        name: _rendered(fields[name], scope, {} if name == "tests" else variables)
        for name in ("args", "labels", "tags", "moving", "tests", "cache", "platforms")
        if name in fields
    }
    for value in values:
        if "platforms" in value:
            left = fields["platforms"] if "platforms" in fields else value["platforms"]
            fields["platforms"] = [one for one in left if one in value["platforms"]]
            if not fields["platforms"]:
                raise Wrong("no-platform")
    return fields


def _rendered(value: Any, scope: Mapping[str, Any], variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            _said(key, scope, variables): _said(text, scope, variables)
            for key, text in value.items()
        }
    return [_said(text, scope, variables) for text in value]


def _said(text: str, scope: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """Say a string: `{{ name }}`, `${NAME}` and `$${`, each once and from the left."""

    def say(found: re.Match[str]) -> str:
        if found[1]:
            return spelling(scope[found[1]])
        return variables[found[2]] if found[2] else "${"

    if not variables:  # Jinja's alone
        return re.sub(r"\{\{ (\w+) \}\}()", say, text)
    return re.sub(r"\{\{ (\w+) \}\}|\$\{(\w+)\}|\$\$\{", say, text)


def groups_of(matrix: Matrix, targets: Sequence[Built]) -> dict[str, list[str]]:
    """Return the groups; one of a value may be left out where its name is taken."""
    ground = Ground(matrix)
    found = {"default": [one.name for one in targets]}
    for image in ground.images:
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", image)
        found[name] = [one.name for one in targets if one.image == image]
    for name, pattern in matrix.get("groups", {}).items():
        found[name] = [one.name for one in targets if ground.match(pattern, one.image, one.chosen)]
        if not found[name]:
            raise Wrong("empty-group")
    tests = [f"{one.name}-test" for one in targets if one.fields.get("tests")]
    if tests:
        found["test"] = tests
    return found


def groups_by_value(matrix: Matrix, targets: Sequence[Built]) -> dict[str, list[list[str]]]:
    """Return what groups of values may hold, by name: names of two values may be one."""
    found: dict[str, list[list[str]]] = {}
    for axis, values in Ground(matrix).axes.items():
        for text in values:
            name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"{axis}-{text}")
            members = [one.name for one in targets if one.chosen.get(axis, "null") == text]
            if members:
                found.setdefault(name, []).append(members)
    return found


def siblings_of(
    name: str, texts: Mapping[str, str], among: Sequence[str]
) -> tuple[int, dict[str, int]]:
    """Return the longest beginning that a Dockerfile has in common with others, and each one's."""
    common = {other: _common(texts[name], texts[other]) for other in among if other != name}
    return max(common.values(), default=0), common


def _common(one: str, other: str) -> int:
    steps = [
        [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
        for text in (one, other)
    ]
    count = 0
    for mine, its in zip(*steps, strict=False):
        if mine != its:
            break
        count += 1
    return count


def is_ordered(found: Sequence[Any], whole: Sequence[Any]) -> bool:
    """Tell whether all of one sequence stands in another, in the same order and once."""
    places = [whole.index(one) for one in found]
    return all(before < after for before, after in pairwise(places))
