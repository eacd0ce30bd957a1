"""Check the Dockerfiles of a plan: by themselves, and against what the matrix declares.

Dockerfiles that differ only in words that their template printed share one parse: see `shapes`.
Only the words that a check needs are then examined for each variant.
"""

from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, Problems, Severity, did_you_mean
from compiler.matrix.strings import variables_in
from compiler.render.dockerfile import DockerfileError, ParsedDockerfile, Word, read
from compiler.render.dockerfile_rules import Finding, rejected, suspicious
from compiler.render.field_location import field_location
from compiler.render.lost_line_ends import Head, heads, lost_line_ends
from compiler.render.matrix_references import MatrixReferences
from compiler.render.missing_sources import ContextPath, context_paths, exists, local_context
from compiler.render.missing_sources import missing as missing_source
from compiler.render.mounted_ids import Mount, ProvidedIds, mounts, provided
from compiler.render.mounted_ids import missing as missing_id
from compiler.render.render import Dockerfile
from compiler.render.shapes import Shape, is_marked
from compiler.render.template_lines import line_location
from compiler.render.templates import Templates
from compiler.source.project_files import Files
from compiler.targets.plan import Plan
from compiler.targets.target import Target


class Structure(NamedTuple):
    """What all Dockerfiles of one shape have in common."""

    parsed: ParsedDockerfile
    findings: tuple[Finding, ...]
    """With marks, like the parsed Dockerfile."""
    images: tuple[Word, ...]
    """What `FROM`, `--from` and mounts name, without variables and numbers."""
    mounts: tuple[Mount, ...]
    paths: tuple[ContextPath, ...]


def check_dockerfiles(
    plan: Plan, dockerfiles: tuple[Dockerfile, ...], templates: Templates, files: Files
) -> tuple[Diagnostic, ...]:
    """Check all Dockerfiles of a plan, and return the warnings.

    Raises:
        CompileError: BuildKit would reject a Dockerfile, or build something else than it says.
    """
    checks = _Checks(plan, templates, files)
    for dockerfile in dockerfiles:
        checks.check(dockerfile)
    checks.problems.refuse()
    checks.warnings.extend(checks.provided.unused())
    return checks.warnings.diagnostics()


def invalid_dockerfile(
    plan: Plan, templates: Templates, target: Target, text: str, error: DockerfileError
) -> Diagnostic:
    """Return the error for a Dockerfile that cannot be parsed."""
    return Diagnostic(
        code=Code.DOCKERFILE_SYNTAX,
        message=f"invalid Dockerfile: {error}",
        location=line_location(plan, templates, target, text, error.line),
        help="correct the template",
    )


class _Checks:
    """Checks the Dockerfiles of one plan, one after another."""

    def __init__(self, plan: Plan, templates: Templates, files: Files) -> None:
        self._plan, self._templates, self._files = plan, templates, files
        self.problems, self.warnings = Problems(), Problems()
        self.provided = ProvidedIds(plan.matrix)
        self._references = MatrixReferences(plan)
        self._exists: dict[tuple[str, str], bool] = {}
        self._structures: dict[str, Structure | DockerfileError] = {}
        self._heads: dict[str, tuple[Head, ...]] = {}
        self._lost_in: dict[tuple[str, str], tuple[Diagnostic, ...]] = {}
        self._reported: dict[tuple[object, ...], Diagnostic] = {}

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
        if structure.parsed.foreign:
            self.provided.note_unknown(target)
            return
        self._check_stage(target, structure.parsed, shape)
        self._check_images(target, structure, shape)
        self.provided.note(
            target, structure.parsed, text, self._check_mounts(target, structure, shape)
        )
        self._check_paths(target, structure, shape)

    def _structure(self, text: str) -> Structure | DockerfileError:
        """Return the structure of a text or a shape; the error if it cannot be parsed."""
        structure = self._structures.get(text)
        if structure is None:
            try:
                parsed = read(text)
                if _depends_on_marks(parsed):
                    raise DockerfileError("a printed word affects how it is parsed", 0)
                structure = _structure(parsed, text)
            except DockerfileError as error:
                structure = error
            self._structures[text] = structure
        return structure

    def _add(self, finding: Finding, target: Target, shape: Shape) -> None:
        """Note a finding; variants in which other words are printed share one diagnostic."""
        message = "" if is_marked(finding.word) else finding.message
        key = (target.template, shape.text, finding.line, finding.word, finding.code, message)
        diagnostic = self._reported.get(key)
        if diagnostic is None:
            text, word = shape.restore(shape.text), shape.restore(finding.word)
            diagnostic = self._reported[key] = Diagnostic(
                code=finding.code,
                message=shape.restore(finding.message),
                location=line_location(
                    self._plan, self._templates, target, text, finding.line, word
                ),
                help=shape.restore(finding.help),
                severity=finding.severity,
            )
        is_error = finding.severity is Severity.ERROR
        (self.problems if is_error else self.warnings).add(diagnostic, target.name)

    def _check_images(self, target: Target, structure: Structure, shape: Shape) -> None:
        """Compare the images that a Dockerfile names with targets, tags and stages."""
        stages = [shape.restore(stage.name).lower() for stage in structure.parsed.stages]
        for word in structure.images:
            name = shape.restore(word.text)
            finding = self._references.check(name, word, target, stages)
            if finding is not None:
                self._add(finding, target, shape)

    def _check_mounts(self, target: Target, structure: Structure, shape: Shape) -> set[Mount]:
        """Compare mounts with what the target provides; return them with this variant's words."""
        mounted = set()
        for mount in structure.mounts:
            name = shape.restore(mount.id)
            mounted.add(mount._replace(id=name))
            ids = provided(target, mount.kind)
            if ids is not None and name not in ids and "$" not in name:
                self._add(missing_id(mount, name, ids), target, shape)
        return mounted

    def _check_paths(self, target: Target, structure: Structure, shape: Shape) -> None:
        """Look for the paths of a local build context."""
        context = local_context(target) if structure.paths else None
        if context is None:
            return
        for named in structure.paths:
            path = shape.restore(named.path)
            key = (context, path)
            if key not in self._exists:
                self._exists[key] = exists(self._files, context, path)
            if not self._exists[key]:
                self._add(missing_source(context, path, named), target, shape)

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
                location=field_location(target, self._plan.matrix, "target"),
                help=did_you_mean(wanted, named, otherwise=listed),
            ),
            target.name,
        )


def _structure(parsed: ParsedDockerfile, text: str) -> Structure:
    if parsed.foreign:
        return Structure(parsed, (), (), (), ())
    words = [word for step in parsed.instructions for word in step.images]
    bases = [stage.base for stage in parsed.stages]
    return Structure(
        parsed,
        (*rejected(parsed), *suspicious(parsed, text)),
        tuple(word for word in (*bases, *words) if not word.text.isdecimal()),
        tuple(mounts(parsed)),
        tuple(context_paths(parsed)),
    )


def _depends_on_marks(parsed: ParsedDockerfile) -> bool:
    """Return whether a printed word affects how a shape is parsed."""
    if parsed.syntax is not None and is_marked(parsed.syntax.text):
        return True
    heredocs = (doc for instruction in parsed.instructions for doc in instruction.heredocs)
    return any(is_marked(doc.name) for doc in heredocs)
