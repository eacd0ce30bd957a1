"""Read JSON from programs and servers, which may write anything."""

import json
from typing import Any


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
