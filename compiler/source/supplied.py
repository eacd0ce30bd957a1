"""Values of expressions as nodes of a document, located in the data file that contains them.

A value that an expression returns unchanged is the same object as the value in the data. Its
position is looked up when a diagnostic needs it: only then the data file is parsed again.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from compiler.source.nodes import Node
from compiler.source.positions import SourceText


class DataFile:
    """A data file: its content, and the position of each value in it."""

    def __init__(
        self, value: object, page: SourceText, parse: Callable[[SourceText], Node | None]
    ) -> None:
        """Take the content, the file's text, and the parser of its positions."""
        self.value = value
        self._page, self._parse = page, parse
        self._nodes: dict[int, Node | None] | None = None

    def find(self, value: object) -> tuple[Node, SourceText] | None:
        """Return the node of a list, mapping or text of the content, and the file's text.

        Returns None for any other value, and for one that is at several places of the file.
        """
        if self._nodes is None:
            self._nodes = {}
            root = self._parse(self._page)
            for key, found in _pairs(self.value, root) if root is not None else ():
                self._nodes[key] = None if key in self._nodes else found
        # Python may have one object for equal texts of one character.
        is_known = isinstance(value, list | dict) or (isinstance(value, str) and len(value) > 1)
        node = self._nodes.get(id(value)) if is_known else None
        return None if node is None else (node, self._page)


def _pairs(value: object, node: Node) -> Iterator[tuple[int, Node]]:
    """Yield the identity of each list, mapping and text with its node."""
    pending: list[tuple[object, Node]] = [(value, node)]
    while pending:
        value, node = pending.pop()
        children = node.children
        if isinstance(value, list | dict | str):
            yield id(value), node
        if isinstance(value, dict) and isinstance(children, dict):
            pending += [(item, children[key][1]) for key, item in value.items() if key in children]
        elif isinstance(value, list) and isinstance(children, list):
            pending += zip(value, children, strict=False)


class SuppliedNode(Node):
    """A value that an expression supplies; its data are texts, true, false, null, lists, mappings.

    Numbers are texts.
    """

    __slots__ = ("_above", "_find", "_is_key", "_place", "_raw", "_step")

    def __init__(
        self,
        raw: object,
        data: Any,
        find: Callable[[object], tuple[Node, SourceText] | None],
        *,
        above: Node,
        step: object = None,
        is_key: bool = False,
    ) -> None:
        """Describe a value.

        Args:
            raw: the value as the expression returns it.
            data: the value for the document.
            find: returns the position of an unchanged value of a data file.
            above: the supplied value that contains it, or the expression.
            step: its key or index there.
            is_key: whether it is a key of a mapping.
        """
        super().__init__(0, 0, "", data)
        self._raw, self._find, self._above = raw, find, above
        self._step, self._is_key = step, is_key
        self._place: tuple[Node, SourceText | None] | None = None

    def located(self, page: SourceText) -> tuple[Node, SourceText]:
        """Return the node in the data file; or the expression, if the value is not in a file."""
        node, own = self.position()
        return node, own or page

    def emptied(self) -> Node:
        """Return a node at the same position, without data and children."""
        changed = SuppliedNode(
            None, None, self._find, above=self, step=self._step, is_key=self._is_key
        )
        changed._place = self.position()
        return changed

    def position(self) -> tuple[Node, SourceText | None]:
        """Return the node with the position, and the text that contains it unless it is outer."""
        if self._place is None:
            self._place = self._looked_up()
        return self._place

    def _looked_up(self) -> tuple[Node, SourceText | None]:
        if not self._is_key and (found := self._find(self._raw)) is not None:
            return found
        if not isinstance(self._above, SuppliedNode):
            return self._above, self._above.page
        node, page = self._above.position()
        children = node.children
        if isinstance(children, dict) and self._step in children:
            return children[self._step][0 if self._is_key else 1], page
        if isinstance(children, list) and isinstance(self._step, int):
            return children[self._step] if self._step < len(children) else node, page
        return node, page


_WORDS: Mapping[object, object] = {"true": True, "false": False, "null": None}


def supplied(
    raw: object,
    find: Callable[[object], tuple[Node, SourceText] | None],
    expression: Node,
    *,
    words_at: int = -1,
) -> SuppliedNode:
    """Return the value of an expression as a node.

    Args:
        raw: the value: texts, numbers, flags, null, and lists and mappings of these.
        find: returns the position of an unchanged value of a data file.
        expression: the node of the expression.
        words_at: the depth of mappings in which the keys `true`, `false` and `null` are values;
            0 is the value itself.
    """

    def grown(raw: object, above: Node, step: object, depth: int) -> SuppliedNode:
        node = SuppliedNode(raw, _plain(raw), find, above=above, step=step)
        if isinstance(raw, dict):
            pairs: dict[Any, tuple[Node, Node]] = {}
            for key, item in raw.items():
                name = _WORDS.get(key, key) if depth == words_at else _plain(key)
                above_key = SuppliedNode(key, name, find, above=node, step=key, is_key=True)
                pairs[name] = (above_key, grown(item, node, key, depth + 1))
            node.children = pairs
            node.data = {name: item.data for name, (_, item) in pairs.items()}
        elif isinstance(raw, list):
            items: list[Node] = [grown(item, node, n, depth + 1) for n, item in enumerate(raw)]
            node.children = items
            node.data = [item.data for item in items]
        return node

    return grown(raw, expression, None, 0)


def _plain(raw: object) -> object:
    return str(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else raw
