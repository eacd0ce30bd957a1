"""Warn about valid input that is probably a mistake: rules without effect, unused names."""

import re
from collections.abc import Iterable
from typing import Any

from compiler.codes import Code
from compiler.constants import OLDEST_BUILDX
from compiler.errors import Diagnostic, Problems, Severity
from compiler.matrix.field_table import ROWS
from compiler.matrix.matrix import Image, Matrix, WrittenTests, all_changes, all_settings
from compiler.matrix.pattern import Rule, holds, rule
from compiler.render.context_keys import unused_contexts
from compiler.render.dockerfile import read
from compiler.render.matrix_references import MatrixReferences
from compiler.render.render import Dockerfile
from compiler.render.target_tests import DEVICE_SYNTAX
from compiler.render.templates import Templates
from compiler.render.unused_arguments import unused_arguments
from compiler.render.unused_axes import effects
from compiler.source.document import Route
from compiler.targets.applicable_checks import matches
from compiler.targets.expand import leaves_any, rules_of
from compiler.targets.plan import Plan
from compiler.targets.target import Target


OLDEST = ".".join(map(str, OLDEST_BUILDX))


def lint(
    plan: Plan, dockerfiles: tuple[Dockerfile, ...], templates: Templates, bake_template: str
) -> tuple[Diagnostic, ...]:
    """Return all warnings of a plan, in the order of the file.

    Args:
        plan: the plan.
        dockerfiles: the Dockerfiles of its targets.
        templates: the templates that they were rendered from.
        bake_template: the text of the project's own docker-bake.hcl.j2, or empty.
    """
    problems = Problems()
    problems.extend(plan.warnings)
    problems.extend(templates.warnings.diagnostics())
    warn = _Warnings(plan.matrix, problems)
    _rows(plan.matrix, plan.targets, warn)
    _values(plan.matrix, plan.targets, warn)
    _names(plan.matrix, templates.read, bake_template, warn)
    _newer(plan.matrix, warn)
    _parents(plan, dockerfiles, warn)
    problems.extend(unused_arguments(plan.matrix, dockerfiles, templates))
    for warning, name in unused_contexts(plan, dockerfiles):
        problems.add(warning, name)
    problems.extend(effects(plan.matrix, dockerfiles))
    return problems.diagnostics()


class _Warnings:
    def __init__(self, matrix: Matrix, problems: Problems) -> None:
        self._matrix, self._problems = matrix, problems

    def __call__(
        self, code: Code, message: str, route: Route, help_: str, *, key: bool = False
    ) -> None:
        self._problems.add(
            Diagnostic(
                code=code,
                message=message,
                location=self._matrix.source.locate(route, key=key),
                help=help_,
                severity=Severity.WARNING,
            )
        )


def _rows(matrix: Matrix, targets: tuple[Target, ...], warn: _Warnings) -> None:
    """Warn about rows that match nothing in any image."""
    used: dict[Route, bool] = {}
    by_image: dict[str, list[Target]] = {}
    for target in targets:
        by_image.setdefault(target.image, []).append(target)
    for image in matrix.images.values():
        members = by_image.get(image.name, [])
        rows = [*(image.only or ()), *(override.when for override in image.overrides)]
        for row in rows:
            if not used.get(row.route):
                condition = rule(row, image)
                used[row.route] = condition is not None and any(
                    holds(condition, target.values) for target in members
                )
        for route, drops in _drops(image):
            used[route] = used.get(route, False) or drops
    for check in matrix.checks.values():
        patterns = [check.pattern, *(accepted.pattern for accepted in check.accepted)]
        for pattern in filter(None, patterns):
            used[pattern.route] = any(matches(matrix, pattern, target) for target in targets)
    for route, matched in used.items():
        if not matched:
            dropping = "exclude" in route
            warn(
                Code.ROW_WITHOUT_EFFECT,
                "this row excludes nothing that other rules do not exclude"
                if dropping
                else "this row matches no variant",
                route,
                "remove it, or check the rules before it"
                if dropping
                else "remove it, or check the other rules",
            )


def _drops(image: Image) -> Iterable[tuple[Route, bool]]:
    """Yield each row of `exclude`, and whether it excludes anything that earlier rows do not."""
    if not image.exclude:
        return
    rules = rules_of(image)
    before: list[Rule] = []
    for row in image.exclude:
        condition = rule(row, image)
        if condition is None:
            yield row.route, False
            continue
        only: tuple[Rule, ...] = ((),) if rules.keeps is None else rules.keeps
        keeps = [_both(condition, allowed) for allowed in only]
        remaining = rules._replace(forbids=tuple(before), keeps=tuple(keeps))
        yield row.route, leaves_any(image, remaining)
        before.append(condition)


