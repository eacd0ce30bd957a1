"""Determine what one instruction of a Dockerfile reads, besides the layers below it."""

from collections.abc import Iterator
from typing import NamedTuple

from compiler.external.addresses import is_address
from compiler.render.dockerfile import Instruction
from compiler.render.dockerfile_words import mount_options
from compiler.render.word_syntax import is_special


_UNREADABLE = {"source": "$", "from": "$"}
"""Options of a mount that cannot be parsed: it may read anything."""


class Source(NamedTuple):
    """A path that an instruction reads."""

    name: str
    """The image, stage or context that it reads from; empty for the build context."""
    path: str
    """Relative to that; with `$` if it is not known before the build."""
    wild: bool
    """Whether the path may contain wildcards."""
    excludes: tuple[str, ...] = ()
    """Patterns of paths below it that are not read; empty if that cannot be determined."""
    parents: bool = False
    """Whether it is copied with the folders above it: `**` spans folders, links stay links."""


def sources(instruction: Instruction, escape: str) -> Iterator[Source]:
    """Yield what an instruction reads, besides the layers below it."""
    if instruction.keyword == "RUN":
        for flag in instruction.flags:
            key, _, value = flag.partition("=")
            if key == "--mount":
                yield from _mounted(value)
    elif instruction.keyword in {"COPY", "ADD"}:
        flags = dict(flag.partition("=")[::2] for flag in instruction.flags)
        name = flags.get("--from", "")
        excludes = _excludes(instruction)
        parents = flags.get("--parents", "false").lower() != "false"
        for argument in instruction.arguments[:-1]:
            if is_heredoc(argument, instruction):
                continue
            path = _unquoted(argument, escape)
            if not (instruction.keyword == "ADD" and is_address(path)):
                yield Source(name, path, wild=True, excludes=excludes, parents=parents)


def _excludes(instruction: Instruction) -> tuple[str, ...]:
    """Return the patterns of `--exclude`; empty if they need variables or include paths again."""
    option = "--exclude="
    patterns = [flag.removeprefix(option) for flag in instruction.flags if flag.startswith(option)]
    if any("$" in pattern or not pattern or pattern[0] in "!#/ " for pattern in patterns):
        return ()
    return tuple(sorted(patterns))


def is_heredoc(argument: str, instruction: Instruction) -> bool:
    """Return whether an argument is the beginning of a here-document."""
    if "<<" not in argument or not instruction.heredocs:
        return False
    from e2b_dockerfile_utils import parse_heredoc

    document = parse_heredoc(argument)
    names = (doc.name for doc in instruction.heredocs)
    return document is not None and document.name in names


def _unquoted(word: str, escape: str) -> str:
    """Return a word as BuildKit reads it: `$` if invalid, unchanged if it has variables."""
    if "$" in word or not is_special(word, escape):
        return word
    from e2b_dockerfile_utils import ShellLex

    try:
        return ShellLex(escape).process_word(word)
    except ValueError:
        return "$"


def _mounted(value: str) -> Iterator[Source]:
    """Yield what a `--mount` reads: a bind mount, or a cache with initial content."""
    options = mount_options(value)
    options = _UNREADABLE if options is None else options
    kind, name = options.get("type", "bind"), options.get("from", "")
    if kind == "bind" or "$" in kind or (kind == "cache" and name):
        yield Source(name, options.get("source", ""), wild=False)
