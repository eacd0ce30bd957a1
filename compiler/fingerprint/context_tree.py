"""The files of a build context that its ignore rules include; links are followed as in BuildKit."""

import os
import stat
from collections.abc import Iterator

from compiler.constants import DOT_GIT, LOCAL_FOLDER
from compiler.render.context_reads import Reach
from compiler.render.ignore_patterns import IgnoreMatcher, PatternError


NEVER = frozenset({DOT_GIT, LOCAL_FOLDER})
"""Names that are never inputs: the folders of Git and of this tool's logs and state."""
_MOST_LINKS = 255
"""Links that BuildKit follows for one path."""


class ContextTree:
    """A folder with its ignore rules."""

    def __init__(self, root: str, ignored: tuple[str, ...]) -> None:
        self._root = root
        self._matcher = _matcher(ignored)
        self._below: dict[str, tuple[str, ...]] = {}

    def reached(self, reach: Reach) -> set[str]:
        """Return the files and links that can be read, as paths in the context."""
        if reach.whole:
            return set(self._walked(""))
        paths: set[str] = set()
        for path in reach.paths:
            paths.update(self._followed(path))
        for pattern in reach.patterns:
            paths.update(self._matching(pattern))
        return paths

    def _matching(self, pattern: str) -> Iterator[str]:
        """Yield the paths that a pattern matches; links before its first wildcard are followed."""
        plain = "/".join(_plain_parts(pattern))
        links, folder = self._resolved(plain)
        matcher = _matcher((f"{folder}/{pattern[len(plain) :]}",))
        for path in self._walked(folder):
            if matcher is None or matcher.matches(path):
                yield from links
                yield from self._followed(path)

    def _followed(self, path: str) -> Iterator[str]:
        """Yield the links on the way to a path, the path, and everything below it."""
        links, target = self._resolved(path)
        yield from links
        yield from self._walked(target)

    def _resolved(self, path: str) -> tuple[list[str], str]:
        """Return the links on the way to a path, and the path that they point to.

        Links are followed as BuildKit follows them for COPY: they never leave the context.
        """
        links: list[str] = []
        remaining, done, followed = path.split("/"), list[str](), 0
        while remaining:
            part = remaining.pop(0)
            if part == "..":
                del done[-1:]
                continue
            here = "/".join([*done, part])
            full = os.path.join(self._root, here)
            if not os.path.islink(full):
                done.append(part)
                continue
            followed += 1
            links += [here] if self._passes(here) else []
            if followed > _MOST_LINKS:
                return links[:1], here
            target = os.readlink(full)
            if target.startswith("/"):
                done.clear()
            remaining[:0] = [step for step in target.split("/") if step not in {"", "."}]
        return list(dict.fromkeys(links)), "/".join(done)

    def _walked(self, path: str) -> tuple[str, ...]:
        """Return the files and links at and below a path, without ignored ones."""
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
            kept = stat.S_ISREG(state.st_mode) or stat.S_ISLNK(state.st_mode)
            yield from [path] if kept and self._passes(path) else []
            return
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
                    elif self._passes(name) and (entry.is_symlink() or entry.is_file()):
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


def _plain_parts(pattern: str) -> Iterator[str]:
    """Yield the parts of a pattern before the first one with a wildcard."""
    for part in pattern.split("/"):
        if any(character in part for character in "*?["):
            return
        yield part