def _both(rule: Rule, other: Rule) -> Rule:
    """Return the rule that matches what both rules match."""
    both = dict(rule)
    for position, values in other:
        both[position] = both.get(position, values) & values
    return tuple(sorted(both.items(), key=lambda pair: pair[0]))


def _values(matrix: Matrix, targets: tuple[Target, ...], warn: _Warnings) -> None:
    """Warn about axes that no image has, and values that no variant has."""
    used = {value for target in targets for value in target.values}
    listed = {axis.name for image in matrix.images.values() for axis in image.axes}
    for axis in matrix.axes.values():
        if axis.name not in listed:
            help_ = "list it under `axes` of an image, or remove it"
            warn(
                Code.UNUSED_AXIS,
                f"unused axis {axis.name!r}: no image has it",
                axis.route,
                help_,
                key=True,
            )
            continue
        for value in axis.values:
            if value not in used:
                warn(
                    Code.UNUSED_VALUE,
                    f"unused value {axis.name}={value.text}: all its variants are excluded",
                    value.route,
                    "remove it, or relax the rules",
                    key=True,
                )


def _names(
    matrix: Matrix, templates: frozenset[str] | None, bake_template: str, warn: _Warnings
) -> None:
    """Warn about variables, data and settings that nothing reads."""
    for name, variable in matrix.variables.items():
        if f"${{{name}}}" not in matrix.read and not re.search(rf"\b{name}\b", bake_template):
            help_ = f"use it as `${{{name}}}`, or remove it"
            warn(Code.UNUSED_VARIABLE, f"unused variable {name!r}", variable.route, help_, key=True)
    if templates is None:
        return  # an include that is only known when rendering may read anything
    read = matrix.read | templates
    for name in matrix.data:
        if name not in read:
            help_ = "use it in an expression, or remove it"
            warn(
                Code.UNUSED_DATA,
                f"unused data {name!r}",
                ("data", name),
                help_,
                key=True,
            )
    reported: set[str] = set()
    for setting in all_settings(matrix.axes, matrix.images):
        if setting.name not in read and setting.name not in reported:
            reported.add(setting.name)
            help_ = f"use it as `{{{{ {setting.name} }}}}`, or remove it"
            message = f"unused setting {setting.name!r}"
            warn(Code.UNUSED_SET, message, setting.route, help_, key=True)


def _newer(matrix: Matrix, warn: _Warnings) -> None:
    """Warn about fields that old versions of buildx ignore, and flags of newer BuildKit."""
    images = [image.fields for image in matrix.images.values()]
    for fields in (
        *images,
        *(change.fields for change in all_changes(matrix.axes, matrix.images)),
    ):
        for name in fields:
            if version := ROWS[name].since:
                warn(
                    Code.NEWER_BUILDX,
                    f"{name!r} needs buildx {version}: {OLDEST} ignores it silently",
                    fields[name].route,
                    "require that version where you build, or remove the field",
                    key=True,
                )
        tests = fields["tests"].value if "tests" in fields else None
        for test in tests.entries if isinstance(tests, WrittenTests) else ():
            if test.devices:
                warn(
                    Code.NEWER_BUILDKIT,
                    "`device` of `tests` needs buildx 0.22, BuildKit 0.20 and the Dockerfile "
                    f"syntax {DEVICE_SYNTAX}",
                    test.devices[0].route,
                    "require these versions where you test; the builder downloads the syntax",
                )


def _parents(plan: Plan, dockerfiles: tuple[Dockerfile, ...], warn: _Warnings) -> None:
    """Warn about children whose Dockerfiles do not use their parents.

    A Dockerfile that names a tag of its parent has another warning.
    """
    reported: set[str] = set()
    for target, text, _ in dockerfiles:
        parent = target.spec.parent
        if target.parent is None or parent is None or target.image in reported:
            continue
        args: Any = target.fields.get("args", {})
        if not any(target.parent in value for value in (text, *args.values())):
            reported.add(target.image)
            if _names_tag(text, target.parent, MatrixReferences(plan)):
                continue
            warn(
                Code.UNUSED_PARENT,
                f"the Dockerfile of {target.name!r} does not use its parent {target.parent!r}",
                parent.route,
                "begin it with `ARG BASE` and `FROM ${BASE}`, and pass "
                '`args: {BASE: "{{ parent }}"}`; or remove `from`'
                if target.is_existing
                else "begin its template with `FROM {{ parent }}`, or remove `from`",
            )


def _names_tag(text: str, name: str, references: MatrixReferences) -> bool:
    """Return whether a `FROM` of a Dockerfile names a tag of a target."""
    return any(references.is_tag_of(stage.base.text, name) for stage in read(text).stages)
