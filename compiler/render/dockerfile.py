"""Read a Dockerfile: its stages, its instructions, and the images that it names.

`read` is the only reader of Dockerfiles in this project. Locks ask which images are needed,
fingerprints which files, CI jobs which steps. A position is either exact or `UNKNOWN`. A text that
BuildKit's parser rejects is an error unless another frontend reads it.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from compiler.constants import MAX_STAGES
from compiler.render.dockerfile_json import parse_ast
from compiler.render.dockerfile_words import UNKNOWN, Words, mount_options
from compiler.render.frontends import is_foreign, syntax_directive
from compiler.render.onbuild_heredocs import parse, trigger


if TYPE_CHECKING:
    from e2b_dockerfile_utils import DockerfileInstruction


_REMEMBERED = 16_384
"""Texts whose parse is kept: more than one run usually reads."""

_READING = frozenset({"COPY", "RUN", "ADD"})
"""Instructions that can read from images, stages and contexts."""


class Word(NamedTuple):
    """An image name in an instruction."""

    text: str
    """As written, with variables; without quotes if it is part of a flag."""
    end: int
    """Offset of its end in the Dockerfile, before a closing quote, or `UNKNOWN`."""
    line: int
    """From 1."""
    inherited: bool = False
    """Whether it is part of an `ONBUILD`, which only child images run."""


class Argument(NamedTuple):
    """An `ARG` before the first `FROM`."""

    name: str
    default: str | None
    end: int
    """Offset of the default's end, before a closing quote, or `UNKNOWN`."""


class Heredoc(NamedTuple):
    """A here-document of an instruction."""

    name: str
    content: str
    expands: bool
    """Whether variables in it are expanded in files: the name has no quotes."""


class Instruction(NamedTuple):
    """One instruction, continuation lines joined."""

    keyword: str
    """In upper case."""
    text: str
    flags: tuple[str, ...]
    """`--name=value`, without quotes."""
    arguments: tuple[str, ...]
    """What follows the flags, split as the keyword requires, with quotes."""
    is_json: bool
    heredocs: tuple[Heredoc, ...]
    images: tuple[Word, ...]
    """What `--from` and mounts name: images, stages or named contexts."""
    line: int
    last_line: int
    pattern: str = ""
    """The text with `…` for each word that its template printed, if that is known."""


class Stage(NamedTuple):
    """A `FROM` and the instructions up to the next one."""

    name: str
    """In lower case; empty without `AS`."""
    base: Word
    platform: str
    """The value of `--platform`, or empty."""
    text: str
    """The `FROM` instruction."""
    instructions: tuple[Instruction, ...] = ()


class ParsedDockerfile(NamedTuple):
    """A Dockerfile as BuildKit's parser reads it."""

    escape: str
    syntax: Word | None
    """The frontend that the text names."""
    arguments: tuple[Argument, ...]
    stages: tuple[Stage, ...]
    instructions: tuple[Instruction, ...]
    """All of them, in order."""
    understood: bool = True
    """False if another frontend reads the text and this parser cannot."""
    frontend: str = ""
    """The frontend that reads the text; empty for the one in BuildKit."""

    @property
    def foreign(self) -> bool:
        """Whether a frontend other than BuildKit's own reads the text."""
        return is_foreign(self.frontend)


