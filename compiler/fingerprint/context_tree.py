"""The files of a build context that its ignore rules include; links are followed as in BuildKit."""

import os
import stat
from collections.abc import Iterable, Iterator

from compiler.constants import DOT_GIT, LOCAL_FOLDER
from compiler.render.context_reads import Reach
from compiler.render.ignore_patterns import IgnoreMatcher
from compiler.render.path_patterns import PatternError
from compiler.source.links import followed


NEVER = frozenset({DOT_GIT, LOCAL_FOLDER})
"""Names that are never inputs: the folders of Git and of this tool's logs and state."""


class ContextTree:
    """A folder with its ignore rules."""

    def __init__(self, root: str, ignored: tuple[str, ...]) -> None:
        self._root = root
        self._matcher = _matcher(ignored)
        self._below: dict[str, tuple[str, ...]] = {}

    def reached(self, reach: Reach) -> dict[str, str]:
        """Return what can be read: the path that the Dockerfile names -> the path in the context.

        The two differ behind links. A folder ends with `/`, and is included only if it is empty.
        """
        if reach.whole:
            return _without_filled((path, path) for path in self._walked(""))
        entries: dict[str, str] = {}
        for path in reach.paths:
            entries.update(self._followed(path, path))
        for pattern in reach.patterns:
            entries.update(self._matching(pattern))
        for path, excludes in reach.partial:
            matcher = _matcher(excludes)
            for name, real in self._followed(path, path):
                below = name[len(path) :].strip("/")
                if not below or matcher is None or not matcher.matches(below):
                    entries[name] = real
                    if below and os.path.islink(os.path.join(self._root, real)):
                        # With excludes, BuildKit's cache depends on what links lead to.
                        entries.update(self._followed(real, f"{name}/."))
        return _without_filled(entries.items())

    def _matching(self, pattern: str) -> Iterator[tuple[str, str]]:
        """Yield the paths that a pattern matches; links before its first wildcard are followed."""
        plain = "/".join(_plain_parts(pattern))
        folder = followed(self._root, plain)
        matcher = _matcher((f"{folder}/{pattern[len(plain) :]}",))
        depth = f"{folder}{pattern[len(plain) :]}".strip("/").count("/")
        for path in self._walked(folder):
            bare = path.rstrip("/")
            if matcher is None or matcher.matches(bare):
                name = _renamed(path, folder, plain)
                # Below a matching folder, links are copied as links.
                is_match = bare.count("/") == depth
                yield from self._followed(bare, name) if is_match else [(name, path)]

    def _followed(self, path: str, name: str) -> Iterator[tuple[str, str]]:
        """Yield what a path leads to and everything below, under the name that it has."""
        target = followed(self._root, path)
        for real in self._walked(target):
            yield _renamed(real, target, name.rstrip("/")), real

    def _walked(self, path: str) -> tuple[str, ...]:
        """Return what is at and below a path, without ignored ones; folders end with `/`."""
        if path not in self._below:
            self._below[path] = tuple(self._walk(path))
        return self._below[path]

    def _walk(self, path: str) -> Iterator[str]:
        if not NEVER.isdisjoint(path.split("/")):
            return
        full = os.path.join(self._root, path) if path else self._root
        try:
            state = os.lstat(full) if path else os.stat(full)
        except (FileNotFoundError, NotADirectoryError):
            return
        if not stat.S_ISDIR(state.st_mode):
            yield from [path] if not stat.S_ISSOCK(state.st_mode) and self._passes(path) else []
            return
        yield from [f"{path}/"] if path and self._passes(path) else []
        folders = [path]
        while folders:
            folder = folders.pop()
            with os.scandir(os.path.join(self._root, folder) if folder else self._root) as entries:
                for entry in entries:
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.name in NEVER:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders += [] if self._pruned(name) else [name]
                        yield from [f"{name}/"] if self._passes(name) else []
                    elif self._passes(name) and not _is_socket(entry):
                        yield name

    def _passes(self, path: str) -> bool:
        return self._matcher is None or not self._matcher.matches(path)

    def _pruned(self, folder: str) -> bool:
        """Return whether the ignore rules exclude everything below a folder."""
        matcher = self._matcher
        if matcher is None:
            return False
        return matcher.matches(folder) and not matcher.may_include_below(folder)


def _matcher(lines: tuple[str, ...]) -> IgnoreMatcher | None:
    """Return the matcher of patterns; None without patterns, or if BuildKit rejects them."""
    try:
        return IgnoreMatcher(lines) or None
    except PatternError:
        return None


def _is_socket(entry: os.DirEntry[str]) -> bool:
    """Return whether BuildKit leaves an entry of a folder out of the context."""
    return not (entry.is_symlink() or entry.is_file()) and stat.S_ISSOCK(
        entry.stat(follow_symlinks=False).st_mode
    )


def _renamed(path: str, old: str, new: str) -> str:
    """Return a path at or below a folder as if the folder had another name.

    >>> _renamed("a/b", "a", "x/y"), _renamed("a/", "a", "x"), _renamed("b", "", "x")
    ('x/y/b', 'x/', 'x/b')
    """
    below = path[len(old) :] if old else f"/{path}"
    return f"{new}{below}" if new else below.lstrip("/")


def _without_filled(entries: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return entries sorted by name, without folders that have other entries below them."""
    listed = sorted(dict(entries).items())
    following = (name for name, _ in [*listed[1:], ("", "")])
    return {
        name: real
        for (name, real), after in zip(listed, following, strict=False)
        if not (name.endswith("/") and after.startswith(name))
    }


def _plain_parts(pattern: str) -> Iterator[str]:
    """Yield the parts of a pattern before the first one with a wildcard."""
    for part in pattern.split("/"):
        if any(character in part for character in "*?["):
            return
        yield part
