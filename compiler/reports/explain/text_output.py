"""Write explanations as text, for people."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

from compiler.errors import Location
from compiler.matrix.field_table import MERGED
from compiler.reports.explain.explain import Build, Chosen, Content, Explanation, Member
from compiler.reports.explain.provenance import Given
from compiler.reports.explain.query import Open
from compiler.reports.explain.rule_effects import Effect, Ruling
from compiler.reports.text import columns, counted


_Row: TypeAlias = tuple[str, ...]
"""The cells of one line of a section."""

_WIDEST = 80
"""Maximum width to which a column is padded."""
_LONGEST = 60
"""Maximum number of characters of a long value; `--format json` has the whole value."""
_CUT = frozenset({"description", "set", "tests"})
_NAMES = ("tags", "moving", "aliases", "repositories", "shared", "platform-tags")


def as_text(
    explanations: Sequence[Explanation],
    ambiguous: Sequence[Open],
    contents: Mapping[str, Content] | None = None,
) -> str:
    """Return explanations for people, each line ended; a line `---` separates two explanations.

    `contents` are the inputs that decide the images of targets, where they are known.
    """
    parts = [_explained(explanation, contents or {}) for explanation in explanations]
    if ambiguous:
        parts.append("".join(f"{_ask_for_axes(query)}\n" for query in ambiguous))
    return "---\n".join(parts)


def _ask_for_axes(query: Open) -> str:
    names = " and ".join(axis.name for axis in query.axes)
    count = counted(query.targets, "target")
    return f"image {query.image.name}: {count} match; also specify {names}"


def _explained(explanation: Explanation, contents: Mapping[str, Content]) -> str:
    build = explanation.build
    head = _head_of_none(explanation) if build is None else _head(explanation, build)
    sections = [("", head), ("axes", _axes(explanation)), ("rules", _rules(explanation.rules))]
    if build is not None:
        sections += [("set", _givens(build.settings)), *_fields(build)]
        sections.append(("content", _content(contents.get(build.target))))
    else:
        nearest: list[_Row] = [(near.target, f"has {near.value}") for near in explanation.near]
        sections.append(("nearest targets", nearest))
    blocks = [
        [
            *([name] if name else []),
            *columns(rows, indent="  " if name else "", widest=_WIDEST),
        ]
        for name, rows in sections
        if rows
    ]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks)


def _content(content: Content | None) -> list[_Row]:
    if content is None:
        return []
    digest = f"sha256:{content.fingerprint}"
    rows: list[_Row] = [("fingerprint", digest)]
    rows += [("all files of", folder, f"because of {why}") for folder, why in content.whole]
    return rows


def _head_of_none(explanation: Explanation) -> list[_Row]:
    first, *others = explanation.dropped
    more = f", and by {counted(len(others), 'more rule')}" if others else ""
    words = ", ".join(f"{axis.axis}={axis.value}" for axis in explanation.axes)
    return [
        (f"no target: dropped by {first.rule} at {_at(first.place)}{more}",),
        (f"{explanation.image} ({words})" if words else explanation.image,),
    ]


def _head(explanation: Explanation, build: Build) -> list[_Row]:
    template = build.template
    rows: list[_Row] = [
        ("target", build.target),
        ("image", explanation.image, "", _at(explanation.place)),
        ("variant", build.variant or "(no fragment)"),
        *([("dockerfile", build.dockerfile)] if template.name == "template" else []),
        (template.name, template.value, template.level, _at(template.place)),
        *_replaced(template),
    ]
    if build.parent is not None:
        parent = build.parent
        rows.append(
            ("parent", parent.target, f"from {parent.image}", _at(parent.place), parent.why)
        )
    rows += _wrapped("children", build.children)
    rows += _wrapped("groups", map(_member, build.groups))
    return rows + _wrapped("checks", map(_member, build.checks))


def _member(member: Member) -> str:
    return member.name if member.place is None else f"{member.name} ({_at(member.place)})"


def _wrapped(name: str, words: Iterable[str]) -> list[_Row]:
    """Return a list as one cell that may extend over several rows."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) + 2 <= _WIDEST:
            lines[-1] += f", {word}"
        else:
            if lines:
                lines[-1] += ","
            lines.append(word)
    return [("" if n else name, line) for n, line in enumerate(lines)]


