"""A registry that belongs to one test: the test can kill it and read its storage from disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from support import undo_log
from support.registry import Registry, copy, serve, serve_again


class KillableRegistry:
    """A registry process and its storage folder, which survives the process."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        *,
        login: str = "",
        more: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        """Start the registry; create `folder/storage` if it is missing.

        Args:
            program: the registry's executable.
            folder: the folder for storage, settings and log.
            login: `user:password` for clients, if `more` demands authentication.
            more: additional settings of the registry.
        """
        self.storage = folder / "storage"
        self.storage.mkdir(parents=True, exist_ok=True)
        self._program, self._folder = program, folder
        self.registry: Registry
        self._process: subprocess.Popen[bytes]
        self.registry, self._process = serve(program, self.storage, folder, login=login, more=more)

    @property
    def address(self) -> str:
        """Return host and port, as a tag begins with them."""
        return self.registry.address

    @property
    def receiving(self) -> int:
        """Count the blobs that are received in part, including those that a kill cut off."""
        uploads = self.storage.glob("docker/registry/v2/repositories/*/_uploads/*/data")
        return sum(_size(file) > 0 for file in uploads)

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        """Repair the storage and start the process again at the same address.

        The calling thread must outlive the process: the kernel ends the process with the thread.
        """
        self.repair()
        self._process = serve_again(self._program, self.registry, self._folder)

    def close(self) -> None:
        """End the process for good."""
        undo_log.end(self._process.pid, undo_log.born(self._process.pid))

    def restore(self, storage: Path) -> None:
        """Replace the storage by a copy of another one and restart at the same address."""
        self.kill()
        for path in self.storage.iterdir():
            shutil.rmtree(path)
        for path in storage.iterdir():
            copy(path, self.storage / path.name)
        self.start()

    def repair(self) -> None:
        """Delete the empty files that a full disk or a kill leaves in the storage.

        The registry creates a file before it writes it. It would answer 500 for an empty link for
        ever, and never write an empty manifest again.
        """
        for pattern in ("repositories/**/link", "blobs/**/data"):
            for file in self.storage.glob(f"docker/registry/v2/{pattern}"):
                if not _size(file):
                    file.unlink(missing_ok=True)

    # --- The contents of the storage --------------------------------------------------------------

    def tags(self) -> dict[str, str]:
        """Return the digest of each `repository:tag`; tags being written are left out."""
        root = self.storage / "docker/registry/v2/repositories"
        digests = {}
        for link in root.glob("*/_manifests/tags/*/current/link"):
            repository = link.parents[4].relative_to(root)
            with contextlib.suppress(FileNotFoundError):
                if digest := link.read_text():
                    digests[f"{repository}:{link.parents[1].name}"] = digest
        return digests

    def blob(self, digest: str) -> bytes:
        """Return the bytes of a blob or manifest.

        Raises:
            FileNotFoundError: the storage has no such blob.
        """
        root = self.storage / "docker/registry/v2/blobs/sha256"
        code = digest.removeprefix("sha256:")
        return (root / code[:2] / code / "data").read_bytes()

    def lacking(self, digests: Iterable[str]) -> dict[str, list[str]]:
        """Return the missing or broken blobs of each image or index, itself included."""
        known: dict[str, list[str]] = {}
        return {digest: self._lacking(digest, known) for digest in digests}

    def _lacking(self, digest: str, known: dict[str, list[str]]) -> list[str]:
        """Return those of one blob, which is read once: images share most of theirs."""
        if digest not in known:
            try:
                content = self.blob(digest)
            except FileNotFoundError:
                known[digest] = [digest]
            else:
                is_whole = f"sha256:{hashlib.sha256(content).hexdigest()}" == digest
                parts = _parts(content) if is_whole else []
                known[digest] = [] if is_whole else [f"{digest} is broken"]
                known[digest] += [text for part in parts for text in self._lacking(part, known)]
        return known[digest]


def _parts(content: bytes) -> list[str]:
    """Return the digests that a manifest or index refers to; none for other content."""
    try:
        manifest = json.loads(content)
    except ValueError:
        return []
    if not isinstance(manifest, dict):
        return []
    parts = [*manifest.get("manifests", ()), *manifest.get("layers", ())]
    parts += [manifest["config"]] if isinstance(manifest.get("layers"), list) else []
    return [part["digest"] for part in parts]


def _size(file: Path) -> int:
    """Return the size of a file; 0 if it has just disappeared."""
    with contextlib.suppress(FileNotFoundError):
        return file.stat().st_size
    return 0
