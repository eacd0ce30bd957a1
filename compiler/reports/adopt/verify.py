"""Prove that a matrix that is not written yet defines the same builds as a definition."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from compiler.errors import CompileError, Diagnostic, Location
from compiler.output.bake_resolved import ResolvedPlan
from compiler.output.definition import Definition
from compiler.pipeline import compile_plan, plan_matrix
from compiler.reports.adopt.draft import Draft
from compiler.reports.adopt.model import MATRIX, Given
from compiler.reports.adopt.yaml_text import YamlText
from compiler.reports.compare.compare import compare, renamed
from compiler.source.file_system import DISK, Disk
from compiler.source.project_files import Files
from compiler.targets.plan import Plan


_VARIANT = re.compile(r" \(in [^()]+\)\Z")
"""The target that a diagnostic names at its end; the list names it anyway."""

Failures: TypeAlias = list[tuple[tuple[str, ...], str]]
"""Keys of a part of the matrix, such as `("images", "server")`, and what is wrong with it."""


def find_failures(
    existing: Given, draft: Draft, text: YamlText, folder: Path, limit: int
) -> Failures:
    """Compile the matrix in memory, compare it, and return what is wrong; nothing if it is exact.

    Args:
        existing: the definition, and the files that are not written yet.
        draft: the matrix.
        text: the text of matrix.yaml.
        folder: the folder of the project.
        limit: the maximum number of variants.
    """
    project = os.path.realpath(folder)
    new = {os.path.join(project, path): content for path, content in existing.files.items()}
    new[os.path.join(project, MATRIX)] = text.text.encode()
    files = Files(folder, "", _WithFiles(new))
    try:
        plan = plan_matrix(files, MATRIX, limit=limit)
        compile_plan(plan, files, MATRIX)
    except CompileError as error:
        return [
            (part, _VARIANT.sub("", diagnostic.message))
            for diagnostic in error.diagnostics
            for part in _parts(diagnostic, text, draft)
        ]
    failures: Failures = []
    for values, theirs in existing.definitions:
        failures += _differences(existing, draft, plan, values, theirs)
    return failures


def _parts(diagnostic: Diagnostic, text: YamlText, draft: Draft) -> list[tuple[str, ...]]:
    """Return the parts of the matrix that a diagnostic concerns; an empty part if it is unknown.

    A diagnostic in a Dockerfile concerns the images that are built from it.
    """
    if not isinstance(diagnostic.location, Location):
        return [()]
    path = diagnostic.location.path
    if path == MATRIX:
        return [text.part(diagnostic.location.line)]
    images = [
        ("images", image.name)
        for image in draft.images
        if any(target.dockerfile == path for target in image.targets)
    ]
    return [*images] or [()]


def _differences(
    existing: Given, draft: Draft, plan: Plan, values: Mapping[str, str], theirs: Definition
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the images that do not define what they should, each with a reason."""
    names = draft.names
    if not existing.named:
        theirs = _renamed(theirs, names)
    ours = ResolvedPlan(plan, values).definition()
    comparison = compare(ours, theirs)
    image_of = {name: image.name for image in draft.images for name in image.names}
    for pair in comparison.pairs:
        for difference in pair.differences[:1]:
            yield (
                ("images", image_of[pair.ours]),
                f"its field '{difference.field}' cannot be written exactly",
            )
    for name in comparison.only_ours:
        yield ("images", image_of[name]), "another target has its tags"
    for name in comparison.only_theirs:
        ours_name = name if name in image_of else names.get(name, "")
        if ours_name in image_of:
            yield ("images", image_of[ours_name]), "no target has its name and its tags"


def _renamed(definition: Definition, names: Mapping[str, str]) -> Definition:
    """Return a definition with the names of the matrix."""
    targets = {
        names.get(name, name): renamed(fields, names) for name, fields in definition.targets.items()
    }
    return replace(definition, targets=targets)


class _WithFiles(Disk):
    """The disk with files that are not written yet."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def exists(self, path: str) -> bool:
        """Return whether there is anything at a path."""
        return path in self._files or DISK.exists(path)

    def mode(self, path: str) -> int:
        """Return type and mode of what is at a path."""
        return stat.S_IFREG | 0o644 if path in self._files else DISK.mode(path)

    def read(self, path: str, limit: int) -> bytes:
        """Return the first bytes of a file."""
        return self._files[path][:limit] if path in self._files else DISK.read(path, limit)

    def size(self, path: str) -> int:
        """Return the size of a file."""
        return len(self._files[path]) if path in self._files else DISK.size(path)
