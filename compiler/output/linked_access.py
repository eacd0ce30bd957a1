"""Give each target the secrets and SSH agents of the targets that it links to.

Bake builds linked targets together. Released versions of buildx then lose a secret or an SSH agent
of a linked target now and then (docker/buildx issues 3056, 3543 and 4011), so that the build fails.
They find it if the dependent has it, too.
"""

from collections.abc import Collection, Mapping, Sequence

from compiler.matrix.bake_strings import BakeString
from compiler.matrix.field_table import ROWS
from compiler.output.bake_fields import Fields
from compiler.targets.csv_entries import ACCESS, access_id
from compiler.targets.field_rendering import Rendered
from compiler.targets.graph import closure
from compiler.targets.links import linked_target
from compiler.targets.target import Target, link_graph


def with_linked_access(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Return targets with the secrets and SSH agents of all their direct and indirect links.

    The check of targets has ensured that all of them have one source for an identifier.
    """
    if not any(name in target.fields for target in targets for name in ACCESS):
        return tuple(targets)
    links = link_graph(targets)
    numbers = {target.name: number for number, target in enumerate(targets)}
    return tuple(
        _extended(target, [targets[number] for number in sorted(map(numbers.__getitem__, linked))])
        if (linked := closure(links[target.name], links))
        else target
        for target in targets
    )


def definition_with_linked_access(targets: Mapping[str, Fields]) -> dict[str, Fields]:
    """Return the targets of a definition with the same addition.

    So a definition that does not repeat the access of linked targets can be compared with one that
    does.
    """
    if not any(name in fields for fields in targets.values() for name in ACCESS):
        return dict(targets)
    links = {name: _linked(fields, targets) for name, fields in targets.items()}
    definitions: dict[str, Fields] = {}
    for name, fields in targets.items():
        reached = closure([name], links)
        added: dict[str, tuple[str, ...]] = {}
        for field in ACCESS:
            entries: dict[str, str] = {}
            for other in (name, *(other for other in targets if other in reached)):
                for entry in targets[other].get(field, ()):
                    entries.setdefault(access_id(field, entry), entry)
            if entries:
                added[field] = tuple(entries.values())
        definitions[name] = {**fields, **added}
    return definitions


def _linked(fields: Fields, targets: Collection[str]) -> tuple[str, ...]:
    """Return the targets that the named contexts of a target refer to."""
    contexts = fields.get("contexts", {})
    texts = contexts.values() if isinstance(contexts, Mapping) else ()
    names = map(linked_target, texts)
    return tuple(name for name in names if name is not None and name in targets)


def _extended(target: Target, linked: Sequence[Target]) -> Target:
    """Return a target with the access of its linked targets."""
    added: dict[str, Rendered] = {}
    for field in ACCESS:
        own = _entries(target, field)
        entries: dict[str, BakeString] = {}
        for other in (target, *linked):
            for entry in _entries(other, field):
                entries.setdefault(access_id(field, entry), entry)
        if len(entries) > len(own):
            added[field] = tuple(entries.values())
    if not added:
        return target
    fields: Mapping[str, Rendered] = {**target.fields, **added}
    return target._replace(fields={name: fields[name] for name in ROWS if name in fields})


def _entries(target: Target, field: str) -> Sequence[BakeString]:
    return target.fields.get(field, ())  # type: ignore[return-value]
