"""Compute the meaning of a matrix in a slow and simple way, from its documentation alone.

No code of the compiler is used. `Wrong` has the code of the error that the compiler must report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations, pairwise, product
from typing import Any, NamedTuple, TypeAlias

from packaging.specifiers import InvalidSpecifier, Specifier
from packaging.version import InvalidVersion, Version


Value: TypeAlias = str | bool | None
Matrix: TypeAlias = dict[str, Any]

OPERATORS = ("<", ">", "==", "!=", "~=")
TAGS = ("repositories", "tags", "moving", "shared", "platform-tags")
MERGED = ("args", "labels", "annotations", "contexts", "extra-hosts")


class Wrong(Exception):  # noqa: N818 - a property of the matrix
    """The matrix is invalid; the text is the code of the error."""


class Built(NamedTuple):
    """An expected target."""

    name: str
    image: str
    chosen: dict[str, str]
    fields: dict[str, Any]
    parent: str | None


def spelling(value: Value) -> str:
    """Return a value as it is written in YAML."""
    return value if isinstance(value, str) else {None: "null", True: "true", False: "false"}[value]


def listed(matcher: Any) -> list[str]:
    """Return the words of a matcher as a list."""
    return [spelling(word) for word in (matcher if isinstance(matcher, list) else [matcher])]


def takes(word: str, text: str, known: Sequence[str]) -> bool:
    """Return whether a word matches a value; tried in order: exact, range, negation, glob."""
    if word in known or word == "null":
        return word == text
    if word.startswith(OPERATORS):
        return in_range(word, text)
    if word.startswith("!"):
        return not takes(word[1:], text, known)
    return glob(word, text)


def in_range(word: str, text: str) -> bool:
    """Return whether a value is a version within a range; prereleases are included."""
    version = parse_version(text)
    if version is None:
        return False
    clauses = [clause.strip() for clause in word.split(",") if clause.strip()]
    return all(_specifier(clause).contains(version, prereleases=True) for clause in clauses)


@lru_cache(maxsize=4096)
def parse_version(text: str) -> Version | None:
    """Return the version in a text; None if it is not a version."""
    try:
        return Version(text)
    except InvalidVersion:
        return None


@lru_cache(maxsize=4096)
def _specifier(clause: str) -> Specifier:
    return Specifier(clause)


def glob(pattern: str, text: str) -> bool:
    """Return whether a glob matches a whole text."""
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
    """Return whether a word is a negation."""
    return word.startswith("!") and word not in known and not word.startswith(OPERATORS)


def matches(words: Sequence[str], text: str | None, known: Sequence[str]) -> bool:
    """Return whether a matcher matches a value; None stands for an axis that the image lacks."""
    if text is None:
        return "null" in words
    if all(negates(word, known) for word in words):
        return all(takes(word, text, known) for word in words)
    return any(takes(word, text, known) for word in words)


def faulty(words: Sequence[str], known: Sequence[str]) -> bool:
    """Return whether a matcher is invalid: one of its words, or the whole, matches no value."""
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


class Rules:
    """The patterns of a matrix, and the axes and images that they refer to."""

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
        """Return an option that is not merged: of the image, otherwise of `defaults`."""
        return self.images[image].get(key, self.defaults.get(key, default))

    def known(self, name: str) -> list[str]:
        """Return the values of an axis; for `image`, the images."""
        return list(self.images) if name == "image" else list(self.axes[name])

    def along(self, image: str) -> list[str]:
        """Return the axes of an image."""
        found: list[str] = self.option(image, "axes", list(self.axes))
        return found

    def match(self, pattern: Matrix, image: str, chosen: Mapping[str, str]) -> bool:
        """Return whether a pattern matches a variant."""
        mine = {"image": image, **chosen}
        return all(
            matches(listed(matcher), mine.get(name), self.known(name))
            for name, matcher in pattern.items()
        )

    def check(self, pattern: Matrix) -> None:
        """Raise `Wrong` for a pattern that can match nothing."""
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
        """Return the overrides that may apply to an image, in order."""
        return [*self.matrix.get("overrides", []), *self.option(image, "overrides", [])]

    def rows(self, image: str) -> list[Matrix] | None:
        """Return the rows of an image, each with `when`; None if it has no `rows`."""
        rows = self.option(image, "rows")
        return None if rows is None else self._with_when(rows)

    def _with_when(self, rows: Sequence[Matrix]) -> list[Matrix]:
        found = []
        for row in rows:
            flat = {name: row[name] for name in row if name in (*self.axes, "image")}
            fields = {name: row[name] for name in row if name not in flat}
            found.append(fields if "when" in row else {**fields, "when": flat})
        return found

    def patterns(self) -> Iterator[Matrix]:
        """Yield every pattern of the matrix except those of `with`, inherited or not."""
        yield from self.matrix.get("exclude", [])
        yield from self.matrix.get("groups", {}).values()
        for values in self.axes.values():
            yield from (options["only"] for _, options in values.values() if "only" in options)
        for level in (self.matrix, self.defaults, *self.images.values()):
            yield from (override["when"] for override in level.get("overrides", []))
        for level in (self.defaults, *self.images.values()):
            yield from level.get("only", [])
            yield from level.get("exclude", [])
            yield from level.get("aliases", {}).values()
            yield from (row["when"] for row in self._with_when(level.get("rows", [])))

    def variants(self, image: str) -> Iterator[dict[str, str]]:
        """Yield the variants of an image: the product of its axes without excluded combinations."""
        along = self.along(image)
        drops = [*self.matrix.get("exclude", []), *self.option(image, "exclude", [])]
        keeps = self.option(image, "only")
        rows = self.rows(image)
        for combination in product(*(self.axes[name] for name in along)):
            chosen = dict(zip(along, combination, strict=True))
            wants = [
                {axis: word for axis, word in want.items() if axis in (*chosen, "image")}
                for name, text in chosen.items()
                if (want := self.axes[name][text][1].get("only"))
            ]
            if (
                not any(self.match(row, image, chosen) for row in drops)
                and (rows is None or any(self.match(row["when"], image, chosen) for row in rows))
                and (keeps is None or any(self.match(row, image, chosen) for row in keeps))
                and all(self.match(want, image, chosen) for want in wants)
            ):
                yield chosen


def expanded(matrix: Matrix) -> list[tuple[str, dict[str, str]]]:
    """Return the variants of a matrix.

    Raises:
        Wrong: a pattern can match nothing, or an image has no variants.
    """
    rules = Rules(matrix)
    for pattern in rules.patterns():
        rules.check(pattern)
    found = []
    for image in rules.images:
        mine = [(image, chosen) for chosen in rules.variants(image)]
        if not mine:
            raise Wrong("no-variants")
        for row in rules.rows(image) or []:
            if not any(rules.match(row["when"], image, chosen) for _, chosen in mine):
                raise Wrong("matches-nothing")
        found += mine
    return found


def built(matrix: Matrix, variables: Mapping[str, str]) -> list[Built]:
    """Return the targets of a matrix whose strings use no Jinja except `{{ name }}`.

    Raises:
        Wrong: as `expanded`; or an alias, a parent or the platforms are invalid.
    """
    rules = Rules(matrix)
    variants = expanded(matrix)
    names = [_name(rules, image, chosen, variants) for image, chosen in variants]
    found = []
    for (image, chosen), (name, joined) in zip(variants, names, strict=True):
        parent = _parent(rules, image, chosen, variants, names)
        scope: dict[str, Any] = {
            **{axis: rules.axes[axis][text][0] for axis, text in chosen.items()},
            "image": image,
            "target": name,
            "variant": joined,
            "parent": parent,
        }
        fields = _fields(rules, image, chosen, scope, variables)
        aliases = [
            _said(tag, scope, variables)
            for tag, pattern in rules.option(image, "aliases", {}).items()
            if rules.match(pattern, image, chosen)
        ]
        _name_tags(fields, aliases, scope, variables)
        found.append(Built(name, image, chosen, fields, parent))
    for image in rules.images:
        for pattern in rules.option(image, "aliases", {}).values():
            taken = [rules.match(pattern, its, chosen) for its, chosen in variants if its == image]
            if sum(taken) != 1:
                raise Wrong("alias-mismatch")
    return found


def _name(
    rules: Rules,
    image: str,
    chosen: dict[str, str],
    variants: list[tuple[str, dict[str, str]]],
) -> tuple[str, str]:
    fragments = []
    for axis, text in chosen.items():
        value, options = rules.axes[axis][text]
        plain = axis if value is True else value or ""
        fragments.append(options.get("tag", plain))
    joined = "-".join(fragment for fragment in fragments if fragment)
    alone = sum(its == image for its, _ in variants) == 1
    whole = f"{image}-{joined}" if joined else image if alone else f"{image}-default"
    return re.sub(r"[^a-zA-Z0-9_-]", "_", whole), joined


def _parent(
    rules: Rules,
    image: str,
    chosen: dict[str, str],
    variants: list[tuple[str, dict[str, str]]],
    names: list[tuple[str, str]],
) -> str | None:
    given = rules.option(image, "from")
    for level in (one for group in _levels(rules, image, chosen) for one in group):
        given = level.get("from", given)
    if given is None:
        return None
    given = {"image": given} if isinstance(given, str) else given
    fixed = given.get("with", {})
    if fixed:
        rules.check(fixed)
    there = [
        name
        for (its, other), (name, _) in zip(variants, names, strict=True)
        if its == given["image"]
        and all(
            matches(listed(fixed[axis]), other[axis], rules.known(axis))
            if axis in fixed
            else axis in chosen and other[axis] == chosen[axis]
            for axis in other
        )
    ]
    if len(there) != 1:
        raise Wrong("ambiguous-parent" if there else "missing-parent")
    return there[0]


def _fields(
    rules: Rules,
    image: str,
    chosen: dict[str, str],
    scope: dict[str, Any],
    variables: Mapping[str, str],
) -> dict[str, Any]:
    values, rows, above = _levels(rules, image, chosen)
    levels = [rules.defaults, rules.images[image], *map(_without_rules, values), *rows, *above]
    settings = [rules.matrix, rules.defaults, rules.images[image], *values, *rows, *above]
    final = {name: text for level in settings for name, text in level.get("set", {}).items()}

    def value_of(name: str) -> Any:
        if name not in final:
            return scope[name]
        return re.sub(r"\{\{ (\w+) \}\}", lambda found: spelling(value_of(found[1])), final[name])

    scope |= {name: value_of(name) for name in final}
    _check_conflicts(list(map(_without_rules, values)), [*rows, *above], scope, variables)
    _check_conflicts(rows, above, scope, variables)
    fields: dict[str, Any] = {}
    for level in levels:
        for name, value in level.items():
            merged = name in MERGED and isinstance(fields.get(name), dict) and value is not None
            fields[name] = {**fields[name], **value} if merged else value
    fields = {
        name: fields[name]
        if name in TAGS
        else _rendered(fields[name], scope, {} if name == "tests" else variables)
        for name in (*TAGS, "args", "labels", "tests", "cache", "platforms")
        if fields.get(name) is not None
    }
    for value in values:
        if "platforms" in value:
            left = fields["platforms"] if "platforms" in fields else value["platforms"]
            fields["platforms"] = [one for one in left if one in value["platforms"]]
            if not fields["platforms"]:
                raise Wrong("no-platform")
    return fields


def _levels(rules: Rules, image: str, chosen: dict[str, str]) -> tuple[list[Matrix], ...]:
    """Return the levels above an image that apply to a variant, in groups, the lowest first."""
    values = [rules.axes[axis][text][1] for axis, text in chosen.items()]
    above = [
        override
        for override in rules.overrides(image)
        if rules.match(override["when"], image, chosen)
    ]
    rows = [row for row in rules.rows(image) or [] if rules.match(row["when"], image, chosen)]
    return values, rows, above


def _without_rules(level: Matrix) -> Matrix:
    """Return an axis value's fields: `platforms` narrows, it does not replace."""
    return {key: level[key] for key in level if key not in ("tag", "only", "platforms")}


