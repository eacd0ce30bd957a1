"""Find `COPY` sources that a local build context does not contain.

Paths with variables or wildcards are not checked, nor are remote contexts. Whether a path exists is
recorded as an input, so that an up-to-date run notices when that changes.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Severity
from compiler.external.addresses import is_folder
from compiler.matrix.strings import variables_in
from compiler.render.dockerfile import ParsedDockerfile
from compiler.render.dockerfile_rules import Finding
from compiler.render.instruction_reads import sources
from compiler.source.project_files import Files
from compiler.targets.target import Target


_WILD = re.compile(r"[*?\[\\]")


class ContextPath(NamedTuple):
    """A path of the build context that an instruction reads."""

    path: str
    """Relative to the context, normalised."""
    word: str
    """As `COPY` names it, without quotes."""
    line: int


def context_paths(parsed: ParsedDockerfile) -> Iterator[ContextPath]:
    """Yield the paths of the build context that a Dockerfile names in full."""
    for stage in parsed.stages:
        for instruction in stage.instructions:
            for source in sources(instruction, parsed.escape):
                if source.name or "$" in source.path or (source.wild and _WILD.search(source.path)):
                    continue
                path = posixpath.normpath(f"/{source.path}").lstrip("/")
                if path:
                    yield ContextPath(path, source.path, instruction.line)


def local_context(target: Target) -> str | None:
    """Return the folder of a target's build context; None if it is not a known folder."""
    context = str(target.fields.get("context", "."))
    return context if is_folder(context) and not variables_in(context) else None


def exists(files: Files, context: str, path: str) -> bool:
    """Return whether the folder of a build context contains a path."""
    return files.exists(posixpath.normpath(posixpath.join(context, path)))


def missing(context: str, path: str, named: ContextPath) -> Finding:
    """Return the warning for a path that a context does not contain.

    Args:
        context: the folder of the build context.
        path: the path, with the words of this variant.
        named: the same path in the shape.
    """
    folder = "the build context" if context == "." else f"the build context {context!r}"
    return Finding(
        Code.MISSING_SOURCE,
        f"{path!r} is not in {folder}",
        "create it, or correct the path",
        named.line,
        named.word,
        Severity.WARNING,
    )
