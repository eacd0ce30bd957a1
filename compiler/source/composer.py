"""Build the tree of a document from the events of a YAML parser, without recursion."""

import re
from collections.abc import Callable
from typing import Any, NoReturn

from compiler.codes import Code
from compiler.source import yaml_strictness as refuse
from compiler.source.nodes import Node
from compiler.source.positions import (
    FORBIDDEN_IN_VALUE,
    MOST_FINDINGS,
    RawDiagnostic,
    control_character,
)
from compiler.source.yaml_hints import Failure, explain, follows, tab_in_text


DEEPEST = 50
"""The deepest nesting of collections; low enough to never exhaust the stack."""

MOST_NODES = 100_000
"""The most values of a file, with aliases expanded."""

_MOST_REPLACED = 30
_LONGEST_REPLACED = 100_000
"""The longest text, in characters, that is parsed again to find more errors."""

_PLAIN: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_CAPITALS = {"True", "TRUE", "False", "FALSE", "Null", "NULL"}
_ANCHOR = re.compile(r"&[\w-]+(?:\s+|#[^\r\n]*)*")
_MERGE = object()


class StopComposing(Exception):  # noqa: N818
    """Parsing ends here, because of the errors so far."""


def compose(
    text: str, feed: Callable[["Composer"], Failure | None]
) -> tuple[Node | None, list[RawDiagnostic]]:
    """Return the tree and the errors; `feed` passes the events of a text to a composer.

    A parser stops at its first syntax error. If quotes are the remedy, the value is replaced by
    letters and the text is parsed again, so that one run reports all such errors.
    """
    findings: dict[tuple[str, int], RawDiagnostic] = {}
    replaced: list[RawDiagnostic] = []
    current = text
    while True:
        composer = Composer(current)
        failure = feed(composer)
        new = [
            finding
            for finding in composer.findings
            if not any(value.start <= finding.start < value.end for value in replaced)
        ]
        quotes = [finding for finding in new if finding.code is Code.QUOTE_IT]
        if failure is not None and not quotes:
            reason = explain(current, failure, opened=composer.opened)
            if reason.code is Code.QUOTE_IT:
                new = [finding for finding in new if finding.start != reason.start]
                quotes = [reason]
            if quotes or not follows(text, reason, replaced):
                new.append(reason)
        full = len(replaced) > _MOST_REPLACED or len(text) > _LONGEST_REPLACED
        again = failure is not None and bool(quotes) and not full
        # Other errors may follow from these values; real ones are found again.
        kept = quotes if again else new
        findings.update({(finding.code, finding.start): finding for finding in kept})
        if not again:
            return composer.root, list(findings.values())
        replaced += quotes
        for value in quotes:
            width = value.end - value.start
            current = current[: value.start] + "x" * width + current[value.end :]


