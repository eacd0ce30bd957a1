"""One instruction of a Dockerfile -> what it reads beside the layers below it."""

import csv
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple


if TYPE_CHECKING:
    from e2b_dockerfile_utils import DockerfileInstruction


_REMOTE = re.compile(r"^[a-z0-9+.-]+://|^git@", re.IGNORECASE)


class Source(NamedTuple):
    """A path that an instruction reads, and where: from a name, or from the build's context."""

    name: str
    path: str
    wild: bool


def sources(step: "DockerfileInstruction", escape: str) -> Iterator[Source]:
    """Give what an instruction reads beside the layers below it."""
    if step.name == "RUN":
        for flag in step.flags:
            key, _, value = flag.partition("=")
            if key == "--mount":
                yield from _mounted(value)
    elif step.name in {"COPY", "ADD"}:
        flags = dict(flag.partition("=")[::2] for flag in step.flags)
        name = flags.get("--from", "")
        for word in step.args[:-1]:
            if _is_heredoc(word, step):
                continue
            path = _unquoted(word, escape)
            if not (step.name == "ADD" and _REMOTE.match(path)):
                yield Source(name, path, wild=True)


def _is_heredoc(word: str, step: "DockerfileInstruction") -> bool:
    return bool(step.heredocs) and any(
        re.fullmatch(rf"\d*<<-?['\"]?{re.escape(doc.name)}['\"]?", word) for doc in step.heredocs
    )


def _unquoted(word: str, escape: str) -> str:
    """Return a word as BuildKit reads it; one that it refuses, or that has variables, as it is."""
    from e2b_dockerfile_utils import ShellLex

    if "$" in word:
        return word
    try:
        return ShellLex(escape).process_word(word)
    except ValueError:
        return "$"


def _mounted(value: str) -> Iterator[Source]:
    """Give what a `--mount` reads: a bind, or a cache that begins with something."""
    try:
        cells = next(csv.reader([value], strict=True), [])
    except csv.Error:
        cells = ["source=$", "from=$"]
    pairs = {key.strip().lower(): item for key, _, item in (cell.partition("=") for cell in cells)}
    kind, name = pairs.get("type", "bind"), pairs.get("from", "")
    if kind == "bind" or "$" in kind or (kind == "cache" and name):
        yield Source(name, pairs.get("source", pairs.get("src", "")), wild=False)
