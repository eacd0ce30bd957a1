"""The files of a build context that its ignore rules include; links are followed as in BuildKit."""

import stat
from collections.abc import Iterable, Iterator

from compiler.constants import DOT_GIT, LOCAL_FOLDER
from compiler.render.context_reach import Reach
from compiler.render.ignore_patterns import IgnoreMatcher
from compiler.render.pattern_escapes import PatternError
from compiler.source.file_system import FileSystem
from compiler.source.links import followed, link_target


NEVER = frozenset({DOT_GIT, LOCAL_FOLDER})
"""Names that are never inputs: the folders of Git and of this tool's logs and state."""


class ContextTree:
    """A folder with its ignore rules."""

    def __init__(self, root: str, ignored: tuple[str, ...], disk: FileSystem) -> None:
        """Take the folder, without links in its path, the ignore rules, and what to read from."""
        self._root, self._disk = root, disk
        self._matcher = _matcher(ignored)
        self._below: dict[str, tuple[str, ...]] = {}

    def reached(self, reach: Reach) -> dict[str, str]:
        """Return what can be read: the path that the Dockerfile names -> the path in the context.

        The two differ behind links. A folder ends with `/`, and is included only if it is empty.
        """
        if reach.whole:
            paths = self._walked("")
            return _without_filled(zip(paths, paths, strict=True))
        entries: dict[str, str] = {}
        for path in reach.paths:
            entries.update(self._followed(path, path))
        for pattern in reach.patterns:
            entries.update(self._matching(pattern))
        for pattern in reach.parents:
            entries.update(self._with_parents(pattern))
        for path, excludes in reach.partial:
            matcher = _matcher(excludes)
            for name, real in self._followed(path, path):
                below = name[len(path) :].strip("/")
                if not below or matcher is None or not matcher.matches(below):
                    entries[name] = real
                    if below and link_target(self._disk, self._full(real)) is not None:
                        # With excludes, BuildKit's cache depends on what links lead to.
                        entries.update(self._followed(real, f"{name}/."))
        return _without_filled(entries.items())

    def _matching(self, pattern: str) -> Iterator[tuple[str, str]]:
        """Yield the paths that a pattern matches; links before its first wildcard are followed."""
        plain = "/".join(_plain_parts(pattern))
        folder = followed(self._disk, self._root, plain)
        matcher = _matcher((f"{folder}/{pattern[len(plain) :]}",))
        depth = f"{folder}{pattern[len(plain) :]}".strip("/").count("/")
        for path in self._walked(folder):
            bare = path.rstrip("/")
            if matcher is None or matcher.matches(bare):
                name = _renamed(path, folder, plain)
                # Below a matching folder, links are copied as links.
                is_match = bare.count("/") == depth
                yield from self._followed(bare, name) if is_match else [(name, path)]

    def _with_parents(self, pattern: str) -> Iterator[tuple[str, str]]:
        """Yield what `COPY --parents` can copy: links as they are, and what they lead to."""
        matcher = _matcher((pattern,))
        for path in self._walked("/".join(_plain_parts(pattern))):
            if matcher is None or matcher.matches(path.rstrip("/")):
                yield path, path
        for name, path in self._matching(pattern):
            if name != path:
                yield f"./{name}", path

    def _followed(self, path: str, name: str) -> Iterator[tuple[str, str]]:
        """Yield what a path leads to and everything below, under the name that it has."""
        target = followed(self._disk, self._root, path)
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
        try:
            mode = self._disk.mode(self._full(path))
        except (FileNotFoundError, NotADirectoryError):
            return
        if not stat.S_ISDIR(mode):
            yield from [path] if not stat.S_ISSOCK(mode) and self._passes(path) else []
            return
        yield from [f"{path}/"] if path and self._passes(path) else []
        self._disk.expect(self._full(path))
        passes = self._passes if self._matcher else lambda _: True
        folders = [path]
        while folders:
            folder = folders.pop()
            prefix = f"{folder}/" if folder else ""
            for entry, kind in self._disk.entries(self._full(folder)):
                if entry in NEVER:
                    continue
                name = f"{prefix}{entry}"
                if kind == stat.S_IFDIR:
                    folders += [] if self._pruned(name) else [name]
                    yield from [f"{name}/"] if passes(name) else []
                elif kind != stat.S_IFSOCK and passes(name):
                    yield name

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

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
