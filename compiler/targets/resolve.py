"""Variants -> targets: names, parents, scopes, and every field of bake rendered.

Takes a `Matrix` and its variants; returns one `Target` each, in the same order.
Promises that names and tags are legal and no two targets share one, that platforms are known,
that what a target stands on is there, and that equal fields of one image's targets are the same
object where no variant decides them. Refuses what bake would take in silence.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Problems
from compiler.matrix.matrix import Alias, Matrix, Setting, Value
from compiler.matrix.reader import grow
from compiler.matrix.strings import BakeString, interpolate
from compiler.source.project_files import Files
from compiler.targets.aliases import find_aliases
from compiler.targets.applied_overrides import BuildSpec, ImageContext
from compiler.targets.checks import Checks
from compiler.targets.expand import Variant
from compiler.targets.field_locations import TargetUnderCheck
from compiler.targets.field_rendering import Rendered
from compiler.targets.links import check_links, link_to, links_in
from compiler.targets.naming import Named, name_variants
from compiler.targets.parents import find_parents
from compiler.targets.target import Target


def resolve(matrix: Matrix, variants: tuple[Variant, ...], files: Files) -> tuple[Target, ...]:
    """Resolve variants.

    Args:
        matrix: what was read.
        variants: what it expands to.
        files: where contexts are looked up.

    Raises:
        CompileError: with everything that is wrong in any of them.
    """
    problems = Problems()
    named = name_variants(matrix, variants, problems)
    if problems:  # what stands on a target without a name would be said to stand on nothing
        parents: list[str | None] = [None] * len(named)
        aliases: Mapping[str, tuple[Alias, ...]] = {}
    else:
        parents = find_parents(matrix, named, problems)
        aliases = find_aliases(matrix, named, problems)
    grounds = {image: ImageContext(image, matrix) for image in matrix.images.values()}
    checks = Checks(matrix, files, problems)
    targets = []
    for one, parent in zip(named, parents, strict=True):
        target = _target(
            one,
            parent,
            aliases.get(one.name, ()),
            grounds[one.variant.image],
            matrix,
            checks,
            problems,
        )
        if target is not None:
            targets.append(target)
    if not problems:  # a target that is refused would be missed by those that link to it
        check_links(matrix, targets, problems)
    problems.refuse()
    return tuple(targets)


def _target(
    named: Named,
    parent: str | None,
    aliases: tuple[Alias, ...],
    ground: ImageContext,
    matrix: Matrix,
    checks: Checks,
    problems: Problems,
) -> Target | None:
    """Resolve one variant; what is wrong with it goes to the problems."""
    variant, axes, name, joined = named
    image, values = variant
    scope = {**ground.scope, **axes}
    way = ground.way(values)
    try:
        if ground.settings or way.settings or not ground.plain:
            scope.update(_settings(ground.settings, values, way.settings, scope, matrix))
        scope.update(image=image.name, target=name, variant=joined, parent=parent)
    except CompileError as error:
        problems.extend(error.diagnostics, name)
        return None
    rendered = _fields(way, scope, name, problems)
    extra = _aliases(aliases, scope, matrix, name, problems) if aliases else ()
    if rendered is None or extra is None:
        return None
    template, fields = rendered
    moving: Any = fields.pop("moving", ())
    cache: Any = fields.pop("cache", None)
    tests: Any = fields.pop("tests", ())
    subject = TargetUnderCheck(matrix, name, variant, way.given, scope)
    if parent is not None:
        contexts: Any = fields.get("contexts", {})
        if parent in contexts:
            problems.add(_taken(parent, subject), name)
        fields["contexts"] = {
            BakeString(parent): BakeString(link_to(parent)),
            **contexts,
        }
    linking: Any = fields.get("contexts", {})
    tags: Any = fields.get("tags", ())
    checks.target(
        subject,
        fields,
        {"tags": tags, "moving": moving, "aliases": extra},
        cache,
    )
    return Target(
        name=name,
        image=image.name,
        axes=axes,
        values=values,
        variant=joined,
        template=template,
        dockerfile=f"{matrix.output}/{name}.Dockerfile",
        scope=scope,
        fields=fields,
        parent=parent,
        links=links_in(linking),
        moving=moving,
        aliases=extra,
        cache=cache,
        tests=tests,
    )


def _fields(
    way: BuildSpec, scope: Mapping[str, Any], name: str, problems: Problems
) -> tuple[str, dict[str, Rendered]] | None:
    """Render a variant's template name and fields; nothing where one of them is wrong."""
    sound = True
    template = ""
    try:
        template = way.template.render(scope)
    except CompileError as error:
        problems.extend(error.diagnostics, name)
        sound = False
    fields: dict[str, Rendered] = {}
    for field, render in way.fields:
        try:
            rendered = render(scope)
        except CompileError as error:
            problems.extend(error.diagnostics, name)
            sound = False
            continue
        if rendered or rendered is False:
            fields[field] = rendered
    return (template, fields) if sound else None


def _aliases(
    aliases: tuple[Alias, ...],
    scope: Mapping[str, Any],
    matrix: Matrix,
    name: str,
    problems: Problems,
) -> tuple[BakeString, ...] | None:
    """Render the aliases of a variant; nothing where one of them is wrong."""
    try:
        return tuple(
            interpolate(alias.tag, alias.tag.render(scope), matrix.variables) for alias in aliases
        )
    except CompileError as error:
        problems.extend(error.diagnostics, name)
        return None


def _settings(
    settings: Iterable[Setting],
    values: tuple[Value, ...],
    overriding: Iterable[Setting],
    scope: Mapping[str, Any],
    matrix: Matrix,
) -> dict[str, Any]:
    """Merge what `set` gives: the image's, the values', the overrides'; two values must agree.

    What is replaced is not rendered: it may hold for none but the variants that keep it.
    """
    given: dict[str, Any] = {}
    faults: list[Diagnostic] = []

    def lay(setting: Setting) -> None:
        try:
            given[setting.name] = setting.tree if setting.constant else grow(setting.tree, scope)
        except CompileError as error:
            faults.extend(error.diagnostics)

    above = {setting.name: setting for setting in overriding}
    theirs = [s for value in values for s in value.settings.values() if s.name not in above]
    replaced = {*above, *[setting.name for setting in theirs]}
    for setting in settings:
        if setting.name not in replaced:
            lay(setting)
    owners: dict[str, Setting] = {}
    for setting in theirs:
        name, before = setting.name, given.get(setting.name)
        lay(setting)
        if name in owners and not faults and given[name] != before:
            faults.append(_conflict(setting, owners[name], matrix))
        owners[name] = setting
    for setting in above.values():
        lay(setting)
    if faults:
        raise CompileError(faults)
    return given


def _taken(parent: str, subject: TargetUnderCheck) -> Diagnostic:
    return Diagnostic(
        code=Code.DUPLICATE_KEY,
        message=f"the context {parent!r} is that of the parent",
        location=subject.place("contexts", parent),
        help="remove it: `from` links the parent",
    )


def _conflict(setting: Setting, other: Setting, matrix: Matrix) -> Diagnostic:
    locate = matrix.source.locate
    return Diagnostic(
        code=Code.SET_CONFLICT,
        message=f"two values set {setting.name!r} differently",
        location=locate(setting.route, key=True),
        help="exclude the combination, or set it in one place",
        related=(("also set here", locate(other.route, key=True)),),
    )
