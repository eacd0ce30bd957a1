"""An existing definition of builds: what `docker buildx bake --print` says of a bake file.

Takes a file, or bytes, and returns a `Definition`. It is the JSON of bake --print, or a bake file
(HCL, JSON or compose), which bake itself reads. Refuses what is neither, in bake's own words.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from compiler.bakeform import (
    CACHE_ONLY,
    COMPARED,
    PASSED,
    Fields,
    WrongKindError,
    doubled,
    normal,
    undoubled,
)
from compiler.errors import CompileError, Diagnostic, Location, did_you_mean
from compiler.json_check import find_in_json
from compiler.places import Finding, Page, read_text, refuse_file, show


LIMIT = 64 << 20
"""The most bytes that are read: tens of thousands of targets."""

_CODE = "bake-file"
_PRINTED = frozenset({"group", "target"})
_SOURCE = frozenset({"inherits", "matrix", "name"})
"""Fields of a bake file that bake --print resolves."""
_BLOCK = re.compile(r'^[ \t]*target[ \t]+"?([a-zA-Z0-9][\w-]*)"?[ \t]*\{', re.MULTILINE | re.ASCII)
_ERROR = re.compile(
    r"^ERROR: (?:[^\s:]+:(?P<line>\d{1,9}),(?P<column>\d{1,9})\S*: )?(?P<text>.*)", re.M | re.S
)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_ELSEWHERE = "give the JSON that `docker buildx bake --print TARGET...` prints"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Targets as bake reads them."""

    targets: Mapping[str, Fields]
    """Name -> fields in one form, in bake's order."""
    came_along: frozenset[str] = frozenset()
    """Targets that were not asked for: bake prints another output than they have."""
    unknown: frozenset[str] = frozenset()
    """Fields that are not compared, for we do not know them."""


def read_definition(file: str, stdin: bytes) -> Definition:
    """Return what a file defines; `-` stands for `stdin`, which holds JSON of bake --print.

    Raises:
        CompileError: it cannot be read, or is wrong.
    """
    if file == "-":
        return _printed(_parsed(read_text(stdin, "stdin", limit=LIMIT), "stdin"), "stdin")
    path = Path(file)
    raw = _bytes(path, file)
    page = read_text(raw, file, limit=LIMIT)
    suffix = path.suffix.lower()
    if suffix == ".json" or (
        suffix not in {".hcl", ".yaml", ".yml"} and page.text.lstrip()[:1] == "{"
    ):
        parsed = _parsed(page, file)
        if _is_printed(parsed.data) or not path.is_file():
            return _printed(parsed)
        names = list(_mapping_at(parsed, "target", {}))
    else:
        names = _BLOCK.findall(page.text)
    return _baked(path, page, names)
