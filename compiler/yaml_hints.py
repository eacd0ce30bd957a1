"""What to say when YAML trips over a text: which value it was, and how to write it."""

import re
from dataclasses import dataclass

from compiler.places import Finding, show


_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*\"""")
_INDICATOR = re.compile(r"[-?](?=\s|$)")
_LINE = re.compile(r"[^\r\n]*")
_LONGEST_SHOWN = 80

_READ_AS = {
    "!": "as a tag",
    "*": "as an alias",
    "&": "as an anchor",
    ">": "as the head of a block of text",
    "|": "as the head of a block of text",
    "{": "as a mapping",
    "[": "as a list",
    "%": "as a directive",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Where a YAML parser gave up, in its own words."""

    context: str
    """What it was doing, such as "while scanning an alias"; may be empty."""
    problem: str
    context_at: int
    """The offset where that began."""
    at: int


def explain(text: str, failure: Failure, *, flow: bool) -> Finding:
    """Return what is wrong in the user's words, and where the remedy is to be applied.

    The code is `quote-it` if quotes around the finding's span are the remedy. `flow` says that
    the place is inside brackets that were opened on an earlier line.
    """
    context, problem = failure.context, failure.problem
    last = len(text.rstrip())
    at = min(failure.at, max(0, last - 1))
    line, line_end = _line_of(text, at)
    item, in_flow = _item(text, line, at)
    flow = flow or in_flow
    indent = text[line:line_end]
    indent = indent[: len(indent) - len(indent.lstrip())]
    first = text[item : item + 1]
    if _JINJA.match(text, item, line_end):
        return quote_it(text, item, flow=flow)
    if "\t" in indent or text[at : at + 1] == "\t":
        place = text.index("\t", line)
        return _syntax("a tab stands where YAML wants spaces", place, "indent with spaces")
    if "escape" in problem or "hex" in problem:
        # One parser points at the backslash, the other one behind it.
        place = text.rfind("\\", 0, at + 1)
        return _syntax(
            f"{show(text[place : place + 2])} is no escape of YAML",
            place,
            r"write \\ for a backslash, or use single quotes",
            length=2,
        )
    if "directive" in context or "YAML document" in problem:
        return _syntax("this directive is not understood", failure.context_at, "remove this line")
    if "quoted scalar" in context:
        return _syntax("this quote is never closed", failure.context_at, "close it")
    if any(word in context for word in ("block scalar", "an alias", "an anchor", "a tag")):
        begin = failure.context_at
        return quote_it(text, begin, flow=flow or _item(text, line, begin)[1])
    if "tag handle" in problem:
        return quote_it(text, failure.context_at, flow=flow)
    if "cannot start any token" in problem or (first in ",]}" and "node content" in problem):
        return quote_it(text, item, flow=flow)
    if "mapping values" in problem and item > line + len(indent):
        return quote_it(text, item, flow=flow, colon=True)
    if first in tuple("[{'\"") and text[:at].rstrip()[item:][-1:] in tuple("]}'\""):
        # Something that was complete goes on: `[a]b`, `'x'y`.
        return quote_it(text, item, flow=flow)
    if "flow" in context and (failure.at >= last or text.find("\n", failure.context_at, at) >= 0):
        opened = text[failure.context_at : failure.context_at + 1]
        return _syntax(f"this {show(opened)} is never closed", failure.context_at, "close it")
    return _general(failure, at)


def quote_it(text: str, start: int, *, flow: bool, colon: bool = False) -> Finding:
    """Return that the value at `start` must stand in quotes; with `colon`, one with `: ` in it."""
    end = _extent(text, start, flow=flow, colon=colon)
    raw = text[start:end]
    if colon:
        message = f"YAML reads {show(raw)} as a mapping, which cannot begin here"
    elif raw[0] in _READ_AS:
        message = f"YAML reads {show(raw)} {_READ_AS[raw[0]]}, not as text"
    else:
        message = f"YAML cannot read {show(raw)} as text"
    shown = _quoted(raw)
    remedy = f"quote it: {shown}" if len(shown) <= _LONGEST_SHOWN else "quote it"
    return Finding(code="quote-it", message=message, start=start, end=end, help=remedy)


