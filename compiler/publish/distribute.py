"""Copy images to every repository that will name them, before the first tag is created."""

from compiler.errors import DiagnosticError
from compiler.external.references import split_tag
from compiler.external.registry.client import RegistryError
from compiler.external.registry.copying import Copier
from compiler.external.registry.parallel import run_parallel
from compiler.publish.items import ReleaseItem
from compiler.publish.request import SOME_TAGS, STAGED, PublishJob, PublishProgress


def distribute(job: PublishJob, progress: PublishProgress) -> None:
    """Copy the images of all selected targets by digest, with attestations and signatures.

    Raises:
        DiagnosticError: a registry rejects content; no tag was created.
    """
    copies = {
        (repository, progress.images[name].digest): item
        for name, item in job.selected.items()
        for repository in _repositories(job, item)
    }
    if not copies:
        return
    job.report.say(f"copying images to other repositories: {len(copies)}")
    copier = Copier(job.registries)
    try:
        run_parallel(
            lambda copy: copier.copy(copies[copy].repository, *copy),
            {copy: copy for copy in copies},
        )
    except RegistryError as error:
        outcome = SOME_TAGS if progress.overtaken else STAGED
        raise DiagnosticError(error.diagnostics, outcome=outcome) from None


def _repositories(job: PublishJob, item: ReleaseItem) -> list[str]:
    """Return the repositories of a target's tags, without the one in which it is staged."""
    tags = (*item.version_tags, *(item.floating_tags if job.moves_floating_tags else ()))
    repositories = dict.fromkeys(split_tag(tag)[0] for tag in tags)
    return [name for name in repositories if name != item.repository]
