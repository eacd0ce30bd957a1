"""What the Dockerfiles of a plan read: files, images and build arguments."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TypeAlias

from compiler.external.addresses import is_folder
from compiler.external.references import context_name
from compiler.render.build_arguments import can_change_image, is_predefined
from compiler.render.context_reads import Reads, reads
from compiler.render.frontends import frontend_argument
from compiler.targets.links import linked_target


_Triggers: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""Named contexts, each with the instructions that its image triggers."""
Parsed: TypeAlias = tuple[str, str, tuple[str, ...], _Triggers, str]
"""What `reads` takes: a Dockerfile, its stage, named contexts, `_Triggers` and a frontend."""


class TargetReads:
    """What each target of a plan reads, by its name; each Dockerfile is read once."""

    def __init__(
        self,
        texts: Mapping[str, str],
        fields: Mapping[str, Mapping[str, object]],
        known: dict[Parsed, Reads],
    ) -> None:
        """Take the plan.

        Args:
            texts: target -> its Dockerfile.
            fields: target -> its fields, as `--set` leaves them.
            known: what is known already; receives what is read.
        """
        self._texts, self._fields, self._known = texts, fields, known

    def contexts(self, name: str) -> Mapping[str, str]:
        """Return the named contexts of a target."""
        return self._fields[name].get("contexts", {})  # type: ignore[return-value]

    def linked(self, name: str) -> dict[str, str]:
        """Return named context -> target, as `--set` leaves them; unknown targets are left out."""
        return {
            key: other
            for key, text in self.contexts(name).items()
            if (other := linked_target(text)) in self._texts and other is not None
        }

    def dependencies(self, name: str) -> Iterator[str]:
        """Yield the targets whose images a target's Dockerfile reads."""
        read = self.of(name)
        for key, other in self.linked(name).items():
            if read.undecided or context_name(key) in read.named:
                yield other

    def of(self, name: str) -> Reads:
        """Return what a target's Dockerfile reads, the ONBUILD instructions of parents included."""
        triggers = {
            key: lines
            for key, other in self.linked(name).items()
            if (lines := self._read(other, ()).triggers)
        }
        return self._read(name, tuple(triggers.items()))

    def _read(self, name: str, triggers: _Triggers) -> Reads:
        text, contexts = self._texts[name], tuple(self.contexts(name))
        stage = str(self._fields[name].get("target", ""))
        frontend = frontend_argument(self._fields[name].get("args", {}))  # type: ignore[arg-type]
        key = (text, stage, contexts, triggers, frontend)
        if key not in self._known:
            lines = dict(triggers)
            self._known[key] = reads(
                text, stage=stage, contexts=contexts, triggers=lines, frontend=frontend
            )
        return self._known[key]

    def arguments(self, name: str) -> frozenset[str]:
        """Return the build arguments that can change a target's image."""
        arguments: Mapping[str, str] = self._fields[name].get("args", {})  # type: ignore[assignment]
        contexts = {context_name(key): text for key, text in self.contexts(name).items()}
        linked = {context_name(key): other for key, other in self.linked(name).items()}
        read = self.of(name)
        is_known = all(
            self.of(linked[base]).args is not None
            if base in linked
            else base in contexts and is_folder(contexts[base])
            for base in read.bases
        )
        return frozenset(
            name
            for name in arguments
            if can_change_image(name, read.args, self._declared, is_base_known=is_known)
        )

    @cached_property
    def _declared(self) -> frozenset[str]:
        """The build arguments that any stage of any Dockerfile declares."""
        read = map(self.of, self._texts)
        return frozenset(
            name for image in read for name in (*(image.args or ()), *image.other_args)
        )

    def undeclared(self, arguments: frozenset[str]) -> frozenset[str]:
        """Return those of some build arguments that certainly no Dockerfile declares."""
        if not self._are_known:
            return frozenset()
        predefined = {name for name in arguments if is_predefined(name)}
        return arguments - self._declared - predefined

    @cached_property
    def _are_known(self) -> bool:
        """Whether the build arguments that each Dockerfile declares are known."""
        return all(self.of(name).args is not None for name in self._texts)
