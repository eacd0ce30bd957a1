"""The paths of one context that the instructions of a Dockerfile can read."""

import posixpath
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from compiler.render.instruction_reads import Source


_WILD = re.compile(r"[*?\[\\]")


class Reach(NamedTuple):
    """The paths of one context that can be read."""

    paths: tuple[str, ...] = ()
    """Files and folders, relative to the context, without `.` and `..`; sorted."""
    patterns: tuple[str, ...] = ()
    """Paths with wildcards, in the syntax of COPY; sorted."""
    whole: str = ""
    """The instruction because of which the whole context counts; empty if only `paths` count."""
    partial: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Folders of which the paths that patterns match are not read; sorted."""
    parents: tuple[str, ...] = ()
    """Paths of `COPY --parents`, with or without wildcards; `**` spans folders. Sorted."""


@dataclass(slots=True)
class GatheredPaths:
    """Collects paths of one context."""

    paths: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    partial: set[tuple[str, tuple[str, ...]]] = field(default_factory=set)
    parents: set[str] = field(default_factory=set)
    whole: str = ""

    def add(self, source: Source, because: str) -> None:
        """Add one source of an instruction."""
        if "$" in source.path:
            self.whole = self.whole or because
            return
        clean = posixpath.normpath(f"/{source.path}").lstrip("/")
        match = _WILD.search(clean) if source.wild else None
        # The matcher of ignore files differs from COPY in these.
        is_special = clean.startswith(("!", "#", " ")) or clean.endswith(" ") or "\\" in clean
        if source.parents and clean and not is_special:
            self.parents.add(clean)
            return
        if match is not None:
            if not is_special:  # in COPY without `--parents`, `**` is `*`
                self.patterns.add(re.sub(r"\*+", "*", clean))
                return
            clean = clean[: match.start()].rpartition("/")[0]
        elif source.excludes:
            self.partial.add((clean, source.excludes))
            return
        if clean:
            self.paths.add(clean)
        else:
            self.whole = self.whole or because

    def reach(self) -> Reach:
        """Return the collected paths; none if the whole context counts."""
        if self.whole:
            return Reach(whole=self.whole)
        return Reach(
            paths=tuple(sorted(self.paths)),
            patterns=tuple(sorted(self.patterns)),
            partial=tuple(sorted(self.partial)),
            parents=tuple(sorted(self.parents)),
        )


def source_reach(source: Source) -> Reach:
    """Return the paths of a context that one source of an instruction can read."""
    gathered = GatheredPaths()
    gathered.add(source, "its source")
    return gathered.reach()
