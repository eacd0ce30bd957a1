"""One build of one variant, as the plan and everything after it sees it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from compiler.matrix.matrix import Value
from compiler.matrix.model import Scalar
from compiler.matrix.strings import BakeString
from compiler.targets.field_rendering import Rendered


_NO_LINKS: Mapping[str, str] = MappingProxyType({})


class Target(NamedTuple):
    """One build of one variant."""

    name: str
    image: str
    axes: Mapping[str, Scalar]
    """The image's axes and this variant's values."""
    values: tuple[Value, ...]
    """The same in full, in the order of the image's axes."""
    variant: str
    """The non-empty fragments joined with `-`."""
    template: str
    """The Dockerfile's template, below `templates/`."""
    dockerfile: str
    """The Dockerfile's path, relative to matrix.yaml."""
    scope: Mapping[str, Any]
    """What its templates see."""
    fields: Mapping[str, Rendered]
    """Bake's fields, by name, in bake's order; `context` and `platforms` only if given."""
    parent: str | None = None
    """The target that it stands on."""
    links: Mapping[str, str] = _NO_LINKS
    """Named context -> the target that it is: the parent, and targets to copy from."""
    moving: tuple[BakeString, ...] = ()
    """Tags that move to each newer build, in bake's form."""
    aliases: tuple[BakeString, ...] = ()
    """Tags that move, and are this variant's alone."""
    cache: Mapping[str, str] | None = None
    """`ref` and `mode` of a cache of its own."""
    tests: tuple[str, ...] = ()
    """Commands that are run in the built image."""

    @property
    def platforms(self) -> tuple[BakeString, ...]:
        """Its platforms; none where the builder decides."""
        return self.fields.get("platforms", ())  # type: ignore[return-value]

    @property
    def tags(self) -> tuple[BakeString, ...]:
        """Its tags, in bake's form."""
        return self.fields.get("tags", ())  # type: ignore[return-value]
