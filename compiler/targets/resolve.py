"""Turn variants into targets: names, parents, and every field of bake rendered.

All targets that `resolve` returns have valid, unique names and tags, known platforms, and parents
that exist. Fields that do not depend on the variant are the same object in all targets of an image.
"""

import posixpath
from collections.abc import Mapping
from typing import Any

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Problems
from compiler.matrix.bake_strings import BakeString, interpolate, substitute
from compiler.matrix.matrix import Alias, Image, Matrix
from compiler.matrix.strings import TemplateString
from compiler.matrix.template_files import EXISTING
from compiler.source.project_files import Files
from compiler.targets.aliases import find_aliases
from compiler.targets.applied_overrides import BuildSpec, ImageContext
from compiler.targets.checks import Checks
from compiler.targets.conflicts import conflicts
from compiler.targets.expand import Variant
from compiler.targets.field_locations import TargetUnderCheck
from compiler.targets.field_rendering import Rendered
from compiler.targets.links import check_links, link_to, links_in
from compiler.targets.naming import Named, name_variants
from compiler.targets.parents import find_parents
from compiler.targets.platforms import Platforms
from compiler.targets.reproducible import ReproducibleFields
from compiler.targets.settings import Settings
from compiler.targets.target import Target
from compiler.targets.target_tags import take_tags, with_platform_tags


def resolve(matrix: Matrix, variants: tuple[Variant, ...], files: Files) -> tuple[Target, ...]:
    """Return the target of each variant, in the same order.

    Args:
        matrix: the matrix.
        variants: its variants.
        files: the project's files, among which contexts must exist.

    Raises:
        CompileError: with all errors in all variants.
    """
    problems = Problems()
    named = name_variants(matrix, variants, problems)
    contexts = {image: ImageContext(image, matrix) for image in matrix.images.values()}
    specs = [contexts[one.variant.image].build_spec(one.variant.values) for one in named]
    if problems:  # children of a variant without a name would seem to lack a parent
        parents: list[str | None] = [None] * len(named)
        aliases: Mapping[str, tuple[Alias, ...]] = {}
    else:
        parents = find_parents(matrix, named, [spec.parent for spec in specs], problems)
        aliases = find_aliases(matrix, named, problems)
    resolver = _Resolver(matrix, contexts, files, problems)
    targets = []
    for one, spec, parent in zip(named, specs, parents, strict=True):
        target = resolver.target(one, spec, parent, aliases.get(one.name, ()))
        if target is not None:
            targets.append(target)
    if not problems:  # links to an invalid target would seem to lead nowhere
        check_links(matrix, targets, problems)
        resolver.checks.linked(targets)
    problems.refuse()
    return tuple(targets)


