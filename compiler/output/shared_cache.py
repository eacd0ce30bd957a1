"""Choose the targets whose caches a target reads: those that begin with the same steps."""

from itertools import pairwise

from compiler.render.dockerfile import DockerfileError, read
from compiler.render.render import Dockerfile
from compiler.targets.target import Target


MOST = 4
"""The maximum number of other targets whose caches a target reads."""


def siblings(dockerfiles: tuple[Dockerfile, ...]) -> dict[str, list[Target]]:
    """Return, for each target with a cache, those with most first steps in common.

    Only Dockerfiles of one image and context are compared, instruction by instruction. If many are
    equally close, the first `MOST` of them in the plan's order are returned. Targets whose
    first instructions differ are not siblings.
    """
    groups: dict[object, list[tuple[tuple[str, ...], int]]] = {}
    for n, (target, text, _) in enumerate(dockerfiles):
        if target.cache is not None:
            key = (target.image, target.fields.get("context"))
            groups.setdefault(key, []).append((_steps(text), n))
    by_target: dict[str, list[Target]] = {}
    for members in groups.values():
        for n, near in _nearest(sorted(members)).items():
            by_target[dockerfiles[n].target.name] = [dockerfiles[m].target for m in near]
    return by_target


def _steps(text: str) -> tuple[str, ...]:
    """Return the instructions of a Dockerfile; its lines if it cannot be parsed."""
    try:
        instructions = read(text).instructions
    except DockerfileError:
        return tuple(text.split("\n"))
    return tuple(
        "\n".join([instruction.text, *(heredoc.content for heredoc in instruction.heredocs)])
        for instruction in instructions
    )


def _nearest(members: list[tuple[tuple[str, ...], int]]) -> dict[int, list[int]]:
    """Return, for each member, those with the longest common beginning.

    They are neighbours, because the members are sorted.
    """
    common = [_common(a[0], b[0]) for a, b in pairwise(members)]
    nearest: dict[int, list[int]] = {}
    for n, (_, number) in enumerate(members):
        before, after = common[n - 1] if n else 0, common[n] if n < len(common) else 0
        longest = max(before, after)
        near: list[int] = []
        if longest:
            start, end = n, n
            while start > 0 and common[start - 1] >= longest and n - start < MOST:
                start -= 1
            while end < len(common) and common[end] >= longest and end - n < MOST:
                end += 1
            near = sorted(other for _, other in members[start : end + 1] if other != number)
        nearest[number] = near[:MOST]
    return nearest


def _common(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    count = 0
    for left, right in zip(a, b, strict=False):
        if left != right:
            break
        count += 1
    return count
