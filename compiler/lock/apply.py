"""Targets and a lock: which bases each target needs, and the targets pinned.

Takes a plan with its Dockerfiles; returns the same with digests, and warnings for what has none.
Refuses a base that lacks a platform of a target, and a Dockerfile that is none.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from compiler.constants import LOCK
from compiler.errors import CompileError, Diagnostic, Location, Problems
from compiler.external.references import canonical_tag, familiar, lookup_name
from compiler.lock.base_images import OPEN, Base, Build, open_fault
from compiler.lock.diagnostics import LockDiagnostics, Use
from compiler.lock.lockfile import Lock, read_lock
from compiler.lock.pin_text import Pinned, pin
from compiler.matrix.strings import BakeString, substitute
from compiler.render.dockerfile import DockerfileError, Word
from compiler.render.dockerfile_words import UNKNOWN
from compiler.render.render import Dockerfile
from compiler.render.templates import Templates
from compiler.source.document import LIMIT
from compiler.source.project_files import FileError, Files
from compiler.targets.plan import Plan
from compiler.targets.target import Target


IMAGE = "docker-image://"
"""Begins the value of a context that is an image."""


class _Pinning(NamedTuple):
    target: Target
    text: str
    uses: tuple[Use, ...]


def load_lock(files: Files) -> Lock | None:
    """Read matrix.lock; nothing where there is none.

    Raises:
        CompileError: it is broken.
    """
    if files.absent(LOCK):
        return None
    try:
        content = files.read(LOCK, limit=LIMIT)
    except FileError as error:
        raise CompileError([error.at(Location(path=files.shown(LOCK), line=0))]) from None
    return read_lock(content, files.shown(LOCK))


def pinned(
    plan: Plan, dockerfiles: tuple[Dockerfile, ...], lock: Lock, templates: Templates
) -> tuple[Plan, tuple[Dockerfile, ...]]:
    """Return plan and Dockerfiles with the digests of matrix.lock; what has none is warned about.

    Raises:
        CompileError: a base lacks a platform, or a Dockerfile is none.
    """
    pinner = Pinner(plan, templates)
    found, texts, warnings = pinner.pin(dockerfiles, lock)
    return replace(found, warnings=(*plan.warnings, *warnings)), texts


class Pinner:
    """The bases of one plan, and their digests."""

    def __init__(self, plan: Plan, templates: Templates) -> None:
        self._plan = plan
        self.tell = LockDiagnostics(plan, templates)
        variables = plan.matrix.variables.values()
        self._values = {v.name: v.resolved for v in variables}
        self._open = {v.name: v.resolved and v.resolved + OPEN for v in variables}
        self._known: dict[tuple[object, ...], Pinned] = {}
        self._mappings: dict[tuple[object, ...], Mapping[Any, Any]] = {}
        self.problems = Problems()

    def uses(self, dockerfiles: tuple[Dockerfile, ...]) -> tuple[Use, ...]:
        """Return every base of every target, in order.

        Raises:
            CompileError: a Dockerfile is none.
        """
        self._known.clear()
        found = [
            use
            for dockerfile in dockerfiles
            for use in self._pin(dockerfile.target, dockerfile.text, lambda _: None).uses
        ]
        self.problems.refuse()
        return tuple(found)

    def pin(
        self, dockerfiles: tuple[Dockerfile, ...], lock: Lock
    ) -> tuple[Plan, tuple[Dockerfile, ...], tuple[Diagnostic, ...]]:
        """Return plan and Dockerfiles pinned, and a warning for each base that is not.

        Raises:
            CompileError: a base lacks a platform, or a Dockerfile is none.
        """

        def digest(image: str) -> str | None:
            found = lock.bases.get(familiar(image))
            return None if found is None else found.digest

        self._known.clear()
        pinned = []
        left = Problems()
        for dockerfile in dockerfiles:
            one = self._pin(dockerfile.target, dockerfile.text, digest)
            pinned.append(dockerfile._replace(target=one.target, text=one.text))
            for use in one.uses:
                locked = lock.bases.get(familiar(use.base.image))
                if use.base.fault or locked is None:
                    left.add(self.tell.unlocked(use), use.target.name)
                else:
                    self.problems.extend(self.tell.lacking(use, locked, lock), use.target.name)
        self.problems.refuse()
        plan = replace(self._plan, targets=tuple(one.target for one in pinned))
        return plan, tuple(pinned), left.diagnostics()

    def _pin(self, target: Target, text: str, digest: Callable[[str], str | None]) -> _Pinning:
        build = self._build(target)
        key = (text, id(target.fields.get("args")), build.contexts, build.stage, build.platforms)
        try:
            if key not in self._known:
                self._known[key] = pin(text, build, digest)
            pinned = self._known[key]
        except DockerfileError as error:
            self.problems.add(self.tell.broken(target, text, error))
            return _Pinning(target, text, ())
        uses = [
            Use(
                target,
                base,
                "args" if base.word.end == UNKNOWN and base.argument else "",
                base.argument,
            )
            for base in pinned.bases
        ]
        fields: dict[str, Any] = {}
        if pinned.args:
            fields["args"] = self._edited(target.fields["args"], pinned.args)
        contexts = {}
        for name, base in self._contexts(target):
            uses.append(Use(target, base, "contexts", name))
            found = None if base.fault else digest(base.image)
            if found:
                contexts[name] = found
        if contexts:
            fields["contexts"] = self._edited(target.fields["contexts"], contexts)
        if fields:
            target = target._replace(fields={**target.fields, **fields})
        return _Pinning(target, pinned.text, tuple(uses))

    def _build(self, target: Target) -> Build:
        fields: Mapping[str, Any] = target.fields
        args = fields.get("args", {})
        plain = {self._value(key): self._value(value) for key, value in args.items()}
        marked = {self._value(k): substitute(v, self._open) for k, v in args.items()}
        platforms = [self._value(name) for name in target.platforms]
        return Build(
            args=plain,
            open_args=marked,
            contexts=frozenset(lookup_name(self._value(c)) for c in fields.get("contexts", ())),
            stage=self._value(fields.get("target", "")),
            platforms=tuple(platforms),
        )

    def _contexts(self, target: Target) -> Iterator[tuple[str, Base]]:
        """Give the contexts that are external images."""
        contexts: Any = target.fields.get("contexts", {})
        for name, value in contexts.items():
            image = self._value(value)
            if not image.startswith(IMAGE) or "@" in image:
                continue
            image = image.removeprefix(IMAGE)
            fault = "" if canonical_tag(image) else "no registry has an image of such a name"
            fault = fault or open_fault(substitute(value, self._open))
            platforms = tuple(map(self._value, target.platforms))
            word = Word(image, UNKNOWN, 0)
            yield name, Base(image, word, platforms=platforms, fault=fault)

    def _value(self, text: str) -> str:
        return substitute(text, self._values)

    def _edited(self, mapping: Any, digests: Mapping[str, str]) -> Mapping[Any, Any]:
        """Put digests behind values; the same object for the same mapping, as it was before."""
        key = (id(mapping), *digests.items())
        if key not in self._mappings:
            self._mappings[key] = {
                name: BakeString(f"{value}@{digests[self._value(name)]}")
                if self._value(name) in digests
                else value
                for name, value in mapping.items()
            }
        return self._mappings[key]
