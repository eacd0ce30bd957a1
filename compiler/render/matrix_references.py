"""Compare the images that Dockerfiles name with the targets and tags of the matrix.

Bake builds targets at the same time. A `FROM` that names a tag of another target without a link
gets the image of the last release, or none.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from compiler.codes import Code
from compiler.errors import Severity
from compiler.external.references import canonical_tag, context_name, familiar, lookup_name
from compiler.matrix.bake_strings import substitute
from compiler.render.dockerfile import Word
from compiler.render.dockerfile_rules import Finding
from compiler.targets.links import link_to
from compiler.targets.plan import Plan
from compiler.targets.target import Target


_SHORTEST = 4
"""Names with fewer characters are often one edit away from an unrelated image."""
_SHORTEST_STAGE = 2
"""The same for what `--from` names, which nearly always is a stage."""
_SHORT_IMAGES = frozenset({"gcc", "php", "ros"})
"""Official images with names that are too short for a `FROM` to be compared."""
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII)
_PLAIN = re.compile(r"[\w.-]+\Z", re.ASCII)


class MatrixReferences:
    """The names of the targets of one plan, and their tags."""

    def __init__(self, plan: Plan) -> None:
        self.values = {v.name: v.resolved for v in plan.matrix.variables.values()}
        """Bake variable -> its default."""
        self._targets = {target.name: target for target in plan.targets}
        self._tags = [(tag, target) for target in plan.targets for tag in _tags(target)]
        repositories = {_repository(tag): target for tag, target in reversed(self._tags)}
        self._repositories = {
            familiar(_repository(substitute(repository, self.values))): target
            for repository, target in repositories.items()
        }
        """Familiar name of a repository -> the first target with a tag in it."""

    def is_related(self, name: str) -> bool:
        """Return whether an image name is a tag or the name of a target, or near such a name."""
        if "$" in name:
            return self._probable_owner(name) is not None
        owner = self._owner(name) or self._targets.get(name)
        return owner is not None or bool(self._near_target(name))

    def is_tag_of(self, name: str, target: str) -> bool:
        """Return whether an image name is a tag of the target with this name."""
        owner = self._probable_owner(name) if "$" in name else self._owner(name)
        return owner is not None and owner.name == target

    def check(
        self, name: str, word: Word, target: Target, stages: Sequence[str], *, is_base: bool
    ) -> Finding | None:
        """Return the warning for a name that probably means a target or a stage.

        Args:
            name: the image name of a `FROM` or `--from`, with the words of this variant.
            word: the same name in the shape.
            target: the target that is built.
            stages: the names of the stages, in lower case.
            is_base: whether a `FROM` names it.
        """
        contexts: Iterable[str] = target.fields.get("contexts", ())  # type: ignore[assignment]
        if name.lower() in stages or name == "scratch":
            return None
        if "$" in name:
            return None if name in contexts else self._undecided(name, word, target)
        if contexts and lookup_name(name) in map(context_name, contexts):
            return None
        owner = self._owner(name)
        if owner is not None and owner.name != target.name:
            return _warning(
                Code.UNLINKED_TARGET,
                f"{name!r} is a tag of target {owner.name!r}, which this build does not depend on",
                "write `FROM {{ parent }}`"
                if owner.name == target.parent
                else f"write `from: {owner.image}` and `FROM {{{{ parent }}}}`, or a context "
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
        near = self._nearest(name, target, stages, is_base=is_base)
        if near:
            kind = "stage" if near in stages else "target"
            return _warning(
                Code.NEAR_STAGE,
                f"{name!r} is not a stage or a target, so BuildKit looks for an image of this name",
                f"did you mean the {kind} {near!r}?",
                word,
            )
        return None

    def _undecided(self, name: str, word: Word, target: Target) -> Finding | None:
        """Return the warning for a name with variables in the repository of another image."""
        owner = self._probable_owner(name)
        if owner is None or owner.image == target.image:
            return None
        return _warning(
            Code.UNLINKED_TARGET,
            f"{name!r} is in the repository of target {owner.name!r}, which this build does not "
            "depend on",
            f"write `from: {owner.image}` and `FROM {{{{ parent }}}}`",
            word,
        )

    def _probable_owner(self, name: str) -> Target | None:
        """Return the target that a name with the variables of matrix.yaml probably means.

        That is the one with this tag; if the tag is not known, the first one in the repository.
        """
        full = _VARIABLE.sub(lambda match: self.values.get(match[1] or match[2], match[0]), name)
        repository = _repository(full)
        if "$" in repository:
            return None
        return self._owner(full) or self._repositories.get(familiar(repository))

    def _owner(self, name: str) -> Target | None:
        """Return the target that has a tag."""
        if familiar(_repository(name)) not in self._repositories:
            return None
        full = canonical_tag(name)
        return None if full is None else self._owners.get(full)

    @cached_property
    def _owners(self) -> dict[str, Target]:
        """Tag, with the defaults of variables and in full -> target."""
        owners: dict[str, Target] = {}
        for tag, owner in self._tags:
            full = canonical_tag(substitute(tag, self.values))
            if full is not None:
                owners.setdefault(full, owner)
        return owners

    def _nearest(self, name: str, target: Target, stages: Sequence[str], *, is_base: bool) -> str:
        """Return the stage or target whose name is one edit or only letter case away."""
        lower = name.lower()
        if _is_distinctive(name) if is_base else _may_be_stage(lower):
            for stage in stages:
                if stage and stage != lower and one_edit(lower, stage):
                    return stage
        near = self._near_target(name)
        return "" if near == target.name else near

    def _near_target(self, name: str) -> str:
        """Return the target whose name is one edit or only letter case away, or empty."""
        if not _is_distinctive(name):
            return ""
        alphabet, names = self._spellings
        lower = name.lower()
        near = (names[text] for text in (lower, *edits(lower, alphabet)) if text in names)
        return next(near, "")

    @cached_property
    def _spellings(self) -> tuple[str, dict[str, str]]:
        """The characters of all target names, and the names by what they are in lower case."""
        names = {name.lower(): name for name in self._targets}
        return "".join(sorted(set().union(*names))), names


def _tags(target: Target) -> tuple[str, ...]:
    of_platforms = [
        tag
        for platform_tags in target.platform_tags
        for tag in (*platform_tags.tags, *platform_tags.moving)
    ]
    shared = target.shared
    return (
        *target.tags,
        *target.moving,
        *target.aliases,
        *shared.tags,
        *shared.moving,
        *of_platforms,
    )


def _is_distinctive(name: str) -> bool:
    """Return whether a name is plain, and too long to be near an unrelated name."""
    return len(name) >= _SHORTEST and _PLAIN.match(name) is not None


def _may_be_stage(name: str) -> bool:
    """Return whether a name after `--from` is plain, and not a stage's number or a known image."""
    is_long = len(name) >= _SHORTEST_STAGE and not name.isdecimal() and name not in _SHORT_IMAGES
    return is_long and _PLAIN.match(name) is not None