def _check_conflicts(
    group: list[Matrix],
    above: list[Matrix],
    scope: Mapping[str, Any],
    variables: Mapping[str, str],
) -> None:
    """Raise `Wrong` if two levels of a group differ in a field that no level above sets."""
    decided = {item for level in above for item in _items(level)}
    for one, other in combinations(group, 2):
        for (name, key), value in _items(one).items():
            if (name, key) in decided or (name, "") in decided:
                continue
            for (its_name, its_key), its in _items(other).items():
                if (its_name, its_key) in decided or name != its_name:
                    continue
                if key in ("", its_key) or not its_key:
                    used = {} if name in ("set", "template", "tests") else variables
                    if _shown(value, scope, used) != _shown(its, scope, used):
                        raise Wrong("set-conflict" if name == "set" else "field-conflict")


def _items(level: Matrix) -> dict[tuple[str, str], Any]:
    """Return what a level sets, the keys of mappings separately."""
    found: dict[tuple[str, str], Any] = {}
    for name, value in level.items():
        if name in (*MERGED, "set") and value is not None:
            found |= {(name, key): item for key, item in value.items()}
        elif name != "when":
            found[name, ""] = value
    return found


def _shown(value: Any, scope: Mapping[str, Any], variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _said(value, scope, variables)
    if isinstance(value, list):
        return [word for text in value for word in _said(text, scope, variables).split()]
    return value


def _name_tags(
    fields: dict[str, Any], aliases: list[str], scope: dict[str, Any], variables: Mapping[str, str]
) -> None:
    """Render the fields that name tags, and prepend the repositories to each."""
    repositories = fields.pop("repositories", None)

    def words(texts: Sequence[str], **more: str) -> list[str]:
        rendered = (_said(text, {**scope, **more}, variables) for text in texts)
        return [word for text in rendered for word in text.split()]

    def full(texts: Sequence[str], **more: str) -> list[str]:
        names = words(texts, **more)
        if repositories is None:
            return names
        return [f"{repository}:{name}" for repository in words(repositories) for name in names]

    def both(field: str, **more: str) -> Matrix:
        lists = fields.get(field) or {}
        lists = {"tags": lists} if isinstance(lists, list) else lists
        return {key: full(lists.get(key, []), **more) for key in ("tags", "moving")}

    fields["platform_tags"] = []
    if "platform-tags" in fields and not fields.get("platforms"):
        raise Wrong("no-platform")
    for platform in fields.get("platforms") or []:
        os, arch, *variant = platform.split("/")
        os = os.partition("(")[0]  # without the version of Windows
        parts = {"platform.os": os, "platform.arch": arch, "platform.variant": "".join(variant)}
        tags = both("platform-tags", **parts)
        if any(tags.values()):
            fields["platform_tags"].append({"platform": platform, **tags})
    fields["shared"] = both("shared")
    fields["tags"] = full(fields.get("tags", []))
    fields["moving"] = full(fields.get("moving", []))
    fields["aliases"] = full(aliases)


def indexes_of(targets: Sequence[Built]) -> list[Matrix]:
    """Return the indexes of shared tags.

    Raises:
        Wrong: targets that share a tag have a platform in common, or none.
    """
    found: dict[tuple[str, bool], list[Built]] = {}
    for one in targets:
        for key in ("tags", "moving"):
            for tag in dict.fromkeys(one.fields["shared"][key]):
                found.setdefault((tag, key == "moving"), []).append(one)
    for members in found.values():
        platforms = [one.fields.get("platforms") or [None] for one in members]
        flat = [platform for own in platforms for platform in own]
        if len(members) > 1 and (None in flat or len(set(flat)) < len(flat)):
            raise Wrong("shared-platform")
    return [
        {"tag": tag, "moving": moving, "targets": [one.name for one in members]}
        for (tag, moving), members in found.items()
    ]


def _rendered(value: Any, scope: Mapping[str, Any], variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            _said(key, scope, variables): _said(text, scope, variables)
            for key, text in value.items()
        }
    return [_said(text, scope, variables) for text in value]


def _said(text: str, scope: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """Render `{{ name }}`, `${NAME}` and `$${` in a string, once, from left to right."""

    def say(found: re.Match[str]) -> str:
        if found[1]:
            return spelling(scope[found[1]])
        return variables[found[2]] if found[2] else "${"

    if not variables:  # only Jinja is rendered
        return re.sub(r"\{\{ (\w+) \}\}()", say, text)
    return re.sub(r"\{\{ ([\w.]+) \}\}|\$\{(\w+)\}|\$\$\{", say, text)


def groups_of(matrix: Matrix, targets: Sequence[Built]) -> dict[str, list[str]]:
    """Return the groups except those of axis values."""
    rules = Rules(matrix)
    found = {"default": [one.name for one in targets]}
    for image in rules.images:
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", image)
        found[name] = [one.name for one in targets if one.image == image]
    for name, pattern in matrix.get("groups", {}).items():
        found[name] = [one.name for one in targets if rules.match(pattern, one.image, one.chosen)]
        if not found[name]:
            raise Wrong("empty-group")
    tests = [f"{one.name}-test" for one in targets if one.fields.get("tests")]
    if tests:
        found["test"] = tests
    return found


def groups_by_value(matrix: Matrix, targets: Sequence[Built]) -> dict[str, list[list[str]]]:
    """Return the possible members of each axis-value group; two values may share a group name."""
    found: dict[str, list[list[str]]] = {}
    for axis, values in Rules(matrix).axes.items():
        for text in values:
            name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"{axis}-{text}")
            members = [one.name for one in targets if one.chosen.get(axis, "null") == text]
            if members:
                found.setdefault(name, []).append(members)
    return found


def siblings_of(
    name: str, texts: Mapping[str, str], among: Sequence[str]
) -> tuple[int, dict[str, int]]:
    """Return the length of the longest common prefix with other Dockerfiles, and that of each."""
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
    """Return whether a sequence is a subsequence of another, in order and without duplicates."""
    places = [whole.index(one) for one in found]
    return all(before < after for before, after in pairwise(places))
