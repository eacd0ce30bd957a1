"""List what the instructions of a Dockerfile read from build contexts."""

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from compiler.render.dockerfile import ParsedDockerfile
from compiler.render.instruction_reads import sources


_WILD = re.compile(r"[*?\[\\]")


class ContextSource(NamedTuple):
    """A path that an instruction reads."""

    instruction: str
    """The keyword of the instruction."""
    line: int
    name: str
    """The named context, image or stage; empty for the build context."""
    word: str
    """The path as written, without quotes; with `$` if it is not known before the build."""
    wild: bool
    """Whether the path may contain wildcards."""
    excludes: tuple[str, ...] = ()
    """Patterns of paths below it that are not read."""

    @property
    def path(self) -> str:
        """The path relative to the context, normalised; empty for the whole context."""
        return posixpath.normpath(f"/{self.word}").lstrip("/")

    @property
    def is_pattern(self) -> bool:
        """Whether the path has wildcards."""
        return self.wild and _WILD.search(self.word) is not None


def context_sources(parsed: ParsedDockerfile) -> Iterator[ContextSource]:
    """Yield what a Dockerfile reads, the images and contexts of each `FROM` included."""
    for stage in parsed.stages:
        base = stage.base
        yield ContextSource("FROM", base.line, base.text, "", wild=False)
        for step in stage.instructions:
            for source in sources(step, parsed.escape):
                yield ContextSource(
                    step.keyword, step.line, source.name, source.path, source.wild, source.excludes
                )
