"""Reduce a Dockerfile to what BuildKit reads of it: equal results build equal images.

Comments, blank lines and white space between words do not count, nor do stages and arguments that
are not needed. Each option of a mount has one spelling. The text of a command stays as it is.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from compiler.render.dockerfile import Argument, Instruction, ParsedDockerfile, Stage
from compiler.render.dockerfile_words import mount_options
from compiler.render.frontends import directives
from compiler.render.onbuild_heredocs import trigger


FRONTEND = "BUILDKIT_"
"""The prefix of arguments that BuildKit itself reads."""
EPOCH = "SOURCE_DATE_EPOCH"
"""The argument that sets the times in an image; BuildKit reads it without a declaration."""


def canonical(text: str, arguments: Iterable[Argument], stages: Sequence[Stage]) -> str:
    """Return the canonical form of a Dockerfile, as JSON.

    Args:
        text: the Dockerfile, for its directives.
        arguments: the needed `ARG`s before its first `FROM`.
        stages: the needed stages, with the `ONBUILD` instructions that they run.
    """
    header = sorted((directive.name, directive.value) for directive in directives(text))
    declared = [(argument.name, argument.default) for argument in arguments]
    return json.dumps([header, declared, [_stage(stage) for stage in stages]])


def instruction_inputs(instruction: Instruction) -> list[object]:
    """Return what BuildKit reads of an instruction, as lists of text."""
    arguments = list(instruction.arguments)
    if instruction.keyword == "ONBUILD":
        arguments = [trigger(instruction.text)]
    documents = [[document.name, document.content] for document in instruction.heredocs]
    flags = [_flag(flag) for flag in instruction.flags]
    mounts = [flag for flag in flags if flag[0] == "--mount"]
    others = sorted((flag for flag in flags if flag[0] != "--mount"), key=lambda flag: flag[0])
    return [instruction.keyword, others, mounts, instruction.is_json, arguments, documents]


def declared_arguments(instruction: Instruction) -> Iterator[str]:
    """Yield the names that an `ARG` declares; none for another instruction."""
    if instruction.keyword == "ARG":
        for argument in instruction.arguments:
            yield argument.partition("=")[0].strip("'\"")


def needed_arguments(parsed: ParsedDockerfile, stages: Iterable[Stage]) -> list[Argument]:
    """Return the `ARG`s before the first `FROM` that some stages may use."""
    texts = [stage.text for stage in stages]
    texts += [step.text for stage in stages for step in stage.instructions if step.keyword == "ARG"]
    used = "\n".join(texts)
    needed: list[Argument] = []
    for argument in reversed(parsed.arguments):
        is_own = argument.name == EPOCH or argument.name.startswith(FRONTEND)
        if is_own or re.search(rf"(?<!\w){re.escape(argument.name)}(?!\w)", used):
            needed.insert(0, argument)
            used += f"\n{argument.default or ''}"
    return needed


def _stage(stage: Stage) -> list[object]:
    instructions = [instruction_inputs(instruction) for instruction in stage.instructions]
    return [stage.name, stage.base.text, stage.platform, instructions]


def _flag(flag: str) -> tuple[str, object]:
    """Return the name and the value of a flag, with one spelling for equal mounts."""
    name, equals, value = flag.partition("=")
    options = mount_options(value) if name == "--mount" else None
    if options is None:
        return name, equals + value
    options = {"type": "bind", **options}
    if options["type"] == "bind":
        options = {"readonly": "true", **options}
    return name, sorted(options.items())
