"""Read what `init --from` names: a folder of Dockerfiles, a workflow, or a bake file."""

import os
from pathlib import Path

from compiler.codes import Code
from compiler.reports.adopt.model import Given
from compiler.source.argument_file import read_given
from compiler.source.document import Source
from compiler.source.positions import refuse_file


_FOLDER = ("/.github/workflows/", "/.gitea/workflows/", "/.forgejo/workflows/")
"""The folders whose YAML files are workflows."""
_LIMIT = 1 << 20
"""The maximum size of a workflow, in bytes."""


def read_given_definition(origin: str, project: Path) -> Given:
    """Return what a file or a folder declares.

    Args:
        origin: the file or folder, as the user named it.
        project: the folder of the matrix.

    Raises:
        CompileError: it cannot be read, is wrong, or declares no builds.
    """
    if os.path.isdir(origin):
        from compiler.reports.adopt.read_folder import read_folder

        existing = read_folder(origin, project)
        nothing = "the folder contains no Dockerfile"
    elif (source := _workflow(origin)) is not None:
        from compiler.reports.adopt.read_workflow import read_workflow

        existing = read_workflow(source)
        nothing = "no step of the workflow uses docker/build-push-action"
    else:
        from compiler.reports.adopt.read_bake import read_bake

        existing = read_bake(origin)
        nothing = "the file has no target"
    if not existing.targets and not existing.leftovers:
        help_ = "name a bake file, a workflow with build steps, or a folder of Dockerfiles"
        refuse_file(origin, code=Code.NOT_ADOPTED, message=nothing, help=help_)
    return existing


def _workflow(origin: str) -> Source | None:
    """Return a file if it is a workflow; compose files are left to bake."""
    if not origin.lower().endswith((".yaml", ".yml")):
        return None
    remedy = "name a file"
    raw = read_given(origin, what="the workflow", remedy=remedy, limit=_LIMIT)
    in_folder = any(part in f"/{os.path.abspath(origin)}" for part in _FOLDER)
    if not in_folder and not _has_jobs(raw):
        return None
    return Source.parse(raw, origin, limit=_LIMIT)


def _has_jobs(raw: bytes) -> bool:
    """Return whether a YAML file has the key `jobs` at the top, and no services."""
    lines = raw.splitlines()
    return any(line.startswith(b"jobs:") for line in lines) and not any(
        line.startswith(b"services:") for line in lines
    )
