"""The target of one variant: what bake builds, before it is written as HCL."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from compiler.matrix.bake_strings import BakeString
from compiler.matrix.matrix import Value
from compiler.matrix.model import Scalar
from compiler.targets.applied_overrides import BuildSpec
from compiler.targets.field_rendering import Rendered, RenderedTags
from compiler.targets.image_tests import ImageTest
from compiler.targets.target_tags import PlatformTags


NO_LINKS: Mapping[str, str] = MappingProxyType({})


class Target(NamedTuple):
    """What bake builds of one variant."""

    name: str
    image: str
    axes: Mapping[str, Scalar]
    """Axis -> this variant's value, for the axes of the image."""
    values: tuple[Value, ...]
    """The same values with their attributes, in the order of the image's axes."""
    variant: str
    """The non-empty fragments joined with `-`."""
    template: str
    """The path of the Dockerfile's template below `templates/`; EXISTING for an existing one."""
    dockerfile: str
    """The Dockerfile's path, relative to matrix.yaml."""
    generated: str
    """The path of the Dockerfile that is generated for it, unless it has an existing one."""
    is_existing: bool
    """Whether its Dockerfile is an existing one, used unchanged."""
    scope: Mapping[str, Any]
    """The names that its templates can use."""
    fields: Mapping[str, Rendered]
    """Bake's fields by name, in bake's order; only those that are set."""
    spec: BuildSpec
    """The levels of matrix.yaml that set them, merged."""
    parent: str | None = None
    """The target of its base image, if `from` names one."""
    links: Mapping[str, str] = NO_LINKS
    """Named context -> target: the parent, and targets to copy from."""
    moving: tuple[BakeString, ...] = ()
    """Floating tags, in bake's syntax."""
    aliases: tuple[BakeString, ...] = ()
    """Floating tags from `aliases`, in bake's syntax."""
    repositories: tuple[BakeString, ...] | None = None
    """Its repositories, the first of which contains the staged image; None if tags name them."""
    shared: RenderedTags = RenderedTags((), ())
    """Tags of the indexes that it is part of, in bake's syntax."""
    platform_tags: tuple[PlatformTags, ...] = ()
    """Tags of single platforms."""
    cache: Mapping[str, str] | None = None
    """`ref` and `mode` of its registry cache, if it has one."""
    tests: tuple[ImageTest, ...] = ()
    """The tests of the built image."""
    reproducible: bool = False
    """Whether two builders make the same image."""

    @property
    def platforms(self) -> tuple[BakeString, ...]:
        """Its platforms; empty if the builder decides."""
        return self.fields.get("platforms", ())  # type: ignore[return-value]

    @property
    def tags(self) -> tuple[BakeString, ...]:
        """Its version tags, in bake's syntax."""
        return self.fields.get("tags", ())  # type: ignore[return-value]


def link_graph(targets: Iterable[Target]) -> dict[str, tuple[str, ...]]:
    """Return, for each target, the targets that its named contexts are."""
    return {target.name: tuple(target.links.values()) for target in targets}
