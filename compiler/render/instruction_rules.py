"""Check the arguments of single instructions, as BuildKit does after it has parsed a Dockerfile.

Only what every version of BuildKit rejects is an error; flags, for instance, may be newer.
"""

import re
from collections.abc import Callable, Mapping

from compiler.external.references import is_image_name
from compiler.render.dockerfile import Instruction
from compiler.render.dockerfile_words import KEYWORDS
from compiler.render.instruction_reads import is_heredoc
from compiler.render.onbuild_heredocs import invalid_trigger, trigger


_LEAST_ARGUMENTS = {
    **dict.fromkeys(("ARG", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER"), 1),
    **dict.fromkeys(("STOPSIGNAL", "USER", "VOLUME", "WORKDIR"), 1),
    **dict.fromkeys(("ADD", "COPY"), 2),
}
_STAGE = re.compile("[a-z][a-z0-9_.-]*")
"""A name of a stage in lower case, which must be the name of an image, too."""
_NAMED = 3
"""The arguments of `FROM image AS name`."""
_NAME_AND_VALUE = 3
"""The arguments that each `name=value` of ENV and LABEL is parsed to."""
_NEVER_TRIGGERS = ("FROM", "MAINTAINER", "ONBUILD")


def reason_to_reject(instruction: Instruction) -> str:
    """Return why BuildKit rejects an instruction; empty if it does not."""
    least = _LEAST_ARGUMENTS.get(instruction.keyword, 0)
    if len(instruction.arguments) < least:
        return f"{instruction.keyword} requires {least} argument{'s' * (least > 1)} or more"
    check = _CHECKS.get(instruction.keyword)
    return "" if check is None else check(instruction)


def invalid_from(instruction: Instruction) -> str:
    """Return the `FROM` if it has too few or too many words; else empty."""
    arguments = instruction.arguments
    has_name = len(arguments) == _NAMED and arguments[1].lower() == "as"
    return "" if has_name or len(arguments) == 1 else instruction.text.strip()


def _from(instruction: Instruction) -> str:
    name = "".join(instruction.arguments[2:]).lower()
    if name and not (_STAGE.fullmatch(name) and is_image_name(name)):
        return f"invalid name of a stage: {instruction.arguments[2]!r}"
    return ""


def _names(instruction: Instruction) -> str:
    step = 1 if instruction.keyword == "ARG" else _NAME_AND_VALUE
    if any(not name.partition("=")[0] for name in instruction.arguments[::step]):
        return f"a name in {instruction.keyword} is empty"
    return ""


def _copy(instruction: Instruction) -> str:
    if is_heredoc(instruction.arguments[-1], instruction):
        return f"the destination of {instruction.keyword} is a here-document"
    if any("$" in word.text for word in instruction.images):
        return "`--from` does not expand variables: name the image in a `FROM` of its own"
    return ""


def _healthcheck(instruction: Instruction) -> str:
    kind, *command = instruction.arguments
    match kind.upper():
        case "NONE":
            return "HEALTHCHECK NONE takes no arguments" if command else ""
        case "CMD":
            return "" if command else "a command is missing after HEALTHCHECK CMD"
        case _:
            return f"HEALTHCHECK requires CMD or NONE, not {kind!r}"


def _onbuild(instruction: Instruction) -> str:
    words = instruction.text.split(None, 2)
    if len(words) == 1 or words[1:] == ["--"]:
        return "ONBUILD requires an instruction"
    keyword = words[1].upper()
    if keyword in _NEVER_TRIGGERS:
        return f"ONBUILD cannot be followed by {keyword}"
    return invalid_trigger(trigger(instruction.text)) if keyword in KEYWORDS else ""


def _shell(instruction: Instruction) -> str:
    if not (instruction.is_json and instruction.arguments):
        return 'SHELL requires a JSON list, such as ["/bin/bash", "-c"]'
    return ""


_CHECKS: Mapping[str, Callable[[Instruction], str]] = {
    "ADD": _copy,
    "ARG": _names,
    "COPY": _copy,
    "ENV": _names,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _names,
    "ONBUILD": _onbuild,
    "SHELL": _shell,
}
