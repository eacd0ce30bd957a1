"""Compute the fingerprint of each target from all inputs that decide its image, and no others.

The same project has the same fingerprints on every machine, in every checkout, under every umask.
"""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import NamedTuple

from compiler.errors import CompileError, Location
from compiler.external.addresses import is_folder
from compiler.external.references import context_name
from compiler.fingerprint.components import digest, field_parts, text_parts, with_epoch
from compiler.fingerprint.context_files import (
    ContextFiles,
    Trees,
    UnreadableError,
    folder_prefix,
    layout_folder,
)
from compiler.fingerprint.set_overrides import DECIDING, OverrideError
from compiler.fingerprint.target_reads import TargetReads
from compiler.lock.mirror import resolved_mirror, without_mirror
from compiler.output.artifact import Compilation
from compiler.output.bake_resolved import ResolvedPlan
from compiler.render.build_inputs import BuildInputs
from compiler.render.canonical import EPOCH
from compiler.render.context_reach import Reach
from compiler.render.context_reads import Reads
from compiler.source.file_system import DISK, FileSystem
from compiler.targets.graph import cycles, ordered


VERSION = 2
"""The version of the composition of fingerprints; a new version changes every fingerprint."""


class Fingerprint:
    """The inputs that decide the content of one target's image, as a digest and by name."""

    def __init__(
        self,
        target: str,
        digest: str,
        plain: Mapping[str, str],
        files: tuple[ContextFiles, ...],
        children: tuple[str, ...],
        undeclared: frozenset[str] = frozenset(),
    ) -> None:
        self.target = target
        self.digest = digest
        """64 hexadecimal digits."""
        self.linked = children
        """The targets whose images its Dockerfile reads."""
        self.undeclared = undeclared
        """The build arguments that are inputs, and that certainly no Dockerfile declares."""
        self._plain, self._files = plain, files

    @cached_property
    def parts(self) -> Mapping[str, str]:
        """The components by name, each with a digest, to explain differences.

        `Dockerfile`, `base IMAGE`, `args.NAME`, `contexts.NAME`, other fields of bake, `file PATH`
        below the project's folder, `parent TARGET`, `target TARGET`, `refreshed`.
        """
        components = dict(self._plain)
        for context in self._files:
            files = context.listing.files.items()
            components |= {f"file {context.folder}{name}": digest for name, digest in files}
        return components

    @property
    def arguments(self) -> dict[str, str]:
        """The build arguments that are inputs: name -> digest of the value."""
        prefix, components = "args.", self._plain.items()
        return {
            name.removeprefix(prefix): digest
            for name, digest in components
            if name.startswith(prefix)
        }

    @property
    def whole(self) -> tuple[tuple[str, str], ...]:
        """Each context that is an input as a whole, with the instruction that is the reason."""
        return tuple(
            (context.folder or "./", context.whole) for context in self._files if context.whole
        )


class _Composed(NamedTuple):
    """The fingerprints of a plan, and what they were composed of besides files."""

    compiled: Compilation
    fields: Mapping[str, Mapping[str, object]]
    fingerprints: dict[str, Fingerprint]


class ProjectInputs:
    """The files and Dockerfiles of one project; each is read once, for any number of plans."""

    def __init__(
        self, folder: str | os.PathLike[str], *, shown: str = "", disk: FileSystem = DISK
    ) -> None:
        """Take the project.

        Args:
            folder: the project's folder.
            shown: how diagnostics name that folder, in front of each path.
            disk: what its files are read from.
        """
        self._folder, self._shown = folder, shown
        self.trees = Trees(folder, disk)
        self.parsed: dict[BuildInputs, Reads] = {}
        """What each Dockerfile reads."""
        self._composed: _Composed | None = None

    def in_state(self, disk: FileSystem, is_equal: Callable[[str], bool]) -> "ProjectInputs":
        """Return the inputs of the same project in another state.

        Args:
            disk: what its files are read from.
            is_equal: returns whether the folder of a context certainly has the same files, among
                those that were read in this state.
        """
        other = ProjectInputs(self._folder, shown=self._shown)
        other.parsed = self.parsed
        known = self.trees.listings
        other.trees = Trees(
            self._folder, disk, lambda key: known.get(key) if is_equal(key.root) else None
        )
        return other

    def fingerprints(self, compiled: Compilation, resolved: ResolvedPlan) -> dict[str, Fingerprint]:
        """Return the fingerprint of each target, in the plan's order.

        They are composed again only if a field that decides an image differs from the last call,
        for example because it contains the version of a release.

        Args:
            compiled: the compiled project.
            resolved: its plan for the environment of bake, with the changes of `--set`.

        Raises:
            CompileError: a file of a context cannot be read.
            OverrideError: `--set` lets targets depend on each other.
        """
        calculation = _Calculation(compiled, resolved, self)
        last = self._composed
        if last and last.compiled is compiled and last.fields == calculation.fields:
            return last.fingerprints
        try:
            fingerprints = calculation.all()
            self._composed = _Composed(compiled, calculation.fields, fingerprints)
            return fingerprints
        except UnreadableError as error:
            location = Location(path=f"{self._shown}{error.path}", line=0)
            raise CompileError([error.at(location)]) from None


