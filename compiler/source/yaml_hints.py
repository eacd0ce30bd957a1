"""Explanations of YAML syntax errors: the value that is invalid, and how to write it."""

import re
from dataclasses import dataclass

from compiler.codes import Code
from compiler.source.positions import RawDiagnostic, control_character, show


_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*\"""")
_INDICATOR = re.compile(r"[-?](?=\s|$)")
_ESCAPE = re.compile(r"\\(?:[xuU]\w*|.)?")
_SURROGATE = re.compile(r"\\(?:u|U0000)([dD][89a-fA-F][\da-fA-F]{2})")
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
_LONGEST_LINE = 2000
_LONGEST_SHOWN = 80

_READ_AS = {
    "!": "as a tag",
    "*": "as an alias",
    "&": "as an anchor",
    ">": "as the head of a block of text",
    "|": "as the head of a block of text",
    "{": "as a mapping",
    "[": "as a list",
}

_UNEXPECTED = "this line does not continue the lines above"
_INDENT = "indent it like the other lines of its list or mapping"
_IN_GENERAL = (
    ("'-' indicator", "this is not an entry of the list above", "begin it with '- ' or outdent it"),
    (
        "block collection",
        "this is not an entry of the list above",
        "begin it with '- ' or outdent it",
    ),
    ("expected ':'", "no ': ' follows this key", "write 'key: value', or quote the text"),
    ("sequence entries", "a list cannot begin here", "begin it on a line of its own, or use [ ]"),
    ("',' or", "a comma or a closing bracket is missing here", "add it"),
    ("mapping keys", "a '?' is not allowed here", "quote the text"),
    ("expected key", _UNEXPECTED, _INDENT),
    ("block end", _UNEXPECTED, _INDENT),
    ("mapping values", _UNEXPECTED, _INDENT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A syntax error as the YAML parser reports it."""

    context: str
    """The parser's context, such as "while scanning an alias"; may be empty."""
    problem: str
    context_at: int
    """The offset at which the context begins."""
    at: int


def explain(text: str, failure: Failure, *, opened: int | None) -> RawDiagnostic:
    """Return the error in a user's terms, at the location of the remedy.

    The code is `quote-it` if quotes around the finding's span are the remedy. `opened` is
    the offset of the innermost open bracket, if there is one.
    """
    if (conflict := _CONFLICT.search(text)) is not None:
        help_ = "choose one of the two versions, and remove the lines that Git has added"
        return _syntax("a merge conflict of Git is not resolved here", conflict.start(), help_)
    last = len(text.rstrip())
    at = min(failure.at, max(0, last - 1))
    line, end = _line_around(text, at)
    item, bracketed = _item(text, line, end, at)
    flow = opened is not None or bracketed
    return (
        _jinja(text, item, end, flow=flow)
        or _tab(text, line, at)
        or _escape(text, failure, at)
        or _indicator(text, failure, item, line, flow=flow)
        or _unclosed(text, failure, at, opened)
        or _went_on(text, at, item, flow=flow)
        or _in_general(text, failure, at)
    )


def quote_it(text: str, start: int, *, flow: bool, colon: bool = False) -> RawDiagnostic:
    """Return the error that the value at `start` needs quotes; with `colon`, it contains `: `."""
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
    return RawDiagnostic(code=Code.QUOTE_IT, message=message, start=start, end=end, help=remedy)


def tab_in_text(at: int) -> RawDiagnostic:
    """Return the error for a tab in text without quotes, which parsers read differently."""
    message = "text without quotes contains a tab"
    return _syntax(message, at, "use a space, or quote the text")


def follows(text: str, reason: RawDiagnostic, replaced: list[RawDiagnostic]) -> bool:
    """Return whether a replaced value may cause an error: it is on the same line or the next."""
    line, _ = _line_around(text, reason.start)
    above, _ = _line_around(text, max(0, line - 1))
    return any(above <= value.start < reason.end for value in replaced)


def _line_around(text: str, at: int) -> tuple[int, int]:
    """Return the offsets of a line's begin and end; of a very long line, those nearby."""
    begin = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    ends = [end for end in (text.find("\n", at), text.find("\r", at)) if end >= 0]
    return max(begin, at - _LONGEST_LINE), min([*ends, len(text), at + _LONGEST_LINE])


def _jinja(text: str, item: int, end: int, *, flow: bool) -> RawDiagnostic | None:
    return quote_it(text, item, flow=flow) if _JINJA.match(text, item, end) else None


def _tab(text: str, line: int, at: int) -> RawDiagnostic | None:
    place = text.find("\t", line, at + 1)
    if place < 0 or (text[line:place].strip() and place < at):
        return None
    return _syntax("YAML requires spaces here, not a tab", place, "use spaces")


def _escape(text: str, failure: Failure, at: int) -> RawDiagnostic | None:
    if "escape" not in failure.problem and "hexdecimal" not in failure.problem:
        return None
    # One parser points at the backslash, others behind it.
    place = max(text.rfind("\\", 0, at + 1), 0)
    surrogate = _SURROGATE.match(text, place)
    if surrogate:
        return control_character(chr(int(surrogate[1], 16)), place, place + 2)
    match = _ESCAPE.match(text, place)
    raw = match[0][:10] if match else ""
    remedy = r"write \\ for a backslash, or use single quotes"
    return _syntax(f"{show(raw)} is not an escape sequence of YAML", place, remedy, length=len(raw))