class Composer:
    """Builds the tree and collects errors."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root: Node | None = None
        self.findings: list[RawDiagnostic] = []
        self._stack: list[Node] = []
        self._keys: list[Node | None] = []
        """For each collection on the stack, the key without a value so far."""
        self._anchors: dict[str, Node] = {}
        self._documents = 0
        self._count = 0
        self._muted = 0
        """The depth of a collection that is invalid as a whole; 0 if there is none."""

    @property
    def in_flow(self) -> bool:
        """Whether the next node is inside brackets."""
        return self.opened is not None

    @property
    def opened(self) -> int | None:
        """The offset of the bracket around the next node; None outside brackets."""
        return self._stack[-1].start if self._stack and self._stack[-1].style else None

    def document(self, start: int) -> None:
        """Begin the document; a second one is an error."""
        self._documents += 1
        if self._documents > 1:
            message = "a second document begins here, and only one is read"
            self._stop(Code.SEVERAL_DOCUMENTS, message, start, "remove the '---'")

    def scalar(
        self, start: int, end: int, value: str, style: str, *, anchor: str | None, tag: str | None
    ) -> None:
        """Add a scalar: text as written, except plain `true`, `false` and `null`."""
        self._grow(1, start)
        if tag is not None:
            self._find(refuse.tag(self.text, start, value, style, flow=self.in_flow))
        if anchor is not None:
            start = self._behind_anchor(start, end)
        node = Node(start, end, style, value)
        if not style:
            node.data = _PLAIN.get(value, value)
            if value in _CAPITALS:
                self._find(refuse.capitals(node))
            elif "\t" in value:
                self._find(tab_in_text(self.text.index("\t", start)))
        elif style == '"' and (bad := FORBIDDEN_IN_VALUE.search(value)):
            place = node.place(self.text, bad.start())
            self._find(control_character(bad[0], place, place + 2))
        if anchor is not None:
            self._anchors[anchor] = node
        self._add(node)

    def alias(self, start: int, end: int, name: str) -> None:
        """Add the value of an anchor, as the same object."""
        target = self._anchors.get(name)
        node = Node(start, end, "*")
        self._grow(target.size if target else 1, start)
        if target is None:
            flow = self.in_flow
            self._find(refuse.unknown_anchor(self.text, node, name, self._anchors, flow=flow))
        elif not target.size:
            self._find(refuse.recursive_anchor(node, name, target))
        else:
            node.origin = target
            node.data = target.data
            node.children = target.children
            node.size = target.size
            if node.children is not None and self._awaits_key():
                self._refuse_key(node)
        self._add(node)

    def open(
        self, start: int, *, mapping: bool, flow: bool, anchor: str | None, tag: str | None
    ) -> None:
        """Begin a mapping or a list."""
        self._grow(1, start)
        if len(self._stack) >= DEEPEST:
            self.too_deep(start)
        style = ("{" if mapping else "[") if flow else ""
        if tag is not None:
            self._find(refuse.tag(self.text, start, "", "[", flow=self.in_flow))
        if anchor is not None:
            start = self._behind_anchor(start, len(self.text))
        node = Node(start, start, style)
        node.children = {} if mapping else []
        node.size = 0
        # `data` keeps the count until the collection ends.
        node.data = self._count - 1
        if anchor is not None:
            self._anchors[anchor] = node
        is_key = self._awaits_key()
        if is_key:
            self._refuse_key(node)
        self._stack.append(node)
        self._keys.append(None)
        if is_key and not self._muted:
            self._muted = len(self._stack)

    def too_deep(self, start: int) -> NoReturn:
        """Report too deep nesting at an offset."""
        message = f"this is nested more than {DEEPEST} levels deep"
        self._stop(Code.TOO_DEEP, message, start, "use fewer levels")

    def close(self, end: int) -> None:
        """End the innermost mapping or list."""
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
            return  # reported already
        name = _MERGE if key.data == "<<" and not key.style else key.data
        if name in children:
            self._find(refuse.duplicate_key(self.text, key, children[name][0]))
        else:
            children[name] = (key, value)

    def _merged(self, children: dict[Any, tuple[Node, Node]]) -> dict[Any, tuple[Node, Node]]:
        """Return the pairs with those of `<<` merged; explicit keys have precedence."""
        result: dict[Any, tuple[Node, Node]] = {}
        for key, pair in children.items():
            if key is not _MERGE:
                result[key] = pair
                continue
            value = pair[1]
            for source in value.children if isinstance(value.children, list) else [value]:
                if isinstance(source.children, dict):
                    for name, inherited in source.children.items():
                        if name not in children:
                            result.setdefault(name, inherited)
                elif source.style != "*" or source.origin is not source:
                    self._find(refuse.bad_merge(source))
        return result

    def _awaits_key(self) -> bool:
        return (
            bool(self._stack)
            and self._keys[-1] is None
            and isinstance(self._stack[-1].children, dict)
        )

    def _refuse_key(self, node: Node) -> None:
        outer = self._stack[-2].style if len(self._stack) > 1 else ""
        flow = self.in_flow
        parent = self._stack[-1]
        self._find(refuse.complex_key(self.text, node, parent, flow=flow, outer_flow=bool(outer)))

    def _behind_anchor(self, start: int, end: int) -> int:
        match = _ANCHOR.match(self.text, start, end)
        return match.end() if match else start

    def _grow(self, size: int, start: int) -> None:
        self._count += size
        if self._count > MOST_NODES:
            message = f"with its aliases expanded the file has more than {MOST_NODES:,} values"
            self._stop(Code.TOO_MANY_NODES, message, start, "keep here only what the build needs")

    def _find(self, finding: RawDiagnostic) -> None:
        if not self._muted:
            self.findings.append(finding)
            if len(self.findings) >= MOST_FINDINGS:
                raise StopComposing

    def _stop(self, code: Code, message: str, start: int, remedy: str) -> NoReturn:
        self._muted = 0
        self._find(
            RawDiagnostic(code=code, message=message, start=start, end=start + 1, help=remedy)
        )
        raise StopComposing
