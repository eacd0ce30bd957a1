"""Determine what the words of one instruction contribute to the name of its step."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from compiler.render.dockerfile import Instruction
from compiler.render.instruction_reads import Source, is_heredoc
from compiler.render.step_words import expand_document


def without_source(mount: tuple[str, object]) -> object:
    """Return a mount without the path that it reads, whose content counts instead."""
    name, options = mount
    if not isinstance(options, list):
        return mount
    return name, [pair for pair in options if pair[0] not in {"source", "from"}]


def base_name(source: Source) -> str:
    """Return the name of a file that is copied, which its destination may depend on."""
    return posixpath.basename(posixpath.normpath(f"/{source.path}"))


def is_linked(step: Instruction) -> bool:
    """Return whether a layer depends on nothing below it; `--chmod` turns `--link` off."""
    return (
        step.keyword in {"COPY", "ADD"}
        and ("--link" in step.flags or "--link=true" in step.flags)
        and not any(flag.startswith("--chmod=") for flag in step.flags)
    )


def documents(
    step: Instruction, words: Sequence[str], values: Mapping[str, str], base: str
) -> Iterator[object]:
    """Yield the here-documents that a `COPY` writes: name and content, with variables replaced.

    Args:
        step: the instruction.
        words: its arguments, with quotes where they are here-documents.
        values: the known variables.
        base: the external image whose variables are unknown; empty if there are no others.
    """
    for word in words[:-1]:
        for document in step.heredocs:
            if is_heredoc(word, step._replace(heredocs=(document,))):
                quoted = "'" in word or '"' in word
                content = document.content
                yield (document.name, content if quoted else expand_document(content, values, base))
