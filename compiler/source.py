"""YAML read strictly, that remembers where everything was written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from compiler.errors import Location
from compiler.nodes import Composer, Node, StopComposing
from compiler.places import Finding, Text, read_text, refuse_file
from compiler.yaml_hints import Failure, explain


try:
    from yaml.cyaml import CParser
except ImportError:  # PyYAML was built without its C library.
    CParser = None

Route = tuple[str | int | None, ...]
"""The way to a value: the keys and indexes that lead to it from the top."""

LIMIT = 1 << 20
"""The most bytes of a file that is read, unless told otherwise."""

_ROUNDS = 20
_RETRIED = 100_000
"""Only a text that a person may have written is read again to find more."""

_SPELT = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}


class PythonParser(Reader, Scanner, Parser):
    """PyYAML's parser for where its C library is missing, made to agree with that one."""

    def __init__(self, stream: str) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)

    def scan_to_next_token(self) -> None:
        """Skip what lies between tokens, tabs included where they cannot indent."""
        while True:
            while self.peek() == " " or (
                self.peek() == "\t" and (self.flow_level or not self.allow_simple_key)
            ):
                self.forward()
            if self.peek() == "#":
                while self.peek() not in "\0\r\n":
                    self.forward()
            if not self.scan_line_break():  # type: ignore[no-untyped-call]
                return
            if not self.flow_level:
                self.allow_simple_key = True


new_parser: Callable[[str], Any] = CParser or PythonParser


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """A YAML file: its data, and the place of each of them."""

    path: str
    """The file as the user would name it."""
    text: str
    """What it holds, without a byte order mark."""
    data: Any
    """Dictionaries in the author's order, lists, texts, true, false and null.

    Keys are texts, true, false or null. What an alias stands for is the anchor's very object.
    """
    _text: Text = field(repr=False)
    _root: Node = field(repr=False)

    @classmethod
    def parse(
        cls, text: str | bytes, path: str, *, limit: int = LIMIT, mapping: bool = True
    ) -> "Source":
        """Return the file read strictly; `mapping=False` lets its top level be a list.

        Whatever is wrong, and be it hostile, is a `CompileError` with all that could be found.
        """
        read = read_text(text, path, limit=limit)
        findings = _refuse_directives(read.text)
        root = None
        if not findings:
            root, findings = _compose(read.text)
        if findings:
            read.refuse(findings)
        if root is None or (root.data is None and root.start == root.end):
            refuse_file(
                path,
                code="empty-file",
                message="the file holds nothing",
                help="write at least one 'key: value'",
            )
        if not isinstance(root.data, dict) and (mapping or not isinstance(root.data, list)):
            wanted = "a mapping" if mapping else "a mapping or a list"
            start, end = root.span()
            message = f"the top level of the file must be {wanted}"
            remedy = "write 'key: value' lines"
            read.refuse(
                [Finding(code="not-a-mapping", message=message, start=start, end=end, help=remedy)]
            )
        return cls(path=path, text=read.text, data=root.data, _text=read, _root=root)

    def locate(self, route: Route, *, key: bool = False) -> Location:
        """Return the place of a value, or of its key.

        An empty value is found at its key. Where nothing has that route, the nearest value above
        it that exists is meant: a mapping or list by its key, so that one sees what lacks.
        """
        name, node, complete = self._walk(route)
        empty = node.start == node.end and node.children is None
        lacking = not complete and node.children is not None
        if name is not None and (key or empty or lacking):
            return self._text.at(name.start, name.end)
        return self._text.at(*node.span())

    def locate_in(self, route: Route, offset: int) -> Location:
        """Return the place of the character at `offset` of a text; through aliases too."""
        _, node, complete = self._walk(route)
        node = node.origin
        if not complete or not isinstance(node.data, str):
            return self.locate(route)
        place = node.place(self.text, max(0, min(offset, len(node.data))))
        return self._text.at(place, place + 1)

    def _walk(self, route: Route) -> tuple[Node | None, Node, bool]:
        """Return key and value as far as the route leads, and whether that is all of it."""
        name: Node | None = None
        node = self._root
        for step in route:
            children = node.children
            if isinstance(children, list):
                if not isinstance(step, int) or not 0 <= step < len(children):
                    return name, node, False
                name, node = None, children[step]
            elif isinstance(children, dict):
                if step not in children and isinstance(step, str):
                    step = _SPELT.get(step, step)  # noqa: PLW2901
                if step not in children:
                    return name, node, False
                name, node = children[step]
            else:
                return name, node, False
        return name, node, True


