"""Read a folder of Dockerfiles as given targets: one image for each.

A Dockerfile does not say what its context is. It is the Dockerfile's own folder if that contains
what the Dockerfile copies, otherwise the project's folder if that does.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from posixpath import basename, dirname

from compiler.external.references import lookup_name
from compiler.matrix.names import IMAGE
from compiler.output.bake_fields import normal
from compiler.output.definition import Definition
from compiler.render.context_sources import context_sources
from compiler.render.dockerfile import DockerfileError, read
from compiler.render.stages import ImageWalk
from compiler.reports.adopt.model import Given, GivenTarget, Leftover
from compiler.source.file_globs import find_files
from compiler.source.project_files import FileError, Files


_PATTERNS = tuple(
    f"**/{pattern}"
    for name in ("Dockerfile", "dockerfile", "Containerfile")
    for pattern in (name, f"{name}[.-]*", f"*.{name}")
)
_NAME = re.compile(
    r"(?:(?:docker|Docker|Container)file(?:[.-](.*))?|(.*)\.(?:docker|Docker|Container)file)\Z"
)
_INVALID = re.compile(r"[^A-Za-z0-9._-]+")
_IGNORED = ".dockerignore"
MAX_FILES = 1000
"""The most Dockerfiles that are read."""


def read_folder(folder: str, project: Path) -> Given:
    """Return an image for each Dockerfile in a folder or below, without hidden folders and links.

    Args:
        folder: the folder, as the user named it.
        project: the folder of the matrix, to which all paths are relative.
    """
    files = Files(project)
    below = os.path.relpath(os.path.realpath(folder), os.path.realpath(project))
    leftovers: list[Leftover] = []
    targets: list[GivenTarget] = []
    candidates = {path for pattern in _PATTERNS for path in find_files(folder, pattern)}
    paths = sorted(path for path in candidates if not path.endswith(_IGNORED))
    top = os.path.commonpath([dirname(path) for path in paths]) if paths else ""
    for path in paths[:MAX_FILES]:
        whole = os.path.normpath(f"{below}/{path}")
        name = _name(os.path.relpath(path, top or "."), os.path.join(folder, top))
        shown = os.path.join(folder, path)
        if name in {target.name for target in targets} or not IMAGE.match(name):
            why = (
                f"its image would be named {name!r}, as another one"
                if name
                else "its path has no letter or digit for the name of an image"
            )
            leftovers.append(Leftover(path=shown, line=0, what="Dockerfile", why=why))
            continue
        context, why = _context(whole, files)
        if why:
            leftovers.append(Leftover(path=shown, line=0, what=f"context of '{name}'", why=why))
        fields = normal({"context": context})
        targets.append(GivenTarget(name=name, fields=fields, dockerfile=whole))
    leftovers += _unlinked(targets, files)
    if len(paths) > MAX_FILES:
        why = f"only the first {MAX_FILES:,} are read"
        leftovers.append(Leftover(path=folder, line=0, what="further Dockerfiles", why=why))
    if targets:
        why = "Dockerfiles do not contain them; add `tags` to the images"
        leftovers.append(Leftover(path=folder, line=0, what="tags", why=why))
    definition = Definition(targets={target.name: target.fields for target in targets})
    return Given(
        path=folder,
        targets=tuple(targets),
        named=False,
        definitions=(({}, definition),),
        leftovers=tuple(leftovers),
    )


def _unlinked(targets: Sequence[GivenTarget], files: Files) -> Iterator[Leftover]:
    """Yield the external base images that have the name of another image of the folder.

    Only a guess: without tags, nothing shows that they are the same.
    """
    names = {target.name for target in targets}
    for target in targets:
        try:
            parsed = read(files.read(target.dockerfile).decode())
        except (DockerfileError, FileError, UnicodeDecodeError):
            continue
        for use in ImageWalk(parsed, {}, "").images():
            above, slash, last = lookup_name(use.image).partition("@")[0].rpartition("/")
            name = last.partition(":")[0]
            if above and slash and name in names - {target.name}:
                yield Leftover(
                    path=target.dockerfile,
                    line=use.word.line,
                    what=f"base image of '{target.name}'",
                    why=f"{use.image} may be the image '{name}'; if it is, link it with "
                    f'`contexts: {{"{use.image}": "target:{name}"}}`',
                )


def _name(path: str, folder: str) -> str:
    """Return the image's name: the folders, and what the file's name adds to `Dockerfile`.

    >>> _name("python/Dockerfile", "."), _name("Dockerfile.gpu", "."), _name("a/b.Dockerfile", ".")
    ('python', 'gpu', 'a-b')
    """
    match = _NAME.match(basename(path))
    suffix = (match[1] or match[2] or "") if match else ""
    parts = [*dirname(path).split("/"), suffix]
    parts = [part for text in parts if (part := _INVALID.sub("-", text).strip("-."))]
    own = _INVALID.sub("-", os.path.basename(os.path.realpath(folder))).strip("-.")
    return "-".join(parts) or own


def _context(path: str, files: Files) -> tuple[str, str]:
    """Return the context of a Dockerfile, and why it is a guess; empty if it is not."""
    own = dirname(path) or "."
    try:
        parsed = read(files.read(path).decode())
    except (DockerfileError, FileError, UnicodeDecodeError):
        return own, ""  # Compiling says what is wrong.
    copied = [
        source.path
        for source in context_sources(parsed)
        if source.instruction != "FROM" and not source.name and "$" not in source.word
        if not source.is_pattern and ":" not in source.word
    ]
    if own == ".":
        return own, ""
    for context in (own, "."):
        if all(files.exists(os.path.normpath(f"{context}/{source}")) for source in copied):
            if context == own and copied and all(map(files.exists, filter(None, copied))):
                return own, "the top folder contains the copied files, too; this is the own folder"
            return context, ""
    return own, "no folder contains all files that it copies"
