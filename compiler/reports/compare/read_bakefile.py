"""An existing definition of builds, read by bake itself.

Takes a file and returns a `Definition`. The file is a bake file (HCL, JSON or compose), of which
bake itself says what it means, or the JSON of `docker buildx bake --print`. Refuses what bake
refuses, in its own words.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location
from compiler.external import buildx
from compiler.external.scratch import scratch_folder
from compiler.output.definition import Definition
from compiler.reports.compare.read_print_json import CODE, REMEDY, is_source, parse, read_printed
from compiler.source.argument_file import read_given, shown_name
from compiler.source.positions import SourceText, read_text, refuse_file


LIMIT = 64 << 20
"""Maximum size in bytes, enough for tens of thousands of targets."""

_TARGET = re.compile(r'^[ \t]*target[ \t]+"?([a-zA-Z0-9][\w-]*)"?[ \t]*\{', re.MULTILINE | re.ASCII)
_DEFAULT = re.compile(r'^[ \t]*group[ \t]+"?default"?[ \t]*\{', re.MULTILINE)
_REFUSAL = re.compile(
    r"^ERROR: (?:[^\s:]+:(?P<line>\d{1,7}),(?P<column>\d{1,7})\S*: )?(?P<text>.*)",
    re.MULTILINE | re.DOTALL,
)
_NEEDED = "`docker buildx bake` is needed to read this file"
_ELSEWHERE = "or use the JSON that `docker buildx bake --print` prints on another machine"
_LONGEST = 500
"""Maximum number of characters that are quoted from bake."""


def read_definition(file: str) -> Definition:
    """Return what a file defines; `-` is stdin.

    A bake file defines every target in it, in a group or not, whose name does not begin with `_`,
    and those that its default group leads to.

    Raises:
        CompileError: it cannot be read, or is wrong.
    """
    path, shown = Path(file), shown_name(file)
    remedy = "name a file, or `-` for stdin"
    raw = read_given(file or ".", what="the bake file", remedy=remedy, limit=LIMIT)
    if not raw.strip():
        refuse_file(shown, code=Code.EMPTY_FILE, message="the file is empty", help=REMEDY)
    if _is_json(path, raw):
        page = read_text(raw, shown, limit=LIMIT)
        data = parse(page)
        if not is_source(data):
            return read_printed(page, data)
        names = _names(data)
    else:
        page = SourceText(shown, raw.decode(errors="replace"))
        names = _TARGET.findall(page.text)
        if _DEFAULT.search(page.text):
            names.append("default")
    if path.is_file():
        return _baked(path, page, names)
    with scratch_folder() as folder:  # from stdin, or from a pipe
        copy = Path(folder, "bake-file")  # Without a suffix, bake accepts HCL, JSON and compose.
        copy.write_bytes(raw)
        return _baked(copy, page, names)


def _is_json(path: Path, raw: bytes) -> bool:
    suffix = path.suffix.lower()
    return suffix == ".json" or (
        suffix not in {".hcl", ".yaml", ".yml"} and raw.lstrip().startswith(b"{")
    )


def _names(data: Mapping[str, Any]) -> list[str]:
    """Return the targets of a bake file in JSON, and its default group."""
    targets, groups = data.get("target"), data.get("group")
    found = [name for name in targets if name[:1] != "_"] if isinstance(targets, dict) else []
    if isinstance(groups, dict) and "default" in groups:
        found.append("default")
    return found


def _baked(path: Path, page: SourceText, names: Iterable[str]) -> Definition:
    """Return the definition of a bake file, as bake prints it.

    Args:
        path: the bake file.
        page: its text.
        names: its targets, as far as they can be read from the text; used if bake cannot list.
    """
    name = f"./{path.name}" if path.name.startswith("-") else path.name
    listed = _docker(path, page, "bake", "--list", "type=targets,format=json", "-f", name)
    if listed.returncode == 0:
        names = _listed(listed.stdout)
    elif b"unknown flag: --list" not in listed.stderr:
        _refuse(listed.stderr, path, page)
    asked = dict.fromkeys(names)
    ran = _docker(path, page, "bake", "--print", "-f", name, "--", *asked)
    if ran.returncode:
        _refuse(ran.stderr, path, page)
    printed = SourceText(f"{page.path}, as bake prints it", ran.stdout.decode(errors="replace"))
    return read_printed(printed, parse(printed))


def _listed(stdout: bytes) -> list[str]:
    """Return the targets in a list of bake, and the default group."""
    entries = json.loads(stdout) or ()  # null where there are none
    return [
        entry["name"] for entry in entries if not entry.get("group") or entry["name"] == "default"
    ]


def _docker(path: Path, page: SourceText, *words: str) -> buildx.Completed:
    """Run `docker buildx` in the folder of a file, and return its output."""
    try:
        return buildx.run(words, cwd=path.parent)
    except buildx.BuildxError as error:
        refuse_file(
            page.path,
            code=CODE,
            message=f"{_NEEDED}, and cannot be run: {error.message}",
            help=f"{error.help}, {_ELSEWHERE}",
        )


def _refuse(stderr: bytes, path: Path, page: SourceText) -> NoReturn:
    """Reject a file with the error of bake, at the location that it names."""
    if _docker(path, page, "version").returncode:
        refuse_file(
            page.path,
            code=CODE,
            message=f"{_NEEDED}, and docker has no buildx plugin",
            help=f"install Docker's buildx plugin, {_ELSEWHERE}",
        )
    refusal = _REFUSAL.search(stderr.decode(errors="replace"))
    words = buildx.reason(refusal["text"].encode() if refusal else stderr, limit=_LONGEST)
    where = Location(path=page.path, line=0)
    if refusal and refusal["line"]:
        where = page.at(page.offset(max(1, int(refusal["line"])), max(1, int(refusal["column"]))))
    message = f"docker buildx bake rejects the file: {words or 'no reason is given'}"
    help_ = f"correct the file, {_ELSEWHERE}"
    raise CompileError([Diagnostic(code=CODE, message=message, location=where, help=help_)])