def _unclosed(text: str, failure: Failure, at: int, opened: int | None) -> RawDiagnostic | None:
    begin = failure.context_at
    last = len(text.rstrip())
    if "quoted scalar" in failure.context:
        return _syntax("this quote is never closed", begin, "close it")
    if text[at] in "]}" and failure.at < last:
        return _syntax(
            f"this '{text[at]}' has no opening bracket", at, "remove it, or quote the text"
        )
    if "flow node" in failure.context and opened is not None:
        begin = opened
    if "flow" in failure.context and (failure.at >= last or text.find("\n", begin, at) >= 0):
        return _syntax(f"this {show(text[begin : begin + 1])} is never closed", begin, "close it")
    return None


def _indicator(
    text: str, failure: Failure, item: int, line: int, *, flow: bool
) -> RawDiagnostic | None:
    """Explain a value with an invalid first character."""
    context, problem, begin = failure.context, failure.problem, failure.context_at
    words = ("block scalar", "an alias", "an anchor", "a tag")
    if any(word in context for word in words) or "tag handle" in problem:
        return quote_it(text, begin, flow=flow)
    if "cannot start any token" in problem or ("node content" in problem and text[item] == ","):
        return quote_it(text, item, flow=flow)
    if "mapping values" in problem and text[line:item].strip():
        finding = quote_it(text, item, flow=flow, colon=True)
        if text[finding.end - 1] != ":":
            return finding
        return _syntax("a mapping cannot begin here", item, "begin it on a line of its own")
    return None


def _went_on(text: str, at: int, item: int, *, flow: bool) -> RawDiagnostic | None:
    """Explain text after a complete value: `[a]b`, `'x'y`."""
    before = text[item:at].rstrip()
    if before and before[0] in "[{'\"" and before[-1] in "]}'\"" and "\n" not in before:
        return quote_it(text, item, flow=flow)
    return None


def _in_general(text: str, failure: Failure, at: int) -> RawDiagnostic:
    if text[at - 1 : at] == "\t":
        return tab_in_text(at - 1)
    if "document start" in failure.problem and text[at - 1 : at] == "\n":
        remedy = "write 'key: value' lines only above"
        return _syntax(_UNEXPECTED, at, remedy)
    for words, message, remedy in _IN_GENERAL:
        if words in failure.problem or words in failure.context:
            place = failure.context_at if "simple key" in failure.context else at
            return _syntax(message, place, remedy)
    return _syntax(f"invalid YAML: {failure.problem}", at, "")


def _syntax(message: str, at: int, remedy: str, length: int = 1) -> RawDiagnostic:
    return RawDiagnostic(
        code=Code.YAML_SYNTAX, message=message, start=at, end=at + length, help=remedy
    )


def _quoted(raw: str) -> str:
    if len(raw) > 1 and raw[0] == raw[-1] == "'" and '"' not in raw and "\\" not in raw:
        raw = raw[1:-1]  # 'it's'
    if '"' not in raw and "\\" not in raw:
        return f'"{raw}"'
    return "'" + raw.replace("'", "''") + "'"


def _item(text: str, line: int, end: int, at: int) -> tuple[int, bool]:
    """Return where the value at the offset `at` begins, and whether it is in brackets.

    Examines only that line, and approximately: the result is used for help, not for parsing.
    """
    opened: list[int] = []
    start = -1
    index = line
    while index < end and (index < at or start < 0):
        character = text[index]
        begun = start >= 0
        jump = _JINJA.match(text, index, end) or (not begun and _QUOTED.match(text, index, end))
        if jump:
            start = start if begun else index
            index = jump.end()
            continue
        if index == at or (
            not begun and not (character in "[{ \t" or _INDICATOR.match(text, index, end))
        ):
            start = start if begun else index
        elif character in "[{" and not begun:
            opened.append(index)
        elif begun and (
            (character == "," and opened)
            or (character == ":" and (text[index + 1 : index + 2] or " ").isspace())
        ):
            start = -1
        if character in "]}" and opened and index < at:
            start = opened.pop()
        index += 1
    return (start if start >= 0 else at), bool(opened)


def _extent(text: str, start: int, *, flow: bool, colon: bool) -> int:
    """Return where the value that begins at `start` ends on its line."""
    _, end = _line_around(text, start)
    depth = 0
    index = start
    while index < end:
        jump = _JINJA.match(text, index, end)
        if not jump and index == start:
            jump = _QUOTED.match(text, index, end)
        if jump:
            index = jump.end()
            continue
        character = text[index]
        if index > start and not depth and _ends(text, index, flow=flow, colon=colon):
            break
        depth += (character in "[{") - (character in "]}" and depth > 0)
        index += 1
    return max(start + 1, start + len(text[start:index].rstrip()))


def _ends(text: str, index: int, *, flow: bool, colon: bool) -> bool:
    character = text[index]
    after = text[index + 1 : index + 2]
    if character == "#":
        return text[index - 1].isspace()
    if character == ":":
        return not colon and (not after or after.isspace())
    # A comma belongs to a version range: >=3.10,<3.13
    return flow and (character in "]}" or (character == "," and after not in tuple("<>=!~")))
