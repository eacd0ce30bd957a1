"""Split the text of a bake file into blocks and attributes, without evaluating it.

Bake evaluates the file. This module finds the source text of attributes that bake does not print,
such as `name` and `matrix`, and the names that an expression contains. Text that is not HCL gives
fewer blocks, never an error: bake has already accepted the file.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.reports.adopt.hcl_tokens import Token, tokenize


_KEY = re.compile(
    r"""\"(?P<quoted>[\w.-]+)\"[ \t]*:[ \t]*[\n{]|^[ \t]*(?P<plain>[\w.-]+)[ \t]*:[ \t]*$""",
    re.MULTILINE,
)
"""A key of JSON or YAML whose value is a mapping."""
_LONGEST_HEAD = 12
"""The most tokens before the `{` of a block."""
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An attribute of a block."""

    name: str
    tokens: tuple[Token, ...]
    """Its expression."""
    text: str
    """The expression as written; empty if the file is JSON."""
    value: Any = None
    """The value, if the file is JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block at the top of the file; its kind is empty for a top-level attribute."""

    kind: str
    label: str
    line: int
    attributes: Mapping[str, Attribute]
    nested: tuple[Token, ...] = ()
    """Everything in blocks within it, such as `validation`."""


def hcl_blocks(text: str) -> list[Block]:
    """Return the blocks and attributes at the top of a bake file in HCL, in order."""
    tokens, line_of = list(tokenize(text)), line_finder(text)
    blocks, n = [], 0
    while n < len(tokens):
        token = tokens[n]
        if token.kind != "name":
            n += 1
            continue
        line = line_of(token.start)
        body, label, after = _head(tokens, n)
        if body:
            end = _closing(tokens, body)
            attributes, nested = _attributes(text, tokens, body + 1, end)
            blocks.append(
                Block(kind=token.text, label=label, line=line, attributes=attributes, nested=nested)
            )
            n = end + 1
        elif after < len(tokens) and tokens[after].text == "=":
            end = _line_end(tokens, after + 1, len(tokens))
            attribute = _attribute(text, token.text, tokens[after + 1 : end])
            blocks.append(
                Block(kind="", label=token.text, line=line, attributes={"default": attribute})
            )
            n = end
        else:
            n += 1
    return blocks


def json_blocks(text: str, data: Mapping[str, Any]) -> list[Block]:
    """Return the blocks of a bake file in JSON."""
    blocks, lines = [], key_lines(text)
    for kind, labels in data.items():
        if not isinstance(labels, dict) or kind not in {"target", "group", "variable", "function"}:
            continue
        for label, attributes in labels.items():
            if isinstance(attributes, dict):
                parsed = {name: _json_attribute(name, value) for name, value in attributes.items()}
                line = lines.get(label, 0)
                blocks.append(Block(kind=kind, label=label, line=line, attributes=parsed))
    return blocks


def listed_names(blocks: Iterable[Block], kind: str, attribute: str) -> set[str]:
    """Return the texts in an attribute of all blocks of a kind: names of targets, for example."""
    return {
        token.text
        for block in blocks
        if block.kind == kind and attribute in block.attributes
        for token in block.attributes[attribute].tokens
        if token.kind == "text"
    }


def key_lines(text: str) -> dict[str, int]:
    """Return the line of the first mapping with each key, in JSON or YAML."""
    line_of = line_finder(text)
    lines: dict[str, int] = {}
    for match in _KEY.finditer(text):
        lines.setdefault(match["quoted"] or match["plain"], line_of(match.start()))
    return lines


def line_finder(text: str) -> Callable[[int], int]:
    """Return a function that gives the line of an offset, from 1."""
    ends = [match.start() for match in re.finditer("\n", text)]
    return lambda offset: bisect_left(ends, offset) + 1


def _json_attribute(name: str, value: Any) -> Attribute:
    return Attribute(name=name, tokens=tuple(_json_tokens(value)), text="", value=value)


def _json_tokens(value: Any) -> Iterator[Token]:
    """Yield the tokens of every string in a value; each string is a template."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending += [*item.values(), *item]
        elif isinstance(item, list):
            pending += item
        elif isinstance(item, str):
            yield Token("quote", '"', 0, 0)
            yield from tokenize(item, template=True)
            yield Token("quote", '"', 0, 0)


def _head(tokens: list[Token], n: int) -> tuple[int, str, int]:
    """Return the index of a block's `{` or 0, its label, and the index after its first name."""
    label, m = "", n + 1
    while m < min(len(tokens), n + _LONGEST_HEAD) and tokens[m].kind in {"name", "quote", "text"}:
        if tokens[m].kind != "quote":
            label = tokens[m].text
        m += 1
    opens = (
        m < len(tokens)
        and m < n + _LONGEST_HEAD
        and tokens[m].text == "{"
        and tokens[m].kind == "operator"
    )
    return (m if opens else 0), label, n + 1


def _closing(tokens: list[Token], n: int) -> int:
    """Return the index of the bracket that closes the one at an index."""
    depth = 0
    for m in range(n, len(tokens)):
        if tokens[m].kind == "operator":
            depth += (tokens[m].text in _OPENING) - (tokens[m].text in _CLOSING)
            if depth == 0:
                return m
    return len(tokens) - 1


def _line_end(tokens: list[Token], n: int, stop: int) -> int:
    """Return the index of the line's end outside of brackets and strings, from an index."""
    while n < stop:
        token = tokens[n]
        if token.kind == "operator" and token.text in _OPENING:
            n = _closing(tokens, n)
        elif token.text == "\n" and token.kind == "operator":
            return n
        elif token.kind == "open":
            depth = 1
            while depth and n + 1 < stop:
                n += 1
                depth += (tokens[n].kind == "open") - (tokens[n].kind == "close")
        n += 1
    return stop


def _attributes(
    text: str, tokens: list[Token], n: int, stop: int
) -> tuple[dict[str, Attribute], tuple[Token, ...]]:
    """Return the attributes between two indexes, and the tokens of nested blocks."""
    attributes: dict[str, Attribute] = {}
    nested: list[Token] = []
    while n < stop:
        token = tokens[n]
        is_key = token.kind == "name" and n + 1 < stop
        if is_key and tokens[n + 1].text == "=":
            end = _line_end(tokens, n + 2, stop)
            attributes[token.text] = _attribute(text, token.text, tokens[n + 2 : end])
            n = end
        elif is_key and (body := _head(tokens, n)[0]):
            end = _closing(tokens, body)
            nested += tokens[body + 1 : end]
            n = end + 1
        else:
            n += 1
    return attributes, tuple(nested)


def _attribute(text: str, name: str, tokens: list[Token]) -> Attribute:
    written = text[tokens[0].start : tokens[-1].end] if tokens else ""
    return Attribute(name=name, tokens=tuple(tokens), text=written)
