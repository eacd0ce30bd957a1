"""A registry of a test's own, that can be killed; what it stores is read from its disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from support import journal
from support.registry import Registry, copy, serve, serve_again


class Shelf:
    """A registry process, and the folder that it stores in, which outlives it."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        *,
        login: str = "",
        more: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        """Start it; `folder/storage` is made unless it is there."""
        self.storage = folder / "storage"
        self.storage.mkdir(parents=True, exist_ok=True)
        self._program, self._folder = program, folder
        self.registry: Registry
        self._process: subprocess.Popen[bytes]
        self.registry, self._process = serve(program, self.storage, folder, login=login, more=more)

    @property
    def address(self) -> str:
        """Give the address, as it stands at the beginning of a tag."""
        return self.registry.address

    @property
    def receiving(self) -> int:
        """Give how many blobs are only half received, for ever where it was killed meanwhile."""
        found = self.storage.glob("docker/registry/v2/repositories/*/_uploads/*/data")
        return sum(_size(file) > 0 for file in found)

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        """Start it again at the same address; from a thread that lasts, for it ends with that.

        What its end damaged is mended: it was no end that a registry is made for.
        """
        self.mend()
        self._process = serve_again(self._program, self.registry, self._folder)

    def close(self) -> None:
        """End it for good."""
        journal.end(self._process.pid, journal.born(self._process.pid))

    def restore(self, storage: Path) -> None:
        """Begin anew with a copy of another storage, at the same address."""
        self.kill()
        for found in self.storage.iterdir():
            shutil.rmtree(found)
        for found in storage.iterdir():
            copy(found, self.storage / found.name)
        self.start()

    def mend(self) -> None:
        """Remove what a full disk or a kill leaves: files that are there, and still empty.

        It makes a file before it writes it. An empty link it would answer with 500 for ever, and an
        empty manifest it would never write again.
        """
        for pattern in ("repositories/**/link", "blobs/**/data"):
            for file in self.storage.glob(f"docker/registry/v2/{pattern}"):
                if not _size(file):
                    file.unlink(missing_ok=True)

    # --- What it stores -------------------------------------------------------------------------

    def tags(self) -> dict[str, str]:
        """Give each tag, as `repository:tag`, with its digest; one is none before it has that."""
        root = self.storage / "docker/registry/v2/repositories"
        found = {}
        for link in root.glob("*/_manifests/tags/*/current/link"):
            repository = link.parents[4].relative_to(root)
            with contextlib.suppress(FileNotFoundError):
                if digest := link.read_text():
                    found[f"{repository}:{link.parents[1].name}"] = digest
        return found

    def blob(self, digest: str) -> bytes:
        """Give the bytes of a blob or manifest; FileNotFoundError if it is not there."""
        root = self.storage / "docker/registry/v2/blobs/sha256"
        code = digest.removeprefix("sha256:")
        return (root / code[:2] / code / "data").read_bytes()

    def lacking(self, digest: str) -> list[str]:
        """Give what is missing or broken of an image or index, itself included."""
        try:
            content = self.blob(digest)
        except FileNotFoundError:
            return [digest]
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            return [f"{digest} is broken"]
        try:
            said = json.loads(content)
        except ValueError:
            return []
        if not isinstance(said, dict):
            return []
        parts = [*said.get("manifests", ()), *said.get("layers", ())]
        parts += [said["config"]] if isinstance(said.get("layers"), list) else []
        return [text for part in parts for text in self.lacking(part["digest"])]


def _size(file: Path) -> int:
    """Give how long a file is that may go at any moment; it is nothing then."""
    with contextlib.suppress(FileNotFoundError):
        return file.stat().st_size
    return 0
