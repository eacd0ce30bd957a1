"""Find the variant of each alias; an alias is a floating tag of a single variant."""

from collections.abc import Mapping, Sequence

from compiler.codes import Code
from compiler.errors import Diagnostic, Problems
from compiler.matrix.matrix import Alias, Image, Matrix
from compiler.matrix.pattern import holds, rule
from compiler.targets.naming import Named


def find_aliases(
    matrix: Matrix, named: Sequence[Named], problems: Problems
) -> Mapping[str, tuple[Alias, ...]]:
    """Return target -> its aliases; an alias must match exactly one variant of its image."""
    aliases: dict[str, tuple[Alias, ...]] = {}
    for image in matrix.images.values():
        if not image.aliases:
            continue
        variants = [
            named_variant for named_variant in named if named_variant.variant.image is image
        ]
        for alias in image.aliases:
            condition = rule(alias.pattern, image)
            matches = [
                named_variant.name
                for named_variant in variants
                if condition is not None and holds(condition, named_variant.variant.values)
            ]
            if len(matches) == 1:
                aliases[matches[0]] = (*aliases.get(matches[0], ()), alias)
            else:
                problems.add(_mismatch(alias, image, matches, matrix))
    return aliases


def _mismatch(alias: Alias, image: Image, matches: list[str], matrix: Matrix) -> Diagnostic:
    names = ", ".join(matches[:3]) + (", ..." if len(matches) > 3 else "")  # noqa: PLR2004
    missing = [axis.name for axis in image.axes if axis.name not in alias.pattern.matchers]
    help_ = f"add {' and '.join(missing)} to its pattern" if matches and missing else ""
    return Diagnostic(
        code=Code.ALIAS_MISMATCH,
        message=f"the alias {alias.tag.raw!r} matches {len(matches)} variants of {image.name!r}: "
        f"{names}"
        if matches
        else f"the alias {alias.tag.raw!r} matches no variant of {image.name!r}",
        location=matrix.source.locate(alias.pattern.route, key=True),
        help=help_ or "change its pattern so that it matches exactly one variant",
    )
