"""A registry in memory behind a proxy that delays each request by 50 ms.

Run as `python benchmarks/registry.py`, it prints the port of the proxy, and runs until its standard
input ends. Besides the API of a registry
it serves `POST /reset`, which deletes all tags apart from those of staged images and forgets the
requests, and `GET /log`, which returns the requests since then as a pickle.
"""

import asyncio
import hashlib
import json
import os
import pickle
import sys
from urllib.parse import parse_qs, urlsplit


DELAY = 0.05
_PAGE = 1000


class Registry:
    """One repository for all paths, without checks."""

    def __init__(self) -> None:
        """Start empty."""
        self.tags: dict[str, str] = {}
        self.contents: dict[str, tuple[str, bytes]] = {}
        """Digest -> media type and bytes."""
        self.log: list[tuple[str, str, str, bytes]] = []
        """Method, path, media type and body of each request."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection."""
        while line := await reader.readline():
            method, path, _ = line.decode().split(" ")
            headers: dict[str, str] = {}
            while (line := await reader.readline()) not in {b"\r\n", b""}:
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            status, extra, content = self._answer(
                method, path, headers.get("content-type", ""), body
            )
            lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(content)}"]
            lines += [f"{name}: {value}" for name, value in extra.items()]
            head = ("\r\n".join(lines) + "\r\n\r\n").encode()
            writer.write(head if method == "HEAD" else head + content)
            await writer.drain()
        writer.close()

    def _answer(
        self, method: str, path: str, media_type: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if path == "/reset":
            self.tags = {name: self.tags[name] for name in self.tags if name.startswith("fp-")}
            self.log.clear()
            return 200, {}, b""
        if path == "/log":
            return 200, {}, pickle.dumps(self.log)
        self.log.append((method, path, media_type, body))
        parts = urlsplit(path)
        query = parse_qs(parts.query)
        kind, reference = parts.path.rsplit("/", 2)[1:]
        if kind == "tags":
            return self._page(parts.path, query.get("last", [""])[0])
        if method == "POST":
            return 202, {"Location": f"{parts.path}1"}, b""
        if method == "DELETE":
            return 204, {}, b""
        if method == "PUT":
            return self._put(kind, reference, media_type, body)
        digest = reference if ":" in reference else self.tags.get(reference, "")
        if digest not in self.contents:
            return 404, {}, b""
        media_type, content = self.contents[digest]
        return 200, {"Content-Type": media_type, "Docker-Content-Digest": digest}, content

    def _put(
        self, kind: str, reference: str, media_type: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.contents[digest] = media_type, body
        if kind == "manifests" and ":" not in reference:
            self.tags[reference] = digest
        return 201, {"Docker-Content-Digest": digest}, b""

    def _page(self, path: str, last: str) -> tuple[int, dict[str, str], bytes]:
        names = sorted(name for name in self.tags if name > last)
        page = names[:_PAGE]
        more = {"Link": f'<{path}?n={_PAGE}&last={page[-1]}>; rel="next"'}
        return 200, more if len(names) > _PAGE else {}, json.dumps({"tags": page}).encode()


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Forward a stream; each piece arrives after a delay, however many are under way."""
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    now = asyncio.get_running_loop().time

    async def deliver() -> None:
        while (piece := await pieces.get())[1]:
            await asyncio.sleep(piece[0] - now())
            writer.write(piece[1])
            await writer.drain()
        writer.close()

    delivery = asyncio.create_task(deliver())
    while piece := await reader.read(2**16):
        pieces.put_nowait((now() + delay, piece))
    pieces.put_nowait((now(), b""))
    await delivery


async def main() -> None:
    """Run the registry and the proxy."""
    registry = await asyncio.start_server(Registry().serve, "127.0.0.1", 0)
    port = registry.sockets[0].getsockname()[1]

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(
            forward(reader, inner_writer, DELAY), forward(inner_reader, writer, 0.0)
        )

    proxy = await asyncio.start_server(connect, "127.0.0.1", 0)
    print(proxy.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)  # connections that are still open end without a traceback


if __name__ == "__main__":
    asyncio.run(main())
