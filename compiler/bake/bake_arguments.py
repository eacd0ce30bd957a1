"""What one bake process is told beside the names of its targets; only computes."""

from collections.abc import Collection, Mapping, Sequence

from compiler.bake.batches import along, links
from compiler.bake.results import BakeOptions


ANEW = "no-cache=true"
"""Among what a target is given beside that it says: it is to be built without the cache."""


def bake_words(
    part: Sequence[str],
    given: BakeOptions,
    contexts: Mapping[str, Mapping[str, str]],
    pinned: Mapping[str, str],
    done: Collection[str] = (),
) -> list[str]:
    """Return the options of a bake.

    Args:
        part: the targets that it builds.
        given: how to bake.
        contexts: target -> context -> the target that it links to.
        pinned: target -> the image that stands for it where the part does not build it itself.
        done: what an earlier bake built. That is in the cache now, and is taken from there: without
            the cache it would be another image, beneath those that stand on it. These in turn are
            built anew, for the cache may have them as they stood on what was there before.
    """
    # What a process builds itself it also stands on: a parent is built once, or taken.
    pins = {name: image for name, image in pinned.items() if name not in part}
    linked = links(contexts, pins)
    needed = along(part, linked)
    old = {name for name in needed if name in done and name not in part}
    renewed = {name for name in old if ANEW in given.overrides.get(name, ())}
    anew = {
        name
        for name in needed - old
        if (given.no_cache and old)
        or ANEW in given.overrides.get(name, ())
        or along([name], linked) & renewed
    }
    flags = {
        "--push": given.push,
        "--load": given.load,
        "--no-cache": given.no_cache and not old,
        "--pull": given.pull,
    }
    words = [flag for flag, wanted in flags.items() if wanted]
    words += [f"--builder={given.builder}"] if given.builder else []
    words += [f"--set={text}" for text in given.sets]
    words += [
        f"--set={name}.{text}"
        for name in sorted(needed)
        for text in given.overrides.get(name, ())
        if text != ANEW
    ]
    words += [f"--set={name}.{ANEW}" for name in sorted(anew)]
    words += [
        f"--set={name}.contexts.{context}=docker-image://{pins[other]}"
        for name in sorted(needed)
        for context, other in contexts.get(name, {}).items()
        if other in pins
    ]
    return [*words, *given.extra]
