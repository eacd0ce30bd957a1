"""A plan as bake resolves the generated file: its variables replaced by the values of one run."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from functools import cached_property
from typing import Any

from compiler.external.references import split_tag
from compiler.matrix.bake_strings import BakeString, substitute, variables_in
from compiler.matrix.names import RESERVED_VARIABLES
from compiler.matrix.variables import Values, evaluate
from compiler.output.bake_fields import COMPARED, Fields, Value, normal
from compiler.output.definition import Definition
from compiler.output.linked_access import with_linked_access
from compiler.targets.graph import closure
from compiler.targets.indexes import make_indexes
from compiler.targets.plan import Plan, described
from compiler.targets.target import Target, link_graph
from compiler.targets.target_tags import PlatformTags


TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
"""The texts that bake reads as true in a variable of the environment."""


class ResolvedPlan:
    """A plan for one environment; every part is computed once, when it is first read."""

    def __init__(self, plan: Plan, environment: Mapping[str, str]) -> None:
        """Take a plan and the environment, whose variables override those of the matrix."""
        self.plan, self.environment = plan, environment

    @cached_property
    def _values(self) -> Values:
        return resolve_variables(self.plan, self.environment)

    @property
    def variables(self) -> Mapping[str, str]:
        """The value of each bake variable; empty for one that has none."""
        return self._values.values

    @property
    def missing_values(self) -> Mapping[str, str]:
        """Variable without a value -> the derived variable whose expression does not match."""
        return self._values.missing

    @property
    def overridden(self) -> Mapping[str, str]:
        """The variables of the bake file that the environment sets, with their values.

        `MOVING` and `CACHE` are among them.
        """
        names = (*self.plan.matrix.variables, *sorted(RESERVED_VARIABLES))
        return {name: self.environment[name] for name in names if name in self.environment}

    @cached_property
    def fields(self) -> Mapping[str, Fields]:
        """Target -> its fields, normalised.

        Floating tags and the targets' own caches are among them as `MOVING` and `CACHE` require.
        """
        moves = self.environment.get("MOVING") in TRUE
        cache = self.environment.get("CACHE", "")
        return {
            target.name: _fields(target, self.variables, moves=moves, cache=cache)
            for target in with_linked_access(self.plan.targets)
        }

    @cached_property
    def repositories(self) -> Mapping[str, str]:
        """Target -> the first of its repositories, or the repository of its first tag.

        Targets without tags are not among them.
        """
        pairs = ((target.name, self.naming_tag(target)) for target in self.plan.targets)
        return {name: split_tag(substitute(t, self.variables))[0] for name, t in pairs if t}

    @cached_property
    def staging(self) -> Mapping[str, str]:
        """Target -> the repository that its image is staged in: a common one, or its own."""
        common = self.plan.matrix.staging
        if not common:
            return self.repositories
        return dict.fromkeys(
            (target.name for target in self.plan.targets), substitute(common, self.variables)
        )

    def missing_in(
        self, names: Collection[str], *, moves: bool = False, published: bool = False
    ) -> list[str]:
        """Return the derived variables without a value that these targets and their links use.

        Args:
            names: the targets.
            moves: whether floating tags count, as they do if `MOVING` is true.
            published: whether the tags that only `publish` creates count.
        """
        moves = moves or self.environment.get("MOVING") in TRUE
        if not self.missing_values:
            return []
        targets = {target.name: target for target in with_linked_access(self.plan.targets)}
        links = link_graph(targets.values())
        texts: list[Any] = []
        for target in map(targets.__getitem__, closure([n for n in names if n in links], links)):
            texts += [target.fields, target.cache if self.environment.get("CACHE") else ()]
            texts += [_floating(target) if moves else ()]
            texts += [tuple(_published(target, moves=moves)) if published else ()]
        used = {name for text in texts for name in _variables_of(text)}
        return list(
            dict.fromkeys(cause for name, cause in self.missing_values.items() if name in used)
        )

    def naming_tag(self, target: Target) -> BakeString | None:
        """Return the tag that names a target's repository: the first with a text, if any."""
        return next((t for t in _all_tags(target) if substitute(t, self.variables)), None)

    def version_tags(self, target: Target) -> tuple[str, ...]:
        """Return a target's version tags that have a value, without duplicates."""
        return self._unique(target.tags)

    def floating_tags(self, target: Target) -> tuple[str, ...]:
        """Return a target's floating tags that have a value, aliases included, each once."""
        return self._unique(_floating(target))

    def platform_tags(self, target: Target) -> tuple[PlatformTags, ...]:
        """Return the tags of a target's platforms, without duplicates."""
        return tuple(
            PlatformTags(group.platform, self._unique(group.tags), self._unique(group.moving))
            for group in target.platform_tags
        )

    @cached_property
    def shared_tags(self) -> Mapping[tuple[str, ...], tuple[list[str], list[str]]]:
        """Targets -> the version tags and the floating tags of their index."""
        tags: dict[tuple[str, ...], tuple[list[str], list[str]]] = {}
        indexes = make_indexes(self.plan.targets, lambda tag: next(iter(self._unique([tag])), ""))
        for index in indexes:
            tags.setdefault(index.targets, ([], []))[index.moving].append(index.tag)
        return tags

    def definition(self) -> Definition:
        """Return the definition that bake would read."""
        unpushed: Iterable[BakeString] = ()
        if self.environment.get("MOVING") not in TRUE:
            unpushed = (tag for target in self.plan.targets for tag in _floating(target))
        published = (tag for target in self.plan.targets for tag in _published(target))
        return Definition(
            targets=self.fields,
            unpushed_tags=self._normal(unpushed),
            published_tags=self._normal(published),
            variables=tuple(self.plan.matrix.variables),
        )

    def with_variable(self, name: str, value: str) -> "ResolvedPlan":
        """Return the plan for an environment in which a variable has a value."""
        changed = ResolvedPlan(self.plan, {**self.environment, name: value})
        if self.variables[name] == value and name not in self.missing_values:
            changed._values = self._values
        return changed

    def with_plan(self, plan: Plan) -> "ResolvedPlan":
        """Return another plan of the same matrix, such as the compiled one."""
        changed = ResolvedPlan(plan, self.environment)
        changed._values = self._values
        return changed

    def with_fields(self, fields: Mapping[str, Fields]) -> "ResolvedPlan":
        """Return the plan with other fields, and everything else the same."""
        changed = copy(self)
        changed.fields = fields
        return changed

    def _normal(self, tags: Iterable[BakeString]) -> frozenset[str]:
        """Return tags in the form in which they are compared."""
        return frozenset(normal({"tags": self._unique(tags)}).get("tags", ()))

    def _unique(self, tags: Any) -> tuple[Any, ...]:
        if self.missing_values:
            tags = [tag for tag in tags if self.missing_values.keys().isdisjoint(variables_in(tag))]
        return tuple(filter(None, dict.fromkeys(substitute(t, self.variables) for t in tags)))


