"""The text of matrix.json, and which files are ours: listed there, or marked by our first comment.

Imports nothing slow, because an up-to-date run uses it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring

from compiler.constants import DOCKERFILE_SUFFIX, MARKER, PLAN_FILE, POLICY_FILE, TEST_SUFFIX
from compiler.external.json_object import load_object
from compiler.output.files import is_inside, read


VERSION = 1
"""The version of the format of matrix.json."""
PLAN_LINE = "# Plan: "
"""Begins the line, near the top of docker-bake.hcl, that names matrix.json with its folder."""

_SINGLE_FILES = frozenset({PLAN_FILE, POLICY_FILE})
"""Files of an output folder that are not Dockerfiles."""
_IDENTITY = ("target", "image", "axes", "variant", "dockerfile", "generated")
"""The fields on a target's first line; edits of a matrix rarely change them."""
_START, _ENCODED_START = "\1", '{"\\u0001": null, '
"""A key before the fields of a target; no field has this name."""
_MARK, _ENCODED_MARK = "\0", ', "\\u0000": null'
"""A key between the fields of the first line and the others; no field has this name."""
_HEAD = 4096
_COMMENT = re.compile(
    rb'^(?:(?:#|//|/\*|<!--)[ \t]*|\{"version": \d+, "generated": ")%s\b' % MARKER.encode(),
    re.MULTILINE,
)
_NAMED = re.compile(
    rb"^%s((?:[^\r\n]*/)?)%s\r?$" % (PLAN_LINE.encode(), PLAN_FILE.encode()), re.MULTILINE
)


def manifest(
    *,
    source: str,
    targets: Iterable[Mapping[str, object]],
    groups: Mapping[str, Iterable[str]],
    indexes: Iterable[Mapping[str, object]] = (),
) -> bytes:
    """Return the text of matrix.json.

    Its lines are arranged so that Git merges branches which edit different lines of a matrix: a
    target's first line, with what identifies it, and its last line keep changes of its fields apart
    from targets inserted before or after it. Commas begin lines, so that appending changes none.
    """
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode
    title = encode(f"{MARKER} from {source}; do not edit.")

    def marked(target: Mapping[str, object]) -> dict[str, object]:
        first = {name: target[name] for name in _IDENTITY if name in target}
        return {_START: None, **first, _MARK: None, **target}

    def arranged(text: str) -> str:
        identity, _, others = text.removesuffix(", ")[:-1].partition(_ENCODED_MARK)
        return f"{{{identity},\n    {others[2:]}\n   }}" if others else f"{{{identity}}}"

    # All targets are encoded at once, because an encoder takes longer to start than to encode one.
    # Quotes in values are escaped, so the marks are unambiguous.
    encoded = encode([*map(marked, targets)])[1:-1].split(_ENCODED_START)[1:]

    def group(name: str, members: Iterable[str]) -> str:
        listed = "\n   , ".join(map(encode_basestring, members))
        return f"{encode(name)}: [\n     {listed}\n   ]" if listed else f"{encode(name)}: []"

    shared = "\n , ".join(map(encode, indexes))
    pieces = (
        f'{{"version": {VERSION}, "generated": {title},\n "targets": [\n   ',
        "\n , ".join(map(arranged, encoded)),
        *(['\n ],\n "indexes": [\n   ', shared] if shared else ()),
        '\n ],\n "groups": {\n   ',
        "\n , ".join(group(*item) for item in groups.items()),
        "\n }\n}\n",
    )
    # A lone surrogate becomes \udc80: backslashreplace happens to write JSON.
    return "".join(pieces).encode(errors="backslashreplace")


def is_marked(content: bytes) -> bool:
    """Return whether our first comment is near the beginning of a file."""
    return _COMMENT.search(content, 0, _HEAD) is not None


def listed_files(plan: bytes) -> frozenset[str]:
    """Return the Dockerfiles that a matrix.json lists, test Dockerfiles included.

    Reads line by line, so that merge-conflict markers do not matter. A Dockerfile that is not named
    after its target was not written by us.
    """
    if not is_marked(plan):
        return frozenset()
    paths: set[str] = set()
    stem = ""
    for line in plan.split(b"\n"):
        entry = _fields(line)
        if "target" in entry:
            stem = str(entry.get("dockerfile")).removesuffix(DOCKERFILE_SUFFIX)
            is_ours = entry.get("generated") is not False
            if not is_ours or stem.rpartition("/")[2] != entry["target"]:
                stem = ""
        if stem:
            paths.add(stem + DOCKERFILE_SUFFIX)
            if entry.get("tests"):
                paths.add(stem + TEST_SUFFIX + DOCKERFILE_SUFFIX)
    return frozenset(paths)


def _fields(line: bytes) -> dict[str, object]:
    """Return the fields of a target that a line of matrix.json has; none if it is another line."""
    line = line.strip(b" ,\r")
    if not line.startswith((b'{"target": ', b'"context": ')):
        return {}
    line = line if line.startswith(b"{") else b"{" + line
    for end in (b"", b"}"):
        fields = load_object(line + end)
        if fields is not None:
            return fields
    return {}


def plan_folders(bake: bytes) -> list[str]:
    """Return the folder of matrix.json that a bake file of ours names; two in a merge conflict."""
    if not is_marked(bake):
        return []
    folders = [name.decode(errors="replace")[:-1] for name in _NAMED.findall(bake, 0, _HEAD)]
    return [folder for folder in dict.fromkeys(folders) if not folder or is_inside(folder)]


def is_leftover(name: str, folder: int) -> bool:
    """Return whether a file of an output folder has our first comment, so that it may be stale."""
    try:
        is_candidate = name in _SINGLE_FILES or name.endswith(DOCKERFILE_SUFFIX)
        return is_candidate and is_marked(read(name, folder))
    except OSError:
        return False
