"""The rules of `.dockerignore`, as BuildKit applies them: the last pattern that matches decides."""

import posixpath
import re
from collections.abc import Iterable

from compiler.codes import Code
from compiler.render.path_patterns import compile_pattern
from compiler.render.pattern_escapes import PatternError
from compiler.source.project_files import FileError, Files


_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
)
_SPACE += "\u2028\u2029\u202f\u205f\u3000"
"""What Go's strings.TrimSpace removes; Python's strip removes more."""
_WILDCARD = re.compile(r"[*?\[\\]")
_MOST_BYTES = 1 << 20
"""Size of an ignore file above which it is rejected."""


def read_lines(content: bytes) -> tuple[str, ...]:
    r"""Return the lines of an ignore file as Go's bufio.ScanLines splits them, without a BOM.

    >>> read_lines(b"a\rb\r\nc")
    ('a\rb', 'c')
    """
    text = content.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape")
    return tuple(line.removesuffix("\r") for line in text.removesuffix("\n").split("\n"))


def read_ignore_file(files: Files, path: str) -> tuple[str, ...] | None:
    """Return the lines of an ignore file; None if it does not exist.

    A link to a missing file is an empty ignore file, and a folder is not an ignore file.

    Raises:
        FileError: it is not a regular file, too large, unreadable, or outside the folder of files.
    """
    if files.absent(path) or files.is_folder(path):
        return None
    try:
        return read_lines(files.read(path, limit=_MOST_BYTES))
    except FileError as error:
        if error.code is Code.MISSING_FILE:
            return ()
        raise


class _Pattern:
    """One pattern of an ignore file."""

    def __init__(self, text: str, negated: bool) -> None:  # noqa: FBT001 - unpacked
        self.negated = negated
        self.parts = text.split("/")
        self.matches = compile_pattern(text, is_ignore=True)


class IgnoreMatcher:
    """Matches paths with the patterns of an ignore file; the last pattern that matches decides.

    A pattern that matches a folder also matches everything below it.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        """Take the lines of the file.

        Raises:
            PatternError: BuildKit rejects one of them.
        """
        self._patterns = [
            _Pattern(*pattern) for line in lines if (pattern := _clean(line)) is not None
        ]
        self._folders: dict[str, tuple[int, bool]] = {"": (0, False)}

    def __bool__(self) -> bool:
        """Return whether there are any patterns."""
        return bool(self._patterns)

    def matches(self, path: str) -> bool:
        """Return whether a path is excluded."""
        parent = path.rpartition("/")[0]
        if parent not in self._folders:
            parts = parent.split("/")
            for depth in range(1, len(parts) + 1):
                folder = "/".join(parts[:depth])
                if folder not in self._folders:
                    above = self._folders["/".join(parts[: depth - 1])]
                    self._folders[folder] = self._match(folder, above[0])
        return self._match(path, self._folders[parent][0])[1]

    def may_include_below(self, folder: str) -> bool:
        """Return whether a `!` pattern could include a path below an excluded folder."""
        parts = folder.split("/")
        return any(
            pattern.negated and _may_match_below(pattern.parts, parts) for pattern in self._patterns
        )

    def _match(self, path: str, inherited: int) -> tuple[int, bool]:
        """Return which patterns match a path, as bits, and whether it is excluded.

        Args:
            path: relative to the context.
            inherited: the patterns that match its parent folder.
        """
        bits, excluded, bit = 0, False, 1
        for pattern in self._patterns:
            # A pattern that cannot change the result is not tried, and does not count below.
            if inherited & bit or (pattern.negated == excluded and pattern.matches(path)):
                bits |= bit
                excluded = not pattern.negated
            bit <<= 1
        return bits, excluded


def _clean(line: str) -> tuple[str, bool] | None:
    """Return a line's pattern and whether it is negated; None for a comment or an empty line."""
    if line.startswith("#"):
        return None
    text = line.strip(_SPACE)
    negated = text.startswith("!")
    if negated:
        text = text[1:].strip(_SPACE)
        if not text:
            raise PatternError("a pattern is missing after `!`")
    if not text:
        return None
    text = posixpath.normpath(re.sub("/+", "/", text))
    return text[1:] if len(text) > 1 and text.startswith("/") else text, negated


def _may_match_below(parts: list[str], folder: list[str]) -> bool:
    for part, name in zip(parts, folder, strict=False):
        if "**" in part:
            return True
        if not _WILDCARD.search(part) and part != name:
            return False
    return len(parts) > len(folder)
