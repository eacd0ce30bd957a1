"""Write the data of a draft as YAML that people read: short values in flow style."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*\Z")
_KEYWORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})
_WIDTH = 100
"""The longest line in flow style; longer collections are written as blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlText:
    """The text of a file, and where its parts are."""

    text: str
    parts: tuple[tuple[int, tuple[str, ...]], ...]
    """The first line of each part, and its two keys: `("images", "server")`."""

    def part(self, line: int) -> tuple[str, ...]:
        """Return the keys of the part that contains a line; empty before the first one."""
        keys_of: tuple[str, ...] = ()
        for first, keys in self.parts:
            if first > line:
                break
            keys_of = keys
        return keys_of


def write_yaml(data: Mapping[str, Any], comment: str) -> YamlText:
    """Return the data as YAML, below a comment.

    Args:
        data: mappings, lists, texts, true, false and null.
        comment: its lines, without `#`.
    """
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    parts: list[tuple[int, tuple[str, ...]]] = []
    for key, value in data.items():
        lines += ["", f"{scalar(key)}:"]
        parts.append((len(lines), (key,)))
        for name, item in value.items():
            if key == "images" and parts[-1][1][0] == "images" and len(parts[-1][1]) > 1:
                lines.append("")
            parts.append((len(lines) + 1, (key, str(name))))
            lines += _entry(name, item, 2, block=key == "images")
    return YamlText(text="\n".join(lines) + "\n", parts=tuple(parts))


def scalar(value: object) -> str:
    """Return a scalar of YAML.

    >>> scalar("3.10"), scalar(True), scalar(None), scalar("true"), scalar(">=3")
    ('3.10', 'true', 'null', '"true"', '">=3"')
    """
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = str(value)
    if _PLAIN.match(text) and text.lower() not in _KEYWORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in quoted)


def _entry(key: object, value: Any, indent: int, *, block: bool = False) -> Iterator[str]:
    """Yield the lines of a key with its value."""
    head = f"{' ' * indent}{scalar(key)}:"
    flow = f"{head} {_flow(value)}"
    if not isinstance(value, dict | list) or not value or (not block and len(flow) <= _WIDTH):
        yield flow
        return
    yield head
    yield from _block(value, indent + 2)


def _block(value: Any, indent: int) -> Iterator[str]:
    """Yield the lines of a mapping or a list in block style."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _entry(key, item, indent)
        return
    for item in value:
        flow = f"{' ' * indent}- {_flow(item)}"
        if len(flow) <= _WIDTH or not isinstance(item, dict):
            yield flow
            continue
        first, *others = _block(item, indent + 2)
        yield f"{' ' * indent}- {first.strip()}"
        yield from others


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{scalar(key)}: {_flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return scalar(value)
