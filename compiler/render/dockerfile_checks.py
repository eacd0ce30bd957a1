"""Check the Dockerfiles of a plan: by themselves, and against what the matrix declares.

Dockerfiles that differ only in words that their template printed share one parse: see `shapes`.
Only the words that a check needs are then examined for each variant.
"""

from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Problems, did_you_mean
from compiler.matrix.matrix import Matrix
from compiler.matrix.pattern import holds, rule
from compiler.matrix.strings import variables_in
from compiler.render.dockerfile import DockerfileError, ParsedDockerfile, read
from compiler.render.dockerfile_rules import Finding, rejected
from compiler.render.lost_line_ends import Head, heads, lost_line_ends
from compiler.render.render import Dockerfile, template_location
from compiler.render.shapes import Shape, is_marked
from compiler.render.template_lines import origin
from compiler.render.templates import Templates
from compiler.targets.plan import Plan
from compiler.targets.target import Target


class Structure(NamedTuple):
    """What all Dockerfiles of one shape have in common."""

    parsed: ParsedDockerfile
    findings: tuple[Finding, ...]
    """With marks, like the parsed Dockerfile."""


def check_dockerfiles(
    plan: Plan, dockerfiles: tuple[Dockerfile, ...], templates: Templates
) -> None:
    """Check all Dockerfiles of a plan.

    Raises:
        CompileError: BuildKit would reject a Dockerfile, or build something else than it says.
    """
    checks = _Checks(plan, templates)
    for dockerfile in dockerfiles:
        checks.check(dockerfile)
    checks.problems.refuse()


def invalid_dockerfile(
    plan: Plan, templates: Templates, target: Target, text: str, error: DockerfileError
) -> Diagnostic:
    """Return the error for a Dockerfile that cannot be parsed."""
    return Diagnostic(
        code=Code.DOCKERFILE_SYNTAX,
        message=f"invalid Dockerfile: {error}",
        location=_line_location(plan, templates, target, text, error.line),
        help="correct the template",
    )


def _line_location(
    plan: Plan, templates: Templates, target: Target, text: str, line: int, word: str = ""
) -> Location:
    """Return the template's line of a line of a Dockerfile, or where matrix.yaml names it."""
    lines = text.split("\n")
    whole = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    for piece in filter(None, (whole, word)):
        place = origin(templates, target.template, piece, word)
        if place is not None:
            return place
    return template_location(target, plan.matrix)


class _Checks:
    """Checks the Dockerfiles of one plan, one after another."""

    def __init__(self, plan: Plan, templates: Templates) -> None:
        self._plan, self._templates = plan, templates
        self.problems = Problems()
        self._structures: dict[str, Structure | DockerfileError] = {}
        self._heads: dict[str, tuple[Head, ...]] = {}
        self._lost_in: dict[tuple[str, str], tuple[Diagnostic, ...]] = {}
        self._locations: dict[tuple[str, str, int, str], Location] = {}

    def check(self, dockerfile: Dockerfile) -> None:
        """Check the Dockerfile of one target."""
        target, text, _ = dockerfile
        shape = self._templates.shape(target.template, text)
        lost = self._lost(target.template, shape.text)
        self.problems.extend(lost, target.name)
        if lost:
            return  # other errors would follow from it
        structure = self._structure(shape.text)
        if isinstance(structure, DockerfileError) and shape.words:
            shape = Shape(text)  # a printed word may affect how the text is parsed
            structure = self._structure(text)
        if isinstance(structure, DockerfileError):
            invalid = invalid_dockerfile(self._plan, self._templates, target, text, structure)
            self.problems.add(invalid, target.name)
            return
        for finding in structure.findings:
            self._add(finding, target, shape)
        if not structure.parsed.foreign:
            self._check_stage(target, structure.parsed, shape)

    def _structure(self, text: str) -> Structure | DockerfileError:
        """Return the structure of a text or a shape; the error if it cannot be parsed."""
        structure = self._structures.get(text)
        if structure is None:
            try:
                parsed = read(text)
                if _depends_on_marks(parsed):
                    raise DockerfileError("a printed word affects how it is parsed", 0)
                findings = () if parsed.foreign else tuple(rejected(parsed))
                structure = Structure(parsed, findings)
            except DockerfileError as error:
                structure = error
            self._structures[text] = structure
        return structure

    def _add(self, finding: Finding, target: Target, shape: Shape) -> None:
        """Note a finding with the words of this variant."""
        key = (target.template, shape.text, finding.line, finding.word)
        location = self._locations.get(key)
        if location is None:
            text, word = shape.restore(shape.text), shape.restore(finding.word)
            location = self._locations[key] = _line_location(
                self._plan, self._templates, target, text, finding.line, word
            )
        diagnostic = Diagnostic(
            code=finding.code,
            message=shape.restore(finding.message),
            location=location,
            help=shape.restore(finding.help),
            severity=finding.severity,
        )
        self.problems.add(diagnostic, target.name)

    def _lost(self, template: str, shape: str) -> tuple[Diagnostic, ...]:
        """Return an error for each instruction that lost the line end before it."""
        key = (template, shape)
        if key not in self._lost_in:
            if template not in self._heads:
                self._heads[template] = heads(self._templates, template)
            pieces = self._templates.pieces.get(key, ())
            self._lost_in[key] = tuple(
                Diagnostic(
                    code=Code.LOST_LINE_END,
                    message=f"Jinja removes a line end, so {lost.instruction!r} becomes part of "
                    "the instruction before it",
                    location=self._templates.locate(lost.file, lost.line),
                    help="write `+%}` instead of `%}` at the end of the line, or move the tag to "
                    "its own line",
                )
                for lost in lost_line_ends(pieces, self._heads[template])
            )
        return self._lost_in[key]

    def _check_stage(self, target: Target, parsed: ParsedDockerfile, shape: Shape) -> None:
        """Check that the Dockerfile has the stage that `target:` names."""
        wanted = str(target.fields.get("target", ""))
        if not wanted or variables_in(wanted):
            return
        names = [shape.restore(stage.name).lower() for stage in parsed.stages]
        is_number = wanted.isascii() and wanted.isdigit() and int(wanted) < len(names)
        if wanted.lower() in names or is_number:
            return
        named = [name for name in names if name]
        listed = f"its stages: {', '.join(named)}" if named else "name a stage with `AS`"
        self.problems.add(
            Diagnostic(
                code=Code.UNKNOWN_STAGE,
                message=f"unknown stage {wanted!r}",
                location=_field_location(target, self._plan.matrix, "target"),
                help=did_you_mean(wanted, named, otherwise=listed),
            ),
            target.name,
        )


def _depends_on_marks(parsed: ParsedDockerfile) -> bool:
    """Return whether a printed word affects how a shape is parsed."""
    if parsed.syntax is not None and is_marked(parsed.syntax.text):
        return True
    heredocs = (doc for instruction in parsed.instructions for doc in instruction.heredocs)
    return any(is_marked(doc.name) for doc in heredocs)


def _field_location(target: Target, matrix: Matrix, field: str) -> Location:
    """Return where a target's field is written: in its image, or in an override."""
    image = matrix.images[target.image]
    for override in reversed(image.overrides):
        condition = rule(override.when, image)
        if field in override.fields and condition is not None and holds(condition, target.values):
            return matrix.source.locate(override.fields[field].route)
    written = image.fields.get(field)
    if written is None:
        return matrix.source.locate(image.route, key=True)
    return matrix.source.locate(written.route)
