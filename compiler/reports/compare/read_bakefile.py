"""An existing definition of builds, read by bake itself.

Takes a file; returns a `Definition`, or a `BakeFile` that bake evaluates several times. The file is
a bake file (HCL, JSON or compose), of which bake itself says what it means, or the JSON of `docker
buildx bake --print`. Refuses what bake refuses, in its own words.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A definition in the JSON of bake --print."""

    text: SourceText
    data: dict[str, Any]

    def definition(self) -> Definition:
        """Return the targets.

        Raises:
            CompileError: values have a wrong type.
        """
        return read_printed(self.text, self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeFile:
    """A definition that was read, and not evaluated yet unless bake printed it."""

    source: SourceText
    """Its text."""
    data: Mapping[str, Any] | None
    """Its content, if it is JSON."""
    path: Path | None
    """The file that bake can read; None for the JSON of bake --print."""
    names: tuple[str, ...]
    """Its targets, as far as they can be read from the text; used if bake cannot list."""

    def printed(self, environment: Mapping[str, str] | None = None) -> Printed:
        """Return the targets of the file, as bake prints them.

        Args:
            environment: the environment variables; default are those of this process.

        Raises:
            CompileError: bake rejects the file, or cannot be run.
        """
        if self.path is None:
            return Printed(text=self.source, data=dict(self.data or {}))
        return self._run(self._listed(environment), environment)

    def probed(
        self, probe: Path, targets: Iterable[str], environment: Mapping[str, str] | None = None
    ) -> Printed:
        """Return targets of another bake file, which sees the variables of this one.

        Args:
            probe: the other file; an absolute path.
            targets: its targets.
            environment: the environment variables; default are those of this process.

        Raises:
            CompileError: bake rejects the files, or cannot be run.
        """
        return self._run(targets, environment, "-f", str(probe))

    def _listed(self, environment: Mapping[str, str] | None) -> Iterable[str]:
        words = ("bake", "--list", "type=targets,format=json", "-f", self._name)
        ran = self._docker(environment, *words)
        if ran.returncode == 0:
            return _listed(ran.stdout)
        if b"unknown flag: --list" not in ran.stderr:
            self._refuse(ran.stderr)
        return self.names

    def _run(
        self, targets: Iterable[str], environment: Mapping[str, str] | None, *more: str
    ) -> Printed:
        words = ("bake", "--print", "-f", self._name, *more, "--", *dict.fromkeys(targets))
        ran = self._docker(environment, *words)
        if ran.returncode:
            self._refuse(ran.stderr)
        shown = f"{self.source.path}, as bake prints it"
        text = SourceText(shown, ran.stdout.decode(errors="replace"))
        return Printed(text=text, data=parse(text))

    @property
    def _name(self) -> str:
        name = self.path.name if self.path else ""
        return f"./{name}" if name.startswith("-") else name

    def _docker(self, environment: Mapping[str, str] | None, *words: str) -> buildx.Completed:
        """Run `docker buildx` in the folder of the file, and return its output."""
        folder = self.path.parent if self.path else None
        try:
            return buildx.run(words, cwd=folder, environment=environment)
        except buildx.BuildxError as error:
            refuse_file(
                self.source.path,
                code=CODE,
                message=f"{_NEEDED}, and cannot be run: {error.message}",
                help=f"{error.help}, {_ELSEWHERE}",
            )

    def _refuse(self, stderr: bytes) -> NoReturn:
        """Reject the file with the error of bake, at the location that it names."""
        page = self.source
        if self._docker(None, "version").returncode:
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
            line, column = max(1, int(refusal["line"])), max(1, int(refusal["column"]))
            where = page.at(page.offset(line, column))
        message = f"docker buildx bake rejects the file: {words or 'no reason is given'}"
        help_ = f"correct the file, {_ELSEWHERE}"
        raise CompileError([Diagnostic(code=CODE, message=message, location=where, help=help_)])


def read_definition(file: str) -> Definition:
    """Return what a file defines; `-` is stdin.

    A bake file defines every target in it, in a group or not, whose name does not begin with `_`,
    and those that its default group leads to.

    Raises:
        CompileError: it cannot be read, or is wrong.
    """
    with open_bakefile(file) as bakefile:
        return bakefile.printed().definition()


@contextmanager
def open_bakefile(file: str) -> Iterator[BakeFile]:
    """Read a file for bake; `-` is stdin, of which bake reads a temporary copy.

    Raises:
        CompileError: it cannot be read, or is neither a bake file nor printed by bake.
    """
    path, shown = Path(file), shown_name(file)
    remedy = "name a file, or `-` for stdin"
    raw = read_given(file or ".", what="the bake file", remedy=remedy, limit=LIMIT)
    if not raw.strip():
        refuse_file(shown, code=Code.EMPTY_FILE, message="the file is empty", help=REMEDY)
    data = None
    if _is_json(path, raw):
        page = read_text(raw, shown, limit=LIMIT)
        data = parse(page)
        if not is_source(data):
            yield BakeFile(source=page, data=data, path=None, names=())
            return
        names = _names(data)
    else:
        page = SourceText(shown, raw.decode(errors="replace"))
        names = _TARGET.findall(page.text)
        if _DEFAULT.search(page.text):
            names.append("default")
    bakefile = BakeFile(source=page, data=data, path=path, names=tuple(names))
    if path.is_file():
        yield bakefile
        return
    with scratch_folder() as folder:  # from stdin, or from a pipe
        copy = Path(folder, "bake-file")  # Without a suffix, bake accepts HCL, JSON and compose.
        copy.write_bytes(raw)
        yield replace(bakefile, path=copy)


def _is_json(path: Path, raw: bytes) -> bool:
    suffix = path.suffix.lower()
    return suffix == ".json" or (
        suffix not in {".hcl", ".yaml", ".yml"} and raw.lstrip().startswith(b"{")
    )


def _names(data: Mapping[str, Any]) -> list[str]:
    """Return the targets of a bake file in JSON, and its default group."""
    targets, groups = data.get("target"), data.get("group")
    names = [name for name in targets if name[:1] != "_"] if isinstance(targets, dict) else []
    if isinstance(groups, dict) and "default" in groups:
        names.append("default")
    return names


def _listed(stdout: bytes) -> list[str]:
    """Return the targets in a list of bake, and the default group."""
    entries = json.loads(stdout) or ()  # null where there are none
    return [
        entry["name"] for entry in entries if not entry.get("group") or entry["name"] == "default"
    ]
