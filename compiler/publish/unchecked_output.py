"""Write staged images that have not passed all checks: for people, programs and job matrices."""

from collections.abc import Iterable
from enum import StrEnum

from compiler.publish.unchecked import UncheckedImage
from compiler.releases.json_text import printable_json
from compiler.reports.text import columns
from compiler.targets.selection_file import as_selection


class UncheckedFormat(StrEnum):
    """How unchecked images are written."""

    TABLE = "table"
    JSON = "json"
    GITHUB = "github"
    SELECTION = "selection"


def format_unchecked(images: Iterable[UncheckedImage], output_format: UncheckedFormat) -> str:
    """Return unchecked images as complete lines.

    Args:
        images: the images.
        output_format: `github` is a job matrix with one job for each target and check.
    """
    match output_format:
        case UncheckedFormat.SELECTION:
            return as_selection(image.target for image in images)
        case UncheckedFormat.GITHUB:
            include = [
                {
                    "target": image.target,
                    "image": image.image,
                    **image.axes,
                    "check": check,
                    "reference": image.reference,
                }
                for image in images
                for check in image.pending
            ]
            return printable_json({"include": include}) + "\n"
        case UncheckedFormat.JSON:
            rows = [
                {
                    "target": image.target,
                    "image": image.image,
                    "axes": dict(image.axes),
                    "reference": image.reference,
                    "pending": list(image.pending),
                    "passed": list(image.passed),
                }
                for image in images
            ]
            lines = ",\n ".join(printable_json(row) for row in rows)
            return f"[{lines}]\n"
        case UncheckedFormat.TABLE:
            table = [("TARGET", "PENDING", "PASSED", "IMAGE")]
            table += [
                (image.target, " ".join(image.pending), " ".join(image.passed), image.reference)
                for image in images
            ]
            return "".join(f"{line}\n" for line in columns(table)) if len(table) > 1 else ""
