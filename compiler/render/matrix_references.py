"""Compare the images that Dockerfiles name with the targets and tags of the matrix.

Bake builds targets at the same time. A `FROM` that names a tag of another target without a link
gets the image of the last release, or none.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from compiler.codes import Code
from compiler.errors import Severity
from compiler.external.references import canonical_tag, familiar, lookup_name
from compiler.matrix.strings import substitute
from compiler.render.dockerfile import Word
from compiler.render.dockerfile_rules import Finding
from compiler.targets.links import link_to
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_SHORTEST = 4
"""Names with fewer characters are often one edit away from an unrelated image."""
_PLAIN = re.compile(r"[\w.-]+\Z", re.ASCII)


class MatrixReferences:
    """The names of the targets of one plan, and their tags."""

    def __init__(self, plan: Plan) -> None:
        values = {v.name: v.resolved for v in plan.matrix.variables.values()}
        self._owners: dict[str, Target] = {}
        """Tag, with the defaults of variables -> target."""
        for target in plan.targets:
            for tag in (*target.tags, *target.moving, *target.aliases):
                self._owners.setdefault(substitute(tag, values), target)
        repositories = {_repository(tag) for tag in self._owners}
        self._repositories = {familiar(repository) for repository in repositories}
        self._targets = {target.name: target for target in plan.targets}

    def check(self, name: str, word: Word, target: Target, stages: Sequence[str]) -> Finding | None:
        """Return the warning for a name that probably means a target or a stage.

        Args:
            name: the image name of a `FROM` or `--from`, with the words of this variant.
            word: the same name in the shape.
            target: the target that is built.
            stages: the names of the stages, in lower case.
        """
        contexts: Iterable[str] = target.fields.get("contexts", ())  # type: ignore[assignment]
        if name in contexts or name.lower() in stages or name == "scratch" or "$" in name:
            return None
        if any(lookup_name(name) == lookup_name(context) for context in contexts):
            return None
        owner = self._owner(name)
        if owner is not None and owner.name != target.name:
            return _warning(
                Code.UNLINKED_TARGET,
                f"{name!r} is a tag of target {owner.name!r}, which this build does not depend on",
                f"write `from: {owner.image}` and `FROM {{{{ parent }}}}`, or a context "
                f"`{link_to(owner.name)}`",
                word,
            )
        linked = self._targets.get(name)
        if linked is not None and linked is not target:
            return _warning(
                Code.UNLINKED_TARGET,
                f"{name!r} is a target, and here it names an image of a registry",
                f"write `from: {linked.image}` and `FROM {{{{ parent }}}}`, or add "
                f"`{name}: {link_to(name)}` to `contexts`",
                word,
            )
        near = self._nearest(name, target, stages)
        if near:
            kind = "stage" if near in stages else "target"
            return _warning(
                Code.NEAR_STAGE,
                f"{name!r} is not a stage or a target, so BuildKit looks for an image of this name",
                f"did you mean the {kind} {near!r}?",
                word,
            )
        return None

    def _owner(self, name: str) -> Target | None:
        """Return the target that has a tag."""
        if name in self._owners or familiar(_repository(name)) not in self._repositories:
            return self._owners.get(name)
        full = canonical_tag(name)
        return None if full is None else self._canonical_owners.get(full)

    @cached_property
    def _canonical_owners(self) -> dict[str, Target]:
        owners: dict[str, Target] = {}
        for tag, owner in self._owners.items():
            full = canonical_tag(tag)
            if full is not None:
                owners.setdefault(full, owner)
        return owners

    def _nearest(self, name: str, target: Target, stages: Sequence[str]) -> str:
        """Return the stage or target whose name is one edit or only letter case away."""
        if len(name) < _SHORTEST or not _PLAIN.match(name):
            return ""
        for stage in stages:
            if stage and stage != name.lower() and one_edit(name.lower(), stage):
                return stage
        for part in (name.lower(), *_shortened(name)):
            for other in self._shortened.get(part, ()):
                if other.lower() == name.lower() or one_edit(name, other):
                    return "" if other == target.name else other
        return ""

    @cached_property
    def _shortened(self) -> dict[str, list[str]]:
        """Target names by what remains of them without one character: near names share that."""
        names: dict[str, list[str]] = {}
        for name in self._targets:
            for part in {name.lower(), *_shortened(name)}:
                names.setdefault(part, []).append(name)
        return names


def _shortened(name: str) -> Iterator[str]:
    return (name[:n] + name[n + 1 :] for n in range(len(name)))


def _repository(tag: str) -> str:
    name, colon, version = tag.rpartition(":")
    return name if colon and "/" not in version else tag


def one_edit(one: str, other: str) -> bool:
    """Return whether one insertion, deletion, replacement or swap makes two texts equal.

    >>> one_edit("biuld", "build"), one_edit("buil", "build"), one_edit("base", "build")
    (True, True, False)
    """
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        return True
    rest, others = one[start:], other[start:]
    swapped = rest[1:2] + rest[:1] + rest[2:]
    return others in {rest[1:], swapped} or others[1:] in {rest, rest[1:]}


def _warning(code: Code, message: str, help_: str, word: Word) -> Finding:
    return Finding(code, message, help_, word.line, word.text, Severity.WARNING)
