"""Copy locked base images to the mirror, with all their platforms, attestations and signatures."""

from collections.abc import Callable, Iterable, Mapping

from compiler.errors import CompileError, Diagnostic
from compiler.external.references import canonical_tag, split_tag
from compiler.external.registry.client import Registries, RegistryError
from compiler.external.registry.copying import Copier, require_manifest
from compiler.external.registry.parallel import MAX_TRANSFERS, run_parallel
from compiler.lock.lockfile import Lock
from compiler.lock.mirror import Copy, copy_in, is_mirrored
from compiler.lock.update import Project


def copies(project: Project, lock: Lock, mirror: str) -> Mapping[str, Copy]:
    """Return the copies that a mirror must have: familiar name of a base image -> its copy.

    Args:
        project: the project, whose builds read some of its base images from the mirror.
        lock: the digests of its base images.
        mirror: the prefix of the mirror's repositories.
    """
    return {
        image: copy_in(mirror, image, lock.bases[image].digest)
        for image, uses in project.uses.items()
        if any(is_mirrored(use.base) for use in uses)
    }


def missing_copies(wanted: Mapping[str, Copy], registries: Registries) -> tuple[str, ...]:
    """Return the base images that the mirror lacks.

    Raises:
        RegistryError: the mirror cannot be read.
    """

    def is_present(copy: Copy) -> bool:
        return registries.digest(copy.repository, copy.tag) == copy.digest

    present = run_parallel(is_present, wanted)
    return tuple(image for image in wanted if not present[image])


def copy_images(
    wanted: Mapping[str, Copy],
    images: Iterable[str],
    registries: Registries,
    done: Callable[[str], object],
) -> None:
    """Copy base images to the mirror. The tag of a copy is stored last, when it is complete.

    Args:
        wanted: familiar name -> its copy.
        images: the names of those to copy.
        registries: the registries of the originals and of the mirror.
        done: called with the name of each image that has been copied.

    Raises:
        CompileError: with an error for each image that cannot be copied.
    """
    copier = Copier(registries, lists_tags=False)
    failures: dict[str, tuple[Diagnostic, ...]] = {}

    def copy(image: str) -> None:
        try:
            _copy(image, wanted[image], registries, copier)
        except RegistryError as error:
            failures[image] = error.diagnostics

    images = tuple(images)
    run_parallel(copy, {image: image for image in images}, done, MAX_TRANSFERS)
    if failures:
        diagnostics = [failure for image in images for failure in failures.get(image, ())]
        raise CompileError(diagnostics)


def _copy(image: str, copy: Copy, registries: Registries, copier: Copier) -> None:
    source, _ = split_tag(canonical_tag(image) or image)
    copier.copy(source, copy.repository, copy.digest)
    manifest = require_manifest(registries, copy.repository, copy.digest)
    registries.put_manifest(copy.repository, copy.tag, manifest)
