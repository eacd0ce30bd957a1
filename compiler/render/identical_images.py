"""Find Dockerfiles that build the same image.

Two are the same image only if their texts and all fields that affect the result are equal. Parents
that are the same image count as equal. Build arguments that no instruction reads do not count.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from compiler.external.references import context_name
from compiler.matrix.bake_strings import BakeString
from compiler.matrix.field_table import TABLE
from compiler.render.build_arguments import can_change_image
from compiler.render.dockerfile import DockerfileError, read
from compiler.render.dockerfile_words import UNKNOWN
from compiler.render.render import Dockerfile
from compiler.targets.graph import ordered
from compiler.targets.links import link_to, linked_target


if TYPE_CHECKING:
    from compiler.render.context_reads import Reads


_COMPARED_APART = frozenset({"args"} | {row.name for row in TABLE if not row.distinguishes})
"""Build arguments, and fields that name or cache an image and do not affect its content."""

_NAME = re.compile(r"[\w-]+(?:[./:@]+[\w-]+)*")
"""An image name, or a part of one."""


class _Alike:
    """Dockerfiles that are the same image if their build arguments are equal.

    Only arguments count that can change the image, as in fingerprints. A Dockerfile is parsed only
    if there are two of them.
    """

    def __init__(
        self, dockerfiles: Sequence[Dockerfile], links: Mapping[int, list[int]], first: int
    ) -> None:
        self._dockerfiles, self._links, self._first = dockerfiles, links, first
        self._leaders: dict[frozenset[tuple[str, str]], int] = {}

    def leader(self, n: int) -> int:
        """Return the first Dockerfile that is the same image as another: itself if it is new."""
        if n == self._first:
            return n
        if not self._leaders:
            self._leaders[self._values(self._first)] = self._first
        return self._leaders.setdefault(self._values(n), n)

    def _values(self, n: int) -> frozenset[tuple[str, str]]:
        """Return the build arguments that can change an image, with their values."""
        args = self._dockerfiles[n].target.fields.get("args")
        pairs = args.items() if isinstance(args, Mapping) else ()
        read, links = self._read, self._dockerfiles[self._first].target.links
        is_known = read.bases <= {*map(context_name, links)}
        return frozenset(
            pair
            for pair in pairs
            if can_change_image(pair[0], read.args, read.other_args, is_base_known=is_known)
        )

    @cached_property
    def _read(self) -> "Reads":
        """What the first Dockerfile reads."""
        from compiler.render.build_inputs import build_inputs

        target, text, _ = self._dockerfiles[self._first]
        parents = (self._dockerfiles[parent] for parent in self._links.get(self._first, ()))
        triggers = {
            name: build_inputs(parent.text, parent.target.fields).reads().triggers
            for name, parent in zip(target.links, parents, strict=False)
        }
        return build_inputs(text, target.fields, triggers).reads()


def sameness(dockerfiles: tuple[Dockerfile, ...]) -> list[int]:
    """Return, for each Dockerfile, the index of one that is the same image.

    All Dockerfiles of one image have the same index.
    """
    links = _links(dockerfiles)
    same = list(range(len(dockerfiles)))
    alike: dict[tuple[str, frozenset[int]], _Alike] = {}
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
            if field in _COMPARED_APART or (field == "context" and value == "."):
                continue
            if field == "contexts" and renamed and isinstance(value, Mapping):
                text, contexts = _renamed(text, value, renamed)
                number = numbers.setdefault((field, contexts), len(numbers))
            elif (number := met.get((field, id(value)), -1)) < 0:
                frozen = frozenset(value.items()) if isinstance(value, Mapping) else value
                number = numbers.setdefault((field, frozen), len(numbers))
                met[field, id(value)] = number
            signature.append(number)
        key = (text, frozenset(signature))
        if key not in alike:
            alike[key] = _Alike(dockerfiles, links, n)
        same[n] = leader = alike[key].leader(n)
        if leader != n:
            aliases[target.name] = dockerfiles[leader].target.name
    return same


def _links(dockerfiles: tuple[Dockerfile, ...]) -> dict[int, list[int]]:
    """Return, by index, the Dockerfiles that each one links to, if any."""
    linked = {
        n: dockerfile.target.links
        for n, dockerfile in enumerate(dockerfiles)
        if dockerfile.target.links
    }
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
