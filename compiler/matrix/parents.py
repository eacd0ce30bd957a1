"""Read `from`: which image is the parent, and which of its variants."""

from collections.abc import Collection, Mapping

from compiler.codes import Code
from compiler.errors import did_you_mean, listed
from compiler.matrix.matrix import Axis, Image, Parent
from compiler.matrix.model import TemplateOptions
from compiler.matrix.pattern import read_pattern
from compiler.matrix.reader import Reader
from compiler.source.document import Route


def read_parent(
    level: TemplateOptions,
    route: Route,
    *,
    axes: Mapping[str, Axis],
    images: Collection[str],
    reader: Reader,
) -> Parent | None:
    """Read `from` of the level at a route; null is a parent without an image.

    Returns:
        None if the level has no `from`, or if the image does not exist, which is reported.
    """
    if "from_" not in level.written:
        return None
    options, at = level.from_, (*route, "from")
    if options is None:
        return Parent(image=None, fixed=None, route=at)
    if options.image not in images:
        if not reader.valid.is_removed(("images",)):
            reader.problem(
                Code.UNKNOWN_IMAGE,
                f"no image is named {options.image!r}",
                at,
                did_you_mean(options.image, images, otherwise=f"images are {listed(images)}"),
            )
        return None
    fixed = None
    if options.with_ is not None:
        inner = (*at, "with")
        fixed = read_pattern(options.with_, inner, axes=axes, images=(), reader=reader)
        if "image" in options.with_:
            message = f"'image' is not an axis; the parent is {options.image!r}"
            _report(message, "`with` names axes of the parent", (*inner, "image"), reader, key=True)
    return Parent(image=options.image, fixed=fixed, route=at)


def check_parents(images: Mapping[str, Image], reader: Reader) -> None:
    """Check that each `with` names axes and values of the parent."""
    checked: set[Route] = set()
    for image in images.values():
        for parent in image.parents():
            if parent.route in checked or parent.image is None or parent.fixed is None:
                continue
            checked.add(parent.route)
            if not axes_are_unknown(parent.image, reader):
                _check_fixed(parent, images[parent.image], reader)


def _check_fixed(parent: Parent, base: Image, reader: Reader) -> None:
    assert parent.fixed is not None  # noqa: S101 - the caller checks it
    route, axes = (*parent.route, "with"), {axis.name: axis for axis in base.axes}
    for name, matcher in parent.fixed.matchers.items():
        if name not in axes:
            message = f"the parent {base.name!r} lacks the axis {name!r}"
            _report(message, "`with` names axes of the parent", (*route, name), reader, key=True)
        elif not matcher.values and matcher.lacking:
            message = f"the parent {base.name!r} has no such {name!r}"
            known = listed([value.text for value in axes[name].values])
            _report(message, f"its values are {known}", (*route, name), reader)


def _report(message: str, help_: str, route: Route, reader: Reader, *, key: bool = False) -> None:
    reader.problem(Code.PARENT_AXIS, message, route, help_, key=key)


def axes_are_unknown(name: str, reader: Reader) -> bool:
    """Return whether the axes of an image are invalid."""
    lists = (("images", name, "axes"), ("defaults", "axes"), ("axes",))
    return not all(map(reader.is_sound, lists))
