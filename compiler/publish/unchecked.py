"""Find staged images that have not passed all checks, without changing anything."""

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.external.registry.client import Registries
from compiler.matrix.model import Scalar
from compiler.publish.checks import find_marks, find_passed, reject_unknown_checks
from compiler.publish.preflight import find_staged_images
from compiler.publish.publish import prepare
from compiler.publish.request import PublishProgress, PublishReport, PublishRequest
from compiler.publish.stage import find_untested


@dataclass(frozen=True, slots=True, kw_only=True)
class UncheckedImage:
    """A staged image that has not passed all of its checks."""

    target: str
    image: str
    """The image of the matrix."""
    axes: Mapping[str, Scalar]
    reference: str
    """`REPOSITORY@DIGEST`."""
    pending: tuple[str, ...]
    """The checks that it has not passed, in the order in which they run."""
    passed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UncheckedImages:
    """The staged images that have not passed all checks."""

    images: tuple[UncheckedImage, ...]
    unready: int
    """The number of targets that are not staged, or have not passed their tests."""


def find_unchecked(
    request: PublishRequest, registries: Registries, report: PublishReport
) -> UncheckedImages:
    """Return the staged images of a request that have not passed all of the requested checks.

    Raises:
        DiagnosticError: a check is unknown, or its inputs cannot be read.
        RegistryError: a registry cannot be read.
    """
    job = prepare(request, registries, report)
    progress = PublishProgress()
    reject_unknown_checks(job)
    find_staged_images(job, progress, any_platform=True)
    staged = {name: item for name, item in job.selected.items() if name in progress.images}
    untested = find_untested(job, progress)
    ready = [name for name in staged if name not in untested]
    checks = request.resolved.plan.matrix.checks
    requested = [name for name in checks if name in (request.checks or checks)]
    marks = {
        key: mark for key, mark in find_marks(job, progress, ready).items() if key[1] in requested
    }
    passed = find_passed(job, marks)
    images = []
    for name in ready:
        own = [check for check in requested if (name, check) in marks]
        pending = tuple(check for check in own if (name, check) not in passed)
        if pending:
            target = job.targets[name]
            images.append(
                UncheckedImage(
                    target=name,
                    image=target.image,
                    axes=target.axes,
                    reference=f"{job.items[name].repository}@{progress.images[name].digest}",
                    pending=pending,
                    passed=tuple(check for check in own if (name, check) in passed),
                )
            )
    return UncheckedImages(images=tuple(images), unready=len(job.selected) - len(ready))
