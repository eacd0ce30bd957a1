"""What strict reading refuses of YAML that a parser accepts."""

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
    """Refuse every directive but one `%YAML`; parsers differ on what they let pass."""
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
                        message=f"the directive {show(raw)} is not understood",
                        start=start,
                        end=start + len(raw),
                        help="remove this line",
                    )
                ]
            allowed = False
        start += len(line)
    return []


def tag(text: str, start: int, value: str, style: str, *, flow: bool) -> RawDiagnostic:
    """Refuse a tag, or ask to quote a text that merely begins with an exclamation mark."""
    start = max(start, text.find("!", start))
    match = _TAG.match(text, start)
    raw = match[0] if match else "!"
    own = not raw.startswith(("!!", "!<"))
    # A tag may go on where its author saw the end of the text: [!3.9, !3.10]
    if own and (not raw[1:2].isalpha() or raw[-1] in "*,]}" or not (value or style)):
        return quote_it(text, start, flow=flow)
    return RawDiagnostic(
        code=Code.YAML_TAG,
        message=f"the tag {show(raw)} is not understood",
        start=start,
        end=start + len(raw),
        help="remove it: a value is text as it is written",
    )


def capitals(node: Node) -> RawDiagnostic:
    """Refuse `True` and the like, which other YAML readers take for more than text."""
    return RawDiagnostic(
        code=Code.UNCLEAR_SCALAR,
        message=f"'{node.data}' is not text to every reader of YAML",
        start=node.start,
        end=node.end,
        help=f'write {node.data.lower()}, or quote it: "{node.data}"',
    )


def unknown_anchor(
    text: str, node: Node, name: str, anchors: Iterable[str], *, flow: bool
) -> RawDiagnostic:
    """Refuse an alias of nothing, or ask to quote what looks like a glob."""
    if name.startswith("-"):
        return quote_it(text, node.start, flow=flow)
    # Only short names, and not too many: each comparison takes its time.
    known = [anchor for anchor in anchors if len(anchor) <= _LONGEST_NAME][:_MOST_NAMES]
    otherwise = f'if it is text, quote it: "*{name}"'
    short = len(name) <= _LONGEST_NAME
    return RawDiagnostic(
        code=Code.UNKNOWN_ANCHOR,
        message=f"no anchor above is named {show(name)}",
        start=node.start,
        end=node.end,
        help=did_you_mean(name, known, otherwise=otherwise) if short else "",
    )


def recursive_anchor(node: Node, name: str, target: Node) -> RawDiagnostic:
    """Refuse an alias inside of what it stands for."""
    return RawDiagnostic(
        code=Code.RECURSIVE_ANCHOR,
        message=f"what {show('&' + name)} names would hold itself",
        start=node.start,
        end=node.end,
        help="remove this alias",
        related=(("the anchor is here", target.start, target.start + 1),),
    )


def complex_key(
    text: str, node: Node, parent: Node, *, flow: bool, outer_flow: bool
) -> RawDiagnostic:
    """Refuse a collection as a key, or ask to quote the Jinja that it is: `{{ python }}`."""
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
    """Refuse a key that its mapping has already."""
    return RawDiagnostic(
        code=Code.DUPLICATE_KEY,
        message=f"the key {show(text[key.start : key.end])} is given twice in one mapping",
        start=key.start,
        end=key.end,
        help="remove one of the two",
        related=(("first given here", first.start, first.end),),
    )


def bad_merge(node: Node) -> RawDiagnostic:
    """Refuse to merge what is no mapping."""
    return RawDiagnostic(
        code=Code.BAD_MERGE,
        message="'<<' takes a mapping or a list of mappings",
        start=node.start,
        end=node.end,
        help="give it an alias of a mapping, such as <<: *base",
    )