class _Resolver:
    """Resolves the variants of one matrix; errors are added to the problems."""

    def __init__(
        self,
        matrix: Matrix,
        contexts: Mapping[Image, ImageContext],
        files: Files,
        problems: Problems,
    ) -> None:
        self._matrix, self._contexts, self._problems = matrix, contexts, problems
        values = {
            name: variable.resolved or name.lower() for name, variable in matrix.variables.items()
        }
        self._values = values
        self._platforms = Platforms(values, problems)
        self._settings = Settings(matrix)
        self._reproducible = ReproducibleFields()
        self.checks = Checks(matrix, files, values, problems)

    def target(
        self, named: Named, spec: BuildSpec, parent: str | None, aliases: tuple[Alias, ...]
    ) -> Target | None:
        """Return the target of one variant; None if it has errors."""
        matrix, problems = self._matrix, self._problems
        variant, axes, name, joined = named
        image, values = variant
        context = self._contexts[image]
        scope = {**context.scope, **axes}
        try:
            if context.settings or spec.settings or not context.plain:
                scope["image"] = image.name
                scope.update(self._settings.of(context.settings, values, spec.settings, scope))
            scope.update(image=image.name, target=name, variant=joined, parent=parent)
        except CompileError as error:
            problems.extend(error.diagnostics, name)
            return None
        if spec.contests and (found := list(conflicts(spec.contests, scope, matrix))):
            problems.extend(found, name)
            return None
        if spec.template is None:
            problems.add(_no_template(image, matrix), name)
            return None
        rendered = _fields(spec, spec.template, scope, name, problems)
        floating = _aliases(aliases, scope, matrix, name, problems) if aliases else ()
        if rendered is None or floating is None:
            return None
        template, fields = rendered
        tags = take_tags(fields, floating, named="repositories" in spec.written)
        cache: Any = fields.pop("cache", None)
        tests: Any = fields.pop("tests", ())
        reproducible = bool(fields.pop("reproducible", False))
        subject = TargetUnderCheck(matrix, name, variant, spec.written, scope)
        if parent is not None:
            fields["contexts"] = self._with_parent(parent, fields, subject)
        platforms: Any = fields.get("platforms", ())
        if narrowed := self._platforms.narrowed(subject, platforms):
            fields["platforms"] = narrowed
        generated = f"{matrix.output}/{name}.Dockerfile"
        if spec.platform_tags is not None:
            names = tuple(substitute(text, self._values) for text in narrowed)
            tags = with_platform_tags(tags, spec.platform_tags, subject, names, problems)
        if reproducible:
            fields = self._reproducible.add(fields)
        self.checks.target(subject, fields, tags, cache, tests)
        contexts: Any = fields.get("contexts", {})
        return Target(
            name=name,
            image=image.name,
            axes=axes,
            values=values,
            variant=joined,
            template=template,
            dockerfile=template[1:] if template.startswith(EXISTING) else generated,
            generated=generated,
            scope=scope,
            fields=fields,
            spec=spec,
            parent=parent,
            links=links_in(contexts),
            cache=cache,
            tests=tests,
            reproducible=reproducible,
            **tags.attributes(),
        )

    def _with_parent(
        self, parent: str, fields: Mapping[str, Rendered], subject: TargetUnderCheck
    ) -> Mapping[BakeString, BakeString]:
        """Return a target's named contexts, with its parent as the first."""
        contexts: Any = fields.get("contexts", {})
        if parent in contexts:
            self._problems.add(_parent_context(parent, subject), subject.name)
        return {BakeString(parent): BakeString(link_to(parent)), **contexts}


def _fields(
    spec: BuildSpec,
    named: TemplateString,
    scope: Mapping[str, Any],
    name: str,
    problems: Problems,
) -> tuple[str, dict[str, Rendered]] | None:
    """Return the template's name and the fields of a variant; None if one of them is invalid."""
    valid = True
    template = ""
    try:
        template = named.render(scope)
        if named.route[-1] == "dockerfile":
            template = EXISTING + posixpath.normpath(template)
    except CompileError as error:
        problems.extend(error.diagnostics, name)
        valid = False
    fields: dict[str, Rendered] = {}
    for field, render in spec.fields:
        try:
            rendered = render(scope)
        except CompileError as error:
            problems.extend(error.diagnostics, name)
            valid = False
            continue
        if rendered or rendered is False:
            fields[field] = rendered
    return (template, fields) if valid else None


def _aliases(
    aliases: tuple[Alias, ...],
    scope: Mapping[str, Any],
    matrix: Matrix,
    name: str,
    problems: Problems,
) -> tuple[BakeString, ...] | None:
    """Return the aliases of a variant; None if one of them is invalid."""
    try:
        return tuple(
            interpolate(alias.tag, alias.tag.render(scope), matrix.variables) for alias in aliases
        )
    except CompileError as error:
        problems.extend(error.diagnostics, name)
        return None


def _no_template(image: Image, matrix: Matrix) -> Diagnostic:
    return Diagnostic(
        code=Code.MISSING_KEY,
        message=f"a variant of image {image.name!r} has no template",
        location=matrix.source.locate(image.route, key=True),
        help="add `template:` to the image; axis values, rows and overrides replace it",
    )


def _parent_context(parent: str, subject: TargetUnderCheck) -> Diagnostic:
    return Diagnostic(
        code=Code.DUPLICATE_KEY,
        message=f"duplicate context {parent!r}: `from` defines it already",
        location=subject.locate("contexts", parent),
        help="remove it",
    )
