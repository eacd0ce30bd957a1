"""Write the source policy of each bake invocation."""

from collections.abc import Iterable
from pathlib import Path

from compiler.output.source_policy import read_policy, with_images
from compiler.targets.plan import Plan


class PolicyFiles:
    """The source policies of one build, in a folder for temporary files."""

    def __init__(self, plan: Plan, folder: Path, scratch: Path) -> None:
        """Read the generated policy of a plan, if it has one.

        Args:
            plan: the plan.
            folder: the project's folder.
            scratch: the folder to write to.

        Raises:
            OSError: the generated policy cannot be read.
        """
        self._policy = read_policy(plan.matrix, folder)
        self._scratch = scratch

    def write(self, number: int, images: Iterable[str]) -> Path | None:
        """Write a policy that also allows the images that replace targets.

        Args:
            number: the number of the bake invocation.
            images: the images, as `REPOSITORY@DIGEST`.

        Returns:
            The file; None if the plan has no policy.
        """
        if self._policy is None:
            return None
        path = self._scratch / f"{number}.policy.json"
        digests = sorted({image.rpartition("@")[2] for image in images})
        path.write_bytes(with_images(self._policy, digests))
        return path
