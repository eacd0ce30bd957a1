"""Turn variants into targets: names, parents, and every field of bake rendered.

All targets that `resolve` returns have valid, unique names and tags, known platforms, and parents
that exist, unless their errors are among the problems. Fields that do not depend on the variant are
the same object in all targets of an image.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Problems
from compiler.matrix.bake_strings import BakeString, substitute
from compiler.matrix.certainty import without_images
from compiler.matrix.matrix import Alias, Image, Matrix
from compiler.matrix.template_files import EXISTING
from compiler.source.project_files import Files
from compiler.targets.aliases import find_aliases
from compiler.targets.applied_overrides import BuildSpec, ImageContext
from compiler.targets.checked_environment import CheckedEnvironment, default_environment
from compiler.targets.checks import Checks
from compiler.targets.conflicts import reject_conflicts
from compiler.targets.expand import Variant
from compiler.targets.field_locations import TargetUnderCheck
from compiler.targets.field_rendering import Rendered
from compiler.targets.links import check_links, link_to, links_in
from compiler.targets.naming import Named, name_variants
from compiler.targets.parents import find_parents
from compiler.targets.platforms import Platforms
from compiler.targets.rendered_fields import (
    render_aliases,
    render_fields,
    render_template_name,
)
from compiler.targets.reproducible import ReproducibleFields
from compiler.targets.settings import Settings
from compiler.targets.target import Target
from compiler.targets.target_tags import take_tags, with_platform_tags


_COMBINED = frozenset({"platforms", "repositories"})
"""Fields without which other fields cannot be checked."""


def resolve(
    matrix: Matrix,
    variants: tuple[Variant, ...],
    files: Files,
    problems: Problems,
    environment: CheckedEnvironment | None = None,
) -> tuple[Target, ...]:
    """Return the target of each variant, in the same order.

    A target whose template can be rendered is returned, even if other fields are invalid.

    Args:
        matrix: the matrix.
        variants: its variants.
        files: the project's files, among which contexts must exist.
        problems: the collector of errors, in all variants.
        environment: the values of the bake variables with which fields are checked, and which of
            them. By default all are checked with the defaults of the variables.
    """
    environment = environment or default_environment(matrix)
    named = name_variants(matrix, variants, problems)
    if len(named) < len(variants):
        matrix, named = _with_names(matrix, variants, named)
    contexts = {image: ImageContext(image, matrix) for image in matrix.images.values()}
    specs = [
        contexts[named_variant.variant.image].build_spec(named_variant.variant.values)
        for named_variant in named
    ]
    parents = find_parents(matrix, named, [spec.parent for spec in specs], problems)
    aliases = find_aliases(matrix, named, problems)
    resolver = _Resolver(matrix, contexts, files, environment, problems)
    targets = []
    for named_variant, spec, parent in zip(named, specs, parents, strict=True):
        target = resolver.target(named_variant, spec, parent, aliases.get(named_variant.name, ()))
        if target is not None:
            targets.append(target)
    invalid = problems.targets()
    valid, unchecked = targets, set()
    if invalid:  # some errors of a target are found in the first target of its image only
        images = {
            named_variant.variant.image.name
            for named_variant in named
            if named_variant.name in invalid
        }
        valid = [target for target in targets if target.image not in images]
        unchecked = {
            named_variant.name
            for named_variant in named
            if named_variant.variant.image.name in images
        }
    check_links(matrix, valid, problems, unchecked)
    resolver.checks.linked(valid)
    return tuple(targets)


def _with_names(
    matrix: Matrix, variants: tuple[Variant, ...], named: list[Named]
) -> tuple[Matrix, list[Named]]:
    """Return the matrix and the named variants of the images of which all variants have names."""
    total = Counter(variant.image.name for variant in variants)
    valid = Counter(named_variant.variant.image.name for named_variant in named)
    matrix = without_images(matrix, {name for name in total if valid[name] < total[name]})
    return matrix, [
        named_variant
        for named_variant in named
        if named_variant.variant.image.name in matrix.images
    ]


class _Resolver:
    """Resolves the variants of one matrix; errors are added to the problems."""

    def __init__(
        self,
        matrix: Matrix,
        contexts: Mapping[Image, ImageContext],
        files: Files,
        environment: CheckedEnvironment,
        problems: Problems,
    ) -> None:
        self._matrix, self._contexts, self._problems = matrix, contexts, problems
        self._environment, self._values = environment, environment.values
        values = environment.values
        self._platforms = Platforms(environment, problems)
        self._settings = Settings(matrix)
        self._reproducible = ReproducibleFields()
        self.checks = Checks(matrix, files, values, problems)

    def target(
        self, named: Named, spec: BuildSpec, parent: str | None, aliases: tuple[Alias, ...]
    ) -> Target | None:
        """Return the target of one variant; None if its template cannot be rendered."""
        matrix, problems = self._matrix, self._problems
        variant, axes, name, joined = named
        image, values = variant
        try:
            scope = self._scope(named, spec, parent)
        except CompileError as error:
            problems.reject(error, name)
            return None
        assert spec.template is not None  # noqa: S101 - a scope is that of a template
        template = render_template_name(spec.template, scope, name, problems)
        fields, invalid = render_fields(spec, scope, name, problems)
        floating = render_aliases(aliases, scope, matrix, name, problems) if aliases else ()
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
        if spec.platform_tags is not None and (narrowed or not subject.has_platforms):
            names = tuple(substitute(text, self._values) for text in narrowed)
            tags = with_platform_tags(tags, spec.platform_tags, subject, names, problems)
        if reproducible:
            fields = self._reproducible.add(fields)
        environment = self._environment
        if invalid.isdisjoint(_COMBINED) and environment.concerns(name):
            used, ref = environment.used(tags), cache if environment.cached else None
            self.checks.target(subject, fields, used, ref, tests)
        if template is None:
            return None
        contexts: Any = fields.get("contexts", {})
        is_existing = template.startswith(EXISTING)
        return Target(
            name=name,
            image=image.name,
            axes=axes,
            values=values,
            variant=joined,
            template=template,
            dockerfile=template[len(EXISTING) :] if is_existing else generated,
            generated=generated,
            is_existing=is_existing,
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

    def _scope(self, named: Named, spec: BuildSpec, parent: str | None) -> dict[str, Any]:
        """Return the names that the template and the fields of a variant see.

        Invalid values of `set` are unknown.

        Raises:
            CompileError: names of `set` form a cycle, levels set different values, or there is no
                template.
        """
        variant, axes, name, joined = named
        image, values = variant
        context = self._contexts[image]
        scope = {**context.scope, **axes}
        if context.settings or spec.settings or not context.plain:
            scope["image"] = image.name
            evaluated = self._settings.of(context.settings, values, spec.settings, scope)
            scope.update(evaluated.values)
            self._problems.extend(evaluated.errors, name)
        scope.update(image=image.name, target=name, variant=joined, parent=parent)
        if spec.contests:
            reject_conflicts(spec.contests, scope, self._matrix)
        if spec.template is None:
            raise CompileError([_no_template(image, self._matrix)])
        return scope

    def _with_parent(
        self, parent: str, fields: Mapping[str, Rendered], subject: TargetUnderCheck
    ) -> Mapping[BakeString, BakeString]:
        """Return a target's named contexts, with its parent as the first."""
        contexts: Any = fields.get("contexts", {})
        if parent in contexts:
            self._problems.add(_parent_context(parent, subject), subject.name)
        return {BakeString(parent): BakeString(link_to(parent)), **contexts}


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
