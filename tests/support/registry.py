"""Start a registry on loopback, and read and write its contents by its HTTP API."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from support import cache, go_programs, packages, undo_log


Json = dict[str, Any]

PATIENCE = 300.0

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

# No proxy is used for loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, kw_only=True)
class Registry:
    """The contents of a registry at an address such as `127.0.0.1:5000`.

    `login` is `user:password`, where the registry demands one.
    """

    address: str
    login: str = ""

    def tags(self, repository: str) -> list[str]:
        """Return the sorted tags of a repository; none if the repository does not exist."""
        try:
            answer = json.loads(self._ask("GET", f"{repository}/tags/list").body)
        except FileNotFoundError:
            return []
        return sorted(answer["tags"] or [])

    def manifest(self, repository: str, reference: str) -> Json:
        """Return the manifest or index of a tag or digest.

        Raises:
            FileNotFoundError: the repository has no such tag or digest.
        """
        return cast("Json", json.loads(self._manifest(repository, reference).body))

    def digest(self, repository: str, reference: str) -> str:
        """Return the digest of a tag.

        Raises:
            FileNotFoundError: the repository has no such tag.
        """
        return self._manifest(repository, reference).headers["docker-content-digest"]

    def index(self, repository: str, reference: str) -> dict[str, Json]:
        """Return the descriptors of an index by platform, such as `linux/amd64`.

        Attestations are left out. A manifest without an index counts as an index of the platform
        that its configuration names.
        """
        found = self.manifest(repository, reference)
        if "manifests" in found:
            entries = {_platform(entry["platform"]): entry for entry in found["manifests"]}
            return {key: entry for key, entry in entries.items() if key != "unknown/unknown"}
        answer = self._manifest(repository, reference)
        descriptor = {
            "mediaType": found["mediaType"],
            "digest": answer.headers["docker-content-digest"],
            "size": len(answer.body),
        }
        return {_platform(self.blob(repository, found["config"]["digest"])): descriptor}

    def config(self, repository: str, reference: str, platform: str = "linux/amd64") -> Json:
        """Return the configuration of the image of one platform: labels, environment, history."""
        entry = self.index(repository, reference)[platform]
        image = self.manifest(repository, entry["digest"])
        return self.blob(repository, image["config"]["digest"])

    def blob(self, repository: str, digest: str) -> Json:
        """Return the contents of a JSON blob."""
        return cast("Json", json.loads(self._ask("GET", f"{repository}/blobs/{digest}").body))

    def put_blob(self, repository: str, content: bytes) -> Json:
        """Store a blob and return its digest and size."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        place = self._ask("POST", f"{repository}/blobs/uploads/").headers["location"]
        joint = "&" if "?" in place else "?"
        binary = {"content-type": "application/octet-stream"}
        self._ask("PUT", f"{place}{joint}digest={digest}", content, binary)
        return {"digest": digest, "size": len(content)}

    def put_manifest(self, repository: str, reference: str, manifest: Json) -> Json:
        """Store a manifest or index under a tag, or under its digest if `reference` is empty."""
        content = json.dumps(manifest).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        kind = {"content-type": manifest["mediaType"]}
        self._ask("PUT", f"{repository}/manifests/{reference or digest}", content, kind)
        return {"mediaType": manifest["mediaType"], "digest": digest, "size": len(content)}

    def ready(self) -> bool:
        """Return whether a registry answers at the address."""
        try:
            self._ask("GET", "")
        except OSError:
            return False
        return True

    def _manifest(self, repository: str, reference: str) -> _Answer:
        accept = f"{INDEX},{MANIFEST},{DOCKER_INDEX},{DOCKER_MANIFEST}"
        return self._ask("GET", f"{repository}/manifests/{reference}", headers={"accept": accept})

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Answer:
        url = path if path.startswith("http://") else f"http://{self.address}/v2/{path}"
        given = dict(headers or {})
        if self.login:
            given["authorization"] = f"Basic {base64.b64encode(self.login.encode()).decode()}"
        request = urllib.request.Request(url, data=body, method=method, headers=given)
        try:
            with _OPENER.open(request, timeout=60) as answer:
                received = {key.lower(): value for key, value in answer.headers.items()}
                return _Answer(body=answer.read(), headers=received)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    raise FileNotFoundError(f"{self.address} has no {path}") from None
                raise OSError(f"{url}: {error.code} {error.read()!r}") from None


@dataclass(frozen=True, kw_only=True)
class _Answer:
    body: bytes
    headers: Mapping[str, str]


def _platform(fields: Mapping[str, str]) -> str:
    words = (fields["os"], fields["architecture"], fields.get("variant", ""))
    return "/".join(word for word in words if word).replace("arm64/v8", "arm64")


def serve(
    program: Path,
    storage: Path,
    folder: Path,
    *,
    login: str = "",
    more: Mapping[str, Mapping[str, object]] | None = None,
) -> tuple[Registry, subprocess.Popen[bytes]]:
    """Start a registry.

    Args:
        program: the registry's executable.
        storage: the folder of its contents.
        folder: the folder for its settings and log.
        login: `user:password` for clients, if `more` demands authentication.
        more: additional settings.
    """
    with cache.locked("ports"):
        registry = Registry(address=f"127.0.0.1:{free_port(5000)}", login=login)
        settings: dict[str, Mapping[str, object]] = {
            "log": {"level": "warn"},
            "storage": {
                "filesystem": {"rootdirectory": str(storage)},
                "delete": {"enabled": True},
            },
            "http": {"addr": registry.address},
        }
        for name, fields in (more or {}).items():
            settings[name] = {**settings.get(name, {}), **fields}
        (folder / "registry.json").write_text(json.dumps({"version": "0.1", **settings}))
        return registry, serve_again(program, registry, folder)


def serve_again(program: Path, registry: Registry, folder: Path) -> subprocess.Popen[bytes]:
    """Start a registry again with its existing settings, at the same address."""
    log = folder / "registry.log"
    command: list[str | Path] = [program, "serve", folder / "registry.json"]
    process = undo_log.start(
        command, log, {"PATH": os.defpath, "HOME": str(folder), **go_programs.VARIABLES}
    )
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and not registry.ready() and time.monotonic() < deadline:
        time.sleep(0.02)
    if process.poll() is not None or not registry.ready():
        process.kill()
        process.wait()
        raise packages.Unavailable(f"the registry does not answer: {log.read_text()[-2000:]}")
    return process


def free_port(wanted: int) -> int:
    """Return this port if it is free on loopback, otherwise any free port."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise packages.Unavailable("no port is free")


def copy(source: Path, target: Path) -> None:
    """Copy a storage folder; use hard links for blobs where possible, since blobs never change."""

    def one(from_: str, to: str) -> str:
        if from_.endswith("/data"):
            with contextlib.suppress(OSError):
                os.link(from_, to)
                return to
        return str(shutil.copy2(from_, to))

    shutil.copytree(source, target, copy_function=one)
