"""The frame of matrix.json: it seals what went in and what came out, and tells if all still stands.

A run with nothing to do ends here: nothing is imported that takes longer than reading the files
(no dataclasses, typing or pathlib), and the targets, by far the most of the plan, are never parsed.
"""

import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from hashlib import sha256

from compiler.constants import BAKE_FILE, DOCKERFILE_SUFFIX, FOLDER, MARKER, PLAN_FILE


STAGING = ".compile-matrix.tmp"
"""The folder, in each folder written to, where new contents wait; one that lies about is a rest."""
PLAN_LINE = "# Plan: "
"""Begins the line, near the top of docker-bake.hcl, that names the plan with its folder."""
VERSION = 1

READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK  # No named pipe makes us wait.
OURS = READ | os.O_NOFOLLOW  # A generated file is no link.
OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY

_HEAD = 4096
_CHUNK = 1 << 13
_COMMENT = re.compile(
    rb'^(?:(?:#|//|/\*)[ \t]*|\{"version": \d+, "generated": ")%s\b' % MARKER.encode(), re.MULTILINE
)
_NAMED = re.compile(
    rb"^%s((?:[^\r\n]*/)?)%s\r?$" % (PLAN_LINE.encode(), PLAN_FILE.encode()), re.MULTILINE
)
_SECTION = re.compile(rb'^ "(\w+)": [\[{]')
_ENTRY = re.compile(rb'^  ("(?:[^"\\]|\\.)+"): "sha256:[0-9a-f]{64}",?\r?$')


class Record:
    """What the last run said: output folder, warnings as sealed, counts, the first Dockerfile."""

    __slots__ = ("files", "first", "output", "targets", "warnings")

    def __init__(
        self, *, output: str, warnings: list[object], targets: int, files: int, first: str
    ) -> None:
        self.output = output
        self.warnings = warnings
        self.targets = targets
        self.files = files
        self.first = first


def digest(content: bytes) -> str:
    """Return the digest of a file's bytes as the plan records it."""
    return "sha256:" + sha256(content).hexdigest()


def seal(
    *,
    source: str,
    compiler: str,
    inputs: Mapping[str, str | None],
    outputs: Mapping[str, str],
    warnings: Iterable[object],
    targets: Iterable[object],
    groups: Mapping[str, object],
) -> bytes:
    """Return matrix.json: valid JSON, one entry a line, with a digest of itself.

    Takes inputs by path relative to the project's folder, the matrix file first: a digest, FOLDER,
    or None for one that was looked for and is absent. Outputs are all the others: not the plan.
    """
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode

    def section(name: str, marks: str, lines: Iterable[str]) -> tuple[str, str, str]:
        # Pieces, for what is large is not to be copied again and again.
        body = ",\n  ".join(lines)
        start, end = ("\n  ", "\n ") if body else ("", "")
        return f',\n "{name}": {marks[0]}{start}', body, f"{end}{marks[1]}"

    def entries(mapping: Mapping[str, object]) -> Iterable[str]:
        return (f"{encode(key)}: {encode(value)}" for key, value in mapping.items())

    title = encode(f"{MARKER} from {source}; do not edit.")
    # A lone surrogate becomes \udc80: backslashreplace happens to write JSON.
    first = f'{{"version": {VERSION}, "generated": {title},\n'.encode(errors="backslashreplace")
    pieces = (
        f' "compiler": {encode(compiler)}',
        *section("inputs", "{}", entries(inputs)),
        *section("outputs", "{}", entries(outputs)),
        *section("warnings", "[]", map(encode, warnings)),
        *section("targets", "[]", map(encode, targets)),
        *section("groups", "{}", entries(groups)),
        "\n}\n",
    )
    rest = "".join(pieces).encode(errors="backslashreplace")
    return b"".join((first, _digest_line(first, rest), rest))


def _digest_line(first: bytes, rest: bytes | memoryview) -> bytes:
    own = sha256(first)
    own.update(rest)
    return b' "digest": "sha256:%s",\n' % own.hexdigest().encode()


def bears(content: bytes) -> bool:
    """Tell whether these bytes, or the first of a file, bear our first comment."""
    return _COMMENT.search(content, 0, _HEAD) is not None


def listed(plan: bytes) -> frozenset[str]:
    """Return the outputs that a plan lists, even one with merge-conflict markers."""
    paths: list[str] = []
    name = b""
    for line in plan.split(b"\n"):
        if section := _SECTION.match(line):
            name = section[1]
        elif name == b"outputs" and (entry := _ENTRY.match(line)):
            try:
                paths.append(json.loads(entry[1]))
            except ValueError:  # An escape or bytes that we never write.
                continue
    return frozenset(paths) if bears(plan) else frozenset()


