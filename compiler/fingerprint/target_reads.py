"""What the Dockerfiles of a plan read: files, images and build arguments."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from compiler.external.addresses import is_folder
from compiler.external.references import context_name
from compiler.render.build_arguments import can_change_image, is_predefined
from compiler.render.build_inputs import BuildInputs, build_inputs
from compiler.render.context_reads import Reads
from compiler.targets.links import linked_target


class TargetReads:
    """What each target of a plan reads, by its name; each Dockerfile is read once."""

    def __init__(
        self,
        texts: Mapping[str, str],
        fields: Mapping[str, Mapping[str, object]],
        known: dict[BuildInputs, Reads],
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
            if (lines := self._read(other, {}).triggers)
        }
        return self._read(name, triggers)

    def _read(self, name: str, triggers: Mapping[str, tuple[str, ...]]) -> Reads:
        inputs = build_inputs(self._texts[name], self._fields[name], triggers)
        if inputs not in self._known:
            self._known[inputs] = inputs.reads()
        return self._known[inputs]

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
