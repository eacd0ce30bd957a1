"""Dockerfiles are rejected exactly if BuildKit rejects them; an engine test compares the lists."""

import pytest
from support.dockerfiles import ACCEPTED, REJECTED

from compiler.errors import Severity
from compiler.render.context_reads import reads
from compiler.render.dockerfile import read
from compiler.render.dockerfile_rules import Finding
from compiler.render.stage_order import misplaced
from compiler.render.structures import read_structure


def errors(text: str) -> list[Finding]:
    """Return the errors of a Dockerfile."""
    structure = read_structure(text)
    found = [finding for finding in structure.findings if finding.severity is Severity.ERROR]
    uses = (misplaced(use, use.word.text, structure.stages) for use in structure.stage_uses)
    return [*found, *filter(None, uses)]


@pytest.mark.parametrize("text", ACCEPTED)
def test_an_accepted_dockerfile_has_no_error(text: str) -> None:
    """What BuildKit reads is not an error."""
    assert errors(text) == []


@pytest.mark.parametrize("text", REJECTED, ids=lambda text: text[:40])
def test_a_rejected_dockerfile_has_an_error(text: str) -> None:
    """What BuildKit rejects is an error, in a line of the Dockerfile."""
    assert errors(text)
    assert all(0 < error.line <= text.count("\n") for error in errors(text))


def test_a_here_document_of_onbuild_is_part_of_its_trigger() -> None:
    """Its images, files and arguments are those of the trigger, and the next line is its own."""
    text = "FROM a\nONBUILD COPY --from=b <<EOF /x\nONBUILD RUN c\nEOF\nUSER d\n"
    trigger, user = read(text).instructions[1:]

    assert (trigger.keyword, trigger.line, trigger.last_line) == ("ONBUILD", 2, 4)
    assert trigger.text == "ONBUILD COPY --from=b <<EOF /x\nONBUILD RUN c\nEOF"
    assert [(word.text, word.inherited, text[: word.end][-6:]) for word in trigger.images] == [
        ("b", True, "from=b")
    ]
    assert user.keyword == "USER"
    assert reads(text).triggers == ("COPY --from=b <<EOF /x\nONBUILD RUN c\nEOF",)


@pytest.mark.parametrize(
    ("stage", "declared"), [("ARG V", "ARG V"), ("ARG V=1", "ARG V=1"), ("ARG U V=1", "ARG V=1")]
)
def test_a_late_argument_is_declared_with_its_default(stage: str, declared: str) -> None:
    """The help repeats the default that the stage gives the argument."""
    (error,) = errors(f"FROM a\n{stage}\nFROM b:$V\n")

    assert error.code == "late-arg"
    assert f"`{declared}`" in error.help
