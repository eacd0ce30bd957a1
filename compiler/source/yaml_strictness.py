"""Errors of strict reading: YAML that a parser accepts and this project rejects."""

import re
from collections.abc import Iterable

from compiler.codes import Code
from compiler.errors import did_you_mean
from compiler.source.nodes import Node
from compiler.source.positions import RawDiagnostic, show
from compiler.source.yaml_hints import quote_it


_TAG = re.compile(r"!\S*")
_VERSION = re.compile(r"%YAML 1\.[12]\s*(?: #.*\s*)?")
_LONGEST_NAME = 100
_MOST_NAMES = 1000


def refuse_directives(text: str) -> list[RawDiagnostic]:
    """Reject every directive except one `%YAML`, because parsers treat others differently."""
    start = 0
    allowed = True
    for line in text.splitlines(keepends=True):
        if not line.startswith("%") and line.split("#", 1)[0].strip():
            break
        if line.startswith("%"):
            if not (allowed and _VERSION.fullmatch(line)):
                raw = line.rstrip()
                return [
                    RawDiagnostic(
                        code=Code.YAML_SYNTAX,
                        message=f"the directive {show(raw)} is not supported",
                        start=start,
                        end=start + len(raw),
                        help="remove this line",
                    )
                ]
            allowed = False
        start += len(line)
    return []


def tag(text: str, start: int, value: str, style: str, *, flow: bool) -> RawDiagnostic:
    """Reject a tag; suggest quotes for text that begins with an exclamation mark."""
    start = max(start, text.find("!", start))
    match = _TAG.match(text, start)
    raw = match[0] if match else "!"
    own = not raw.startswith(("!!", "!<"))
    # The parser may read more than the text as the tag: [!3.9, !3.10]
    if own and (not raw[1:2].isalpha() or raw[-1] in "*,]}" or not (value or style)):
        return quote_it(text, start, flow=flow)
    return RawDiagnostic(
        code=Code.YAML_TAG,
        message=f"the tag {show(raw)} is not supported",
        start=start,
        end=start + len(raw),
        help="remove it: values are text as written",
    )


def capitals(node: Node) -> RawDiagnostic:
    """Reject `True` and similar words, which other YAML parsers do not read as text."""
    return RawDiagnostic(
        code=Code.UNCLEAR_SCALAR,
        message=f"'{node.data}' is not text for every YAML parser",
        start=node.start,
        end=node.end,
        help=f'write {node.data.lower()}, or quote it: "{node.data}"',
    )


def unknown_anchor(
    text: str, node: Node, name: str, anchors: Iterable[str], *, flow: bool
) -> RawDiagnostic:
    """Reject an alias without an anchor; suggest quotes for text that looks like a glob."""
    if name.startswith("-"):
        return quote_it(text, node.start, flow=flow)
    # Compare only short names, and not too many, to limit the time.
    known = [anchor for anchor in anchors if len(anchor) <= _LONGEST_NAME][:_MOST_NAMES]
    otherwise = f'if it is text, quote it: "*{name}"'
    short = len(name) <= _LONGEST_NAME
    return RawDiagnostic(
        code=Code.UNKNOWN_ANCHOR,
        message=f"unknown anchor {show(name)}",
        start=node.start,
        end=node.end,
        help=did_you_mean(name, known, otherwise=otherwise) if short else "",
    )


def recursive_anchor(node: Node, name: str, target: Node) -> RawDiagnostic:
    """Reject an alias inside its own anchor."""
    return RawDiagnostic(
        code=Code.RECURSIVE_ANCHOR,
        message=f"the anchor {show('&' + name)} would contain itself",
        start=node.start,
        end=node.end,
        help="remove this alias",
        related=(("the anchor is here", target.start, target.start + 1),),
    )


def complex_key(
    text: str, node: Node, parent: Node, *, flow: bool, outer_flow: bool
) -> RawDiagnostic:
    """Reject a collection as a key; suggest quotes for Jinja such as `{{ python }}`."""
    if text.startswith("{{", node.start):
        return quote_it(text, node.start, flow=flow)
    if parent.style == node.style == "{" and parent.start == node.start - 1:
        return quote_it(text, parent.start, flow=outer_flow)
    return RawDiagnostic(
        code=Code.COMPLEX_KEY,
        message="a key must be a single value, not a mapping or a list",
        start=node.start,
        end=node.start + 1,
        help="quote it if it is text",
    )


def duplicate_key(text: str, key: Node, first: Node) -> RawDiagnostic:
    """Reject a duplicate key of a mapping."""
    return RawDiagnostic(
        code=Code.DUPLICATE_KEY,
        message=f"the key {show(text[key.start : key.end])} is a duplicate in its mapping",
        start=key.start,
        end=key.end,
        help="remove one of the two",
        related=(("first key", first.start, first.end),),
    )


def bad_merge(node: Node) -> RawDiagnostic:
    """Reject a `<<` whose value is not a mapping."""
    return RawDiagnostic(
        code=Code.BAD_MERGE,
        message="'<<' requires a mapping or a list of mappings",
        start=node.start,
        end=node.end,
        help="use the alias of a mapping, such as <<: *base",
    )
