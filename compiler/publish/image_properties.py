"""Check what the configuration of staged images contains: the part of `tests` that no step can.

BuildKit shows a Dockerfile neither labels, user nor entry point of an image, so they are read from
the registry. This works for images without a shell, too.
"""

import json
from collections.abc import Mapping
from typing import Any

from compiler.external.registry.client import Manifest, Registries
from compiler.external.registry.copying import require_manifest
from compiler.external.registry.parallel import run_parallel
from compiler.matrix.matrix import ImagePart
from compiler.matrix.sizes import parse_size
from compiler.publish.items import ReleaseItem
from compiler.publish.request import PublishJob
from compiler.publish.staged_image import KnownImage, layer_sizes, read_config
from compiler.reports.sizes import size
from compiler.targets.image_tests import ImageTest
from compiler.targets.test_locations import locate_test


def find_mismatches(
    job: PublishJob, items: Mapping[str, ReleaseItem], images: Mapping[str, KnownImage]
) -> dict[str, list[str]]:
    """Return how images differ from their tests; a text for each failed test and platform.

    Args:
        job: what to publish.
        items: the targets to test.
        images: target -> its staged image.

    Raises:
        RegistryError: an image cannot be read.
    """
    tested = {
        name: item for name, item in items.items() if any(not test.is_step for test in item.tests)
    }
    mismatches = run_parallel(lambda item: _mismatches(job, item, images[item.target]), tested)
    return {name: texts for name, texts in mismatches.items() if texts}


def _mismatches(job: PublishJob, item: ReleaseItem, image: KnownImage) -> list[str]:
    matrix, target = job.request.resolved.plan.matrix, job.targets[item.target]
    texts = []
    for platform, digest in image.platforms.items():
        manifest = require_manifest(job.registries, item.repository, digest)
        actual = _Actual(job.registries, item.repository, manifest)
        where = f" on {platform}" if len(image.platforms) > 1 else ""
        for written, test in zip(target.tests, item.tests, strict=True):
            if not test.is_step and (text := actual.mismatch(test)):
                texts.append(f"{text}{where} ({locate_test(matrix, target, written)})")
    return texts


class _Actual:
    """The image of one platform."""

    def __init__(self, registries: Registries, repository: str, manifest: Manifest) -> None:
        self._config = read_config(registries, repository, manifest).get("config")
        self._size = sum(layer_sizes(manifest).values())

    def mismatch(self, test: ImageTest) -> str:
        """Return how the image differs from a test; empty if it passes."""
        config: Mapping[str, Any] = self._config if isinstance(self._config, dict) else {}
        match test.part:
            case ImagePart.LABELS:
                labels = config.get("Labels")
                value = labels.get(test.key) if isinstance(labels, dict) else None
                if value is None:
                    return f"the label {test.key!r} is missing"
                return _other(f"the label {test.key!r}", value, test.value)
            case ImagePart.USER:
                return _other("the user", config.get("User") or "", test.value)
            case ImagePart.ENTRYPOINT:
                wanted = json.loads(test.value)
                return _other("the entry point", config.get("Entrypoint") or [], wanted)
            case _:
                limit = parse_size(test.value) or 0
                if self._size <= limit:
                    return ""
                return f"the compressed size is {size(self._size)}, more than {test.value}"


def _other(name: str, actual: object, wanted: object) -> str:
    return "" if actual == wanted else f"{name} is {actual!r} instead of {wanted!r}"
