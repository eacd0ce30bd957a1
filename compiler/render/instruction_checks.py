"""Check single instructions: what BuildKit rejects although its parser reads it.

BuildKit examines the flags and the number of arguments of every instruction, but values only in
stages that it builds.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import did_you_mean
from compiler.render.dockerfile import Instruction
from compiler.render.git_queries import contradiction, invalid_option, unknown_option
from compiler.render.instruction_flags import (
    flag_values,
    invalid_flag,
    known_flags,
    misread_character,
    switch,
    unknown_flag,
)
from compiler.render.instruction_rules import invalid_from, reason_to_reject
from compiler.render.instruction_values import CHECKED_VALUES, invalid_value
from compiler.render.mount_rules import mount_problem
from compiler.render.shapes import is_marked
from compiler.render.stage_folders import Folder
from compiler.render.step_words import known_word
from compiler.render.word_syntax import invalid_word


_NEWER = "if a newer BuildKit has this flag, name its frontend: `# syntax=docker/dockerfile:1`"
_CORRECT = "correct the template"
_WRITE_FROM = "write `FROM image [AS name]`; a line that ends in `%}` loses its newline"
_SHOWN = 80
"""Characters of an instruction that a message shows."""


class Checked(NamedTuple):
    """An instruction, and what its check depends on."""

    instruction: Instruction
    escape: str
    """The Dockerfile's escape character."""
    names_frontend: bool
    """Whether a frontend is named for the Dockerfile, which may know other flags."""
    folder: Folder = Folder()
    """The working folder."""
    values: Mapping[str, str] = MappingProxyType({})
    """The variables whose values are known."""


class Problem(NamedTuple):
    """Why BuildKit rejects an instruction."""

    reason: str
    help: str = _CORRECT
    is_late: bool = False
    """Whether BuildKit rejects it only in a stage that it builds."""
    argument: str = ""
    """The `ARG` that does not matter if the target overrides it."""
    depends_on_folder: bool = False
    """Whether BuildKit rejects it because of the working folder."""
    code: Code = Code.DOCKERFILE_SYNTAX


def problems(checked: Checked) -> Iterator[Problem]:
    """Yield why BuildKit rejects an instruction."""
    instruction, escape, folder = checked.instruction, checked.escape, checked.folder
    if problem := _problem_of_words(checked):
        yield problem
    elif instruction.keyword == "RUN":
        for value in flag_values(instruction, "mount"):
            if mount := mount_problem(value, escape, folder, checked.values):
                yield Problem(
                    mount.reason,
                    is_late=mount.is_late,
                    depends_on_folder=mount.depends_on_folder,
                )
    elif instruction.keyword == "ARG":
        for argument in instruction.arguments:
            key, _, value = argument.partition("=")
            if reason := invalid_word(value, escape):
                yield Problem(reason, is_late=True, argument=key)
    elif reason := invalid_value(instruction, escape, checked.values):
        yield Problem(reason, is_late=True)
    elif instruction.keyword in {"ADD", "COPY"} and ("?" in instruction.text or checked.values):
        yield from _problems_of_repositories(checked)


def _problems_of_repositories(checked: Checked) -> Iterator[Problem]:
    """Yield why BuildKit rejects the options of Git repositories."""
    instruction = checked.instruction
    [checksum, *_] = (*flag_values(instruction, "checksum"), "")
    checksum = known_word(checksum, checked.values, checked.escape) or ""
    for word in instruction.arguments[:-1]:
        address = known_word(word, checked.values, checked.escape) or ""
        reason, help_ = unknown_option(address)
        if reason and not checked.names_frontend:
            yield Problem(reason, help_, is_late=True)
        elif reason := (
            invalid_option(address)
            or contradiction(address, checksum, keeps=switch(instruction, "keep-git-dir"))
        ):
            yield Problem(reason, is_late=True)


def _problem_of_words(checked: Checked) -> Problem | None:
    """Return why BuildKit rejects the flags or the number of arguments in any stage."""
    instruction = checked.instruction
    keyword = instruction.keyword
    if character := misread_character(instruction, checked.escape):
        reason = f"BuildKit reads U+{ord(character):04X} in the flags of {keyword} wrongly"
        return Problem(reason, "use ASCII characters in flags: BuildKit splits them by byte")
    if keyword == "FROM" and (text := invalid_from(instruction)):
        return Problem(f"invalid FROM: {text[:_SHOWN]!r}", _WRITE_FROM, code=Code.BAD_FROM)
    if reason := reason_to_reject(instruction) or invalid_flag(instruction):
        return Problem(reason)
    name = "" if checked.names_frontend else unknown_flag(instruction)
    if name:
        help_ = did_you_mean(name, known_flags(keyword), otherwise=_NEWER)
        return Problem(f"{keyword} does not have the flag --{name}", help_)
    return None


def depends_on_variables(instruction: Instruction) -> bool:
    """Return whether the values of variables may decide what `problems` finds."""
    if instruction.keyword == "RUN":
        return any("$" in value for value in flag_values(instruction, "mount"))
    words = [word for word in (*instruction.flags, *instruction.arguments) if "$" in word]
    if instruction.keyword in CHECKED_VALUES:
        return bool(words)
    return any("?" in word for word in words)  # `${NAME:?}` requires a value


def depends_on_marks(instruction: Instruction) -> bool:
    """Return whether printed words may decide what `problems` finds."""
    arguments = " ".join(instruction.arguments)
    if any(map(is_marked, instruction.flags)):
        return True
    if not is_marked(arguments):
        return False
    if instruction.keyword == "ADD":
        return "$" in arguments or "?" in arguments
    return "$" in arguments or instruction.keyword in {"COPY", "EXPOSE", "FROM", "STOPSIGNAL"}