def _axes(explanation: Explanation) -> list[_Row]:
    return [
        (
            axis.axis,
            axis.value,
            _meaning(axis),
            _at(axis.place),
        )
        for axis in explanation.axes
    ]


def _meaning(axis: Chosen) -> str:
    """Return what a value adds to names, and when its support ends."""
    if not axis.why:
        return ""
    fragment = f"fragment {axis.fragment}" if axis.fragment else "no fragment"
    end = f"; support ends on {axis.eol}" if axis.eol else ""
    return f"{fragment}: {axis.why}{end}"


def _rules(rules: Iterable[Ruling]) -> list[_Row]:
    rows: list[_Row] = [
        (
            "" if rule.effect is Effect.PASSED else rule.effect.value,
            rule.rule,
            rule.pattern or rule.note,
            _at(rule.place),
            rule.note if rule.pattern else "",
        )
        for rule in rules
    ]
    return rows or [("no rule applies to this image",)]


def _fields(build: Build) -> Iterator[tuple[str, list[_Row]]]:
    """Yield the sections of a target's fields: tags, platforms, single fields, mappings."""
    fields = build.fields
    yield "tags", _givens([field for field in fields if field.name in _NAMES], named=True)
    yield "platforms", _platforms(build) or [("not specified: the builder's default",)]
    aside = {*_NAMES, "platforms", *MERGED}
    yield "fields", _givens([field for field in fields if field.name not in aside], named=True)
    for name in dict.fromkeys(field.name for field in fields if field.name in MERGED):
        yield name, _givens([field for field in fields if field.name == name])


def _platforms(build: Build) -> list[_Row]:
    """Return the listed platforms, and those that remain after narrowing by axis values."""
    rows: list[_Row] = []
    listed = [field for field in build.fields if field.name == "platforms"]
    for (level, place), same in groupby(listed, key=lambda field: (field.level, _at(field.place))):
        entries = list(same)
        rows.append(("" if rows else "listed", ", ".join(map(_value, entries)), level, place))
        rows += _replaced(entries[-1])
    for entry in build.narrowing:
        rows.append(("allowed", _value(entry), entry.level, _at(entry.place)))
    if build.narrowing:
        rows.append(("result", ", ".join(build.platforms)))
    return rows


def _givens(entries: Iterable[Given], *, named: bool = False) -> list[_Row]:
    """Return the values by their field or key; a repeated name is written once."""
    rows: list[_Row] = []
    before = ""
    for entry in entries:
        name = " ".join(filter(None, (entry.name, entry.key))) if named else entry.key
        rows.append(
            ("" if named and name == before else name, _value(entry), entry.level, _at(entry.place))
        )
        rows += _replaced(entry)
        before = name
    return rows


def _replaced(entry: Given) -> Iterator[_Row]:
    for former in entry.replaces:
        yield "", f"replaces {_cut(_value(former))}", former.level, _at(former.place)


def _value(entry: Given) -> str:
    """Return a value on one line; long descriptions, settings and tests are shortened."""
    if entry.value is None:
        return "null" if entry.name == "set" else "(renders to nothing here)"
    if isinstance(entry.value, str):
        text = entry.value or '""'
    elif entry.name == "cache":
        text = f"{entry.value.get('ref')} ({', '.join(_rest(entry.value))})"
    elif isinstance(entry.value, list | tuple) and entry.name != "set":
        text = ", ".join(map(str, entry.value))
    else:
        text = json.dumps(entry.value, ensure_ascii=False)
    return _cut(text) if entry.name in _CUT else text


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _rest(cache: Mapping[str, str]) -> Iterator[str]:
    for key, value in cache.items():
        if key != "ref":
            yield f"{key}={value}"


def _at(place: Location | None) -> str:
    return "" if place is None else f"{place.path}:{place.line}"
