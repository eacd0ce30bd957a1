"""Read the statuses that `bake --progress=rawjson` writes, one JSON object for each.

A build does not depend on them: what has another shape than BuildKit writes is left out.
"""

import base64
from collections.abc import Iterator
from typing import Any, NamedTuple

from compiler.external.json_object import load_object


class Vertex(NamedTuple):
    """A step, as far as a status describes it."""

    digest: str
    name: str
    """Such as `[server 2/5] RUN make`."""
    inputs: tuple[str, ...] = ()
    """The digests of the steps that it depends on."""
    started: str = ""
    """A time of RFC 3339; empty if the status has none."""
    completed: str = ""
    cached: bool = False
    error: str = ""


class Transfer(NamedTuple):
    """Bytes that a step has downloaded, pushed or transferred so far."""

    vertex: str
    id: str
    current: int


class Log(NamedTuple):
    """Output of a step."""

    vertex: str
    text: str


class Status(NamedTuple):
    """One status."""

    vertices: tuple[Vertex, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    logs: tuple[Log, ...] = ()


def parse_status(line: bytes) -> Status | None:
    """Return the status that a line contains; None if it contains no JSON object."""
    document = load_object(line)
    if document is None:
        return None
    return Status(
        vertices=tuple(map(_vertex, _entries(document.get("vertexes"), "digest", "name"))),
        transfers=tuple(map(_transfer, _entries(document.get("statuses"), "vertex", "id"))),
        logs=tuple(map(_log, _entries(document.get("logs"), "vertex"))),
    )


def _entries(value: Any, *required: str) -> Iterator[dict[str, Any]]:
    """Yield the mappings of a list in which all of these keys have text."""
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in required):
            yield entry


def _vertex(entry: dict[str, Any]) -> Vertex:
    inputs = entry.get("inputs")
    return Vertex(
        digest=entry["digest"],
        name=entry["name"],
        inputs=tuple(filter(_is_text, inputs if isinstance(inputs, list) else ())),
        started=_text(entry, "started"),
        completed=_text(entry, "completed"),
        cached=entry.get("cached") is True,
        error=_text(entry, "error"),
    )


def _transfer(entry: dict[str, Any]) -> Transfer:
    current = entry.get("current")
    return Transfer(entry["vertex"], entry["id"], current if isinstance(current, int) else 0)


def _log(entry: dict[str, Any]) -> Log:
    try:
        data = base64.b64decode(_text(entry, "data"))
    except ValueError:
        data = b""
    return Log(entry["vertex"], data.decode(errors="replace"))


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
