"""Return what BuildKit rejects in the Dockerfile of one target, although its parser reads it."""

from collections.abc import Iterable, Iterator, Mapping

from compiler.codes import Code
from compiler.errors import Severity
from compiler.matrix.bake_strings import substitute, variables_in
from compiler.render.base_rules import argument_values, base_finding
from compiler.render.dockerfile import Word
from compiler.render.dockerfile_rules import Finding
from compiler.render.shapes import Printed
from compiler.render.stage_findings import StageFinding
from compiler.render.stage_names import StageNames
from compiler.render.structures import Structure
from compiler.targets.graph import closure
from compiler.targets.target import Target


def rejected_instructions(
    target: Target,
    structure: Structure,
    unsettled: Iterable[StageFinding],
    stages: StageNames,
) -> Iterator[Finding]:
    """Yield the errors in the instructions of a Dockerfile.

    Args:
        target: the target that is built.
        structure: the structure of its Dockerfile.
        unsettled: what the words of this variant make invalid.
        stages: the stages.
    """
    for stage_finding in (*structure.stage_findings, *unsettled):
        if _matters(stage_finding, target, stages, structure.links):
            yield stage_finding.finding


def unsettled_findings(
    target: Target, structure: Structure, printed: Printed, variables: Mapping[str, str]
) -> tuple[StageFinding, ...]:
    """Return what the words of a variant and the values of variables make invalid.

    Args:
        target: the target that is built.
        structure: the structure of its Dockerfile.
        printed: the words that the marks replace.
        variables: bake variable -> its default.
    """
    findings = structure.unsettled.of(printed)
    if structure.value_findings is not None:
        findings += structure.value_findings.of(printed, known_args(target, variables))
    return findings


def invalid_bases(
    target: Target,
    structure: Structure,
    printed: Printed,
    stages: StageNames,
    variables: Mapping[str, str],
) -> Mapping[Word, Finding]:
    """Return the errors in what a Dockerfile names in `FROM`, `--from` and mounts.

    Args:
        target: the target that is built.
        structure: the structure of its Dockerfile.
        printed: the words that the marks replace.
        stages: the stages.
        variables: bake variable -> its default.
    """
    known = known_args(target, variables)
    values = argument_values(structure.arguments, known, structure.escape, printed)
    # A late argument is the reason why the name is empty.
    late = {
        finding.line
        for finding in structure.findings
        if finding.code is Code.LATE_ARG and finding.severity is Severity.ERROR
    }
    findings = {
        base.word: base_finding(base, stages, values, structure.escape, printed)
        for base in structure.bases
        if base.word.line not in late
    }
    return {word: finding for word, finding in findings.items() if finding is not None}


def known_args(target: Target, variables: Mapping[str, str]) -> Mapping[str, str | None]:
    """Return the build arguments of a target; None where a bake variable decides the value."""
    args: Mapping[str, str] = target.fields.get("args", {})  # type: ignore[assignment]
    return {
        substitute(name, variables): None if variables_in(text) else substitute(text, variables)
        for name, text in args.items()
    }


def _matters(
    stage_finding: StageFinding,
    target: Target,
    stages: StageNames,
    links: Mapping[int, frozenset[int]],
) -> bool:
    """Return whether BuildKit rejects a Dockerfile for a target because of a finding."""
    args: Mapping[str, str] = target.fields.get("args", {})  # type: ignore[assignment]
    if stage_finding.argument and stage_finding.argument in args:
        return False
    if not stage_finding.is_late or stage_finding.stage < 0:
        return True
    if stage_finding.below & stages.replaced:
        return False
    wanted = str(target.fields.get("target", "")).lower()
    last = [n for n, name in enumerate(stages.names) if not wanted or name == wanted][-1:]
    built = {number: reads for number, reads in links.items() if number not in stages.replaced}
    return stage_finding.stage in closure(last, built) - stages.replaced
