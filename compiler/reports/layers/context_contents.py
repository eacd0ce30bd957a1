"""What instructions read from the folders of build contexts: as an identity, and as text."""

import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from compiler.external.addresses import is_folder
from compiler.fingerprint.context_files import Listing, Trees
from compiler.render.build_steps import name_of
from compiler.render.context_reach import source_reach
from compiler.render.instruction_reads import Source


_MOST_TEXT = 1024 * 1024
"""Bytes of files whose text is read."""
_WILD = re.compile(r"[*?\[\\]")


class ContextContents:
    """The files of the build contexts of one project; each is read once."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Take the project's folder."""
        self._folder, self._trees = folder, Trees(folder)
        self._digests: dict[tuple[str, str, bool], str] = {}
        self._texts: dict[tuple[object, ...], tuple[str, ...] | None] = {}

    def identity(self, context: str, dockerfile: str | None, source: Source) -> str:
        """Return what stands for the files that a source of an instruction names.

        Args:
            context: the address of the context.
            dockerfile: the path of the Dockerfile; None if it has no ignore file of its own, or the
                context is a named one.
            source: what is read.

        Raises:
            UnreadableError: a file cannot be read.
        """
        if not is_folder(context):
            return name_of(context, source.path)
        return self._digest(self._listing(context, dockerfile, source), source)

    def texts(
        self, main: str, dockerfile: str | None, named: Mapping[str, str], read: frozenset[Source]
    ) -> tuple[str, ...] | None:
        """Return the text of all files that sources name.

        Args:
            main: the build context.
            dockerfile: the Dockerfile's path; None if it has no ignore file of its own.
            named: the named contexts.
            read: what is read.

        Returns:
            The texts; None if they are too large, or not in a folder.
        """
        key = (main, dockerfile, tuple(named.items()), read)
        if key not in self._texts:
            self._texts[key] = self._read(main, dockerfile, named, read)
        return self._texts[key]

    def _read(
        self, main: str, dockerfile: str | None, named: Mapping[str, str], read: Iterable[Source]
    ) -> tuple[str, ...] | None:
        paths: dict[str, None] = {}
        for source in read:
            context = named.get(source.name, "") if source.name else main
            if not context:
                continue  # a stage or an image
            if not is_folder(context):
                return None
            listing = self._listing(context, None if source.name else dockerfile, source)
            for path in listing.files:
                paths[os.path.join(self._folder, context, path)] = None
        files = [path for path in paths if os.path.isfile(path)]
        if sum(map(os.path.getsize, files)) > _MOST_TEXT:
            return None
        return tuple(Path(path).read_text(errors="replace") for path in files)

    def _listing(self, context: str, dockerfile: str | None, source: Source) -> Listing:
        reach = source_reach(source)
        if dockerfile is None:
            return self._trees.named(context, reach)
        return self._trees.main(context, dockerfile, reach)

    def _digest(self, listing: Listing, source: Source) -> str:
        """Return the digest of files under their paths below what an instruction names."""
        key = (listing.digest, source.path, source.wild)
        if key not in self._digests:
            top = posixpath.normpath(f"/{source.path}").lstrip("/")
            if source.wild and (match := _WILD.search(top)):
                top = top[: match.start()].rpartition("/")[0]
            names = {name: digest for name, digest in listing.files.items() if name != top}
            own = listing.files.get(top, "")
            top = f"{top}/" if top else ""
            text = "".join(
                f"{path.removeprefix(top)}\0{digest}\0" for path, digest in names.items()
            )
            self._digests[key] = sha256(os.fsencode(own + text)).hexdigest()[:16]
        return self._digests[key]
