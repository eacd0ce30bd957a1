"""Parse the Dockerfiles of a plan; those of one shape share a parse.

See `shapes`: Dockerfiles of one template mostly differ in words that it printed. A shape is parsed
once, and an instruction without marks is the same object in all its Dockerfiles.
"""

from typing import NamedTuple

from compiler.render.dockerfile import DockerfileError, Instruction, ParsedDockerfile, Stage, read
from compiler.render.shapes import Printed, Selection, Shape, marks_in, selection, without_marks
from compiler.render.structures import depends_on_marks


class _Piece(NamedTuple):
    """An instruction of a shape, and the positions of the words that it needs."""

    instruction: Instruction
    words: Selection
    is_marked: bool


class _Shared(NamedTuple):
    parsed: ParsedDockerfile
    pieces: tuple[_Piece, ...]
    starts: tuple[int, ...]
    """The number of the `FROM` of each stage."""


class SharedParses:
    """The Dockerfiles of one plan, parsed."""

    def __init__(self) -> None:
        self._shared: dict[Shape, _Shared | None] = {}
        self._restored: dict[tuple[object, ...], Instruction] = {}

    def parse(self, text: str, printed: Printed | None, frontend: str = "") -> ParsedDockerfile:
        """Return a parsed Dockerfile; positions within its text are those of the shape.

        Args:
            text: the Dockerfile.
            printed: its shape, if that is known.
            frontend: the frontend that the build arguments name; empty if the text decides.

        Raises:
            DockerfileError: the text is not a valid Dockerfile.
        """
        if printed is None or not printed.words or frontend:
            return read(text, frontend)
        shape = printed.shape
        if shape not in self._shared:
            self._shared[shape] = _read_shape(shape)
        shared = self._shared[shape]
        return read(text) if shared is None else self._restore(shared, printed)

    def _restore(self, shared: _Shared, printed: Printed) -> ParsedDockerfile:
        steps = tuple(
            self._instruction(piece, printed) if piece.is_marked else piece.instruction
            for piece in shared.pieces
        )
        ends = (*shared.starts[1:], len(steps))
        stages = tuple(
            _stage(stage, printed, steps[start], steps[start + 1 : end])
            for stage, start, end in zip(shared.parsed.stages, shared.starts, ends, strict=True)
        )
        arguments = tuple(
            argument._replace(
                name=printed.restore(argument.name),
                default=None if argument.default is None else printed.restore(argument.default),
            )
            for argument in shared.parsed.arguments
        )
        return shared.parsed._replace(arguments=arguments, stages=stages, instructions=steps)

    def _instruction(self, piece: _Piece, printed: Printed) -> Instruction:
        """Return an instruction with the printed words; equal ones are one object."""
        key = (id(piece.instruction), piece.words(printed.words))
        restored = self._restored.get(key)
        if restored is None:
            restored = self._restored[key] = _restored(piece.instruction, printed)
        return restored


def _read_shape(shape: Shape) -> _Shared | None:
    """Parse a shape; None if a printed word affects how it is parsed."""
    try:
        parsed = read(shape.text)
    except DockerfileError:
        return None
    if parsed.foreign or depends_on_marks(parsed):
        return None
    pieces = []
    for step in parsed.instructions:
        marks = marks_in(_texts(step))
        if marks_in([step.keyword]):
            return None
        pieces.append(_Piece(step, selection(marks), bool(marks)))
    starts = tuple(n for n, step in enumerate(parsed.instructions) if step.keyword == "FROM")
    return _Shared(parsed, tuple(pieces), starts)


def _texts(step: Instruction) -> list[str]:
    documents = [text for heredoc in step.heredocs for text in (heredoc.name, heredoc.content)]
    return [step.text, *step.flags, *step.arguments, *documents]


def _restored(step: Instruction, printed: Printed) -> Instruction:
    restore = printed.restore
    return step._replace(
        text=restore(step.text),
        flags=tuple(map(restore, step.flags)),
        arguments=tuple(map(restore, step.arguments)),
        heredocs=tuple(
            document._replace(content=restore(document.content)) for document in step.heredocs
        ),
        images=tuple(word._replace(text=restore(word.text)) for word in step.images),
        pattern=without_marks(step.text),
    )


def _stage(
    stage: Stage, printed: Printed, first: Instruction, steps: tuple[Instruction, ...]
) -> Stage:
    return stage._replace(
        name=printed.restore(stage.name).lower(),
        base=stage.base._replace(text=printed.restore(stage.base.text)),
        platform=printed.restore(stage.platform),
        text=first.text,
        instructions=steps,
    )
