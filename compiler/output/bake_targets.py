"""The targets of a bake file, as blocks of attributes."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from compiler.constants import DOCKERFILE_SUFFIX, TEST_SUFFIX
from compiler.matrix.strings import BakeString
from compiler.output.hcl import Block, Expression, literal
from compiler.output.linked_access import with_linked_access
from compiler.targets.links import link_to
from compiler.targets.plan import Plan, shared_fields
from compiler.targets.target import Target


_OF_TESTS = (
    *("secret", "ssh", "platforms", "network"),
    *("shm-size", "ulimits", "entitlements", "extra-hosts"),
)
"""Fields that the tests of a target have, too: how its steps run, and access for linked builds."""


def joined_platforms(target: Target) -> BakeString:
    """Return a target's platforms with commas between them; empty for the builder's choice."""
    return BakeString(",".join(target.platforms))


def bake_targets(
    plan: Plan, near: Mapping[str, list[Target]], partly: Collection[str]
) -> Iterator[tuple[str, Block]]:
    """Yield the blocks of a plan: each image's shared target, then its targets with their tests.

    Args:
        plan: the plan.
        near: target -> the targets whose caches it reads.
        partly: the targets of which a build may need only some platforms.
    """
    by_image: dict[str, list[Target]] = {}
    for target in with_linked_access(plan.targets):
        by_image.setdefault(target.image, []).append(target)
    for image, targets in by_image.items():
        shared: Mapping[str, Any] = {}
        parent = f"_{image.replace('.', '_')}"
        if len(targets) > 1:
            shared = shared_fields(targets)
            yield parent, Block(_attributes(shared))
        inherits = {"inherits": Expression(literal([parent]))} if shared else {}
        trimmed: dict[tuple[str, int], Any] = {}
        for target in targets:
            attributes = _attributes(_own(target, shared, trimmed))
            if target.moving or target.aliases:
                tags = literal((*target.moving, *target.aliases))
                attributes = _appended(attributes, "tags", f"_moving({tags})")
            if target.name in partly:
                attributes = _narrowed(attributes, target)
            if target.cache is not None:
                attributes = _cached(attributes, target.cache, near.get(target.name, ()))
            path = BakeString(f"cwd://{target.dockerfile}")
            yield target.name, Block(**inherits, dockerfile=path, **attributes)
            if target.tests:
                test = _test(target, narrowed=target.name in partly)
                yield f"{target.name}{TEST_SUFFIX}", test


def _narrowed(attributes: Mapping[str, Any], target: Target) -> Mapping[str, Any]:
    """Return attributes without the platforms that the selected dependents do not need.

    Such a target has no tags, because a push would replace an image by a part of it.
    """
    name, joined = literal(target.name), literal(joined_platforms(target))
    narrowed = {
        **attributes,
        "platforms": Expression(f"try(_linked[{name}], _platforms[{joined}])"),
    }
    tags = attributes.get("tags", target.tags)
    if tags:
        kept = f"[for tag in {literal(tags)} : tag if !can(_linked[{name}])]"
        narrowed["tags"] = Expression(kept)
    return narrowed


def _test(target: Target, *, narrowed: bool) -> Block:
    """Return the target that runs a target's tests; its output is discarded."""
    fields: dict[str, Any] = {"contexts": {target.name: link_to(target.name)}}
    fields |= {name: target.fields[name] for name in _OF_TESTS if name in target.fields}
    stem = target.dockerfile.removesuffix(DOCKERFILE_SUFFIX)
    path = BakeString(f"cwd://{stem}{TEST_SUFFIX}{DOCKERFILE_SUFFIX}")
    attributes = _attributes(fields)
    if narrowed:
        attributes = {**attributes, "platforms": _narrowed(attributes, target)["platforms"]}
    return Block(dockerfile=path, **attributes, output=["type=cacheonly"])


def _appended(fields: Mapping[str, Any], name: str, expression: str) -> Mapping[str, Any]:
    """Return fields in which an expression is appended to a list."""
    if fields.get(name):
        expression = f"concat({literal(fields[name])}, {expression})"
    return {**fields, name: Expression(expression)}


def _cached(
    fields: Mapping[str, Any], cache: Mapping[str, str], near: Iterable[Target]
) -> Mapping[str, Any]:
    """Return fields that read the target's own cache and those near it, and write its own."""
    refs = [cache["ref"], *(other.cache["ref"] for other in near if other.cache is not None)]
    read = [BakeString(f"type=registry,ref={ref}") for ref in refs]
    written = [BakeString(f"type=registry,ref={cache['ref']},mode={cache['mode']}")]
    fields = _appended(fields, "cache-from", f"_cache_read({literal(read)})")
    return _appended(fields, "cache-to", f"_cache_written({literal(written)})")


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
    joined = literal(BakeString(",".join(fields["platforms"])))
    return {**fields, "platforms": Expression(f"_platforms[{joined}]")}
