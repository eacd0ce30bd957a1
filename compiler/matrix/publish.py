"""Read `publish` of matrix.yaml: the version's variable, the staging repository, the checks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler.codes import Code
from compiler.errors import did_you_mean
from compiler.external.signer import Signer
from compiler.matrix.matrix import Axis, Check, SizeLimits, Variable
from compiler.matrix.model import PublishOptions, SizeOptions
from compiler.matrix.publish_checks import read_checks
from compiler.matrix.reader import Reader
from compiler.matrix.repositories import read_repository
from compiler.matrix.signing import read_sign
from compiler.matrix.sizes import PERCENTAGE_FORM, SIZE_FORM, parse_percentage, parse_size
from compiler.source.project_files import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """How a release is published."""

    version: str | None = None
    """The bake variable that contains the version; None if there are no releases."""
    staging: str = ""
    """The staging repository in bake's syntax; if empty, images are staged in their own."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    size_limits: SizeLimits | None = None
    signer: Signer | None = None
    """Who signs images; None for nobody."""


def read_publish(
    publish: PublishOptions | None,
    data: Mapping[str, Any],
    variables: Mapping[str, Variable],
    *,
    axes: Mapping[str, Axis],
    images: Collection[str],
    files: Files,
    reader: Reader,
) -> Published:
    """Return how a release is published, and report errors."""
    if publish is None:
        return Published()
    return Published(
        version=_read_version(publish, variables, reader),
        staging=read_repository(
            publish.staging,
            ("publish", "staging"),
            "docker.io/acme/staging",
            data=data,
            variables=variables,
            reader=reader,
        ),
        checks=read_checks(publish.checks, axes=axes, images=images, files=files, reader=reader),
        signer=read_sign(publish.sign, files, reader),
        size_limits=_read_size_limits(publish.size, reader),
    )


def _read_size_limits(size: SizeOptions | None, reader: Reader) -> SizeLimits | None:
    if size is None:
        return None
    limit = None if size.max is None else parse_size(size.max)
    growth = None if size.growth is None else parse_percentage(size.growth)
    for key, text, value, form in (
        ("max", size.max, limit, SIZE_FORM),
        ("growth", size.growth, growth, PERCENTAGE_FORM),
    ):
        if text is not None and value is None:
            route = ("publish", "size", key)
            message = f"invalid value for `{key}` of `size`: {text!r}"
            reader.problem(Code.BAD_FIELD, message, route, f"write {form}")
    return SizeLimits(
        max=limit, growth=growth, max_text=size.max or "", growth_text=size.growth or ""
    )


def _read_version(
    publish: PublishOptions, variables: Mapping[str, Variable], reader: Reader
) -> str:
    reader.read.add(publish.version)
    name = publish.version.removeprefix("${").removesuffix("}")
    is_declared = name in variables or reader.valid.is_removed(("variables",))
    if publish.version != f"${{{name}}}" or not is_declared:
        reader.problem(
            Code.UNDECLARED_VARIABLE,
            f"unknown variable {publish.version!r}",
            ("publish", "version"),
            did_you_mean(
                name, variables, otherwise="use one of `variables`, such as ${VERSION_TAG}"
            ),
        )
    return name
