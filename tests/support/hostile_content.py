"""Repositories whose content was written by somebody else: any document in them can be anything.

Digests are correct, as registries ensure: whoever may push can store such content.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from support.model_registry import Repository, digest_of


HOSTILE: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**70, 1.5, 1e300, "", "x", "a" * 300, [], {}, [None], {"digest": 3}),
    *(
        "\x1b[31m",
        "\x9b2J",
        "\ud800",
        "\u202ex",
        "a\nb",
        "../x",
        "$(id)",
        "-v",
        "a b",
        "[",
        "::error::",
    ),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0000-00-00", "2026-01-01"),
    *("sha256:" + "0" * 64, "sha256:" + "Z" * 64, "linux/amd64", "127.0.0.1:1/x:y"),
)
"""Values that no reader may trust."""
_TEXTS = (
    b"",
    b"[",
    b"null",
    b'"x"',
    b"3",
    b"[]",
    b"\xff",
    b"[" * 100_000,
    b'{"a": 1' + b"0" * 5000 + b"}",
)


def forge(store: Repository, rng: random.Random) -> str:
    """Replace a part of a random document in a repository; return a description."""
    documents = {**{key: text for key, (_, text) in store.manifests.items()}, **store.blobs}
    parsed = {key: data for key, text in documents.items() if (data := _parse(text)) is not None}
    digest = rng.choice(sorted(parsed))
    if rng.random() < 0.1:
        content = rng.choice(_TEXTS)
        replace(store, digest, content)
        return f"{documents[digest][:80]!r} -> {content[:20]!r}"
    data = json.loads(documents[digest])
    places = list(_places(data))
    container, key = rng.choice(places)
    if rng.random() < 0.1 and isinstance(container, dict):
        value = container.pop(key)
        what = f"{key} removed"
    elif rng.random() < 0.1 and isinstance(container, dict):
        name = rng.choice([one for one in HOSTILE if isinstance(one, str)])
        container[name] = container.pop(key)
        what = f"{key} -> {name!r}"
    else:
        value = rng.choice(HOSTILE)
        what = f"{key}: {value!r}"
        container[key] = value
    replace(store, digest, json.dumps(data).encode())
    return f"{documents[digest][:80]!r}: {what}"


def _parse(text: bytes) -> Any:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and data else None


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container with each of its keys or indexes."""
    for key in data if isinstance(data, dict) else range(len(data)):
        yield data, key
        if isinstance(data[key], dict | list):
            yield from _places(data[key])


def replace(store: Repository, digest: str, content: bytes) -> str:
    """Replace a document, and its digest in all tags and documents; return the new digest."""
    new = digest_of(content)
    if new == digest:
        return new
    if digest in store.manifests:
        media_type, _ = store.manifests.pop(digest)
        store.manifests[new] = (media_type, content)
    else:
        del store.blobs[digest]
        store.blobs[new] = content
    for tag, named in list(store.tags.items()):
        if named == digest:
            store.tags[tag] = new
    for key in [*store.manifests, *store.blobs]:
        text = store.manifests[key][1] if key in store.manifests else store.blobs.get(key, b"")
        if key != new and digest.encode() in text:
            replace(store, key, text.replace(digest.encode(), new.encode()))
    return new


def edit(store: Repository, function: Callable[[bytes], bytes]) -> None:
    """Change every document in a repository."""
    for digest in [*store.manifests, *store.blobs]:
        text = store.manifests[digest][1] if digest in store.manifests else store.blobs.get(digest)
        if text is not None and function(text) != text:
            replace(store, digest, function(text))
