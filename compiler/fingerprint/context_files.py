"""Files of build contexts -> digests, through `.dockerignore`, as git would keep them.

Takes folders; returns for each file that is reached its path and what decides it: bytes, whether
it is executable, where a link leads. Neither owners, times, empty folders, other bits of a mode
nor the order on disk count. Promises to read each file once. Refuses what cannot be read.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from hashlib import file_digest, sha256
from typing import TYPE_CHECKING, NamedTuple

from compiler.codes import Code
from compiler.render.context_reads import Reach
from compiler.source.project_files import UNREADABLE, FileError


if TYPE_CHECKING:
    from e2b_dockerfile_utils import PatternMatcher


NEVER = frozenset({".git", ".compile-matrix"})
"""Names that never count: git's own folder, and that of logs and records."""
IGNORE = ".dockerignore"
_MOST_LINKS = 255


class Listing(NamedTuple):
    """The files of one context that are reached."""

    digest: str
    files: Mapping[str, str]
    """Path in the context -> digest of what decides it; sorted."""


class Trees:
    """Digests of files of one project; what was read once is remembered."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Take the project's folder, which paths of contexts are relative to."""
        self._folder = os.path.realpath(folder)
        self._digests: dict[str, str] = {}
        self._ignores: dict[str, tuple[str, ...] | None] = {}
        self._contexts: dict[tuple[str, tuple[str, ...]], _Context] = {}
        self._listings: dict[tuple[str, tuple[str, ...], Reach], Listing] = {}

    def main(self, context: str, dockerfile: str, reach: Reach) -> Listing:
        """Return what is reached of the context that a Dockerfile is built in.

        Its ignore file is the one beside the Dockerfile with the Dockerfile's name in front, else
        that of the context.

        Raises:
            UnreadableError: a file cannot be read.
        """
        own = self._ignored(f"{dockerfile}{IGNORE}")
        return self._listed(context, own, reach)

    def named(self, context: str, reach: Reach) -> Listing:
        """Return what is reached of a named context, which has an ignore file of its own.

        Raises:
            UnreadableError: a file cannot be read.
        """
        return self._listed(context, None, reach)

    def _listed(self, path: str, ignored: tuple[str, ...] | None, reach: Reach) -> Listing:
        root = os.path.join(self._folder, path)
        if ignored is None:
            ignored = self._ignored(f"{path}/{IGNORE}") or ()
        key = (root, ignored, reach)
        if key not in self._listings:
            context = self._contexts.get((root, ignored))
            if context is None:
                context = self._contexts[root, ignored] = _Context(root, ignored)
            try:
                files = {
                    name: self._digest(os.path.join(root, name))
                    for name in sorted(context.reached(reach))
                }
            except OSError as error:
                raise UnreadableError(
                    os.path.relpath(str(error.filename), self._folder), error
                ) from None
            whole = sha256()
            for name, digest in files.items():
                whole.update(os.fsencode(name) + b"\0" + digest.encode() + b"\0")
            self._listings[key] = Listing(whole.hexdigest(), files)
        return self._listings[key]

    def _ignored(self, path: str) -> tuple[str, ...] | None:
        """Return the lines of an ignore file; None where there is none."""
        if path not in self._ignores:
            try:
                with open(
                    os.path.join(self._folder, path), encoding="utf-8-sig", errors="surrogateescape"
                ) as file:
                    self._ignores[path] = tuple(file.read().splitlines())
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                self._ignores[path] = None
            except OSError as error:
                raise UnreadableError(path, error) from None
        return self._ignores[path]

    def _digest(self, path: str) -> str:
        """Return the digest of a file's bytes and kind, or of where a link leads."""
        found = self._digests.get(path)
        if found is None:
            state = os.lstat(path)
            if stat.S_ISLNK(state.st_mode):
                found = sha256(b"link\0" + os.fsencode(os.readlink(path))).hexdigest()
            else:
                with open(path, "rb") as file:
                    content = file_digest(file, "sha256").hexdigest()
                found = f"x{content}" if state.st_mode & stat.S_IXUSR else content
            self._digests[path] = found
        return found


class UnreadableError(FileError):
    """A file of a context cannot be read: which, and why."""

    def __init__(self, path: str, error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        super().__init__(Code.UNREADABLE_FILE, f"{path} cannot be read: {reason}", UNREADABLE)
        self.path = path


class _Context:
    """One folder behind one set of ignore rules."""

    def __init__(self, root: str, ignored: tuple[str, ...]) -> None:
        self._root = root
        self._matcher = _matcher(ignored)
        self._below: dict[str, tuple[str, ...]] = {}

    def reached(self, reach: Reach) -> set[str]:
        """Return the files and links that are reached, as paths in the context."""
        if reach.whole:
            return set(self._walked(""))
        found: set[str] = set()
        for path in reach.paths:
            found.update(self._followed(path))
        for pattern in reach.patterns:
            found.update(self._matching(pattern))
        return found

    def _matching(self, pattern: str) -> Iterator[str]:
        """Give what a pattern matches; links before its first wildcard are followed."""
        plain = "/".join(_plain_parts(pattern))
        links, folder = self._resolved(plain)
        matcher = _matcher((f"{folder}/{pattern[len(plain) :]}",))
        for path in self._walked(folder):
            if matcher is None or matcher.matches(path):
                yield from links
                yield from self._followed(path)

    def _followed(self, path: str) -> Iterator[str]:
        """Give a path with the links on the way to it, and all that is below it."""
        links, aim = self._resolved(path)
        yield from links
        yield from self._walked(aim)

    def _resolved(self, path: str) -> tuple[list[str], str]:
        """Return the links on the way to a path, and where it leads inside the context.

        They are followed as BuildKit follows those that a COPY names.
        """
        links: list[str] = []
        left, done, followed = path.split("/"), list[str](), 0
        while left:
            part = left.pop(0)
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
            left[:0] = [step for step in target.split("/") if step not in {"", "."}]
        return list(dict.fromkeys(links)), "/".join(done)

    def _walked(self, path: str) -> tuple[str, ...]:
        """Return the files and links at and below a path."""
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
        """Tell whether nothing below a folder can pass."""
        matcher = self._matcher
        if matcher is None:
            return False
        return matcher.matches(folder) and not matcher.may_match_under(folder)


def _matcher(patterns: tuple[str, ...]) -> "PatternMatcher | None":
    """Return what matches patterns; nothing where there are none, or BuildKit refuses them."""
    if not any(pattern.strip() for pattern in patterns):
        return None
    from e2b_dockerfile_utils import PatternMatcher

    try:
        return PatternMatcher(list(patterns))
    except ValueError:
        return None


def _plain_parts(pattern: str) -> Iterator[str]:
    """Give the parts of a pattern before the first with a wildcard."""
    for part in pattern.split("/"):
        if any(character in part for character in "*?["):
            return
        yield part