def resolve_variables(plan: Plan, environment: Mapping[str, str]) -> Values:
    """Return the value of each bake variable: that of the environment, or else its default."""
    return evaluate(plan.matrix.variables, environment)


def _floating(target: Target) -> tuple[BakeString, ...]:
    return (*target.moving, *target.aliases)


def _published(target: Target, *, moves: bool = True) -> Iterator[BakeString]:
    """Yield the tags that only `publish` creates: shared tags, and tags of platforms.

    Args:
        target: the target.
        moves: whether floating tags are among them.
    """
    pairs = [target.shared, *((group.tags, group.moving) for group in target.platform_tags)]
    for tags, moving in pairs:
        yield from (*tags, *(moving if moves else ()))


def _all_tags(target: Target) -> Iterator[BakeString]:
    """Yield all tags of a target, in the order in which the first one names its repository."""
    yield from (*target.tags, *_floating(target), *_published(target))


def _fields(
    target: Target, values: Mapping[str, str], *, moves: bool, cache: str
) -> dict[str, Value]:
    """Return the fields of a target as bake resolves them."""
    fields = described(target)
    fields["target"] = fields.pop("stage", None)
    if moves:
        fields["tags"] = (*fields["tags"], *_floating(target))
    if target.cache is not None and cache in {"read", "write"}:
        record = f"type=registry,ref={target.cache['ref']}"
        fields["cache-from"] = (*fields.get("cache-from", ()), record)
        if cache == "write":
            record += f",mode={target.cache['mode']}"
            fields["cache-to"] = (*fields.get("cache-to", ()), record)
    return normal({name: _resolved(fields.get(name), values) for name in COMPARED})


def _variables_of(value: Any) -> Iterator[str]:
    """Yield the variables that a field names."""
    match value:
        case str():
            yield from variables_in(value)
        case Mapping():
            for pair in value.items():
                yield from _variables_of(pair)
        case tuple():
            for item in value:
                yield from _variables_of(item)
        case _:
            pass


def _resolved(value: Any, values: Mapping[str, str]) -> Any:
    match value:
        case str():
            return substitute(value, values)
        case tuple():
            return [_resolved(item, values) for item in value]
        case Mapping():
            return {substitute(key, values): _resolved(item, values) for key, item in value.items()}
        case _:
            return value
