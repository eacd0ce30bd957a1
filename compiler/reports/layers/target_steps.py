"""Determine the steps that building each target executes on one platform."""

import os
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from compiler.errors import CompileError, Location
from compiler.external.addresses import is_folder
from compiler.fingerprint.context_files import Listing, Trees, UnreadableError
from compiler.output.artifact import Compilation
from compiler.output.bake_fields import Fields
from compiler.output.bake_resolved import ResolvedPlan
from compiler.output.emit import HEADER_LINES
from compiler.render.build_contexts import BuildContexts
from compiler.render.build_steps import (
    Build,
    ImageState,
    KnownStates,
    final_state,
    name_of,
    opaque_state,
)
from compiler.render.canonical import EPOCH
from compiler.render.context_reads import source_reach
from compiler.render.dockerfile import DockerfileError, Instruction, ParsedDockerfile
from compiler.render.instruction_reads import Source, sources
from compiler.render.shared_parses import SharedParses
from compiler.source.project_files import Files
from compiler.targets.graph import closure, ordered
from compiler.targets.links import linked_target
from compiler.targets.target import Target


_EXECUTION = ("network", "shm-size", "ulimits")
"""Fields on which a `RUN` depends."""
_MOST_TEXT = 1024 * 1024
"""Bytes of context files in which names are looked for."""
_WILD = re.compile(r"[*?\[\\]")