def _general(failure: Failure, at: int) -> Finding:
    problem = failure.problem
    if "mapping values" in problem or "expected key" in problem or "<block end>" in problem:
        return _syntax(
            "this does not belong to what stands above it",
            at,
            "indent it like its neighbours",
        )
    if "'-' indicator" in problem:
        return _syntax(
            "this is no entry of the list above it", at, "begin it with '- ', or outdent"
        )
    if "expected ':'" in problem:
        return _syntax("this key has no ':'", failure.context_at, "write 'key: value'")
    if "sequence entries" in problem:
        return _syntax("a list cannot begin here", at, "begin it on the next line, or use [ ]")
    if "',' or" in problem:
        return _syntax("a comma or a closing bracket is missing here", at, "")
    if "mapping keys" in problem:
        return _syntax("a '?' cannot stand here", at, "quote the text")
    return _syntax(f"this is no YAML: {problem}", at, "")


def _syntax(message: str, at: int, remedy: str, length: int = 1) -> Finding:
    return Finding(code="yaml-syntax", message=message, start=at, end=at + length, help=remedy)


def _quoted(raw: str) -> str:
    if len(raw) > 1 and raw[0] == raw[-1] == "'" and '"' not in raw and "\\" not in raw:
        raw = raw[1:-1]  # 'it's'
    if '"' not in raw and "\\" not in raw:
        return f'"{raw}"'
    return "'" + raw.replace("'", "''") + "'"


def _line_of(text: str, at: int) -> tuple[int, int]:
    begin = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    match = _LINE.match(text, begin)
    return begin, match.end() if match else begin


def _item(text: str, line: int, at: int) -> tuple[int, bool]:
    """Return where the value begins that holds the offset `at`, and whether it is in brackets.

    Looks at that line only, and roughly: this is for help, not for reading.
    """
    opened: list[int] = []
    start = -1  # Not begun.
    index = line
    while index < at or start < 0:
        character = text[index : index + 1]
        jump = _JINJA.match(text, index) or (_QUOTED.match(text, index) if start < 0 else None)
        if not character or character in "\r\n":
            break
        if jump:
            start = index if start < 0 else start
            index = jump.end()
            continue
        if start < 0:
            if character in "[{" and index < at:
                opened.append(index)
            elif not character.isspace() and not (
                index < at and _INDICATOR.match(text, index) and not opened
            ):
                start = index
        elif character == "," and opened:
            start = -1
        elif character == ":" and text[index + 1 : index + 2].isspace() and index < at:
            start = -1
        if start >= 0 and character in "]}" and opened and index < at:
            start = opened.pop()
        index += 1
    return (start if start >= 0 else at), bool(opened)


def _extent(text: str, start: int, *, flow: bool, colon: bool) -> int:
    """Return where the value ends that its author began at `start`; on the same line."""
    _, line_end = _line_of(text, start)
    depth = 0
    index = start
    while index < line_end:
        character = text[index]
        after = text[index + 1 : index + 2]
        jump = _JINJA.match(text, index, line_end) or (
            _QUOTED.match(text, index, line_end) if index == start else None
        )
        if jump:
            index = jump.end()
            continue
        if character in "[{":
            depth += 1
        elif character in "]}" and flow and index > start:
            if not depth:
                break
            depth -= 1
        elif (
            character == ","
            and flow
            and not depth
            and index > start
            and after not in tuple("<>=!~")
        ):
            break
        elif character == ":" and not colon and not depth and (not after or after.isspace()):
            break
        elif character == "#" and text[index - 1].isspace() and index > start:
            break
        index += 1
    return max(start + 1, start + len(text[start:index].rstrip()))
