"""Read `publish` of matrix.yaml: the version's variable, staging, checks, retention."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler.codes import Code
from compiler.errors import listed, nearest
from compiler.external.signer import Signer
from compiler.matrix.matrix import Axis, Check, Keep, SizeLimits, Variable
from compiler.matrix.model import KeepOptions, PublishOptions, SizeOptions
from compiler.matrix.names import no_variable
from compiler.matrix.publish_checks import read_checks
from compiler.matrix.reader import Reader
from compiler.matrix.repositories import read_repository
from compiler.matrix.signing import read_sign
from compiler.matrix.sizes import PERCENTAGE_FORM, SIZE_FORM, parse_percentage, parse_size
from compiler.source.project_files import Files


_COUNT = re.compile(r"[1-9][0-9]{0,3}\Z")
_DAYS = re.compile(r"(?:0|[1-9][0-9]{0,4})\Z")


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
    keep: Keep | None = None
    """What `gc` keeps; None if the matrix does not say."""


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
        keep=None if publish.keep is None else _read_keep(publish.keep, reader),
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


def _read_keep(keep: KeepOptions, reader: Reader) -> Keep:
    """Return what `gc` keeps; warn if runs in progress have no time to end."""
    for name, text, pattern, example in (
        ("releases", keep.releases, _COUNT, "a number from 1 to 9999, such as 10"),
        ("days", keep.days, _DAYS, "a number of days from 0 to 99999, such as 180"),
    ):
        if not pattern.match(text):
            reader.problem(
                Code.BAD_KEEP,
                f"invalid value for `{name}`: {text!r}",
                ("publish", "keep", name),
                f"write {example}",
            )
    if keep.days == "0":
        reader.warn(
            Code.NO_GRACE,
            "`gc` may delete what a run in progress has staged",
            ("publish", "keep", "days"),
            "keep everything for as long as a release takes, at least `days: 1`",
        )
    return Keep(
        releases=int(keep.releases) if _COUNT.match(keep.releases) else 1,
        days=int(keep.days) if _DAYS.match(keep.days) else 0,
    )


def _version_help(text: str, name: str, variables: Mapping[str, Variable]) -> str:
    """Return the help for a version that is not a declared variable."""
    meant = name if name in variables else nearest(name, variables)
    if meant is not None:
        return f"write `version: ${{{meant}}}`"
    declared = f"`variables: {{VERSION: {text}}}`" if "$" not in text else "one under `variables`"
    help_ = f"declare {declared}, and write `version: ${{VERSION}}`"
    return f"{help_}, or use one of: {listed(variables)}" if variables else help_


def _read_version(
    publish: PublishOptions, variables: Mapping[str, Variable], reader: Reader
) -> str:
    reader.read.add(publish.version)
    name = publish.version.removeprefix("${").removesuffix("}")
    is_declared = name in variables or reader.valid.is_removed(("variables",))
    if publish.version != f"${{{name}}}" or not is_declared:
        reader.problem(
            Code.UNDECLARED_VARIABLE,
            no_variable(publish.version),
            ("publish", "version"),
            _version_help(publish.version, name, variables),
        )
    return name
