"""A registry on loopback that gives canned responses, for tests of single errors."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from support.loopback import Handler, serving


Response = tuple[int, Mapping[str, str], Any]
Routes = Mapping[str, Response]
"""`METHOD PATH` as a glob -> `[status, headers, body]`; the first match counts, 404 otherwise.

`{address}` in a body is replaced by the address of the registry. `{digest:ROUTE}` in a body or
header is replaced by the digest of the body of another route.
"""
_DIGEST = re.compile(r"\{digest:([^}]*)\}")


@contextmanager
def serve(routes: Routes) -> Iterator[str]:
    """Run the registry; yield its address."""

    class CannedHandler(Handler):
        def answer(self, body: bytes) -> None:
            del body
            request = f"{self.command} {self.path}"
            matches = [route for route in routes if fnmatch.fnmatch(request, route)]
            status, headers, data = routes[matches[0]] if matches else (404, {}, {"errors": []})
            address = f"127.0.0.1:{port}"
            content = _render(json.dumps(data), routes, address).encode()
            rendered = ((name, _render(value, routes, address)) for name, value in headers.items())
            self.send(status, content, rendered)

    with serving(CannedHandler) as server:
        port = server.server_address[1]
        yield server.host


def _render(text: str, routes: Routes, address: str) -> str:
    """Return a text with its placeholders replaced."""

    def digest(match: re.Match[str]) -> str:
        body = _render(json.dumps(routes[match[1]][2]), routes, address)
        return f"sha256:{sha256(body.encode()).hexdigest()}"

    return _DIGEST.sub(digest, text.replace("{address}", address))
