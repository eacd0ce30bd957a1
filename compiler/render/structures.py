"""Read what the checks of Dockerfiles need from one Dockerfile, or from a shape of several."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from compiler.codes import Code
from compiler.render.context_sources import ContextSource, context_sources
from compiler.render.dockerfile import Argument, DockerfileError, ParsedDockerfile, Word, read
from compiler.render.dockerfile_rules import Finding, rejected, suspicious
from compiler.render.mounted_ids import Mount, mounts
from compiler.render.shapes import is_marked, marks_in
from compiler.render.stage_order import StageUse, stage_uses


_FIELDS = ("context", "contexts", "secret", "ssh", "target")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Structure:
    """What all Dockerfiles of one shape have in common, with marks in place of printed words."""

    findings: tuple[Finding, ...] = ()
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
    marks: tuple[int, ...] = field(init=False)
    """The numbers of the marks that a check needs."""

    def __post_init__(self) -> None:
        parts = [*self.stages, *(word.text for word in self.images), *self.triggers]
        parts += [mount.id for mount in self.mounts]
        parts += [part for s in self.sources for part in (s.name, s.word, *s.excludes)]
        expands = any("$" in word.text for word in self.images)
        if expands:
            parts += [f"{argument.name} {argument.default}" for argument in self.arguments]
        object.__setattr__(self, "marks", marks_in(parts))
        object.__setattr__(self, "fields", ("args", *_FIELDS) if expands else _FIELDS)


def read_structure(text: str) -> Structure:
    """Return the structure of a Dockerfile, or of a shape."""
    try:
        parsed = read(text)
    except DockerfileError as error:
        return Structure(findings=(invalid(error),), is_known=False)
    if depends_on_marks(parsed):
        return Structure(is_known=False, is_shared=False)
    if parsed.foreign:
        return Structure(is_known=False)
    return Structure(
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
    heredocs = (doc for instruction in parsed.instructions for doc in instruction.heredocs)
    return any(is_marked(doc.name) for doc in heredocs)