def _repository(tag: str) -> str:
    name, colon, version = tag.rpartition(":")
    return name if colon and "/" not in version else tag


def edits(text: str, alphabet: str) -> Iterator[str]:
    """Yield all texts that one insertion, deletion, replacement or swap makes of a text.

    >>> sorted(set(edits("ab", "a")))
    ['a', 'aa', 'aab', 'aba', 'b', 'ba']
    """
    for n in range(len(text) + 1):
        before, after = text[:n], text[n:]
        for character in alphabet:
            yield before + character + after
            if after and character != after[0]:
                yield before + character + after[1:]
        if after:
            yield before + after[1:]
        if after[1:] and after[0] != after[1]:
            yield before + after[1] + after[0] + after[2:]


def one_edit(word: str, other: str) -> bool:
    """Return whether one insertion, deletion, replacement or swap makes two texts equal.

    >>> one_edit("biuld", "build"), one_edit("buil", "build"), one_edit("base", "build")
    (True, True, False)
    """
    pairs = enumerate(zip(word, other, strict=False))
    start = next((n for n, (a, b) in pairs if a != b), min(len(word), len(other)))
    shorter, longer = sorted((word[start:], other[start:]), key=len)
    if len(shorter) < len(longer):
        return shorter == longer[1:]
    is_swap = shorter[:2] == longer[1::-1] and shorter[2:] == longer[2:]
    return shorter != longer and (is_swap or shorter[1:] == longer[1:])


def _warning(code: Code, message: str, help_: str, word: Word) -> Finding:
    return Finding(code, message, help_, word.line, word.text, Severity.WARNING)
