"""Compute the command-line arguments of one bake invocation; no side effects."""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

from compiler.bake.batches import direct_dependencies
from compiler.bake.results import BakeOptions
from compiler.constants import TEST_SUFFIX
from compiler.external.platforms import canonical_platform, selects_platform
from compiler.matrix.bake_strings import variables_in
from compiler.targets.filters import local_platform
from compiler.targets.graph import closure
from compiler.targets.needed_platforms import needed_platforms
from compiler.targets.plan import Plan


def bake_variables(options: BakeOptions) -> dict[str, str]:
    """Return the variables of a build, with the filter for its platforms."""
    platforms = {"ONLY_PLATFORM": ",".join(options.platforms)} if options.platforms else {}
    return {**options.variables, **platforms}


def platforms_of_build(plan: Plan, options: BakeOptions) -> dict[str, tuple[str, ...]]:
    """Return target -> the platforms for which a build makes it; only where they are certain.

    They are not if a bake variable decides them, or an argument of `--set` may.
    """
    texts = (*options.sets, *chain.from_iterable(options.overrides.values()), *options.extra)
    if any("platform" in text for text in texts) or "ONLY_PLATFORM" in options.variables:
        return {}
    here = local_platform()
    wanted = [
        canonical_platform(here if text == "local" else text) or text for text in options.platforms
    ]
    by_target: dict[str, tuple[str, ...]] = {}
    for target in plan.targets:
        platforms = tuple(map(str, target.platforms))
        if platforms and not any(map(variables_in, platforms)):
            kept = tuple(text for text in platforms if selects_platform(wanted, text))
            by_target[target.name] = kept or platforms
            if target.tests:
                by_target[f"{target.name}{TEST_SUFFIX}"] = by_target[target.name]
    return by_target


def single_target(
    batch: Sequence[str], contexts: Mapping[str, Mapping[str, str]], pinned: Mapping[str, str]
) -> str:
    """Return the only target that a bake invocation builds; empty if it builds several.

    The arguments are those of `bake_arguments`.
    """
    needed = closure(batch, _dependencies(batch, contexts, pinned))
    return next(iter(needed)) if len(needed) == 1 else ""


def _dependencies(
    batch: Sequence[str], contexts: Mapping[str, Mapping[str, str]], pinned: Mapping[str, str]
) -> Mapping[str, Sequence[str]]:
    """Return the direct dependencies that an invocation builds with a batch."""
    # A target of this batch is built, not pinned: its children use the image built with them.
    pins = {name: image for name, image in pinned.items() if name not in batch}
    return direct_dependencies(contexts, pins)


def bake_arguments(
    batch: Sequence[str],
    options: BakeOptions,
    contexts: Mapping[str, Mapping[str, str]],
    pinned: Mapping[str, str],
    finished: Collection[str] = (),
    platforms: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[str]:
    """Return our arguments of a bake invocation, without the names of its targets.

    Args:
        batch: the targets to build.
        options: how to bake.
        contexts: target -> named context -> the target that it links to.
        pinned: target -> the image that replaces it where the batch does not build it.
        finished: targets that earlier invocations built. They come from the cache: a rebuild
            without the cache would be another image than the one already built. Their dependents
            are built without the cache, because the cache may have them on an older parent.
        platforms: target -> its platforms in this build, where they are known. A target that the
            batch only links to is built for those that the batch needs.
    """
    pins = {name: image for name, image in pinned.items() if name not in batch}
    dependencies = _dependencies(batch, contexts, pinned)
    needed = closure(batch, dependencies)
    cached = {name for name in needed if name in finished and name not in batch}
    rebuilt = cached & options.uncached
    uncached = {
        name
        for name in needed - cached
        if (options.no_cache and cached)
        or name in options.uncached
        or closure([name], dependencies) & rebuilt
    }
    flags = {
        "--push": options.push,
        "--load": options.load,
        "--no-cache": options.no_cache and not cached,
        "--pull": options.pull,
    }
    arguments = [flag for flag, enabled in flags.items() if enabled]
    arguments += [f"--builder={options.builder}"] if options.builder else []
    arguments += [f"--set={text}" for text in options.sets]
    arguments += [
        f"--set={name}.{text}"
        for name in sorted(needed)
        for text in options.overrides.get(name, ())
    ]
    arguments += [
        f"--set={name}.platform={platform}"
        for name, kept in sorted(needed_platforms(batch, dependencies, platforms).items())
        for platform in kept
    ]
    arguments += [f"--set={name}.no-cache=true" for name in sorted(uncached)]
    arguments += [
        f"--set={name}.contexts.{context}=docker-image://{pins[other]}"
        for name in sorted(needed)
        for context, other in contexts.get(name, {}).items()
        if other in pins
    ]
    return arguments
