"""Read and quote JSON of programs and servers, which may write anything."""

import json
from collections.abc import Mapping
from typing import Any


MAX_QUOTE = 200
"""Maximum number of characters of an untrusted text in a message."""


def load_object(content: bytes) -> dict[str, Any] | None:
    """Return the object in a JSON text; None if the text is something else.

    >>> load_object(b"[" * 100000) is None
    True
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def as_object(value: Any) -> Mapping[str, Any]:
    """Return a value of an untrusted document if it is a mapping, otherwise an empty mapping."""
    return value if isinstance(value, dict) else {}


def quote(value: object) -> str:
    """Return an untrusted value for a message: in ASCII, and not longer than messages may be.

    >>> quote("latest"), quote(["x" * 1000])[-6:]
    ("'latest'", 'xxx...')
    """
    try:
        text = ascii(value)
    except RecursionError:
        text = type(value).__name__
    return text if len(text) <= MAX_QUOTE else f"{text[:MAX_QUOTE]}..."
