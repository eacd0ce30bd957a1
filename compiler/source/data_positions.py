"""The position of each value in JSON and TOML that their parsers of the standard library accept."""

import json
import re
import tomllib
from typing import Any

from compiler.source.nodes import Node
from compiler.source.positions import SourceText


_JSON = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\]]|[^\s{}\[\],:"]+', re.DOTALL)

_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_KEY = re.compile(r"""[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*(\.?)""")
_SCALAR = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}'
    r"""|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^,\]}\n#]+""",
    re.DOTALL,
)


def json_nodes(page: SourceText) -> Node | None:
    """Return the tree of a valid JSON document."""
    root: Node | None = None
    above: list[Node] = []
    keys: list[Any] = []
    for match in _JSON.finditer(page.text):
        token = match[0]
        if token in ("}", "]"):
            above.pop().end = match.end()
            keys.pop()
            continue
        node = Node(*match.span(), token[0] if token[0] in '"{[' else "")
        node.data = json.loads(token) if token[0] == '"' else token
        if token in ("{", "["):
            node.children = {} if token[0] == "{" else []
        outer = above[-1].children if above else None
        if isinstance(outer, list):
            outer.append(node)
        elif outer is not None and keys[-1] is None:
            keys[-1] = node
            continue
        elif outer is not None:
            outer[keys[-1].data] = (keys[-1], node)
            keys[-1] = None
        else:
            root = node
        if node.children is not None:
            above.append(node)
            keys.append(None)
    return root


def toml_nodes(page: SourceText) -> Node | None:
    """Return the tree of a valid TOML document."""
    return _Toml(page.text).document()


class _Toml:
    """Reads the positions of a TOML document."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def document(self) -> Node:
        root = table = _mapping(0)
        while self._skip() < len(self._text):
            start, opened = self._at, self._text.startswith("[", self._at)
            repeated = self._text.startswith("[[", self._at)
            self._at += opened + repeated
            keys = self._keys()
            if not opened:
                self._pair(table, keys)
                continue
            self._at = self._text.index("]", self._at) + 1 + repeated
            *outer, last = keys
            holder = _below(root, outer)
            table = self._new_table(holder, last, start) if repeated else _below(holder, [last])
        return root

    @staticmethod
    def _new_table(holder: Node, key: Node, start: int) -> Node:
        """Add a table to an array of tables."""
        table = _mapping(start)
        if key.data not in holder.children:  # type: ignore[operator]
            tables = Node(key.start, key.end, "[")
            tables.children = []
            holder.children[key.data] = (key, tables)  # type: ignore[index]
        holder.children[key.data][1].children.append(table)  # type: ignore[index, union-attr]
        return table

    def _skip(self) -> int:
        match = _BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at

    def _keys(self) -> list[Node]:
        """Read a key, with dots between its parts."""
        keys = []
        dot = "."
        while dot and (match := _KEY.match(self._text, self._at)):
            start, end = match.span(1)
            quoted = match[1][0] if match[1][0] in "\"'" else ""
            keys.append(Node(start, end, quoted, _value(match[1]) if quoted else match[1]))
            self._at, dot = match.end(), match[2]
        return keys

    def _pair(self, table: Node, keys: list[Node]) -> None:
        *outer, last = keys
        self._at = self._text.index("=", self._at) + 1
        _below(table, outer).children[last.data] = (last, self._any())  # type: ignore[index]

    def _any(self) -> Node:
        """Read a value."""
        start = self._skip()
        first = self._text[start]
        if first in "[{":
            return self._collection(start, first)
        match = _SCALAR.match(self._text, start)
        token = match[0].rstrip() if match else ""
        self._at = start + len(token)
        style = first if first in "\"'" and not token.startswith(first * 3) else ""
        return Node(start, self._at, style, _value(token) if first in "\"'" else token)

    def _collection(self, start: int, opening: str) -> Node:
        node = Node(start, start, opening)
        node.children = [] if opening == "[" else {}
        self._at = start + 1
        while self._text[self._skip()] not in "]}":
            if self._text[self._at] == ",":
                self._at += 1
            elif isinstance(node.children, list):
                node.children.append(self._any())
            else:
                self._pair(node, self._keys())
        self._at += 1
        node.end = self._at
        return node


def _mapping(start: int) -> Node:
    node = Node(start, start, "")
    node.children = {}
    return node


def _below(table: Node, keys: list[Node]) -> Node:
    """Return the table that keys lead to; tables that are missing are added."""
    for key in keys:
        children: Any = table.children
        if key.data not in children:
            children[key.data] = (key, _mapping(key.start))
        table = children[key.data][1]
        if isinstance(table.children, list):
            table = table.children[-1]
    return table


def _value(token: str) -> Any:
    return tomllib.loads(f"value = {token}")["value"]
