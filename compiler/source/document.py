"""Strict YAML that keeps the location of every value."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

from compiler.codes import Code
from compiler.errors import Location
from compiler.source import edits as changes
from compiler.source.composer import compose
from compiler.source.nodes import Node
from compiler.source.parser_events import feed
from compiler.source.positions import RawDiagnostic, SourceText, read_text, refuse_file
from compiler.source.supplied import SuppliedNode
from compiler.source.yaml_strictness import refuse_directives


Route: TypeAlias = changes.Route
"""The route of a value: its keys and indexes from the top of the document."""

LIMIT = 1 << 20
"""The default size limit of a file, in bytes."""

_SPELT = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """A YAML file: its data, and the location of each value."""

    path: str
    """The path of the file, as diagnostics show it."""
    text: str
    """The text of the file, without a byte order mark."""
    data: Any
    """Dictionaries in the author's order, lists, texts, true, false and null.

    Keys are texts, true, false or null. An alias is the same object as its anchor.
    """
    _page: SourceText = field(repr=False)
    _root: Node = field(repr=False)

    @property
    def root(self) -> tuple[Node, SourceText]:
        """The tree of the document, and its text."""
        return self._root, self._page

    @classmethod
    def parse(
        cls, text: str | bytes, path: str, *, limit: int = LIMIT, mapping: bool = True
    ) -> "Source":
        """Return the file read strictly; `mapping=False` lets its top level be a list.

        Raises `CompileError` with all errors that were found, for any input.
        """
        read = read_text(text, path, limit=limit)
        findings = refuse_directives(read.text)
        root = None
        if not findings:
            root, findings = compose(read.text, feed)
        if findings:
            read.refuse(findings)
        if root is None or (root.data is None and root.start == root.end):
            refuse_file(
                path,
                code=Code.EMPTY_FILE,
                message="the file is empty",
                help="write at least one 'key: value'",
            )
        if not isinstance(root.data, dict) and (mapping or not isinstance(root.data, list)):
            wanted = "a mapping" if mapping else "a mapping or a list"
            start, end = root.span(read.text)
            message = f"the top level of the file must be {wanted}"
            remedy = "write 'key: value' lines"
            read.refuse(
                [
                    RawDiagnostic(
                        code=Code.NOT_A_MAPPING, message=message, start=start, end=end, help=remedy
                    )
                ]
            )
        return cls(path=path, text=read.text, data=root.data, _page=read, _root=root)

    def locate(self, route: Route, *, key: bool = False) -> Location:
        """Return the location of a value, or of its key.

        The location of an empty value is that of its key. If nothing has this route, it is the
        location of the nearest value above: of a mapping or list, that of its key.
        """
        reached = self._walk(route)
        node, page = reached.node.located(reached.page)
        empty = node.start == node.end and node.children is None
        lacking = not reached.complete and node.children is not None
        if reached.name is not None and (key or empty or lacking):
            name, page = reached.name.located(reached.outer)
            return page.at(name.start, name.end)
        return page.at(*node.span(page.text))

    def locate_in(self, route: Route, offset: int, *, key: bool = False) -> Location:
        """Return the location of the character at `offset` of a text or key."""
        reached = self._walk(route)
        node, page = reached.node.located(reached.page)
        if key and reached.name is not None:
            node, page = reached.name.located(reached.outer)
        node = node.origin
        if not reached.complete or not isinstance(node.data, str):
            return self.locate(route, key=key)
        place = node.place(page.text, max(0, min(offset, len(node.data))))
        return page.at(place, place + 1)

    def node(self, route: Route) -> Node:
        """Return the node of an existing value, which knows the text that contains it."""
        reached = self._walk(route)
        if reached.node.page is None:
            reached.node.page = reached.page
        return reached.node

    def is_list(self, route: Route) -> bool:
        """Return whether the value at a route is a list."""
        return isinstance(self._walk(route).node.children, list)

    def is_supplied(self, route: Route) -> bool:
        """Return whether an expression supplied the value at a route, or one around it."""
        node = self._root
        for step in route:
            below = _below(node, step)
            if below is None:
                return False
            _, _, node = below
            if isinstance(node, SuppliedNode):
                return True
        return False

    def existing(self, route: Route) -> Route:
        """Return the longest beginning of a route that exists, with the document's own keys.

        A key of a level is left out if the level has the short form of a list.
        """
        existing: list[str | int | None] = []
        node = self._root
        for step in route:
            if _is_short_form(node, step):
                continue
            below = _below(node, step)
            if below is None:
                break
            step, _, node = below  # noqa: PLW2901
            existing.append(step)
        return tuple(existing)

    def edited(self, edits: Mapping[Route, changes.Edit]) -> "Source":
        """Return the document with some values changed; the other values keep their locations.

        Every route must exist, and must not be the top level.
        """
        root = changes.apply_edits(self._root, edits)
        return replace(self, data=root.data, _root=root)

    def with_root(self, root: Node) -> "Source":
        """Return the document with another tree; its nodes know the texts that contain them."""
        return replace(self, data=root.data, _root=root)

    def _walk(self, route: Route) -> "_Found":
        """Return key and value at the end of a route, or of the part of it that exists."""
        name: Node | None = None
        node = self._root
        outer = page = self._page
        complete = True
        for step in route:
            complete = not _is_short_form(node, step)
            if not complete:
                continue
            below = _below(node, step)
            if below is None:
                return _Found(name, node, outer, page, complete=False)
            _, name, node = below
            outer, page = page, node.page or page
        return _Found(name, node, outer, page, complete=complete)


def _is_short_form(node: Node, step: str | int | None) -> bool:
    """Return whether a step is the key of a level that is written as a list, without its keys."""
    return isinstance(node.children, list) and isinstance(step, str)


def _below(node: Node, step: str | int | None) -> tuple[str | int | None, Node | None, Node] | None:
    """Return the own name of a step below a node, the node of its key, and that of its value.

    Returns None if nothing has such a step; the items of a list have no key.
    """
    children = node.children
    if isinstance(children, list):
        is_index = isinstance(step, int) and 0 <= step < len(children)
        return (step, None, children[step]) if is_index else None  # type: ignore[index]
    if children is None:
        return None
    if step not in children and isinstance(step, str):
        step = _SPELT.get(step, step)
    return (step, *children[step]) if step in children else None


class _Found(NamedTuple):
    """A value of a document."""

    name: Node | None
    """Its key."""
    node: Node
    outer: SourceText
    """The text that contains the key, unless the key says otherwise."""
    page: SourceText
    """The text that contains the value, unless the value says otherwise."""
    complete: bool
    """Whether the whole route exists."""
