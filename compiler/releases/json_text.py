"""JSON text that cannot control a terminal, whatever a registry contains."""

import json
from typing import Any


def printable_json(value: Any) -> str:
    r"""Return JSON text on one line, in which all that is not printable is escaped.

    It is also what records are stored as: their known texts are printable and stay as they are.

    >>> printable_json({"größe": "red\x1b[31m\x7f\u202e\ud800"})
    '{"größe": "red\\u001b[31m\\u007f\\u202e\\ud800"}'
    """
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    r"""Return a character as JSON escapes it.

    >>> _escaped("\U000e0001")
    '\\udb40\\udc01'
    """
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))
