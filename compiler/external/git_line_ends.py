"""Which files of a commit have other bytes in a working tree than in the repository.

Git converts line ends by `core.autocrlf` and by the attributes `text` and `eol`, and a few files by
`ident` and `working-tree-encoding`. Attributes are over-approximated: a file that no line of a
`.gitattributes` can select is never converted.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from compiler.external.git_repository import read_small_file
from compiler.external.scratch import scratch_folder


if TYPE_CHECKING:
    from compiler.external.git_tree import CommitTree

ATTRIBUTES = ".gitattributes"
_SECONDS = 600
_PLAIN = re.compile(r"[^/\[\\\"]+")
"""Patterns that `fnmatch` understands as Git does, and that match names only."""


class Conversion(IntEnum):
    """How the bytes of a file in a working tree may differ from those in the repository."""

    NONE = 0
    TO_LF = 1
    """The repository may have fewer bytes: CRLF becomes LF when the file is added."""
    ANY = 2
    """A checkout writes other bytes."""


class Rule(NamedTuple):
    """The conversion of the files that a pattern matches."""

    pattern: str
    """Matches names, in lower case."""
    conversion: Conversion


class LineEnds:
    """The conversions of the files of one commit, by the attributes of then and of now."""

    def __init__(self, tree: "CommitTree", stack: ExitStack) -> None:
        """Take the commit, and a stack for a temporary folder."""
        self._tree, self._stack = tree, stack
        self._rules: dict[str, tuple[Rule, ...]] = {}
        self._exported: dict[str, frozenset[str]] = {}

    def conversion(self, folder: str, name: str) -> Conversion:
        """Return how Git may convert a file, by its folder relative to the top, and its name."""
        lower, conversion = name.lower(), Conversion.NONE
        for rule in self.rules(folder):
            if rule.conversion > conversion and fnmatchcase(lower, rule.pattern):
                conversion = rule.conversion
        return conversion

    def rules(self, folder: str) -> tuple[Rule, ...]:
        """Return the rules for the files in a folder; without any, no file is converted."""
        if folder not in self._rules:
            self._rules[folder] = tuple(self._read_rules(folder))
        return self._rules[folder]

    def checked_out(self, folder: str, name: str) -> str:
        """Return the path of a file that has the bytes which a checkout of the commit writes.

        Raises:
            GitError: Git cannot read the file.
        """
        if folder not in self._exported:
            opened = self._tree.folder(folder)
            paths = [
                f"{folder}/{each}" if folder else each
                for each, entry in (opened.entries.items() if opened is not None else ())
                if stat.S_ISREG(entry.mode) and self.conversion(folder, each) is Conversion.ANY
            ]
            self._tree.git.run(
                ("checkout-index", "--quiet", "-z", "--stdin", f"--prefix={self._scratch}/tree/"),
                b"".join(os.fsencode(path) + b"\0" for path in paths),
                timeout=_SECONDS,
                variables=self._index,
            )
            self._exported[folder] = frozenset(paths)
        return os.path.join(self._scratch, "tree", folder, name)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The size of each blob of the commit that the repository has, by object ID."""
        listed = self._tree.git.run(
            ("ls-tree", "-r", "-l", "-z", self._tree.commit), timeout=_SECONDS
        )
        fields = (line.partition(b"\t")[0].split() for line in listed.split(b"\0") if line)
        return {ident.decode(): int(size) for _, _, ident, size in fields if size.isdigit()}

    @cached_property
    def _scratch(self) -> str:
        return self._stack.enter_context(scratch_folder())

    @cached_property
    def _index(self) -> dict[str, str]:
        index = {"GIT_INDEX_FILE": os.path.join(self._scratch, "index")}
        self._tree.git.run(("read-tree", self._tree.commit), timeout=_SECONDS, variables=index)
        return index

    def _read_rules(self, folder: str) -> Iterator[Rule]:
        """Yield the rules for the files in a folder; those of the folders above come first."""
        yield from self.rules(folder.rpartition("/")[0]) if folder else self._general_rules()
        path = f"{folder}/{ATTRIBUTES}" if folder else ATTRIBUTES
        entry = self._tree.entry(path)
        if entry is not None:
            yield from self._parsed(self._tree.objects.read(entry.object_id))
        if entry is None or path in self._tree.differing:
            yield from self._parsed(_read(os.path.join(self._tree.top, path)))

    def _general_rules(self) -> Iterator[Rule]:
        """Yield the rules for all files: those of the configuration, and of files outside."""
        match self._settings.get("autocrlf", "").lower():
            case "input":
                yield Rule("*", Conversion.TO_LF)
            case "" | "false" | "no" | "off" | "0":
                pass
            case _:
                yield Rule("*", Conversion.ANY)
        common = self._tree.git.repository.common_dir
        yield from self._parsed(_read(os.path.join(common, "info", "attributes")))
        yield from self._parsed(_read(self._settings["attributesfile"]))

    @property
    def _settings(self) -> dict[str, str]:
        return dict(self._tree.git.settings)

    def _parsed(self, text: bytes) -> Iterator[Rule]:
        """Yield the rules of a file of attributes."""
        for line in os.fsdecode(text).splitlines():
            pattern, *attributes = line.split() or [""]
            conversion = max(map(self._effect, attributes), default=Conversion.NONE)
            if conversion and not pattern.startswith("#"):
                yield Rule(pattern.lower() if _PLAIN.fullmatch(pattern) else "*", conversion)

    def _effect(self, attribute: str) -> Conversion:
        """Return the conversion that an attribute can cause."""
        name, _, value = attribute.partition("=")
        if name in {"ident", "working-tree-encoding"} or (name == "eol" and value == "crlf"):
            return Conversion.ANY
        if name not in {"text", "crlf", "eol"}:
            return Conversion.NONE
        is_crlf = self._settings.get("eol", "").lower() == "crlf"
        return Conversion.ANY if is_crlf else Conversion.TO_LF


def _read(path: str) -> bytes:
    """Return the content of a file of attributes; empty if it cannot be read."""
    if not os.path.lexists(path):
        return b""
    with suppress(OSError):
        return read_small_file(path)
    return b""
