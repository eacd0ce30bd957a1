"""Copy images to every repository that will name them, before the first tag is created."""

from collections.abc import Mapping

from compiler.errors import DiagnosticError
from compiler.external.references import split_tag
from compiler.external.registry.client import RegistryError
from compiler.external.registry.copying import Copier
from compiler.external.registry.parallel import MAX_TRANSFERS, run_parallel
from compiler.publish.composed_images import compose_images
from compiler.publish.items import ReleaseItem
from compiler.publish.request import SOME_TAGS, STAGED, PublishJob, PublishProgress


def distribute(job: PublishJob, progress: PublishProgress) -> None:
    """Copy all images by digest, with attestations and signatures; compose indexes.

    Raises:
        DiagnosticError: a registry rejects content; no tag was created.
    """
    targets, indexes, platforms = job.passes()
    _copy(job, progress, targets)
    if indexes or platforms:
        compose_images(job, progress)
        _copy(job, progress, indexes)
        _copy(job, progress, platforms)


def _copy(job: PublishJob, progress: PublishProgress, items: Mapping[str, ReleaseItem]) -> None:
    """Copy images to the repositories of their tags."""
    copies = {
        (repository, progress.digest(item)): item
        for item in items.values()
        for repository in _repositories(job, progress, item)
    }
    if not copies:
        return
    job.report.say(f"copying images to other repositories: {len(copies)}")
    copier = Copier(job.registries)
    try:
        run_parallel(
            lambda copy: copier.copy(copies[copy].repository, *copy),
            {copy: copy for copy in copies},
            workers=MAX_TRANSFERS,
        )
    except RegistryError as error:
        outcome = SOME_TAGS if progress.overtaken else STAGED
        raise DiagnosticError(error.diagnostics, outcome=outcome) from None


def _repositories(job: PublishJob, progress: PublishProgress, item: ReleaseItem) -> list[str]:
    """Return the repositories of a target's tags that may lack its image.

    The image is in the repository in which it is staged, and where a version tag refers to it.
    """
    digest = progress.digest(item)
    present = {tag for tag in item.version_tags if progress.version_tags[tag] == digest}
    complete = {item.repository, *(split_tag(tag)[0] for tag in present)}
    return [name for name in job.repositories(item) if name not in complete]
