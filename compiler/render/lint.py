"""What is right and most likely a mistake: rules without effect, names that nothing reads.

Takes a plan, its templates and Dockerfiles; returns warnings, in the order of the file.
"""

import re
from collections.abc import Iterable

from compiler.codes import Code
from compiler.constants import OLDEST_BUILDX
from compiler.errors import Diagnostic, Problems, Severity
from compiler.matrix.field_table import ROWS
from compiler.matrix.matrix import Image, Matrix, Setting
from compiler.matrix.pattern import Rule, holds, rule
from compiler.render.render import Dockerfile
from compiler.render.templates import Templates
from compiler.render.unused_axes import effects
from compiler.source.document import Route
from compiler.targets.expand import Rules, leaves_any, rules_of
from compiler.targets.plan import Plan
from compiler.targets.target import Target


OLDEST = ".".join(map(str, OLDEST_BUILDX))


def lint(
    plan: Plan, dockerfiles: tuple[Dockerfile, ...], templates: Templates, bake_template: str
) -> tuple[Diagnostic, ...]:
    """Return the warnings of a plan, its own among them.

    Args:
        plan: what is planned.
        dockerfiles: what its templates rendered.
        templates: these, which know what they read.
        bake_template: the text of the project's own docker-bake.hcl.j2, if it has one, where
            variables may be read, too.
    """
    problems = Problems()
    problems.extend(plan.warnings)
    warn = _Warnings(plan.matrix, problems)
    _rows(plan.matrix, plan.targets, warn)
    _values(plan.matrix, plan.targets, warn)
    _names(plan.matrix, templates.read, bake_template, warn)
    _newer(plan.matrix, warn)
    _parents(plan.matrix, dockerfiles, warn)
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
    """Warn of rows that match nothing in any image."""
    used: dict[Route, bool] = {}
    by_image: dict[str, list[Target]] = {}
    for target in targets:
        by_image.setdefault(target.image, []).append(target)
    for image in matrix.images.values():
        mine = by_image.get(image.name, [])
        rows = [*(image.only or ()), *(override.when for override in image.overrides)]
        for row in rows:
            if not used.get(row.route):
                said = rule(row, image)
                used[row.route] = said is not None and any(holds(said, t.values) for t in mine)
        for route, drops in _drops(image):
            used[route] = used.get(route, False) or drops
    for route, matched in used.items():
        if not matched:
            dropping = "exclude" in route
            warn(
                Code.ROW_WITHOUT_EFFECT,
                "this row drops nothing that is not dropped without it"
                if dropping
                else "this row matches no variant",
                route,
                "remove it, or look at what the rules before it leave"
                if dropping
                else "remove it, or look at what the other rules leave",
            )


def _drops(image: Image) -> Iterable[tuple[Route, bool]]:
    """Tell of each row of `exclude` whether it drops anything that those before it leave."""
    if not image.exclude:
        return
    rules = rules_of(image)
    before: list[Rule] = []
    for row in image.exclude:
        said = rule(row, image)
        if said is None:
            yield row.route, False
            continue
        keeps = [said] if rules.keeps is None else [_both(said, kept) for kept in rules.keeps]
        left = Rules(rules.requires, tuple(before), tuple(keeps))
        yield row.route, leaves_any(image, left)
        before.append(said)


def _both(one: Rule, other: Rule) -> Rule:
    """Return the rule that takes what both take."""
    found = dict(one)
    for position, values in other:
        found[position] = found.get(position, values) & values
    return tuple(sorted(found.items(), key=lambda pair: pair[0]))


def _values(matrix: Matrix, targets: tuple[Target, ...], warn: _Warnings) -> None:
    """Warn of axes that no image has, and of values that no variant has."""
    met = {value for target in targets for value in target.values}
    listed = {axis.name for image in matrix.images.values() for axis in image.axes}
    for axis in matrix.axes.values():
        if axis.name not in listed:
            help_ = "list it under `axes` of an image, or remove it"
            warn(
                Code.UNUSED_AXIS,
                f"no image has the axis {axis.name!r}",
                axis.route,
                help_,
                key=True,
            )
            continue
        for value in axis.values:
            if value not in met:
                warn(
                    Code.UNUSED_VALUE,
                    f"no variant has {axis.name}={value.text}: the rules drop all of them",
                    value.route,
                    "remove it, or loosen the rules",
                    key=True,
                )


def _names(
    matrix: Matrix, templates: frozenset[str] | None, bake_template: str, warn: _Warnings
) -> None:
    """Warn of what is given a name that nothing reads."""
    for name, variable in matrix.variables.items():
        if f"${{{name}}}" not in matrix.read and not re.search(rf"\b{name}\b", bake_template):
            help_ = f"read it as `${{{name}}}`, or remove it"
            warn(
                Code.UNUSED_VARIABLE, f"nothing reads ${{{name}}}", variable.route, help_, key=True
            )
    if templates is None:
        return  # an include whose name is rendered may read anything
    read = matrix.read | templates
    for name in matrix.data:
        if name not in read:
            help_ = "read it in an expression, or remove it"
            warn(
                Code.UNUSED_DATA,
                f"nothing reads the data {name!r}",
                ("data", name),
                help_,
                key=True,
            )
    told: set[str] = set()
    for setting in _settings(matrix):
        if setting.name not in read and setting.name not in told:
            told.add(setting.name)
            help_ = f"read it as `{{{{ {setting.name} }}}}`, or remove it"
            message = f"nothing reads {setting.name!r}"
            warn(Code.UNUSED_SET, message, setting.route, help_, key=True)


def _settings(matrix: Matrix) -> Iterable[Setting]:
    for image in matrix.images.values():
        yield from image.settings.values()
        for override in image.overrides:
            yield from override.settings.values()
    for axis in matrix.axes.values():
        for value in axis.values:
            yield from value.settings.values()


def _newer(matrix: Matrix, warn: _Warnings) -> None:
    """Warn of fields that old versions of buildx drop."""
    for image in matrix.images.values():
        levels = [image.fields, *(override.fields for override in image.overrides)]
        for fields in levels:
            for name in fields:
                if version := ROWS[name].since:
                    warn(
                        Code.NEWER_BUILDX,
                        f"{name!r} needs buildx {version}: {OLDEST} drops it without a word",
                        fields[name].route,
                        "require that version where you build, or do without",
                        key=True,
                    )


def _parents(matrix: Matrix, dockerfiles: tuple[Dockerfile, ...], warn: _Warnings) -> None:
    """Warn of children whose Dockerfiles do not name their parents."""
    told: set[str] = set()
    for target, text, _ in dockerfiles:
        parent = matrix.images[target.image].parent
        if target.parent is None or parent is None or target.image in told:
            continue
        if target.parent not in text:
            told.add(target.image)
            warn(
                Code.UNUSED_PARENT,
                f"the Dockerfile of {target.name!r} does not name its parent {target.parent!r}",
                parent.route,
                "begin its template with `FROM {{ parent }}`, or remove `from`",
            )
