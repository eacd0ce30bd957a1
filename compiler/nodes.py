"""The tree of a YAML document: what each node holds, and where it was written."""

import re
from typing import Any

from compiler.errors import did_you_mean
from compiler.places import FORBIDDEN_IN_VALUE, MOST_FINDINGS, Finding, control_character, show
from compiler.yaml_hints import quote_it


DEEPEST = 50
MOST_NODES = 100_000

_PLAIN: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_CAPITALS = {"True", "TRUE", "False", "FALSE", "Null", "NULL"}
_ANCHOR = re.compile(r"&[\w-]+(?:\s+|#[^\r\n]*)*")
_TAG = re.compile(r"!\S*")
_UNIT = re.compile(r"\\(?:x..|u....|U.{8}|\r\n|.)|.", re.DOTALL)
_HEAD = re.compile(r"[|>][-+\d]*")
_BLANK = " \t\r\n"
_LONGEST_NAME = 100
_MERGE = object()


class StopComposing(Exception):  # noqa: N818
    """What was found leaves no reason to read on."""


class Node:
    """A value and its place; a mapping's children are pairs of key and value."""

    __slots__ = ("children", "data", "end", "origin", "size", "start", "style")

    def __init__(self, start: int, end: int, style: str, data: Any = None) -> None:
        self.start = start
        self.end = end
        self.style = style
        """YAML's indicator: `'`, `"`, `|`, `>`, `[`, `{`; empty when plain or in block style."""
        self.data = data
        self.children: dict[Any, tuple[Node, Node]] | list[Node] | None = None
        self.origin = self
        """The node itself, or the one that an alias stands for."""
        self.size = 1
        """How many nodes it has, aliases expanded; 0 while it is still being read."""

    def span(self) -> tuple[int, int]:
        """Return the offsets to point at: a scalar, what brackets hold, or a first key."""
        if isinstance(self.children, dict) and not self.style and self.origin is self:
            first = next(iter(self.children.values()), None)
            return (self.start, first[0].end if first and first[0].start == self.start else 0)
        return self.start, self.end if self.style or self.children is None else 0

    def place(self, text: str, offset: int) -> int:
        """Return where in the text the character of the scalar's value at `offset` stands."""
        start, end = self.start, self.end
        if self.style in "|>":
            start = text.find("\n", start, end) + 1 or end
        elif self.style:
            start, end = start + 1, end - 1
        raw = text[start:end]
        units = _units(raw, self.style)
        if self.style not in "|>" and len(units) == len(self.data):
            return start + (units[offset][0] if offset < len(units) else len(raw))
        # Folding changes nothing but white space, so count the characters that are none.
        value: str = self.data
        before = len(value[:offset].rstrip(_BLANK))
        nth = sum(character not in _BLANK for character in value[:before])
        solid = [place for place, character in units if character not in _BLANK]
        if offset == before and nth < len(solid):
            return start + solid[nth]
        if offset < len(value) and value[offset] not in _BLANK and nth < len(solid):
            return start + solid[nth]
        return start + (solid[nth - 1] + offset - before + 1 if 0 < nth <= len(solid) else 0)


def _units(raw: str, style: str) -> list[tuple[int, str]]:
    """Return the characters that a scalar's source stands for, each with its offset."""
    if style == "'":
        matches = re.finditer(r"''|.", raw, re.DOTALL)
        return [(match.start(), match[0][0]) for match in matches]
    if style != '"' or "\\" not in raw:
        return list(enumerate(raw))
    white = {r"\n": "\n", r"\t": "\t", "\\\t": "\t", r"\ ": " "}
    return [
        (match.start(), white.get(match[0], match[0][-1]))
        for match in _UNIT.finditer(raw)
        if match[0] not in ("\\\n", "\\\r", "\\\r\n")
    ]