class DockerfileError(ValueError):
    """A text that is not a valid Dockerfile: the reason, and the line (0 if unknown)."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def read(text: str, frontend: str = "") -> ParsedDockerfile:
    """Parse a Dockerfile; each distinct text is parsed once.

    Args:
        text: the Dockerfile.
        frontend: the frontend that the build arguments name; empty if the text decides.

    Raises:
        DockerfileError: the text is not a valid Dockerfile.
    """
    return read_once(text, frontend)


@lru_cache(maxsize=_REMEMBERED)
def read_once(text: str, frontend: str) -> ParsedDockerfile:
    """Return what `read` returns; its results are kept."""
    named = syntax_directive(text)
    syntax = Word(named.word, named.end, named.line) if named else None
    frontend = frontend or (named.word if named else "")
    try:
        tree, triggers = parse(text)
        parsed = _Reader(text, tree.escape_token, triggers).read(tree.instructions, syntax)
        return parsed._replace(frontend=frontend)
    except (ValueError, RecursionError) as error:
        unread = ParsedDockerfile("\\", syntax, (), (), (), understood=False, frontend=frontend)
        if unread.foreign:
            return unread
        message = str(error).removeprefix("Dockerfile parse error").lstrip(": ")
        message = re.sub(r"^on line \d+: ", "", message) or "it is nested too deeply"
        raise DockerfileError(message, getattr(error, "line", None) or 0) from None


class _Reader:
    """Turns the instructions of one text into stages with positions."""

    def __init__(self, text: str, escape: str, triggers: frozenset[int]) -> None:
        self.escape, self.triggers = escape, triggers
        self.words = Words(text, escape)

    def read(
        self, parsed: "Sequence[DockerfileInstruction]", syntax: Word | None
    ) -> ParsedDockerfile:
        arguments: list[Argument] = []
        stages: list[Stage] = []
        instructions = [self._instruction(step) for step in parsed]
        first = len(instructions)
        for n in reversed(range(len(instructions))):
            if instructions[n].keyword == "FROM":
                stages.append(self._stage(instructions[n], tuple(instructions[n + 1 : first])))
                first = n
        if len(stages) > MAX_STAGES:
            raise DockerfileError(f"more than {MAX_STAGES:,} stages", 0)
        for instruction in instructions[:first]:
            if instruction.keyword == "ARG":
                arguments += self._arguments(instruction)
        return ParsedDockerfile(
            self.escape, syntax, tuple(arguments), tuple(reversed(stages)), tuple(instructions)
        )

    def _instruction(self, step: "DockerfileInstruction") -> Instruction:
        instruction = _converted(step)
        if step.start_line in self.triggers:
            lines = self.words.text.split("\n")[step.start_line - 1 : step.end_line]
            images = tuple(self._images(instruction, 2, inherited=True))
            text = "\n".join(lines).strip()
            return instruction._replace(
                keyword="ONBUILD", text=text, flags=(), arguments=(), images=images
            )
        if step.flags and step.name in _READING:
            return instruction._replace(images=tuple(self._images(instruction)))
        if step.name == "ONBUILD":
            return instruction._replace(images=tuple(self._inherited(instruction)))
        return instruction

    def _stage(self, step: Instruction, instructions: tuple[Instruction, ...]) -> Stage:
        name = step.arguments[0] if step.arguments else ""
        end = self.words.base_end(step.line, step.last_line, name)
        named = len(step.arguments) == 3 and step.arguments[1].lower() == "as"  # noqa: PLR2004
        platforms = [flag for flag in step.flags if flag.startswith("--platform=")]
        return Stage(
            name=step.arguments[2].lower() if named else "",
            base=Word(name, end, step.line),
            platform=platforms[-1].partition("=")[2] if platforms else "",
            text=step.text,
            instructions=instructions,
        )

    def _arguments(self, step: Instruction) -> Iterator[Argument]:
        spans = [*self.words.spans(step.line, step.last_line)]
        exact = tuple(self.words.text[start:stop] for start, stop in spans) == step.arguments
        for n, argument in enumerate(step.arguments):
            name, equals, default = argument.partition("=")
            end = UNKNOWN
            if exact and equals:
                quoted = len(default) > 1 and default[0] == default[-1] and default[0] in "\"'"
                plain = not quoted or default.count(default[0]) == 2  # noqa: PLR2004
                end = spans[n][1] - (quoted and plain)
            yield Argument(name, default if equals else None, end)

    def _images(
        self, step: Instruction, keywords: int = 1, *, inherited: bool = False
    ) -> Iterator[Word]:
        """Yield what `--from` and mounts name."""
        option = "--mount=" if step.keyword == "RUN" else "--from="
        if not any(flag.startswith(option) for flag in step.flags):
            return
        spans = [*self.words.spans(step.line, step.last_line, keywords)][: len(step.flags)]
        for n, flag in enumerate(step.flags):
            if not flag.startswith(option):
                continue
            name = flag.removeprefix(option)
            if option == "--mount=":
                name = (mount_options(name) or {}).get("from", "")
            if name:
                end = self.words.source_end(spans[n], name) if n < len(spans) else UNKNOWN
                yield Word(name, end, step.line, inherited)

    def _inherited(self, step: Instruction) -> Iterator[Word]:
        """Yield what the instruction after `ONBUILD` names."""
        text = trigger(step.text)
        if text and text.split(None, 1)[0].upper() in _READING:
            for inner in parse_ast(text).instructions[:1]:
                instruction = _converted(inner)._replace(line=step.line, last_line=step.last_line)
                yield from self._images(instruction, 2, inherited=True)


def _converted(step: "DockerfileInstruction") -> Instruction:
    # Quotes do not join the paths of a COPY.
    is_list = step.name in {"ADD", "COPY"} and not step.json
    return Instruction(
        keyword=step.name,
        text=step.original,
        flags=tuple(step.flags),
        arguments=Words.split_plainly(step.original, step.args) if is_list else tuple(step.args),
        is_json=step.json,
        heredocs=tuple(Heredoc(doc.name, doc.content, doc.expand) for doc in step.heredocs),
        images=(),
        line=step.start_line,
        last_line=step.end_line,
    )