def _refuse_directives(text: str) -> list[Finding]:
    """Return the directives that mean nothing here; parsers differ on what they let pass."""
    start = 0
    for line in text.splitlines(keepends=True):
        if line.startswith("%") and not line.startswith(("%YAML 1.1", "%YAML 1.2")):
            message = f"the directive '{line.split()[0][:60]}' is not understood"
            return [
                Finding(
                    code="yaml-syntax",
                    message=message,
                    start=start,
                    end=start + len(line.rstrip()),
                    help="remove this line",
                )
            ]
        if not line.startswith("%") and line.split("#", 1)[0].strip():
            break
        start += len(line)
    return []


def _compose(text: str) -> tuple[Node | None, list[Finding]]:
    """Return the tree, or what is wrong.

    A parser gives up at its first syntax error. Where quotes are the remedy, the value is blotted
    out and the text read again, so that one run shows them all.
    """
    found: dict[tuple[str, int], Finding] = {}
    blots: list[Finding] = []
    current = text
    for _ in range(_ROUNDS):
        composer = Composer(current)
        failure = _feed(composer)
        new = [
            finding
            for finding in composer.findings
            if not any(blot.start <= finding.start < blot.end for blot in blots)
        ]
        quotes = [finding for finding in new if finding.code == "quote-it"]
        if failure is not None and not quotes:
            new.append(explain(current, failure, flow=composer.in_flow))
            quotes = [finding for finding in new if finding.code == "quote-it"]
        found.update({(finding.code, finding.start): finding for finding in new})
        if failure is None or not quotes or len(text) > _RETRIED:
            break
        blots += quotes
        for blot in quotes:
            width = blot.end - blot.start
            current = current[: blot.start] + "x" * width + current[blot.end :]
    return composer.root, list(found.values())


def _feed(composer: Composer) -> Failure | None:
    """Give the composer the events of its text; return where the parser failed, if it did."""
    parser: Any = None
    documents = 0
    try:
        parser = new_parser(composer.text)
        while True:
            event = parser.get_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                composer.scalar(
                    event.start_mark.index,
                    event.end_mark.index,
                    event.value,
                    event.style or "",
                    event.anchor,
                    event.tag,
                )
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                composer.open(
                    event.start_mark.index,
                    mapping=kind is yaml.MappingStartEvent,
                    flow=bool(event.flow_style),
                    anchor=event.anchor,
                    tag=event.tag,
                )
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                composer.close(event.end_mark.index)
            elif kind is yaml.AliasEvent:
                composer.alias(event.start_mark.index, event.end_mark.index, event.anchor)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    message = "a second document begins here, and only one is read"
                    place = event.start_mark.index
                    composer.stop("several-documents", message, place, "remove the '---'")
            elif kind is yaml.StreamEndEvent:
                return None
    except StopComposing:
        return None
    except yaml.YAMLError as error:
        return _failure(error, len(composer.text))
    except (ValueError, OverflowError) as error:
        # The Python parser lets an escape's or a version's number through to `chr` and `int`.
        index = parser.index if isinstance(parser, PythonParser) else 0
        return Failure(context="", problem=f"escape: {error}", context_at=index, at=index)


def _failure(error: yaml.YAMLError, last: int) -> Failure:
    at = getattr(error, "problem_mark", None)
    context_at = getattr(error, "context_mark", None)
    index = min(at.index, last) if at else getattr(error, "position", 0)
    return Failure(
        context=getattr(error, "context", None) or "",
        problem=getattr(error, "problem", None) or str(error),
        context_at=min(context_at.index, last) if context_at else index,
        at=index,
    )
