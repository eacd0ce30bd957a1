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
            for key, value_node in _pairs(self.value, root) if root is not None else ():
                self._nodes[key] = None if key in self._nodes else value_node
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

    Numbers are texts. The nodes below it are created when something asks for them: reading needs
    the data, and only diagnostics and `explain` need positions.
    """

    __slots__ = (
        *("_above", "_children", "_find", "_is_key", "_is_pending", "_place", "_raw", "_step"),
        "_words_at",
    )

    def __init__(
        self,
        raw: object,
        data: Any,
        find: Callable[[object], tuple[Node, SourceText] | None],
        *,
        above: Node,
        step: object = None,
        is_key: bool = False,
        words_at: int = -1,
    ) -> None:
        """Describe a value.

        Args:
            raw: the value as the expression returns it.
            data: the value for the document.
            find: returns the position of an unchanged value of a data file.
            above: the supplied value that contains it, or the expression.
            step: its key or index there.
            is_key: whether it is a key of a mapping.
            words_at: the depth of mappings in which the keys `true`, `false` and `null` are values.
        """
        super().__init__(0, 0, "", data)
        self._raw, self._find, self._above = raw, find, above
        self._step, self._is_key, self._words_at = step, is_key, words_at
        self._place: tuple[Node, SourceText | None] | None = None
        self._is_pending = not is_key and isinstance(raw, dict | list)

    @property
    def children(self) -> dict[Any, tuple[Node, Node]] | list[Node] | None:
        """The nodes of its items, or its pairs of key and value."""
        if self._is_pending:
            self.children = self._grown()
        return self._children

    @children.setter
    def children(self, nodes: dict[Any, tuple[Node, Node]] | list[Node] | None) -> None:
        self._children = nodes
        self._is_pending = False

    def _grown(self) -> dict[Any, tuple[Node, Node]] | list[Node]:
        def below(raw: object, data: Any, step: object, *, is_key: bool = False) -> SuppliedNode:
            return SuppliedNode(
                raw,
                data,
                self._find,
                above=self,
                step=step,
                is_key=is_key,
                words_at=self._words_at - 1,
            )

        if isinstance(self._raw, list):
            items = zip(self._raw, self.data, strict=True)
            return [below(item, data, n) for n, (item, data) in enumerate(items)]
        assert isinstance(self._raw, dict)  # noqa: S101 - no other value is pending
        pairs: dict[Any, tuple[Node, Node]] = {}
        for key, item in self._raw.items():
            name = _name(key, self._words_at)
            pairs[name] = (below(key, name, key, is_key=True), below(item, self.data[name], key))
        return pairs

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
        if not self._is_key and (supplied_node := self._find(self._raw)) is not None:
            return supplied_node
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
    return SuppliedNode(raw, _data(raw, words_at), find, above=expression, words_at=words_at)


def _data(raw: object, words_at: int) -> Any:
    """Return a value for the document."""
    if isinstance(raw, dict):
        return {_name(key, words_at): _data(item, words_at - 1) for key, item in raw.items()}
    if isinstance(raw, list):
        return [_data(item, words_at - 1) for item in raw]
    return _plain(raw)


def _name(key: Any, words_at: int) -> Any:
    """Return the key of a mapping for the document."""
    return _WORDS.get(key, key) if words_at == 0 else _plain(key)


def _plain(raw: object) -> object:
    return str(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else raw
