"""Read `publish` of matrix.yaml: the version's variable, the staging repository, the checks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler.codes import Code
from compiler.errors import did_you_mean
from compiler.matrix.matrix import Axis, Check, Variable
from compiler.matrix.model import PublishOptions
from compiler.matrix.publish_checks import read_checks
from compiler.matrix.reader import Reader
from compiler.matrix.repositories import read_repository
from compiler.source.project_files import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """How a release is published."""

    version: str | None = None
    """The bake variable that contains the version; None if there are no releases."""
    staging: str = ""
    """The staging repository in bake's syntax; if empty, images are staged in their own."""
    checks: Mapping[str, Check] = field(default_factory=dict)


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
