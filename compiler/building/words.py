"""What one bake process is told beside the names of its targets; only computes."""

from collections.abc import Mapping, Sequence

from compiler.building.outcome import Options
from compiler.building.parts import along, links


def bake_words(
    part: Sequence[str],
    given: Options,
    contexts: Mapping[str, Mapping[str, str]],
    pinned: Mapping[str, str],
) -> list[str]:
    """Return the options of a bake.

    Args:
        part: the targets that it builds.
        given: how to bake.
        contexts: target -> context -> the target that it links to.
        pinned: target -> the image that stands for it where the part does not build it itself.
    """
    # What a process builds itself it also stands on: a parent is built once, or taken.
    pins = {name: image for name, image in pinned.items() if name not in part}
    needed = along(part, links(contexts, pins))
    flags = {
        "--push": given.push,
        "--load": given.load,
        "--no-cache": given.no_cache,
        "--pull": given.pull,
    }
    words = [flag for flag, wanted in flags.items() if wanted]
    words += [f"--builder={given.builder}"] if given.builder else []
    words += [f"--set={text}" for text in given.sets]
    words += [
        f"--set={name}.{text}" for name in sorted(needed) for text in given.overrides.get(name, ())
    ]
    words += [
        f"--set={name}.contexts.{context}=docker-image://{pins[other]}"
        for name in sorted(needed)
        for context, other in contexts.get(name, {}).items()
        if other in pins
    ]
    return [*words, *given.extra]
