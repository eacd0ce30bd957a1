"""Dockerfiles -> which of them build the same image.

Takes Dockerfiles; returns for each the number of one that is the same image.
Promises to take two for the same only if bake would build both from the same: their texts and all
fields that reach the result, with parents that are the same image taken for one.
"""

import re
from collections import Counter
from collections.abc import Mapping

from compiler.matrix.strings import BakeString
from compiler.render.render import Dockerfile
from compiler.targets.graph import ordered
from compiler.targets.links import link_to, linked_target


_ASIDE = frozenset(
    {"attest", "cache-from", "cache-to", "description", "no-cache", "no-cache-filter", "pull"}
    | {"tags"}
)
"""Fields that say how an image is named or cached, not what it is."""

_REFERENCE = re.compile(r"^[ \t]*(?:FROM|ARG|#).*|\bfrom=[^\s,]+", re.IGNORECASE)
"""Where a line of a Dockerfile names an image; anywhere else a name is part of what is built."""
_WORD = re.compile(r"[\w-]+(?:[./:@]+[\w-]+)*")


def sameness(dockerfiles: tuple[Dockerfile, ...]) -> list[int]:
    """Return for each Dockerfile the number of one that is the same image, of all alike one."""
    links = _links(dockerfiles)
    same = list(range(len(dockerfiles)))
    leaders: dict[tuple[str, frozenset[int]], int] = {}
    aliases: dict[str, str] = {}  # a target's name -> the name of the one that it is the same as
    numbers: dict[tuple[str, object], int] = {}
    met: dict[tuple[str, int], int] = {}  # the same by the object: most targets share theirs
    times = Counter(dockerfile.text for dockerfile in dockerfiles)
    for n in ordered(range(len(dockerfiles)), links) if links else same:
        target, text = dockerfiles[n]
        if times[text] == 1 and not links:
            continue  # like no other, whatever its fields
        linked = [dockerfiles[parent].target.name for parent in links.get(n, ())]
        renamed = {name: aliases[name] for name in linked if name in aliases}
        signature = []
        for field, value in target.fields.items():
            if field in _ASIDE or (field == "context" and value == "."):
                continue
            if field == "contexts" and renamed and isinstance(value, Mapping):
                text, contexts = _renamed(text, value, renamed)
                number = numbers.setdefault((field, contexts), len(numbers))
            elif (number := met.get((field, id(value)), -1)) < 0:
                frozen = frozenset(value.items()) if isinstance(value, Mapping) else value
                number = numbers.setdefault((field, frozen), len(numbers))
                met[field, id(value)] = number
            signature.append(number)
        same[n] = leader = leaders.setdefault((text, frozenset(signature)), n)
        if leader != n:
            aliases[target.name] = dockerfiles[leader].target.name
    return same


def _links(dockerfiles: tuple[Dockerfile, ...]) -> dict[int, list[int]]:
    """Return for each Dockerfile, if any, those whose images it names among its contexts."""
    linked = {n: one.target.links for n, one in enumerate(dockerfiles) if one.target.links}
    if not linked:
        return {}
    numbers = {dockerfile.target.name: n for n, dockerfile in enumerate(dockerfiles)}
    return {n: [numbers[name] for name in links.values()] for n, links in linked.items()}


def _renamed(
    text: str, contexts: Mapping[BakeString, BakeString], renamed: Mapping[str, str]
) -> tuple[str, frozenset[tuple[str, str]]]:
    """Put, in text and contexts, one name for parents that are the same image."""
    pairs: list[tuple[str, str]] = []
    words: dict[str, str] = {}
    for key, value in contexts.items():
        name = linked_target(value)
        if name is None or name not in renamed:
            pairs.append((key, value))
        elif key == name:
            words[key] = renamed[name]
            pairs.append((words[key], link_to(words[key])))
        else:
            pairs.append((key, link_to(renamed[name])))
    return _reworded(text, words) if words else text, frozenset(pairs)


def _reworded(text: str, words: Mapping[str, str]) -> str:
    """Put other names for these wherever a Dockerfile refers to images."""

    def put(place: re.Match[str]) -> str:
        return _WORD.sub(lambda word: words.get(word[0], word[0]), place[0])

    lines = text.split("\n")
    for n, line in enumerate(lines):
        if any(word in line for word in words):
            lines[n] = _REFERENCE.sub(put, line)
    return "\n".join(lines)