def plans(bake: bytes) -> list[str]:
    """Return the folders whose plans a bake file of ours names: one, or two in a merge conflict."""
    if not bears(bake):
        return []
    folders = [found.decode(errors="replace")[:-1] for found in _NAMED.findall(bake, 0, _HEAD)]
    return [folder for folder in dict.fromkeys(folders) if not folder or is_inside(folder)]


def is_inside(path: str) -> bool:
    """Tell whether a path is relative, in its shortest form, and stays below where it starts."""
    return "\0" not in path and not {"", ".", ".."}.intersection(path.split("/"))


def leads_inside(root: str | os.PathLike[str], path: str) -> bool:
    """Tell whether a path, all links followed, still lies in the project's folder."""
    top = os.path.realpath(root)
    return os.path.commonpath((top, os.path.realpath(f"{top}/{path}"))) == top


def read(name: str, folder: int, flags: int = OURS) -> bytes:
    """Return the bytes of a file in an open folder; waits for nothing, whatever it is."""
    file = os.open(name, flags, dir_fd=folder)
    try:
        content = os.read(file, _CHUNK)
        if len(content) < _CHUNK:
            return content
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"not a file: {name}")
        chunks = [content]
        while content := os.read(file, max(status.st_size - _CHUNK, _CHUNK)):
            chunks.append(content)
        return b"".join(chunks)
    finally:
        os.close(file)


def is_rest(name: str, folder: int) -> bool:
    """Tell whether a file that no plan lists is one of ours all the same."""
    try:
        return (name == PLAN_FILE or name.endswith(DOCKERFILE_SUFFIX)) and bears(read(name, folder))
    except OSError:
        return False


def unchanged(
    root: str | os.PathLike[str], matrix: str, *, compiler: str, output: str | None = None
) -> Record | None:
    """Return the record of the last run if running again would change nothing, else None.

    Takes the project's folder, the matrix file's path in it, and the text that `seal` was given as
    `compiler`. Promises to write nothing and to raise nothing, whatever the files hold.
    """
    opened: list[int] = []
    try:
        opened.append(os.open(root, OPEN))
        bake = read(BAKE_FILE, opened[0])
        (folder,) = plans(bake)
        if (output not in {None, folder}) or not leads_inside(root, folder):
            return None
        opened.append(os.open(folder or ".", OPEN, dir_fd=opened[0]))
        return _verify(folder, opened[0], opened[1], matrix, compiler)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _verify(output: str, top: int, folder: int, matrix: str, compiler: str) -> Record | None:
    plan = read(PLAN_FILE, folder)
    second = plan.index(b"\n") + 1
    third = plan.index(b"\n", second) + 1
    if plan[second:third] != _digest_line(plan[:second], memoryview(plan)[third:]):
        return None
    # No JSON string holds a bare newline, so this is where the targets begin.
    targets = plan.index(b'\n "targets": [', third)
    frame = json.loads(plan[:targets].rstrip(b",") + b"}")
    inputs, outputs, warnings = frame["inputs"], frame["outputs"], frame["warnings"]
    files = len(outputs) + 1
    first = next(iter(outputs), "").rpartition("/")[2]
    stands = (
        (frame["version"], frame["compiler"]) == (VERSION, compiler)
        and list(inputs)[:1] == [matrix]
        and isinstance(warnings, list)
        and STAGING not in os.listdir(top)
        and all(_input_stands(path, recorded, top) for path, recorded in inputs.items())
        and outputs.pop(BAKE_FILE) == digest(read(BAKE_FILE, top))
        and _outputs_stand(outputs, output + "/" if output else "", folder)
    )
    if not stands:
        return None
    count = plan.count(b"\n  {", targets)
    return Record(output=output, warnings=warnings, targets=count, files=files, first=first)


def _input_stands(path: str, recorded: str | None, top: int) -> bool:
    """Tell whether an input is what the record says."""
    if not is_inside(path) and (path, recorded) != (".", FOLDER):
        return False
    try:
        if recorded == FOLDER:
            return stat.S_ISDIR(os.stat(path, dir_fd=top).st_mode)
        return digest(read(path, top, READ)) == recorded
    except (FileNotFoundError, NotADirectoryError):
        return recorded is None


def _outputs_stand(outputs: Mapping[str, str], prefix: str, folder: int) -> bool:
    """Tell whether the output folder holds each of these as recorded, and no other of ours."""
    rests = set(os.listdir(folder)) - {PLAN_FILE}
    start = len(prefix)
    for path, recorded in outputs.items():
        name = path[start:]
        if not path.startswith(prefix) or "/" in name:
            return False
        # What `read` does, without a call for each of very many files.
        file = os.open(name, OURS, dir_fd=folder)
        try:
            content = os.read(file, _CHUNK)
        finally:
            os.close(file)
        if len(content) == _CHUNK:
            content = read(name, folder)
        if "sha256:" + sha256(content).hexdigest() != recorded:
            return False
        rests.discard(name)
    return STAGING not in rests and not any(is_rest(name, folder) for name in rests)
