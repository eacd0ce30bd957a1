"""Read what the checks of Dockerfiles need from one Dockerfile, or from a shape of several."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

from compiler.codes import Code
from compiler.errors import nearest
from compiler.render.base_rules import Base
from compiler.render.context_sources import ContextSource, context_sources
from compiler.render.dockerfile import (
    Argument,
    DockerfileError,
    Instruction,
    ParsedDockerfile,
    Word,
    read,
)
from compiler.render.dockerfile_rules import Finding, rejected, suspicious
from compiler.render.dockerfile_words import KEYWORDS
from compiler.render.instruction_checks import depends_on_variables
from compiler.render.mounted_ids import Mount, mounts
from compiler.render.shapes import (
    Printed,
    Selection,
    Shape,
    is_marked,
    marks_in,
    selection,
    without_marks,
)
from compiler.render.stage_findings import (
    StageFinding,
    StageInstruction,
    UnsettledFindings,
    stage_instructions,
)
from compiler.render.stage_order import NUMBER, StageUse, certain_links, stage_uses


if TYPE_CHECKING:
    from compiler.render.value_findings import ValueFindings


_MOST_ERRORS = 20
"""Instructions of one Dockerfile that are reported if they cannot be parsed."""
_KEYWORD = re.compile(r"(\s*+)([A-Za-z]+)")
_FIELDS = ("context", "contexts", "secret", "ssh", "target")


_LIST = r"(?i)\s*(?:ONBUILD\s+)?\w+\s+(?:--\S+\s+)*(?:CMD\s+)?(?=\[)"
"""What precedes a list in JSON."""
_STRING = r'"(?:[^"\\]|\\.)*"'
_ONLY_JSON = r"[\[\]{},:+\-.\w\s]*\]\s*"
"""What a list in JSON consists of, apart from strings.

These patterns are compiled when they are needed, which is seldom.
"""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Structure:
    """What all Dockerfiles of one shape have in common, with marks in place of printed words."""

    escape: str = "\\"
    findings: tuple[Finding, ...] = ()
    stage_findings: tuple[StageFinding, ...] = ()
    """What is wrong in all variants, in instructions."""
    unsettled: UnsettledFindings = field(default_factory=UnsettledFindings)
    """What may be wrong in some variants."""
    value_findings: "ValueFindings | None" = None
    """What may be wrong because of the values of variables; None if they do not matter."""
    links: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """The stages that each stage surely reads from, by number."""
    bases: tuple[Base, ...] = ()
    """What `FROM`, `--from` and mounts name, with the platforms."""
    stages: tuple[str, ...] = ()
    """The names of the stages, in lower case; empty for stages without a name."""
    images: tuple[Word, ...] = ()
    """What `FROM`, `--from` and mounts name, without numbers."""
    stage_uses: tuple[StageUse, ...] = ()
    """What `--from` and mounts name, with their stages."""
    arguments: tuple[Argument, ...] = ()
    """The `ARG` before the first `FROM`."""
    mounts: tuple[Mount, ...] = ()
    sources: tuple[ContextSource, ...] = ()
    triggers: tuple[str, ...] = ()
    """The `ONBUILD` instructions."""
    is_known: bool = True
    """Whether BuildKit's own frontend reads the text, and this project could parse it."""
    is_shared: bool = True
    """False if a printed word affects how the text is parsed."""
    fields: tuple[str, ...] = field(init=False)
    """The fields of a target that a check needs."""
    needed: Selection = field(init=False)
    """Selects the printed words that a check needs."""

    def __post_init__(self) -> None:
        parts = [*self.stages, *(word.text for word in self.images), *self.triggers]
        parts += [mount.id for mount in self.mounts]
        parts += [part for s in self.sources for part in (s.name, s.word, *s.excludes)]
        parts += [base.platform for base in self.bases]
        expands = any("$" in f"{base.word.text} {base.platform}" for base in self.bases)
        if expands:
            parts += [f"{argument.name} {argument.default}" for argument in self.arguments]
        needs_args = expands or any(finding.argument for finding in self.stage_findings)
        object.__setattr__(self, "needed", selection(marks_in(parts)))
        object.__setattr__(self, "fields", ("args", *_FIELDS) if needs_args else _FIELDS)


def _value_findings(
    instructions: Sequence[StageInstruction], parsed: ParsedDockerfile
) -> "ValueFindings | None":
    """Return the checks of values of variables, if a checked value depends on any."""
    checked = [(each, depends_on_variables(each.checked.instruction)) for each in instructions]
    if not any(is_checked for _, is_checked in checked):
        return None
    from compiler.render.value_findings import ValueFindings

    return ValueFindings(checked, parsed.arguments, parsed.escape)


