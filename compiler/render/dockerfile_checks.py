"""Check the Dockerfiles of a plan: by themselves, and against what the matrix declares.

Dockerfiles that differ only in words that their template printed share one parse: see `shapes`.
Only the words that a check needs are examined for each variant, and equal ones once. Before a
finding in a shape is reported, it is confirmed in the text of a variant.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from compiler.codes import Code
from compiler.errors import Diagnostic, Problems, Severity, did_you_mean
from compiler.external.references import context_name
from compiler.matrix.bake_strings import substitute, variables_in
from compiler.render.build_contexts import BuildContexts
from compiler.render.dockerfile import Word
from compiler.render.dockerfile_rules import Finding, confirmation
from compiler.render.field_location import field_location
from compiler.render.finding_diagnostics import FindingDiagnostics
from compiler.render.frontends import frontend_argument
from compiler.render.image_arguments import expanded
from compiler.render.inherited_triggers import InheritedTriggers
from compiler.render.lost_line_ends import LineEndChecks
from compiler.render.matrix_references import MatrixReferences
from compiler.render.mounted_ids import missing as missing_id
from compiler.render.mounted_ids import provided
from compiler.render.provided_ids import ProvidedIds
from compiler.render.rejections import invalid_bases, rejected_instructions, unsettled_findings
from compiler.render.render import Dockerfile
from compiler.render.shapes import Printed, Shape
from compiler.render.source_checks import SourceChecks
from compiler.render.stage_names import StageNames
from compiler.render.stage_order import misplaced
from compiler.render.structures import Structure, read_structure
from compiler.render.templates import Templates
from compiler.source.project_files import Files
from compiler.targets.plan import Plan
from compiler.targets.target import Target


def check_dockerfiles(
    plan: Plan,
    dockerfiles: tuple[Dockerfile, ...],
    templates: Templates,
    files: Files,
    problems: Problems,
) -> tuple[Diagnostic, ...]:
    """Check Dockerfiles of a plan, and return the warnings.

    What BuildKit would reject, or build in another way than the Dockerfile says, is added to the
    problems. The Dockerfiles of targets with errors are only parsed.
    """
    checks = _Checks(plan, dockerfiles, templates, files, problems)
    for dockerfile in dockerfiles:
        if dockerfile.target.name in plan.unsound:
            checks.parse(dockerfile)
        else:
            checks.check(dockerfile)
    checks.warnings.extend(checks.provided.unused())
    return checks.warnings.diagnostics()


class _Checks:
    """Checks the Dockerfiles of one plan, one after another."""

    def __init__(
        self,
        plan: Plan,
        dockerfiles: Iterable[Dockerfile],
        templates: Templates,
        files: Files,
        problems: Problems,
    ) -> None:
        self._plan, self._templates = plan, templates
        self.problems, self.warnings = problems, Problems()
        self.provided = ProvidedIds(plan.matrix)
        self._references = MatrixReferences(plan)
        self._contexts = BuildContexts(files, plan.matrix.output)
        self._sources = SourceChecks(self._contexts)
        self._triggers = InheritedTriggers(dockerfiles, self._sources, self._references.values)
        self._structures: dict[tuple[Shape, str], Structure] = {}
        self._wholes: dict[str, Shape] = {}
        self._clean: set[tuple[object, ...]] = set()
        """Structures, words and fields in which there is nothing to report, in any target."""
        self._confirmed: set[tuple[object, ...]] = set()
        self._line_ends = LineEndChecks(templates)
        self._diagnostics = FindingDiagnostics(plan, templates)

    def check(self, dockerfile: Dockerfile) -> None:
        """Check the Dockerfile of one target."""
        target, text, _ = dockerfile
        printed = self._templates.shapes[target.template].of(text)
        frontend = self._frontend(target)
        structure = self._structure(printed.shape, frontend)
        fields = map(id, map(target.fields.get, structure.fields))
        own = self._contexts.own_ignore_file(target)
        wrong = unsettled_findings(target, structure, printed, self._references.values)
        key = (structure, structure.needed(printed.words), own, wrong, *fields)
        self._add(self._triggers.findings(target, text, frontend), dockerfile, printed)
        if key in self._clean:
            return
        if self._has_lost(target, text, printed.shape):
            return  # other errors would follow from it
        read_as, findings = self._findings(target, text, printed)
        self._add(findings, dockerfile, read_as)
        structure = self._structure(read_as.shape, frontend)
        is_read = all(finding.code is not Code.BAD_FROM for finding in findings)
        stage = self._missing_stage(target, structure, read_as) if is_read else None
        if stage is not None:
            self.problems.add(stage, target.name)
        is_settled = self.provided.note(target, structure, read_as, text)
        is_clean = read_as is printed and not findings and stage is None and is_settled
        if is_clean and not self._is_related(target, printed):
            self._clean.add(key)

    def parse(self, dockerfile: Dockerfile) -> None:
        """Check only what does not depend on the fields of the target, which are invalid."""
        target, text, _ = dockerfile
        whole = Printed(self._wholes.setdefault(text, Shape(text)))
        if not self._has_lost(target, text, whole.shape):
            structure = self._structure(whole.shape, self._frontend(target))
            self._add(structure.findings, dockerfile, whole)

    def _is_related(self, target: Target, printed: Printed) -> bool:
        """Return whether a Dockerfile names an image that may be another target's."""
        structure = self._structure(printed.shape, self._frontend(target))
        names = (self._image(word, target, structure, printed) for word in structure.images)
        return any(map(self._references.is_related, names))

    def _image(self, word: Word, target: Target, structure: Structure, printed: Printed) -> str:
        """Return the name of an image, with the arguments whose values are known."""
        name, declared = printed.restore(word.text), structure.arguments
        return expanded(name, declared, self._args(target), printed) if "$" in name else name

    def _args(self, target: Target) -> Mapping[str, str]:
        """Return the build arguments of a target, with the defaults of bake variables."""
        args: Mapping[str, str] = target.fields.get("args", {})  # type: ignore[assignment]
        values = self._references.values
        return {substitute(key, values): substitute(text, values) for key, text in args.items()}

    def _structure(self, shape: Shape, frontend: str) -> Structure:
        key = (shape, frontend)
        structure = self._structures.get(key)
        if structure is None:
            structure = self._structures[key] = read_structure(shape.text, frontend)
        return structure

    def _frontend(self, target: Target) -> str:
        """Return the frontend that the build arguments of a target name, or empty."""
        args: Mapping[str, str] = target.fields.get("args", {})  # type: ignore[assignment]
        return frontend_argument(args, self._references.values)

    def _findings(
        self, target: Target, text: str, printed: Printed
    ) -> tuple[Printed, list[Finding]]:
        """Return the findings of a Dockerfile, and what they were found in.

        That is the text itself if a printed word affects how it is parsed.
        """
        structure = self._structure(printed.shape, self._frontend(target))
        findings = [
            finding._replace(
                message=printed.restore_message(finding.message),
                help=printed.restore_message(finding.help),
            )
            for finding in self._examine(target, structure, printed)
        ]
        if not printed.words:
            return printed, findings
        new = {confirmation(finding, printed, text) for finding in findings} - self._confirmed
        if structure.is_shared and not new:
            return printed, findings
        whole = Printed(self._wholes.setdefault(text, Shape(text)))
        actual = [
            *self._examine(target, self._structure(whole.shape, self._frontend(target)), whole)
        ]
        if structure.is_shared and new <= {confirmation(f, printed, text) for f in actual}:
            self._confirmed |= new
            return printed, findings
        return whole, actual

    def _examine(self, target: Target, structure: Structure, printed: Printed) -> Iterator[Finding]:
        """Yield what is wrong in a Dockerfile; messages may have marks for printed words."""
        yield from structure.findings
        names = [printed.restore(name).lower() for name in structure.stages]
        contexts: Mapping[str, str] = target.fields.get("contexts", {})  # type: ignore[assignment]
        stages = StageNames(names, {*map(context_name, contexts)})
        wrong = unsettled_findings(target, structure, printed, self._references.values)
        rejected = [*rejected_instructions(target, structure, wrong, stages)]
        yield from rejected
        bad = {finding.line for finding in rejected if finding.code is Code.BAD_FROM}
        invalid = invalid_bases(target, structure, printed, stages, self._references.values)
        for use in structure.stage_uses:
            misplaced_use = misplaced(use, printed.restore(use.word.text), stages)
            if misplaced_use is not None:
                yield misplaced_use
        uses = {use.word for use in structure.stage_uses}
        for word in (word for word in structure.images if word.line not in bad):
            name, is_base = self._image(word, target, structure, printed), word not in uses
            probable = self._references.check(name, word, target, names, is_base=is_base)
            if finding := invalid.get(word, probable):
                yield finding._replace(help=probable.help) if probable else finding
        for mount in structure.mounts:
            ids, name = provided(target, mount.kind), printed.restore(mount.id)
            if ids is not None and name not in ids and "$" not in name:
                yield missing_id(mount, name, ids)
        if structure.sources:
            yield from self._sources.findings(target, structure.sources, printed)

    def _add(self, findings: Sequence[Finding], dockerfile: Dockerfile, printed: Printed) -> None:
        if not findings:
            return
        for diagnostic in self._diagnostics.of(findings, dockerfile, printed):
            self._note(diagnostic, dockerfile.target)

    def _note(self, diagnostic: Diagnostic, target: Target) -> None:
        is_error = diagnostic.severity is Severity.ERROR
        (self.problems if is_error else self.warnings).add(diagnostic, target.name)

    def _has_lost(self, target: Target, text: str, shape: Shape) -> bool:
        """Return whether an instruction lost the line end before it; add what is found."""
        lost = self._line_ends.findings(target, text, shape)
        for diagnostic in lost:
            self._note(diagnostic, target)
        return any(diagnostic.severity is Severity.ERROR for diagnostic in lost)

    def _missing_stage(
        self, target: Target, structure: Structure, printed: Printed
    ) -> Diagnostic | None:
        """Return the error if the Dockerfile does not have the stage that `target:` names."""
        wanted = str(target.fields.get("target", ""))
        if not wanted or not structure.is_known or variables_in(wanted):
            return None
        names = [printed.restore(name).lower() for name in structure.stages]
        if wanted.lower() in names:
            return None
        named = [name for name in names if name]
        listed = f"its stages: {', '.join(named)}" if named else "name a stage with `AS`"
        return Diagnostic(
            code=Code.UNKNOWN_STAGE,
            message=f"unknown stage {wanted!r}",
            location=field_location(target, self._plan.matrix, "target"),
            help=did_you_mean(wanted, named, otherwise=listed),
        )
