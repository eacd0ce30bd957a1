"""The files of a commit, and which of them the working tree may have changed.

Trees are read from the objects of the repository, and Git compares the commit with the working tree
by its index. A submodule is read from its own repository, as of the commit that it had.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import NamedTuple

from compiler.external.git import Git, git_on
from compiler.external.git_line_ends import ATTRIBUTES, Conversion, LineEnds
from compiler.external.git_objects import FOLDER, LINK, SUBMODULE, Entry, Objects, objects_of
from compiler.external.git_process import GitError
from compiler.external.git_repository import repository_at


_COMPARE = ("diff-index", "--name-only", "-z", "--no-renames", "--ignore-submodules=all")
_LIST = ("ls-files", "-v", "-z")


class Folder(NamedTuple):
    """A folder of a commit."""

    entries: Mapping[str, Entry]
    tree: "CommitTree"
    """The tree of the repository that contains it."""
    path: str
    """The path in that repository; empty for its top."""

    def file_mode(self, entry: Entry) -> int:
        """Return type and mode of an entry in a working tree, as `st_mode`."""
        if entry.mode == SUBMODULE:
            return stat.S_IFDIR
        if entry.mode == LINK and not self.tree.has_links:
            return stat.S_IFREG
        return entry.mode

    def differs(self, name: str) -> bool:
        """Return whether the working tree differs, or may differ, from an entry."""
        return (f"{self.path}/{name}" if self.path else name) in self.tree.differing

    def conversion(self, name: str) -> Conversion:
        """Return how Git may convert the bytes of an entry."""
        return self.tree.line_ends.conversion(self.path, name)

    def is_plain(self) -> bool:
        """Return whether no file differs in the working tree, and Git converts none of them."""
        return (
            self.tree.has_modes
            and self.path not in self.tree.differing_folders
            and not self.tree.line_ends.rules(self.path)
        )


class CommitTree:
    """The files of one commit of a repository."""

    def __init__(self, git: Git, objects: Objects, commit: str, stack: ExitStack) -> None:
        """Take the commit's ID, and a stack for the repositories of its submodules."""
        self.git, self.objects, self.commit = git, objects, commit
        self.top = git.repository.work_tree
        self.line_ends = LineEnds(self, stack)
        self.has_links = git.settings.get("symlinks", "").lower() != "false"
        """Whether links are links in the working tree, and not files."""
        self.has_modes = git.settings.get("filemode", "").lower() != "false"
        """Whether Git compares the executable bits of files."""
        self._stack = stack
        # Both run while trees are read.
        self._compared = stack.enter_context(git.started((*_COMPARE, commit, "--")))
        self._listed = stack.enter_context(git.started(_LIST))
        self._folders: dict[str, Folder | None] = {}
        self._submodules: set[str] = set()

    def folder(self, path: str) -> Folder | None:
        """Return a folder; None if the commit has no folder at the path.

        A submodule whose repository lacks the commit is an empty folder.

        Args:
            path: relative to the top, without links; empty for the top.

        Raises:
            GitError: the repository does not have its tree.
        """
        if path not in self._folders:
            self._folders[path] = self._open(path)
        return self._folders[path]

    def load(self, path: str) -> Iterator[Folder]:
        """Yield a folder and all folders below; this is faster than to open each of them.

        Raises:
            GitError: the repository does not have one of the trees.
        """
        folder = self.folder(path)
        if folder is not None and folder.tree is not self:
            yield from folder.tree.load(folder.path)
        pending = {path: folder} if folder is not None and folder.tree is self else {}
        while pending:
            yield from pending.values()
            below: dict[str, str] = {}
            for above, opened in pending.items():
                for name, entry in opened.entries.items():
                    inner = f"{above}/{name}" if above else name
                    if entry.mode == SUBMODULE:
                        yield from self.load(inner)
                    elif entry.mode == FOLDER:
                        below[inner] = entry.object_id
            trees = self.objects.trees([*below.values()])
            pending = {
                inner: Folder(entries, self, inner)
                for inner, entries in zip(below, trees, strict=True)
            }
            self._folders.update(pending)

    def entry(self, path: str) -> Entry | None:
        """Return what the commit contains at a path; None if there is nothing."""
        above, _, name = path.rpartition("/")
        folder = self.folder(above)
        return None if folder is None else folder.entries.get(name)

    @cached_property
    def differing(self) -> frozenset[str]:
        """The paths at which the working tree differs from the commit, or may differ.

        Files that Git does not track are not among them.
        """
        listed = self._listed.result()
        # Git may wait for one of them already.
        self.git.refuse_pipes(ATTRIBUTES, [line[2:] for line in listed.split(b"\0")])
        paths = set(os.fsdecode(self._compared.result()).split("\0")) - {""}
        if listed.count(b"\0H ") + listed.startswith(b"H ") < listed.count(b"\0"):
            # Git does not look at files that the user declared unchanged, or left out.
            lines = os.fsdecode(listed).split("\0")
            paths.update(line[2:] for line in lines if line and not line.startswith("H "))
        return frozenset(paths)

    @cached_property
    def differing_folders(self) -> frozenset[str]:
        """The folders of the paths that differ, or may differ."""
        return frozenset(path.rpartition("/")[0] for path in self.differing)

    def differs_below(self, path: str) -> bool:
        """Return whether the working tree differs, or may differ, from a folder.

        A folder that has submodules, or is in one, may always differ.
        """
        paths = (*self.differing, *self._submodules)
        return any(below(path, other) is not None for other in paths) or any(
            below(submodule, path) is not None for submodule in self._submodules
        )

    def _open(self, path: str) -> Folder | None:
        if not path:
            return Folder(self.objects.tree(f"{self.commit}^{{tree}}"), self, "")
        above, _, name = path.rpartition("/")
        parent = self.folder(above)
        entry = None if parent is None else parent.entries.get(name)
        if parent is None or entry is None:
            return None
        if parent.tree is not self:
            return parent.tree.folder(f"{parent.path}/{name}" if parent.path else name)
        if entry.mode == FOLDER:
            return Folder(self.objects.tree(entry.object_id), self, path)
        return self._submodule(path, entry.object_id) if entry.mode == SUBMODULE else None

    def _submodule(self, path: str, commit: str) -> Folder:
        """Return the top folder of a submodule; empty if its repository lacks the commit."""
        work_tree = os.path.join(self.top, path)
        repository = repository_at(work_tree)
        self._submodules.add(path)
        if repository is not None and os.path.realpath(work_tree) == work_tree:
            with ExitStack() as stack:
                try:
                    git = stack.enter_context(git_on(repository))
                    objects = stack.enter_context(objects_of(git))
                    resolved = objects.resolve(f"{commit}^{{commit}}")
                    top = CommitTree(git, objects, resolved, self._stack).folder("")
                except GitError:
                    top = None
                if top is not None:
                    self._stack.push(stack.pop_all())
                    return top
        return Folder({}, self, path)


def below(folder: str, path: str) -> str | None:
    """Return a path relative to a folder: empty for the folder itself, None outside.

    >>> below("/a", "/a/b/c"), below("/a", "/a"), below("/a", "/ab"), below("", "a")
    ('b/c', '', None, 'a')
    """
    if not folder or path == folder:
        return path[len(folder) :]
    start = f"{folder.rstrip('/')}/"
    return path[len(start) :] if path.startswith(start) else None
