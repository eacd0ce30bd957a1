"""JSON, YAML and TOML files as values for templates; decimal numbers stay text as written."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import PurePosixPath
from typing import Any, NoReturn

from compiler.codes import Code
from compiler.source.composer import DEEPEST
from compiler.source.data_positions import json_nodes, toml_nodes
from compiler.source.document import Source
from compiler.source.json_strictness import find_in_json, invalid_json
from compiler.source.positions import (
    FORBIDDEN_IN_VALUE,
    RawDiagnostic,
    SourceText,
    control_character,
    read_text,
    refuse_file,
    show,
)
from compiler.source.supplied import DataFile
from compiler.source.toml_keys import find_deep_key


LIMIT = 16 << 20
"""The default size limit of a data file, in bytes."""

_LONGEST_NUMBER = 1000
"""The most digits of a number; Python does not print integers of more than 4300."""

_LONGEST_BITS = 3 * _LONGEST_NUMBER

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_JSON_ESCAPE = re.compile(r"\\[bfru]")
_TOML_ESCAPE = re.compile(r"\\(?:([bfre])|[xuU]([\dA-Fa-f]+)|.)", re.DOTALL)
_LETTERS = {"b": "\b", "f": "\f", "r": "\r", "e": "\x1b"}


def load_data(name: str, text: bytes, path: str, *, limit: int = LIMIT) -> DataFile:
    """Return a data file, whose content is a mapping or a list.

    The suffix of `name` decides the format; diagnostics show `path`. `3.10` is the text
    `3.10` in each format, as are dates; only whole numbers of JSON and TOML are numbers.

    Raises:
        CompileError: the format is unknown, or the content is invalid.
    """
    try:
        return _load(PurePosixPath(name).suffix.lower(), name, text, path, limit)
    except MemoryError:
        message = "there is not enough memory to read the file"
        help_ = "keep here only what the build needs"
        refuse_file(path, code=Code.TOO_LARGE, message=message, help=help_)


def _load(suffix: str, name: str, text: bytes, path: str, limit: int) -> DataFile:
    if suffix in {".yaml", ".yml"}:
        source = Source.parse(text, path, limit=limit, mapping=False)
        root, page = source.root
        return DataFile(source.data, page, lambda _: root)
    if suffix not in {".json", ".toml"}:
        refuse_file(
            path,
            code=Code.DATA_FORMAT,
            message=f"unknown format of {show(name)}",
            help="rename it to .json, .yaml, .yml or .toml",
        )
    page = read_text(text, path, limit=limit)
    if suffix == ".json":
        return DataFile(_read_json(page), page, json_nodes)
    return DataFile(_read_toml(page), page, toml_nodes)


def _read_json(page: SourceText) -> Any:
    if not page.text.strip():
        refuse_file(page.path, code=Code.EMPTY_FILE, message="the file is empty", help="write {}")
    try:
        data = json.loads(
            page.text,
            parse_float=str,
            parse_int=_integer,
            parse_constant=_no_constant,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        page.refuse([invalid_json(error, code=Code.DATA_SYNTAX)])
    except (RecursionError, _Suspicious):
        data = None
    if not isinstance(data, dict | list) or _too_deep(data) or _JSON_ESCAPE.search(page.text):
        findings = find_in_json(page.text)
        if findings:
            page.refuse(findings)
    if not isinstance(data, dict | list):
        refuse_file(
            page.path,
            code=Code.NOT_A_MAPPING,
            message="the top level of the file must be a mapping or a list",
            help='write {"key": value}',
        )
    return data


def _read_toml(page: SourceText) -> Any:
    deep = find_deep_key(page.text)
    if deep is not None:
        message, remedy = f"this key has more than {DEEPEST} parts", "use fewer levels"
        start, end = deep
        page.refuse(
            [RawDiagnostic(code=Code.TOO_DEEP, message=message, start=start, end=end, help=remedy)]
        )
    try:
        data = tomllib.loads(page.text, parse_float=str)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _PLACE.search(message)
        reason = _PLACE.sub("", message)
        line, column = (place[1], place[2]) if place else (None, None)
        last = max(0, len(page.text.rstrip()) - 1)
        offset = page.offset(int(line), int(column)) if line and column else last
        message = f"invalid TOML: {reason[:1].lower()}{reason[1:]}"
        remedy = 'write `name = "text"`, with the text in quotes'
        page.refuse(
            [
                RawDiagnostic(
                    code=Code.DATA_SYNTAX,
                    message=message,
                    start=offset,
                    end=offset + 1,
                    help=remedy,
                )
            ]
        )
    except RecursionError:
        data = None
    except ValueError:
        _refuse_number(page)
    if data is None or _too_deep(data):
        refuse_file(
            page.path,
            code=Code.TOO_DEEP,
            message=f"collections are nested more than {DEEPEST} levels deep",
            help="use fewer levels",
        )
    if "\\" in page.text:
        findings = list(_find_in_toml(page.text, set(_characters(data))))
        if findings:
            page.refuse(findings)
    try:
        return _as_text(data)
    except _Suspicious:
        _refuse_number(page)


def _refuse_number(page: SourceText) -> NoReturn:
    """Reject a number of thousands of digits, which the parser cannot locate."""
    message = "a number in this file has thousands of digits"
    refuse_file(page.path, code=Code.DATA_SYNTAX, message=message, help="write it as text")


class _Suspicious(Exception):  # noqa: N818
    """An error that the parser cannot locate."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise _Suspicious
    return mapping


def _no_constant(_: str) -> NoReturn:
    raise _Suspicious


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else digits


def _too_deep(data: Any) -> bool:
    """Return whether collections are nested too deeply, without recursion."""
    level = [data]
    for _ in range(DEEPEST):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _as_text(data: Any) -> Any:
    """Return the values of TOML with dates as text; reject too deep nesting."""
    if isinstance(data, dict):
        return {key: _as_text(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_as_text(value) for value in data]
    if isinstance(data, datetime | date | time):
        return data.isoformat()
    if isinstance(data, int) and data.bit_length() > _LONGEST_BITS:
        raise _Suspicious
    return data


def _characters(data: Any) -> Iterator[str]:
    """Yield the forbidden characters of all texts and keys."""
    if isinstance(data, str):
        yield from FORBIDDEN_IN_VALUE.findall(data)
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _characters(key)
            yield from _characters(value)
    elif isinstance(data, list):
        for value in data:
            yield from _characters(value)


def _find_in_toml(text: str, wanted: set[str]) -> Iterator[RawDiagnostic]:
    """Return the escape sequences of these characters."""
    for match in _TOML_ESCAPE.finditer(text) if wanted else ():
        letter, digits = match.groups()
        character = _LETTERS[letter] if letter else chr(int(digits, 16)) if digits else ""
        if character in wanted:
            yield control_character(character, match.start(), match.end())