class Composer:
    """Builds the tree from a parser's events, without recursion; collects what is wrong."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root: Node | None = None
        self.findings: list[Finding] = []
        self._stack: list[Node] = []
        self._keys: list[Node | None] = []
        self._anchors: dict[str, Node] = {}
        self._count = 0
        self._muted = 0
        """How deep the collection lies that was complained about as a whole; 0 if none."""

    @property
    def in_flow(self) -> bool:
        """Whether the next node is inside of brackets."""
        return bool(self._stack) and bool(self._stack[-1].style)

    def find(self, finding: Finding) -> None:
        """Take down what is wrong."""
        if not self._muted:
            self.findings.append(finding)
            if len(self.findings) >= MOST_FINDINGS:
                raise StopComposing

    def stop(self, code: str, message: str, start: int, remedy: str) -> None:
        """Take down what is wrong, and read no further."""
        self._muted = 0
        self.find(Finding(code=code, message=message, start=start, end=start + 1, help=remedy))
        raise StopComposing

    def scalar(
        self, start: int, end: int, value: str, style: str, anchor: str | None, tag: str | None
    ) -> None:
        """Add a scalar, which is text as written unless it is plain and says otherwise."""
        self._grow(1, start)
        if tag is not None:
            self._refuse_tag(start, value, style)
        if anchor is not None:
            start = self._behind_anchor(start, end)
        node = Node(start, end, style, value)
        if not style:
            node.data = _PLAIN.get(value, value)
            if value in _CAPITALS:
                self._refuse_capitals(node)
        elif style == '"' and (bad := FORBIDDEN_IN_VALUE.search(value)):
            place = node.place(self.text, bad.start())
            self.find(control_character(bad[0], place, place + 2))
        elif style in "|>" and (head := _HEAD.match(self.text, start)):
            node.end = max(head.end(), end)
        if anchor is not None:
            self._anchors[anchor] = node
        self._add(node)

    def alias(self, start: int, end: int, name: str) -> None:
        """Add what an anchor stands for, as the same object."""
        target = self._anchors.get(name)
        node = Node(start, end, "*")
        self._grow(target.size if target else 1, start)
        if target is None:
            self._refuse_unknown(node, name)
        elif not target.size:
            self.find(
                Finding(
                    code="recursive-anchor",
                    message=f"'&{name}' holds itself",
                    start=start,
                    end=end,
                    help="remove this alias",
                    related=(("the anchor is here", target.start, target.start + 1),),
                )
            )
        else:
            node.origin = target
            node.data = target.data
            node.children = target.children
            node.size = target.size
        self._add(node)

    def open(
        self, start: int, *, mapping: bool, flow: bool, anchor: str | None, tag: str | None
    ) -> None:
        """Begin a mapping or a list."""
        self._grow(1, start)
        if len(self._stack) >= DEEPEST:
            self.stop(
                "too-deep",
                f"this is nested more than {DEEPEST} levels deep",
                start,
                "flatten it",
            )
        if tag is not None:
            self._refuse_tag(start, "", "[")
        style = ("{" if mapping else "[") if flow else ""
        if anchor is not None:
            start = self._behind_anchor(start, len(self.text))
        node = Node(start, start, style)
        node.children = {} if mapping else []
        node.size = 0
        if anchor is not None:
            self._anchors[anchor] = node
        complex_key = self._awaits_key()
        if complex_key:
            self._refuse_complex(node)
        self._stack.append(node)
        self._keys.append(None)
        # The count so far waits in `data`, for there are no data yet.
        node.data = self._count - 1
        if complex_key and not self._muted:
            self._muted = len(self._stack)

    def close(self, end: int) -> None:
        """End the mapping or list that was begun last."""
        node = self._stack.pop()
        self._keys.pop()
        if len(self._stack) < self._muted:
            self._muted = 0
        node.end = end
        node.size = self._count - node.data
        if isinstance(node.children, dict):
            if _MERGE in node.children:
                node.children = self._merged(node.children)
            node.data = {key: value.data for key, (_, value) in node.children.items()}
        else:
            node.data = [child.data for child in node.children or ()]
        self._add(node)

    def _awaits_key(self) -> bool:
        return (
            bool(self._stack)
            and self._keys[-1] is None
            and isinstance(self._stack[-1].children, dict)
        )

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        children = self._stack[-1].children
        key = self._keys[-1]
        if isinstance(children, list):
            children.append(node)
        elif key is None:
            self._keys[-1] = node
        elif children is not None:
            self._keys[-1] = None
            self._pair(children, key, node)

    def _pair(self, children: dict[Any, tuple[Node, Node]], key: Node, value: Node) -> None:
        if key.children is not None or (key.style == "*" and key.origin is key):
            if key.style == "*" and key.children is not None:
                self._refuse_complex(key)
            return
        name = _MERGE if key.data == "<<" and not key.style else key.data
        if name in children:
            first = children[name][0]
            written = self.text[key.start : key.end]
            self.find(
                Finding(
                    code="duplicate-key",
                    message=f"the key {show(written)} is given twice in one mapping",
                    start=key.start,
                    end=key.end,
                    help="remove one of the two",
                    related=(("first given here", first.start, first.end),),
                )
            )
        else:
            children[name] = (key, value)

    def _merged(self, children: dict[Any, tuple[Node, Node]]) -> dict[Any, tuple[Node, Node]]:
        """Return the pairs with those of `<<` in its place; what is written out wins."""
        result: dict[Any, tuple[Node, Node]] = {}
        for key, pair in children.items():
            if key is not _MERGE:
                result[key] = pair
                continue
            value = pair[1]
            for source in value.children if isinstance(value.children, list) else [value]:
                if not isinstance(source.children, dict):
                    if source.style != "*" or source.origin is not source:
                        self._refuse_merge(source)
                    continue
                for name, inherited in source.children.items():
                    if name not in children:
                        result.setdefault(name, inherited)
        return result

    def _grow(self, size: int, start: int) -> None:
        self._count += size
        if self._count > MOST_NODES:
            self.stop(
                "too-many-nodes",
                f"with its aliases expanded the file has more than {MOST_NODES:,} values",
                start,
                "keep here only what the build needs",
            )

    def _behind_anchor(self, start: int, end: int) -> int:
        match = _ANCHOR.match(self.text, start, end)
        return match.end() if match else start

    def _refuse_tag(self, start: int, value: str, style: str) -> None:
        start = max(start, self.text.find("!", start))
        match = _TAG.match(self.text, start)
        raw = match[0] if match else "!"
        own = not raw.startswith(("!!", "!<"))
        if own and not style and (not value or not raw[1:2].isalpha() or raw[-1] in "*,"):
            self.find(quote_it(self.text, start, flow=self.in_flow))
            return
        self.find(
            Finding(
                code="yaml-tag",
                message=f"the tag {show(raw)} is not understood",
                start=start,
                end=start + len(raw),
                help="remove it: a value is text as it is written",
            )
        )

    def _refuse_capitals(self, node: Node) -> None:
        self.find(
            Finding(
                code="unclear-scalar",
                message=f"'{node.data}' could be text or not",
                start=node.start,
                end=node.end,
                help=f'write {node.data.lower()}, or quote it: "{node.data}"',
            )
        )

    def _refuse_unknown(self, node: Node, name: str) -> None:
        if name.startswith("-"):
            self.find(quote_it(self.text, node.start, flow=self.in_flow))
            return
        # Only short names, and not too many: each comparison takes its time.
        known = [known for known in self._anchors if len(known) <= _LONGEST_NAME][:1000]
        otherwise = f'if it is text, quote it: "*{name}"'
        short = len(name) <= _LONGEST_NAME
        self.find(
            Finding(
                code="unknown-anchor",
                message=f"no anchor above is named {show(name)}",
                start=node.start,
                end=node.end,
                help=did_you_mean(name, known, otherwise=otherwise) if short else "",
            )
        )

    def _refuse_complex(self, node: Node) -> None:
        parent = self._stack[-1]
        if self.text.startswith("{{", node.start):
            self.find(quote_it(self.text, node.start, flow=self.in_flow))
        elif parent.style == node.style == "{" and parent.start == node.start - 1:
            outside = len(self._stack) > 1 and bool(self._stack[-2].style)
            self.find(quote_it(self.text, parent.start, flow=outside))
        else:
            self.find(
                Finding(
                    code="complex-key",
                    message="a key must be a single value, not a mapping or a list",
                    start=node.start,
                    end=node.start + 1,
                    help="quote it if it is text",
                )
            )

    def _refuse_merge(self, node: Node) -> None:
        self.find(
            Finding(
                code="bad-merge",
                message="'<<' takes a mapping or a list of mappings",
                start=node.start,
                end=node.end,
                help="give it an alias of a mapping, such as <<: *base",
            )
        )