class TargetSteps:
    """The steps of the targets of one plan; each is computed when it is first needed."""

    def __init__(
        self,
        compiled: Compilation,
        resolved: ResolvedPlan,
        platform: str,
        folder: str | os.PathLike[str],
        *,
        shown: str = "",
    ) -> None:
        """Take a compiled project.

        Args:
            compiled: the project.
            resolved: its plan for the environment of bake.
            platform: the platform that is built for.
            folder: the project's folder.
            shown: how diagnostics name that folder, in front of each path.
        """
        self._compiled, self._resolved, self._platform = compiled, resolved, platform
        self._targets = {target.name: target for target in compiled.plan.targets}
        self._trees, self._shown = Trees(folder), shown
        self._parses = SharedParses()
        self._contexts = BuildContexts(Files(Path(folder), shown), compiled.plan.matrix.output)
        self._known: dict[tuple[object, ...], KnownStates] = {}
        """What steps depend on besides a Dockerfile and its arguments -> known states."""
        self._folder = folder
        self._texts: dict[object, tuple[str, ...] | None] = {}
        self._digests: dict[tuple[str, str, bool], str] = {}

    def text(self, name: str) -> str:
        """Return the text of a target's Dockerfile, without the lines above it."""
        return self._compiled.dockerfiles[name]

    def parsed(self, name: str) -> ParsedDockerfile:
        """Return the Dockerfile of a target.

        Raises:
            DockerfileError: another frontend reads it, and this project cannot parse it.
        """
        target, text = self._targets[name], self._compiled.dockerfiles[name]
        shapes = self._compiled.shapes.get(target.template)
        return self._parses.parse(text, None if shapes is None else shapes.get(text))

    def states(
        self,
        names: Iterable[str],
        changed: Callable[[str, ParsedDockerfile], ParsedDockerfile] | None = None,
    ) -> dict[str, ImageState]:
        """Return the state of each target, with its steps; those of its parents come first.

        Args:
            names: the targets.
            changed: returns the Dockerfile of a target with a change whose effect is examined.

        Raises:
            CompileError: a file of a context cannot be read.
        """
        names = list(names)
        links = {name: tuple(self._links(name).values()) for name in self._targets}
        found: dict[str, ImageState] = {}
        try:
            for name in ordered(closure(names, links), links):
                found[name] = self._state(name, found, changed)
        except UnreadableError as error:
            location = Location(path=f"{self._shown}{error.path}", line=0)
            raise CompileError([error.at(location)]) from None
        return {name: found[name] for name in names}

    def file_texts(self, name: str, instructions: Iterable[Instruction]) -> tuple[str, ...] | None:
        """Return the text of the files of build contexts that some instructions read.

        Args:
            name: the target.
            instructions: some instructions of its Dockerfile.

        Returns:
            The texts; None if they are too large to be examined, or not in a known folder.
        """
        target, escape = self._targets[name], self.parsed(name).escape
        main = str(self._resolved.fields[name].get("context", "."))
        own = self._contexts.own_ignore_file(target)
        named = self._named(name)
        read = frozenset(source for step in instructions for source in sources(step, escape))
        key = (main, own, tuple(named.items()), read)
        if key not in self._texts:
            self._texts[key] = self._file_texts(target, main, named, read)
        return self._texts[key]

    def _file_texts(
        self,
        target: Target,
        main: str,
        named: Mapping[str, str],
        read: Iterable[Source],
    ) -> tuple[str, ...] | None:
        texts: dict[str, str] = {}
        size = 0
        for source in read:
            folder = named.get(source.name, "") if source.name else main
            if not folder:
                continue  # a stage or an image
            if not is_folder(folder):
                return None
            reach = source_reach(source)
            listing = (
                self._trees.named(folder, reach)
                if source.name
                else self._trees.main(folder, target.dockerfile, reach)
            )
            for path in listing.files:
                full = os.path.join(self._folder, folder, path)
                if full in texts or not os.path.isfile(full):
                    continue
                size += os.path.getsize(full)
                if size > _MOST_TEXT:
                    return None
                texts[full] = Path(full).read_text(errors="replace")
        return tuple(texts.values())

    def _named(self, name: str) -> Mapping[str, str]:
        return self._resolved.fields[name].get("contexts", {})  # type: ignore[return-value]

    def _links(self, name: str) -> dict[str, str]:
        return {
            key: other
            for key, text in self._named(name).items()
            if (other := linked_target(text)) is not None and other in self._targets
        }

    def _state(
        self,
        name: str,
        found: Mapping[str, ImageState],
        changed: Callable[[str, ParsedDockerfile], ParsedDockerfile] | None,
    ) -> ImageState:
        fields, text = self._resolved.fields[name], self._compiled.dockerfiles[name]
        target = self._targets[name]
        own = self._contexts.own_ignore_file(target)
        main = str(fields.get("context", "."))
        linked = {key: found[other] for key, other in self._links(name).items()}
        named = self._named(name)
        uncached: Any = fields.get("no-cache-filter", ())
        arguments: Any = fields.get("args", {})
        build = Build(
            contents=self._contents(target, main),
            header=0 if target.is_existing else HEADER_LINES,
            stage=str(fields.get("target", "")),
            platform=self._platform,
            arguments={key: value for key, value in arguments.items() if value is not None},
            contexts={**named, **linked},
            execution=_execution(fields),
            uncached=None if fields.get("no-cache") == "true" else tuple(uncached),
        )
        key = (
            *(own, main, build.header, build.stage, build.execution, build.uncached),
            *(build.arguments.get(EPOCH), tuple(named.items())),
            tuple((key, id(state)) for key, state in linked.items()),
        )
        known = self._known.setdefault(key, {})
        try:
            parsed = self.parsed(name)
        except DockerfileError:
            return opaque_state(text, build)
        return final_state(parsed if changed is None else changed(name, parsed), text, build, known)

    def _contents(self, target: Target, main: str) -> Callable[[str, Source], str]:
        """Return what returns what stands for the files that an instruction reads."""

        def contents(context: str, source: Source) -> str:
            folder = context or main
            if not is_folder(folder):
                return name_of(folder, source.path)
            reach = source_reach(source)
            if context:
                listing = self._trees.named(folder, reach)
            else:
                listing = self._trees.main(folder, target.dockerfile, reach)
            return self._digest(listing, source)

        return contents

    def _digest(self, listing: Listing, source: Source) -> str:
        """Return the digest of files under their paths below what an instruction names."""
        key = (listing.digest, source.path, source.wild)
        if key not in self._digests:
            top = posixpath.normpath(f"/{source.path}").lstrip("/")
            if source.wild and (match := _WILD.search(top)):
                top = top[: match.start()].rpartition("/")[0]
            names = {name: one for name, one in listing.files.items() if name != top}
            top = f"{top}/" if top else ""
            text = "".join(f"{path.removeprefix(top)}\0{one}\0" for path, one in names.items())
            own = listing.files.get(top.rstrip("/"), "")
            self._digests[key] = sha256(os.fsencode(own + text)).hexdigest()[:16]
        return self._digests[key]


def _execution(fields: Fields) -> str:
    """Return what stands for the fields on which a `RUN` depends."""
    values: list[object] = [fields.get(name) for name in _EXECUTION]
    hosts: Any = fields.get("extra-hosts", {})
    return name_of(values, sorted(hosts))
