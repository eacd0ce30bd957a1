"""The targets of a bake file, as blocks of attributes."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from compiler.constants import DOCKERFILE_SUFFIX, TEST_SUFFIX
from compiler.matrix.bake_strings import BakeString
from compiler.output.hcl import Block, Expression, literal
from compiler.output.linked_access import with_linked_access
from compiler.output.missing_values import MissingValues, inherited
from compiler.targets.links import link_to
from compiler.targets.plan import Plan, shared_fields
from compiler.targets.target import Target


_OF_TESTS = (
    *("secret", "ssh", "platforms", "network"),
    *("shm-size", "ulimits", "entitlements", "extra-hosts"),
)
"""Fields that the tests of a target have, too: how its steps run, and access for linked builds."""


def joined_platforms(platforms: Iterable[str]) -> BakeString:
    """Return platforms with commas between them; empty for the builder's choice."""
    return BakeString(",".join(platforms))


def bake_targets(
    plan: Plan, near: Mapping[str, list[Target]], partly: Collection[str]
) -> Iterator[tuple[str, Block]]:
    """Yield the blocks of a plan: each image's shared target, then its targets with their tests.

    Args:
        plan: the plan.
        near: target -> the targets whose caches it reads.
        partly: the targets of which a build may need only some platforms.
    """
    missing = MissingValues(plan.matrix.variables)
    by_image: dict[str, list[Target]] = {}
    for target in with_linked_access(plan.targets):
        by_image.setdefault(target.image, []).append(target)
    for image, targets in by_image.items():
        shared: Mapping[str, Any] = {}
        parents: list[str] = []
        parent = f"_{image.replace('.', '_')}"
        if len(targets) > 1:
            shared = shared_fields(targets)
            guards = inherited([], missing.parents(shared))
            yield parent, Block(**guards, **_attributes(missing.fields(shared)))
            parents = [parent] if shared else []
        plain = inherited(parents, [])
        trimmed: dict[tuple[str, int], Any] = {}
        for target in targets:
            own = _own(target, shared, trimmed)
            unknown = missing.parents(own)
            attributes = _attributes(missing.fields(own))
            if target.moving or target.aliases:
                tags = (*target.moving, *target.aliases)
                unknown += missing.parents(tags, "MOVING")
                moving = literal(missing.guarded(tags, "[]"))
                attributes = _appended(attributes, "tags", f"_moving({moving})")
            if target.name in partly:
                attributes = _narrowed(attributes, target, missing)
            if target.cache is not None:
                written, read = _cache_entries(target.cache, near.get(target.name, ()))
                unknown += missing.parents([*read, *written], 'CACHE != ""')
                read, written = (missing.guarded(entries, "[]") for entries in (read, written))
                attributes = _appended(attributes, "cache-from", f"_cache_read({literal(read)})")
                expression = f"_cache_written({literal(written)})"
                attributes = _appended(attributes, "cache-to", expression)
            inherits = inherited(parents, unknown) if unknown else plain
            path = BakeString(f"cwd://{target.dockerfile}")
            yield target.name, Block(**inherits, dockerfile=path, **attributes)
            if target.tests:
                test = _test(target, missing, narrowed=target.name in partly)
                yield f"{target.name}{TEST_SUFFIX}", test


def _narrowed(
    attributes: Mapping[str, Any], target: Target, missing: MissingValues
) -> Mapping[str, Any]:
    """Return attributes without the platforms that the selected dependents do not need.

    Such a target has no tags, because a push would replace an image by a part of it.
    """
    name, joined = literal(target.name), literal(joined_platforms(target.platforms))
    narrowed = {
        **attributes,
        "platforms": Expression(f"try(_linked[{name}], _platforms[{joined}])"),
    }
    tags = attributes.get("tags", missing.guarded(target.tags, "[]"))
    if tags:
        listed = f"({tags})" if isinstance(tags, Expression) else literal(tags)
        kept = f"[for tag in {listed} : tag if !can(_linked[{name}])]"
        narrowed["tags"] = Expression(kept)
    return narrowed


def _test(target: Target, missing: MissingValues, *, narrowed: bool) -> Block:
    """Return the target that runs a target's tests; its output is discarded."""
    fields: dict[str, Any] = {"contexts": {target.name: link_to(target.name)}}
    fields |= {name: target.fields[name] for name in _OF_TESTS if name in target.fields}
    stem = target.generated.removesuffix(DOCKERFILE_SUFFIX)
    path = BakeString(f"cwd://{stem}{TEST_SUFFIX}{DOCKERFILE_SUFFIX}")
    guards = inherited([], missing.parents(fields))
    attributes = _attributes(missing.fields(fields))
    if narrowed:
        platforms = _narrowed(attributes, target, missing)["platforms"]
        attributes = {**attributes, "platforms": platforms}
    return Block(**guards, dockerfile=path, **attributes, output=["type=cacheonly"])


def _appended(fields: Mapping[str, Any], name: str, expression: str) -> Mapping[str, Any]:
    """Return fields in which an expression is appended to a list."""
    if fields.get(name):
        expression = f"concat({literal(fields[name])}, {expression})"
    return {**fields, name: Expression(expression)}


def _cache_entries(
    cache: Mapping[str, str], near: Iterable[Target]
) -> tuple[list[BakeString], list[BakeString]]:
    """Return the entries that write a target's own cache, and read it and those near it."""
    refs = [cache["ref"], *(other.cache["ref"] for other in near if other.cache is not None)]
    written = [BakeString(f"type=registry,ref={cache['ref']},mode={cache['mode']}")]
    return written, [BakeString(f"type=registry,ref={ref}") for ref in refs]


def _own(
    target: Target, shared: Mapping[str, Any], trimmed: dict[tuple[str, int], Any]
) -> Mapping[str, Any]:
    """Return the fields that a target does not inherit; equal mappings are the same object."""
    if not shared:
        return target.fields
    own: dict[str, Any] = {}
    for name, value in target.fields.items():
        if name not in shared:
            own[name] = value
            continue
        common = shared[name]
        if common is value:
            continue
        key = (name, id(value))  # The field lives as long as the plan.
        if key not in trimmed:
            trimmed[key] = (
                None if common == value else {k: v for k, v in value.items() if k not in common}  # type: ignore[union-attr]
            )
        if trimmed[key] is not None:
            own[name] = trimmed[key]
    return own


def _attributes(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return fields as attributes; platforms are looked up, because ONLY_PLATFORM narrows them."""
    if "platforms" not in fields:
        return fields
    joined = literal(joined_platforms(fields["platforms"]))
    return {**fields, "platforms": Expression(f"_platforms[{joined}]")}
