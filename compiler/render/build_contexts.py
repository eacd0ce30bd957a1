"""The build contexts of targets that are folders of the project, with their ignore files.

What is read or looked for is recorded as an input, so that an up-to-date run notices a change.
"""

import posixpath
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property

from compiler.constants import DOT_GIT, FOLDER, IGNORE, OWN_IGNORE
from compiler.external.addresses import is_folder
from compiler.external.references import context_name
from compiler.matrix.bake_strings import variables_in
from compiler.render.ignore_patterns import IgnoreMatcher, read_ignore_file
from compiler.render.path_patterns import compile_pattern
from compiler.render.pattern_escapes import PatternError
from compiler.source.links import followed, matching_links
from compiler.source.project_files import FileError, Files
from compiler.targets.target import Target


_IN_GIT = (
    *("HEAD", "config", "index", "logs/HEAD", "objects/pack/pack.idx", "objects/pack/pack.pack"),
    *("packed-refs", "refs/heads/main"),
)
"""Files that stand for everything in the folder `.git`."""


class BuildContext:
    """A folder with the ignore file that applies to it."""

    def __init__(self, files: Files, folder: str, ignore_file: str) -> None:
        """Read the ignore file, if there is one.

        Args:
            files: the files of the project.
            folder: the context, relative to the project's folder.
            ignore_file: the path of its ignore file.
        """
        self.folder, self.ignore_file = folder, ignore_file
        self._files, self._root = files, files.real(folder)
        self._ignored: IgnoreMatcher | None = None
        with suppress(FileError, PatternError):
            self._ignored = IgnoreMatcher(read_ignore_file(files, ignore_file) or ())

    @property
    def title(self) -> str:
        """What messages call it."""
        return "the build context" if self.folder == "." else f"the build context {self.folder!r}"

    def contains(self, path: str) -> bool:
        """Return whether a path exists, ignored or not; a link that leads to nothing does not.

        Links are followed in this context, so that those to other folders lead to nothing.
        """
        return all(
            self._files.exists(posixpath.normpath(posixpath.join(self.folder, place)))
            for place in (path, self.followed(path))
        )

    def followed(self, path: str) -> str:
        """Return the path in this context that a path leads to."""
        return followed(self._files.disk, self._root, path)

    def linked(self, pattern: str) -> frozenset[str]:
        """Return the paths to which the links lead that a pattern of COPY matches.

        Raises:
            PatternError: BuildKit rejects the pattern.
        """
        parts = [compile_pattern(re.sub(r"\*+", "*", part)) for part in pattern.split("/")]
        try:
            links = matching_links(self._files.disk, self._root, parts)
            return frozenset(map(self.followed, links))
        except OSError:
            return frozenset()

    def ignores(self, path: str) -> bool:
        """Return whether the ignore file excludes a path and everything below it.

        A file that cannot be read, or that BuildKit rejects, excludes nothing.
        """
        ignored = self._ignored
        return ignored is not None and ignored.matches(path) and not ignored.may_include_below(path)

    @cached_property
    def git_files(self) -> tuple[str, ...]:
        """Files of the folder `.git` that are not ignored; empty if it does not exist.

        A file `.git` only names a folder elsewhere; it is the only one then. There are none if the
        ignore file cannot be read.
        """
        kind = self._files.dot_git(self.folder)
        if not kind or self._ignored is None:
            return ()
        paths = [f"{DOT_GIT}/{name}" for name in _IN_GIT] if kind == FOLDER else [DOT_GIT]
        return tuple(path for path in paths if not self._ignored.matches(path))


class BuildContexts:
    """The build contexts of the targets of one plan; each folder is read once."""

    def __init__(self, files: Files, output: str) -> None:
        """Take the files of the project, and the folder of its Dockerfiles."""
        self._files = files
        self._own = files.named(output, OWN_IGNORE)
        self._known: dict[tuple[str, str], BuildContext] = {}

    def own_ignore_file(self, target: Target) -> str:
        """Return the ignore file that belongs to a target's Dockerfile, or empty."""
        path = f"{target.dockerfile}{IGNORE}"
        is_known = self._files.exists(path) if target.is_existing else path in self._own
        return path if is_known else ""

    def main(self, target: Target) -> BuildContext | None:
        """Return the build context of a target; None if it is not a known folder."""
        folder = str(target.fields.get("context", "."))
        return self._context(folder, self.own_ignore_file(target)) if _is_known(folder) else None

    def named(self, target: Target) -> dict[str, BuildContext]:
        """Return the named contexts of a target that are known folders, by `lookup_name`."""
        contexts: Mapping[str, str] = target.fields.get("contexts", {})  # type: ignore[assignment]
        return {
            context_name(name): self._context(str(value))
            for name, value in contexts.items()
            if _is_known(value)
        }

    def _context(self, folder: str, ignore_file: str = "") -> BuildContext:
        path = ignore_file or posixpath.normpath(f"{folder}/{IGNORE}")
        key = (folder, path)
        if key not in self._known:
            self._known[key] = BuildContext(self._files, folder, path)
        return self._known[key]


def _is_known(context: str) -> bool:
    return is_folder(context) and not variables_in(context)