def read_structure(text: str, frontend: str = "") -> Structure:
    """Return the structure of a Dockerfile, or of a shape.

    Args:
        text: the Dockerfile.
        frontend: the frontend that the build arguments name; empty if the text decides.
    """
    try:
        parsed = read(text, frontend)
    except DockerfileError as error:
        return Structure(findings=tuple(_errors(text, error)), is_known=False)
    if depends_on_marks(parsed):
        return Structure(is_known=False, is_shared=False)
    if parsed.foreign:
        return Structure(is_known=False)
    instructions = tuple(stage_instructions(parsed))
    plain = Printed(Shape(text))
    return Structure(
        escape=parsed.escape,
        stage_findings=tuple(
            finding
            for instruction in instructions
            if not instruction.depends_on_marks
            for finding in instruction.findings(plain)
        ),
        unsettled=UnsettledFindings(filter(attrgetter("depends_on_marks"), instructions)),
        value_findings=_value_findings(instructions, parsed),
        links=certain_links(parsed),
        bases=tuple(_bases(parsed)),
        findings=(*rejected(parsed, text), *suspicious(parsed, text)),
        stages=tuple(stage.name for stage in parsed.stages),
        images=tuple(_images(parsed)),
        stage_uses=tuple(stage_uses(parsed)),
        arguments=parsed.arguments,
        mounts=tuple(mounts(parsed)),
        sources=tuple(context_sources(parsed)),
        triggers=tuple(step.text for step in parsed.instructions if step.keyword == "ONBUILD"),
    )


def invalid(error: DockerfileError) -> Finding:
    """Return the error for a Dockerfile that cannot be parsed."""
    message = f"invalid Dockerfile: {error}"
    return Finding(Code.DOCKERFILE_SYNTAX, message, "correct the template", error.line)


def _errors(text: str, error: DockerfileError) -> Iterator[Finding]:
    """Yield the errors of a Dockerfile that cannot be parsed.

    The parser stops at the first error. After that, the text is parsed as if the instruction had
    the keyword that it most likely means, and then as if it were a `RUN`, which accepts any text.
    """
    lines = text.split("\n")
    tried: dict[int, list[str]] = {}
    while len(tried) < _MOST_ERRORS:
        if error.line not in tried:
            yield invalid(error)
        line = lines[error.line - 1] if 0 < error.line <= len(lines) else ""
        keyword = _KEYWORD.match(line)
        words = tried.setdefault(error.line, [])
        if keyword is None or "RUN" in words:
            return
        similar = nearest(keyword[2].upper(), () if words else KEYWORDS)
        words.append(similar if similar and similar != keyword[2].upper() else "RUN")
        lines[error.line - 1] = f"{keyword[1]}{words[-1]}{line[keyword.end() :]}"
        try:
            read("\n".join(lines))
        except DockerfileError as other:
            error = other
        else:
            return


def _bases(parsed: ParsedDockerfile) -> Iterator[Base]:
    for number, stage in enumerate(parsed.stages):
        yield Base(stage.base, stage.platform, stage=number)
    for use in stage_uses(parsed):
        if use.keyword != "COPY" or not NUMBER.fullmatch(use.word.text):
            yield Base(use.word, is_from=False, stage=use.stage)


def _images(parsed: ParsedDockerfile) -> Iterator[Word]:
    for stage in parsed.stages:
        yield stage.base
    for instruction in parsed.instructions:
        for word in instruction.images:
            if not word.text.isdecimal():
                yield word


def depends_on_marks(parsed: ParsedDockerfile) -> bool:
    """Return whether a printed word affects how a shape is parsed."""
    if parsed.syntax is not None and is_marked(parsed.syntax.text):
        return True
    return any(map(_form_depends_on_marks, parsed.instructions))


def _form_depends_on_marks(instruction: Instruction) -> bool:
    """Return whether a printed word may decide what an instruction is.

    That is a delimiter of a here-document, the keyword after `ONBUILD`, or a word outside the
    quotes of a list in JSON: with a number there, BuildKit rejects the list.
    """
    text = instruction.text
    if text.isascii():
        return False
    if any(is_marked(document.name) for document in instruction.heredocs):
        return True
    if instruction.keyword == "ONBUILD" and is_marked("".join(text.split(None, 2)[1:2])):
        return True
    start = re.match(_LIST, text) if "[" in text else None
    plain = re.sub(_STRING, "", text[start.end() :]) if start else ""
    return is_marked(plain) and re.fullmatch(_ONLY_JSON, without_marks(plain, "0")) is not None
