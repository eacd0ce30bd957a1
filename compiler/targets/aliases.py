"""Aliases: moving tags of which each is one variant's."""

from collections.abc import Mapping, Sequence

from compiler.codes import Code
from compiler.errors import Diagnostic, Problems
from compiler.matrix.matrix import Alias, Image, Matrix
from compiler.matrix.pattern import holds, rule
from compiler.targets.naming import Named


def find_aliases(
    matrix: Matrix, named: Sequence[Named], problems: Problems
) -> Mapping[str, tuple[Alias, ...]]:
    """Return each target's aliases; one that matches no variant or several is noted."""
    found: dict[str, tuple[Alias, ...]] = {}
    for image in matrix.images.values():
        if not image.aliases:
            continue
        variants = [one for one in named if one.variant.image is image]
        for alias in image.aliases:
            said = rule(alias.pattern, image)
            taken = [
                one.name for one in variants if said is not None and holds(said, one.variant.values)
            ]
            if len(taken) == 1:
                found[taken[0]] = (*found.get(taken[0], ()), alias)
            else:
                problems.add(_fault(alias, image, taken, matrix))
    return found


def _fault(alias: Alias, image: Image, taken: list[str], matrix: Matrix) -> Diagnostic:
    names = ", ".join(taken[:3]) + (", ..." if len(taken) > 3 else "")  # noqa: PLR2004
    open_ = [axis.name for axis in image.axes if axis.name not in alias.pattern.matchers]
    help_ = f"say also which {' and which '.join(open_)}" if taken and open_ else ""
    return Diagnostic(
        code=Code.ALIAS_MISMATCH,
        message=f"the alias {alias.tag.raw!r} matches {len(taken)} variants of {image.name!r}: "
        f"{names}"
        if taken
        else f"the alias {alias.tag.raw!r} matches no variant of {image.name!r}",
        location=matrix.source.locate(alias.pattern.route, key=True),
        help=help_ or "an alias is one variant's: let its pattern match exactly one",
    )
