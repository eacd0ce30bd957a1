"""Locations of errors in JSON that the parser of the standard library accepts or cannot locate."""

import json
import re

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
_IS_KEY = re.compile(r"\s*:")
_CONSTANTS = ("NaN", "Infinity", "-Infinity")
_REMEDY = "write keys and texts in double quotes, and no comma after the last entry"
_INCOMPLETE = (
    (
        "invalid control character",
        "a text contains a line break or another control character",
        r"end the text with a double quote; write a line break as `\n`, a tab as `\t`",
    ),
    ("unterminated string", "a text has no end", "end it with a double quote"),
)
"""Messages of the parser that end with "at": their beginning, what is wrong, and the remedy."""


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
    reason = f"{error.msg[:1].lower()}{error.msg[1:]}"
    help_ = _REMEDY
    if error.doc[error.pos : error.pos + 1] in ("/", "#"):
        help_ = "JSON has no comments: remove it"
    for beginning, complete, specific in _INCOMPLETE:
        if reason.startswith(beginning):
            reason, help_ = complete, specific
    return RawDiagnostic(
        code=code,
        message=f"invalid JSON: {reason}",
        start=error.pos,
        end=error.pos + 1,
        help=remedy or help_,
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
