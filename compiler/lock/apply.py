"""Pin the base images of a plan to the digests in matrix.lock.

A base image without a digest is a warning. A base image without a platform that a target needs is
an error, and so is an invalid Dockerfile.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from compiler.constants import LOCK
from compiler.errors import CompileError, Diagnostic, Location, Problems
from compiler.external.references import canonical_tag, context_name, familiar
from compiler.lock import faults
from compiler.lock.base_images import IMAGE, OPEN, Base, Build, open_fault
from compiler.lock.diagnostics import LockDiagnostics, Use
from compiler.lock.lockfile import Lock, read_lock
from compiler.lock.mirror import copy_in, is_mirrored, redirected
from compiler.lock.pin_text import Pinned, pin, pin_from_outside
from compiler.lock.verified import unused_entries
from compiler.matrix.bake_strings import BakeString, substitute
from compiler.render.dockerfile import DockerfileError, Word
from compiler.render.dockerfile_words import UNKNOWN
from compiler.render.frontends import SYNTAX
from compiler.render.render import Dockerfile
from compiler.render.templates import Templates
from compiler.source.document import LIMIT
from compiler.source.project_files import FileError, Files
from compiler.targets.plan import Plan
from compiler.targets.target import Target


class _Pinning(NamedTuple):
    target: Target
    text: str
    uses: tuple[Use, ...]


def load_lock(files: Files) -> Lock | None:
    """Return matrix.lock; None if the project has none.

    Raises:
        CompileError: the lock is invalid.
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
    """Return plan and Dockerfiles with the digests of matrix.lock, and warnings for missing ones.

    Raises:
        CompileError: a Dockerfile is invalid, or a base image lacks a platform.
    """
    pinner = Pinner(plan, templates)
    result, texts, warnings = pinner.pin(dockerfiles, lock)
    return replace(result, warnings=(*plan.warnings, *warnings)), texts


class Pinner:
    """Finds and pins the base images of one plan."""

    def __init__(self, plan: Plan, templates: Templates) -> None:
        self._plan, self._mirror = plan, plan.matrix.lock.mirror
        self.diagnostics = LockDiagnostics(plan, templates)
        variables = plan.matrix.variables.values()
        self._values = {v.name: v.resolved for v in variables}
        self._open = {v.name: v.resolved and v.resolved + OPEN for v in variables}
        self._known: dict[tuple[object, ...], Pinned] = {}
        self._mappings: dict[tuple[object, ...], Mapping[Any, Any]] = {}
        self.problems = Problems()

    def uses(self, dockerfiles: tuple[Dockerfile, ...]) -> tuple[Use, ...]:
        """Return the base images of all targets, in order.

        Raises:
            CompileError: a Dockerfile is invalid.
        """
        self._known.clear()
        uses = [
            use
            for dockerfile in dockerfiles
            for use in self._pin(dockerfile.target, dockerfile.text, lambda _: None).uses
        ]
        self.problems.refuse()
        return tuple(uses)

    def pin(
        self, dockerfiles: tuple[Dockerfile, ...], lock: Lock
    ) -> tuple[Plan, tuple[Dockerfile, ...], tuple[Diagnostic, ...]]:
        """Return the pinned plan and Dockerfiles, and warnings for base images without a digest.

        Raises:
            CompileError: a base image lacks a platform, or a Dockerfile is invalid.
        """

        def digest(image: str) -> str | None:
            locked = lock.bases.get(familiar(image))
            return None if locked is None else locked.digest

        self._known.clear()
        pinned = []
        used: list[Use] = []
        warnings = Problems()
        for dockerfile in dockerfiles:
            pinning = self._pin(dockerfile.target, dockerfile.text, digest)
            pinned.append(dockerfile._replace(target=pinning.target, text=pinning.text))
            used += pinning.uses
            for use in pinning.uses:
                locked = lock.bases.get(familiar(use.base.image))
                if use.base.fault or locked is None:
                    denied = self._plan.matrix.lock.policy
                    problems = self.problems if denied else warnings
                    problems.add(self.diagnostics.unlocked(use, denied=denied), use.target.name)
                else:
                    self.problems.extend(
                        self.diagnostics.lacking(use, locked, lock), use.target.name
                    )
        images = {familiar(use.base.image) for use in used if not use.base.fault}
        warnings.extend(unused_entries(self._plan.matrix, images))
        self.problems.refuse()
        plan = replace(self._plan, targets=tuple(dockerfile.target for dockerfile in pinned))
        return plan, tuple(pinned), warnings.diagnostics()

    def _pin(self, target: Target, text: str, digest: Callable[[str], str | None]) -> _Pinning:
        build = self._build(target)
        identity = id(target.fields.get("args"))
        key = (target.is_existing, text, identity, build.contexts, build.stage, build.platforms)
        try:
            if key not in self._known:
                pin_images = pin_from_outside if target.is_existing else pin
                pinned = pin_images(text, build, digest)
                pinned = redirected(pinned, self._mirror, digest) if self._mirror else pinned
                self._known[key] = pinned
            pinned = self._known[key]
        except DockerfileError as error:
            self.problems.add(self.diagnostics.invalid(target, text, error))
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
        rendered: Any = target.fields
        args = {
            key: f"{value}@{pinned.args[name]}"
            for key, value in (rendered["args"].items() if pinned.args else ())
            if (name := self._value(key)) in pinned.args
        }
        if pinned.frontend:
            args[SYNTAX] = pinned.frontend
        contexts = {}
        for name, base in self._contexts(target):
            uses.append(Use(target, base, "contexts", name))
            locked = None if base.fault else digest(base.image)
            if locked and self._mirror and is_mirrored(base):
                contexts[name] = f"{IMAGE}{copy_in(self._mirror, base.image, locked).reference}"
            elif locked:
                contexts[name] = f"{rendered['contexts'][name]}@{locked}"
        contexts |= {name: f"{IMAGE}{image}" for name, image in pinned.contexts.items()}
        fields = {
            name: self._edited(rendered.get(name, {}), changes)
            for name, changes in (("args", args), ("contexts", contexts))
            if changes
        }
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
            contexts=frozenset(context_name(self._value(c)) for c in fields.get("contexts", ())),
            stage=self._value(fields.get("target", "")),
            platforms=tuple(platforms),
        )

    def _contexts(self, target: Target) -> Iterator[tuple[str, Base]]:
        """Yield the named contexts that are external images."""
        contexts: Any = target.fields.get("contexts", {})
        for name, value in contexts.items():
            image = self._value(value)
            if not image.startswith(IMAGE) or "@" in image:
                continue
            image = image.removeprefix(IMAGE)
            marked = substitute(value, self._open)
            fault = open_fault(marked) if canonical_tag(image) else faults.NAME
            platforms = tuple(map(self._value, target.platforms))
            word = Word(image, UNKNOWN, 0)
            yield name, Base(image, word, platforms=platforms, fault=fault, opened=OPEN in marked)

    def _value(self, text: str) -> str:
        return substitute(text, self._values)

    def _edited(self, mapping: Any, changes: Mapping[str, str]) -> Mapping[Any, Any]:
        """Return a mapping with other values; equal inputs return the same object."""
        key = (id(mapping), *changes.items())
        if key not in self._mappings:
            new = {BakeString(name): BakeString(value) for name, value in changes.items()}
            self._mappings[key] = {**mapping, **new}
        return self._mappings[key]
