"""Locations of errors in JSON that the parser of the standard library accepts or cannot locate."""

import json
import re
from collections.abc import Sequence

from compiler.codes import Code
from compiler.source.composer import DEEPEST
from compiler.source.positions import (
    FORBIDDEN_IN_VALUE,
    MOST_FINDINGS,
    RawDiagnostic,
    control_character,
    show,
)


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}\[\]]|-?Infinity|NaN', re.DOTALL)
_PART = re.compile(r"[-+.\w]+")
"""Finds the beginning of a number or of a constant."""
_IS_KEY = re.compile(r"\s*:")
_CONSTANTS = ("NaN", "Infinity", "-Infinity")
_REMEDY = "write keys and texts in double quotes, and no comma after the last entry"
_SHOWN = 20
"""Maximum number of closing brackets in a message."""
_INCOMPLETE = (
    (
        "invalid control character",
        "a text contains a line break or another control character",
        r"end the text with a double quote; write a line break as `\n`, a tab as `\t`",
    ),
    (
        "expecting value",
        "this is not a value",
        "write a text in double quotes, a number, true, false or null; no comma at the end",
    ),
    ("unterminated string", "a text has no end", "end it with a double quote"),
)
"""Incomplete messages of the parser: their beginning, what is wrong, and the remedy."""


def find_in_json(text: str) -> list[RawDiagnostic]:
    """Return duplicate keys, forbidden characters, too deep nesting and invalid numbers.

    The text is one that a JSON parser accepts, or rejects because of one of these errors.
    """
    findings: list[RawDiagnostic] = []
    objects: list[dict[str, tuple[int, int]]] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        start, end = match.span()
        if token in ("{", "["):
            objects.append({})
            if len(objects) > DEEPEST:
                message = f"this is nested more than {DEEPEST} levels deep"
                findings.append(_finding(Code.TOO_DEEP, message, start, end, "use fewer levels"))
                break
        elif token in ("}", "]"):
            objects = objects[:-1]
        elif token in _CONSTANTS:
            message = f"{token} is not a value of JSON"
            findings.append(_finding(Code.DATA_SYNTAX, message, start, end, "write it as a text"))
        else:
            findings.extend(_in_string(text, start, end, objects))
        if len(findings) >= MOST_FINDINGS:
            break
    return findings


def invalid_json(error: json.JSONDecodeError, *, code: Code, remedy: str = "") -> RawDiagnostic:
    """Return an error of the standard library's parser, located in the text that it read.

    Args:
        error: the error.
        code: the code of the diagnostic.
        remedy: its help; without one, how to write what is wrong.
    """
    opened = _open_brackets(error.doc)
    rest = error.doc[error.pos :].strip()
    if not rest or (opened and _PART.fullmatch(rest)):
        return _ended_early(error.doc, opened, code, remedy)
    reason = f"{error.msg[:1].lower()}{error.msg[1:]}"
    help_ = _REMEDY
    for beginning, complete, specific in _INCOMPLETE:
        if reason.startswith(beginning):
            reason, help_ = complete, specific
    if rest[0] in "/#":
        help_ = "JSON has no comments: remove it"
    return RawDiagnostic(
        code=code,
        message=f"invalid JSON: {reason}",
        start=error.pos,
        end=error.pos + 1,
        help=remedy or help_,
    )


def _open_brackets(text: str) -> list[re.Match[str]]:
    """Return the brackets that are not closed at the end of a text, the outermost first."""
    opened: list[re.Match[str]] = []
    for match in _TOKEN.finditer(text):
        if match[0] in ("{", "["):
            opened.append(match)
        elif match[0] in ("}", "]"):
            del opened[-1:]
    return opened


def _ended_early(
    text: str, opened: Sequence[re.Match[str]], code: Code, remedy: str
) -> RawDiagnostic:
    """Return the error for a text that lacks its end, located at the last character."""
    message, help_ = "the file ends early", "write the rest of the file"
    related: tuple[tuple[str, int, int], ...] = ()
    if opened:
        bracket = opened[-1]
        closing = "".join("}" if match[0] == "{" else "]" for match in reversed(opened[-_SHOWN:]))
        message = f"the file ends early: a `{bracket[0]}` is not closed"
        help_ = f"write the rest of the file, which ends with `{closing}`"
        related = (("it begins here", *bracket.span()),)
    elif not text.strip():
        message = "the file is empty"
    end = max(len(text.rstrip()), 1)
    return RawDiagnostic(
        code=code,
        message=f"invalid JSON: {message}",
        start=end - 1,
        end=end,
        help=remedy or help_,
        related=related,
    )


def _in_string(
    text: str, start: int, end: int, objects: list[dict[str, tuple[int, int]]]
) -> list[RawDiagnostic]:
    try:
        value = json.loads(text[start:end])
    except json.JSONDecodeError:
        return []  # The parser stopped before this offset.
    findings = []
    bad = FORBIDDEN_IN_VALUE.search(value)
    if bad:
        findings.append(control_character(bad[0], start, end))
    if objects and _IS_KEY.match(text, end):
        first = objects[-1].setdefault(value, (start, end))
        if first != (start, end):
            finding = RawDiagnostic(
                code=Code.DUPLICATE_KEY,
                message=f"the key {show(value)} is a duplicate in its object",
                start=start,
                end=end,
                help="remove one of the two",
                related=(("first key", *first),),
            )
            findings.append(finding)
    return findings


def _finding(code: Code, message: str, start: int, end: int, remedy: str) -> RawDiagnostic:
    return RawDiagnostic(code=code, message=message, start=start, end=end, help=remedy)
