"""Digests of the files of build contexts that a Dockerfile can read.

The inputs of a fingerprint are the path of a file, its bytes, its executable bit, and the bits
setuid, setgid and sticky; the target of a link; that a folder is empty; and that a path is a pipe
or a device. Owners, times, other mode bits and the order on disk are not inputs: they differ
between checkouts of one commit. Each file is read once.
"""

import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from compiler.codes import Code
from compiler.constants import IGNORE
from compiler.fingerprint.context_tree import ContextTree
from compiler.render.context_reach import Reach
from compiler.render.ignore_patterns import read_ignore_file
from compiler.source.file_system import DISK, FileSystem
from compiler.source.project_files import FileError, Files, unreadable_remedy


_LAYOUT = "oci-layout://"


class Listing(NamedTuple):
    """The files of one context that a Dockerfile can read."""

    digest: str
    files: Mapping[str, str]
    """Path in the context -> digest. Empty folders end with `/`."""


class ListingKey(NamedTuple):
    """What decides which files of a context a Dockerfile can read, apart from the files."""

    root: str
    """The context's folder, without links."""
    ignored: tuple[str, ...]
    reach: Reach


class Trees:
    """The digests of files of one project, each computed once."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        disk: FileSystem = DISK,
        known: Callable[[ListingKey], Listing | None] = lambda _: None,
    ) -> None:
        """Take the project.

        Args:
            folder: the project's folder; paths of contexts are relative to it.
            disk: what its files are read from.
            known: returns the files of a context if they are known already.
        """
        self._folder, self._disk, self._known = os.path.realpath(folder), disk, known
        self._digests: dict[str, str] = {}
        self._roots: dict[str, str] = {}
        self._ignores: dict[str, tuple[str, ...] | None] = {}
        self._contexts: dict[tuple[str, tuple[str, ...]], ContextTree] = {}
        self.listings: dict[ListingKey, Listing] = {}

    def main(self, context: str, dockerfile: str, reach: Reach) -> Listing:
        """Return the files of the main context that a Dockerfile can read.

        If `NAME.dockerignore` exists next to the Dockerfile NAME, it applies instead of the
        .dockerignore of the context.

        Raises:
            UnreadableError: a file cannot be read.
        """
        own = self._ignored(f"{dockerfile}{IGNORE}")
        return self._listed(context, own, reach)

    def named(self, context: str, reach: Reach) -> Listing:
        """Return the files of a named context that a Dockerfile can read.

        Raises:
            UnreadableError: a file cannot be read.
        """
        return self._listed(context, None, reach)

    def layout(self, folder: str) -> Listing:
        """Return the index of an OCI layout, which contains the digests of its images.

        Raises:
            UnreadableError: it cannot be read.
        """
        return self._listed(folder, (), Reach(("index.json",)))

    def _listed(self, path: str, ignored: tuple[str, ...] | None, reach: Reach) -> Listing:
        if ignored is None:
            ignored = self._ignored(f"{path}/{IGNORE}") or ()
        root = self._root(path)
        key = ListingKey(root, ignored, reach)
        listing = self.listings.get(key) or self._known(key)
        if listing is None:
            context = self._contexts.get((root, ignored))
            if context is None:
                context = self._contexts[root, ignored] = ContextTree(root, ignored, self._disk)
            try:
                entries = context.reached(reach)
                files = {real: self._digest(f"{root}/{real}") for real in entries.values()}
            except OSError as error:
                path = os.path.relpath(os.fsdecode(error.filename or root), self._folder)
                message = f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
                raise UnreadableError(
                    path, Code.UNREADABLE_FILE, message, unreadable_remedy(error)
                ) from None
            text = "".join(f"{name}\0{files[real]}\0" for name, real in entries.items())
            listing = Listing(sha256(os.fsencode(text)).hexdigest(), files)
        self.listings[key] = listing
        return listing

    def _root(self, path: str) -> str:
        """Return a context's folder without links."""
        if path not in self._roots:
            self._roots[path] = self._disk.real(os.path.join(self._folder, path))
        return self._roots[path]

    def _ignored(self, path: str) -> tuple[str, ...] | None:
        """Return the lines of an ignore file; None if it does not exist."""
        if path not in self._ignores:
            full = os.path.join(self._folder, path)
            inside = os.path.normpath(full).startswith(os.path.join(self._folder, ""))
            top = self._folder if inside else os.path.dirname(full)  # a context may be elsewhere
            name = os.path.relpath(full, top)
            try:
                self._ignores[path] = read_ignore_file(Files(Path(top), disk=self._disk), name)
            except FileError as error:
                raise UnreadableError(name, error.code, error.message, error.help) from None
        return self._ignores[path]

    def _digest(self, path: str) -> str:
        """Return the digest of what is at a path."""
        digest = self._digests.get(path)
        if digest is None:
            digest = self._digests[path] = self._disk.digest(path.rstrip("/"))
        return digest


def layout_folder(address: str) -> str | None:
    """Return the folder of an OCI layout; None for another address, and for a digest.

    >>> layout_folder("oci-layout://./base:1.0"), layout_folder("oci-layout://base@sha256:0")
    ('./base', None)
    """
    if not address.lower().startswith(_LAYOUT) or "@" in address:
        return None
    above, slash, name = address[len(_LAYOUT) :].rpartition("/")
    return f"{above}{slash}{name.partition(':')[0]}"


class UnreadableError(FileError):
    """A file of a context cannot be read."""

    def __init__(self, path: str, code: Code, message: str, help_: str) -> None:
        super().__init__(code, message, help_)
        self.path = path


class ContextFiles(NamedTuple):
    """The files of one context that are inputs."""

    folder: str
    """The prefix of their paths, with `/` at its end; empty for the project's folder."""
    listing: Listing
    whole: str
    """The instruction that makes the whole context an input; empty if only some files are."""


def folder_prefix(context: str) -> str:
    """Return the prefix of the paths in a context.

    >>> folder_prefix("."), folder_prefix("templates/server")
    ('', 'templates/server/')
    """
    return "" if context == "." else f"{context}/"