def project_fingerprints(
    compiled: Compilation,
    resolved: ResolvedPlan,
    folder: str | os.PathLike[str],
    *,
    shown: str = "",
) -> dict[str, Fingerprint]:
    """Return the fingerprint of each target of a project on disk; see `ProjectInputs`."""
    return ProjectInputs(folder, shown=shown).fingerprints(compiled, resolved)


class _Calculation:
    """The fingerprints of a plan, those of dependencies first."""

    def __init__(
        self, compiled: Compilation, resolved: ResolvedPlan, inputs: ProjectInputs
    ) -> None:
        self._targets = {target.name: target for target in compiled.plan.targets}
        epoch = resolved.environment.get(EPOCH, "")
        decisive = {
            name: {key: fields[key] for key in DECIDING if key in fields}
            for name, fields in resolved.fields.items()
        }
        mirror = resolved_mirror(resolved.plan.matrix, resolved.variables)
        self.fields = {
            name: with_epoch(without_mirror(fields, mirror), epoch)
            for name, fields in decisive.items()
        }
        """The fields of each target that decide its image."""
        self._refreshed = compiled.refreshed
        self._reads = TargetReads(compiled.dockerfiles, self.fields, inputs.parsed)
        self._trees = inputs.trees
        self._fingerprints: dict[str, Fingerprint] = {}

    def all(self) -> dict[str, Fingerprint]:
        """Return the fingerprint of each target, in the plan's order."""
        graph = {name: tuple(self._reads.dependencies(name)) for name in self._targets}
        for names in cycles(graph):
            message = f"--set lets targets depend on each other: {' -> '.join(names)}"
            raise OverrideError("", message, "remove one of the contexts")
        for name in ordered(self._targets, graph):
            self._fingerprints[name] = self._fingerprint(name)
        return {name: self._fingerprints[name] for name in self._targets}

    def _fingerprint(self, name: str) -> Fingerprint:
        target, fields = self._targets[name], self.fields[name]
        linked, read = self._reads.linked(name), self._reads.of(name)
        plain = text_parts(read.content)
        files: list[ContextFiles] = []
        named: dict[str, list[str]] = {}
        children: list[str] = []
        arguments = self._reads.arguments(name)
        for key, value in field_parts(fields, arguments).items():
            plain[key] = value
        context = str(fields.get("context", "."))
        if not is_folder(context):
            plain["context"] = digest(context)
        else:
            listing = self._trees.main(context, target.dockerfile, read.main)
            files.append(ContextFiles(folder_prefix(context), listing, read.main.whole))
        for key, value in sorted(self._reads.contexts(name).items()):
            reach = read.named.get(context_name(key))
            if read.undecided:
                reach = Reach(whole=read.undecided)
            if reach is None:
                continue
            if key in linked:
                other = self._fingerprints[linked[key]]
                relation = "parent" if other.target == target.parent else "target"
                plain[f"{relation} {other.target}"] = other.digest
                named[key] = [relation, other.digest]
                children.append(other.target)
            elif not is_folder(value):
                plain[f"contexts.{key}"] = digest(value)
                named[key] = ["address", value]
                if (layout := layout_folder(value)) is not None:
                    listing = self._trees.layout(layout)
                    files.append(ContextFiles(folder_prefix(layout), listing, ""))
                    named[key].append(listing.digest)
            else:
                listing = self._trees.named(value, reach)
                files.append(ContextFiles(folder_prefix(value), listing, reach.whole))
                named[key] = ["files", listing.digest]
        if name in self._refreshed:
            plain["refreshed"] = digest(self._refreshed[name])
        local = files[0].listing.digest if is_folder(context) else ""
        inputs = [VERSION, read.content, sorted(plain.items()), local, named]
        undeclared = self._reads.undeclared(arguments)
        return Fingerprint(name, digest(inputs), plain, tuple(files), tuple(children), undeclared)
