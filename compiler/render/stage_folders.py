"""Find the working folder of each instruction, as far as the Dockerfile alone decides it."""

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from compiler.render.dockerfile import Instruction, ParsedDockerfile
from compiler.render.shapes import is_marked
from compiler.render.word_syntax import LONGEST_VALUE, invalid_word, plain_word


class Folder(NamedTuple):
    """A working folder."""

    path: str | None = None
    """An absolute path without `.` and `..`; None if it is not known before the build."""
    stages: frozenset[int] = frozenset()
    """The numbers of the stages below, which a named context may replace."""

    def joined(self, path: str) -> str | None:
        """Return the absolute path of a path in this folder; None if it is not known.

        >>> Folder("/a").joined("../b"), Folder().joined("b"), Folder().joined("/b/.")
        ('/b', None, '/b')
        """
        if not path.startswith("/") and self.path is None:
            return None
        return f"/{posixpath.normpath(posixpath.join(self.path or '/', path)).lstrip('/')}"


_UNKNOWN = Folder()
_ROOT = Folder("/")
_OF_WINDOWS = frozenset("\\:")
"""Characters of paths that BuildKit reads in another way for Windows."""


def working_folders(parsed: ParsedDockerfile) -> Iterator[Folder]:
    """Yield the working folder of each instruction; of a `FROM`, the folder that it begins with.

    It is known from an absolute `WORKDIR` on, and above it if only stages of the same Dockerfile
    are below, down to `scratch`, and none of them has an `ONBUILD`.
    """
    stage, folder = -1, _UNKNOWN
    ended: dict[str, Folder] = {}
    """Stage that has ended -> its last folder."""
    for instruction in parsed.instructions:
        if instruction.keyword == "FROM":
            if stage >= 0:
                _end(ended, parsed, stage, folder)
            stage += 1
            written = parsed.stages[stage].base.text
            is_valid = not (is_marked(written) or invalid_word(written, parsed.escape))
            base = plain_word(written, parsed.escape) or "" if is_valid else ""
            folder = ended.get(base, _ROOT if base == "scratch" else _UNKNOWN)
        elif instruction.keyword == "WORKDIR":
            folder = _changed(folder, instruction, parsed.escape)
        yield folder


def _end(ended: dict[str, Folder], parsed: ParsedDockerfile, number: int, folder: Folder) -> None:
    """Note what the stages that start from a stage begin with."""
    stage = parsed.stages[number]
    if is_marked(stage.name):
        # Any of the names above may be its name.
        ended.update(dict.fromkeys(ended, _UNKNOWN), scratch=_UNKNOWN)
    elif stage.name:
        has_triggers = any(step.keyword == "ONBUILD" for step in stage.instructions)
        own = Folder(folder.path, folder.stages | {number})
        ended[stage.name] = _UNKNOWN if has_triggers else own


def _changed(folder: Folder, step: Instruction, escape: str) -> Folder:
    """Return the folder after a `WORKDIR`."""
    written = " ".join(step.arguments)
    if is_marked(written) or not _OF_WINDOWS.isdisjoint(written) or invalid_word(written, escape):
        return _UNKNOWN
    path = plain_word(written, escape)
    joined = None if path is None else folder.joined(path)
    if path is None or joined is None or len(joined) > LONGEST_VALUE:
        return _UNKNOWN
    return Folder(joined, frozenset() if path.startswith("/") else folder.stages)
