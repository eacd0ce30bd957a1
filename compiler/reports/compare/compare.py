"""Differences between two definitions of the same builds, target by target.

Takes two `Definition`s, ours and theirs; returns a `Comparison`. Targets are the same if they share
a tag in its full form, whatever their names; those without tags go by name. Dockerfiles are not
compared: their names and places differ by nature.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from compiler.output.bake_fields import CACHE_ONLY, COMPARED, Fields
from compiler.output.definition import Definition, linked
from compiler.output.linked_access import definition_with_linked_access
from compiler.reports.text import shortened
from compiler.targets.links import link_to, linked_target


SHOWN_NAMES = 3
"""Maximum number of targets in a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field, or one key of it, with different values."""

    field: str
    key: str | None
    """The key, if the field is a mapping."""
    theirs: str | tuple[str, ...] | None
    """None if the field is absent."""
    ours: str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A target that both sides have."""

    ours: str
    theirs: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How two definitions differ."""

    pairs: tuple[Pair, ...]
    only_ours: Mapping[str, tuple[str, ...]]
    """Name -> tags."""
    only_theirs: Mapping[str, tuple[str, ...]]
    left_out: tuple[str, ...]
    """Their targets without a counterpart and an output, such as those that others inherit."""
    notes: tuple[str, ...]
    """Notes that help to interpret the result."""

    @property
    def same(self) -> bool:
        """Return whether nothing differs."""
        return not (
            self.only_ours or self.only_theirs or any(pair.differences for pair in self.pairs)
        )


def compare(ours: Definition, theirs: Definition, ignored: Collection[str] = ()) -> Comparison:
    """Compare two definitions, except for the ignored fields.

    Secrets and SSH agents that our side repeats from linked targets do not count.
    """
    here = definition_with_linked_access(ours.targets)
    their_targets = definition_with_linked_access(theirs.targets)
    matched = _matched(here, their_targets)
    names = {other: name for name, other in matched.items()}
    fields = [name for name in COMPARED if name not in ignored]
    pairs = []
    for name, our_fields in here.items():
        other = matched.get(name)
        if other is None:
            continue
        asked = (field for field in fields if field != "output" or other not in theirs.dependencies)
        differences = tuple(_differences(renamed(their_targets[other], names), our_fields, asked))
        pairs.append(Pair(ours=name, theirs=other, differences=differences))
    kept = linked(their_targets)
    inherited = [
        other
        for other, fields in their_targets.items()
        if other not in names and other not in kept and _leaves_nothing(fields)
    ]
    out = {*names, *inherited}
    return Comparison(
        pairs=tuple(pairs),
        only_ours={name: tags(fields) for name, fields in here.items() if name not in matched},
        only_theirs={
            name: tags(fields) for name, fields in their_targets.items() if name not in out
        },
        left_out=tuple(inherited),
        notes=tuple(_notes(ours, theirs, pairs)),
    )


def tags(fields: Fields) -> tuple[str, ...]:
    """Return a target's tags."""
    return tuple(fields.get("tags", ()))


def _matched(ours: Mapping[str, Fields], theirs: Mapping[str, Fields]) -> dict[str, str]:
    """Return the counterparts of our targets: the targets with the most common tags first."""
    by_tag: dict[str, list[str]] = {}
    for name, fields in ours.items():
        for tag in tags(fields):
            by_tag.setdefault(tag, []).append(name)
    shared: dict[tuple[str, str], int] = {}
    for other, fields in theirs.items():
        for tag in tags(fields):
            for name in by_tag.get(tag, ()):
                shared[name, other] = shared.get((name, other), 0) + 1
    matched: dict[str, str] = {}
    taken: set[str] = set()
    for name, other in sorted(shared, key=lambda pair: (-shared[pair], pair[0] != pair[1])):
        if name not in matched and other not in taken:
            matched[name] = other
            taken.add(other)
    for name, fields in ours.items():
        untagged = name in theirs and not (tags(fields) and tags(theirs[name]))
        if untagged and name not in matched and name not in taken:
            matched[name] = name
    return matched


def renamed(fields: Fields, names: Mapping[str, str]) -> Fields:
    """Return their fields, with links to their targets replaced by links to ours."""
    contexts = fields.get("contexts")
    if not isinstance(contexts, Mapping):
        return fields
    renamed_contexts = {}
    for key, text in contexts.items():
        name = linked_target(text)
        renamed_contexts[key] = text if name is None or name not in names else link_to(names[name])
    return {**fields, "contexts": renamed_contexts}


def _leaves_nothing(fields: Fields) -> bool:
    return not tags(fields) and fields.get("output", (CACHE_ONLY,)) == (CACHE_ONLY,)


def _differences(theirs: Fields, ours: Fields, names: Iterable[str]) -> Iterator[Difference]:
    for name in names:
        their, our = theirs.get(name), ours.get(name)
        if isinstance(their, Mapping) or isinstance(our, Mapping):
            our_texts: Mapping[str, str] = our if isinstance(our, Mapping) else {}
            their_texts: Mapping[str, str] = their if isinstance(their, Mapping) else {}
            for key in dict.fromkeys([*their_texts, *our_texts]):
                old, other = their_texts.get(key), our_texts.get(key)
                if old != other:
                    yield Difference(field=name, key=key, theirs=old, ours=other)
        elif _unordered(their) != _unordered(our):
            yield Difference(field=name, key=None, theirs=their, ours=our)


def _unordered(value: str | tuple[str, ...] | None) -> object:
    return frozenset(value) if isinstance(value, tuple) else value


def _notes(ours: Definition, theirs: Definition, pairs: Collection[Pair]) -> Iterator[str]:
    """Yield the notes that help to interpret the result."""
    here = {tag: None for fields in ours.targets.values() for tag in tags(fields)}
    their_tags = {tag: None for fields in theirs.targets.values() for tag in tags(fields)}
    if not ours.unpushed_tags.isdisjoint(their_tags.keys() - here.keys()):
        yield "they have tags that this matrix moves, which count with MOVING=true"
    if not ours.published_tags.isdisjoint(their_tags):
        yield "they have shared tags or platform tags of this matrix, which only `publish` creates"
    if here and their_tags and here.keys().isdisjoint(their_tags) and not pairs:
        own_tag, their_tag = next(iter(here)), next(iter(their_tags))
        yield f"no tag is common to both sides: here {own_tag}, theirs {their_tag}"
        if ours.variables:
            yield f"variables are read from the environment: {', '.join(ours.variables)}"
    if theirs.unknown:
        yield f"unknown fields are not compared: {', '.join(theirs.unknown)}"
    if theirs.dependencies:
        came = [name for name in theirs.targets if name in theirs.dependencies]
        names = shortened(came, SHOWN_NAMES)
        yield f"output is not compared where bake does not print it: {names}"
