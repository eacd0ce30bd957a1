"""Find Dockerfiles that build the same image.

Two are the same image only if their texts and all fields that affect the result are equal. Parents
that are the same image count as equal.
"""

import re
from collections import Counter
from collections.abc import Mapping

from compiler.matrix.bake_strings import BakeString
from compiler.matrix.field_table import TABLE
from compiler.render.dockerfile import DockerfileError, read
from compiler.render.dockerfile_words import UNKNOWN
from compiler.render.render import Dockerfile
from compiler.targets.graph import ordered
from compiler.targets.links import link_to, linked_target


_IGNORED = frozenset(row.name for row in TABLE if not row.distinguishes)
"""Fields that name or cache an image, and do not affect its content."""

_NAME = re.compile(r"[\w-]+(?:[./:@]+[\w-]+)*")
"""An image name, or a part of one."""


def sameness(dockerfiles: tuple[Dockerfile, ...]) -> list[int]:
    """Return, for each Dockerfile, the index of one that is the same image.

    All Dockerfiles of one image have the same index.
    """
    links = _links(dockerfiles)
    same = list(range(len(dockerfiles)))
    leaders: dict[tuple[str, frozenset[int]], int] = {}
    aliases: dict[str, str] = {}  # target -> an earlier target that is the same image
    numbers: dict[tuple[str, object], int] = {}
    met: dict[tuple[str, int], int] = {}  # by identity: most targets share their values
    times = Counter(dockerfile.text for dockerfile in dockerfiles)
    for n in ordered(range(len(dockerfiles)), links) if links else same:
        target, text, _ = dockerfiles[n]
        if times[text] == 1 and not links:
            continue  # its text is unique
        linked = [dockerfiles[parent].target.name for parent in links.get(n, ())]
        renamed = {name: aliases[name] for name in linked if name in aliases}
        signature = []
        for field, value in target.fields.items():
            if field in _IGNORED or (field == "context" and value == "."):
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
    """Return, by index, the Dockerfiles that each one links to, if any."""
    linked = {n: one.target.links for n, one in enumerate(dockerfiles) if one.target.links}
    if not linked:
        return {}
    numbers = {dockerfile.target.name: n for n, dockerfile in enumerate(dockerfiles)}
    return {n: [numbers[name] for name in links.values()] for n, links in linked.items()}


def _renamed(
    text: str, contexts: Mapping[BakeString, BakeString], renamed: Mapping[str, str]
) -> tuple[str, frozenset[tuple[str, str]]]:
    """Return text and contexts with a single name for all parents that are the same image."""
    pairs: list[tuple[str, str]] = []
    names: dict[str, str] = {}
    for key, value in contexts.items():
        name = linked_target(value)
        if name is None or name not in renamed:
            pairs.append((key, value))
        elif key == name:
            names[key] = renamed[name]
            pairs.append((names[key], link_to(names[key])))
        else:
            pairs.append((key, link_to(renamed[name])))
    return _reworded(text, names) if names else text, frozenset(pairs)


def _reworded(text: str, names: Mapping[str, str]) -> str:
    """Replace names wherever a Dockerfile refers to images: in FROM, ARG, `from=` and comments."""
    try:
        parsed = read(text)
    except DockerfileError:
        return text

    def rename(line: str) -> str:
        return _NAME.sub(lambda name: names.get(name[0], name[0]), line)

    for word in sorted({w for i in parsed.instructions for w in i.images}, key=lambda w: -w.end):
        if word.text in names and word.end != UNKNOWN:
            start = word.end - len(word.text)
            text = f"{text[:start]}{names[word.text]}{text[word.end :]}"
    content = {
        line
        for instruction in parsed.instructions
        if instruction.keyword not in {"FROM", "ARG"}
        for line in range(instruction.line, instruction.last_line + 1)
    }
    lines = text.split("\n")
    return "\n".join(
        line if number in content else rename(line) for number, line in enumerate(lines, 1)
    )
