"""The result of a build, for people, programs, and the next job."""

import json
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from compiler.bake.results import Outcome
from compiler.constants import LOCAL_FOLDER
from compiler.reports.text import columns
from compiler.targets.selection_file import as_selection


class BuildFormat(StrEnum):
    """How the result of a build is written."""

    TABLE = "table"
    JSON = "json"
    SELECTION = "selection"


def summary(
    outcome: Outcome,
    output_format: BuildFormat,
    seconds: float,
    places: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return a result in a format, each line with its line ending.

    A selection contains the targets that were built.

    Args:
        outcome: the result.
        output_format: the format.
        seconds: the duration of the build.
        places: test target that failed -> the file and line of the test.
    """
    match output_format:
        case BuildFormat.TABLE:
            return _table(outcome, seconds, places)
        case BuildFormat.JSON:
            return json.dumps(_plain(outcome), indent=1) + "\n"
        case BuildFormat.SELECTION:
            return as_selection(outcome.built)


def _table(outcome: Outcome, seconds: float, places: Mapping[str, str]) -> str:
    """Return a row for each target that was not built, and the number of targets by result."""
    rows = [
        (
            name,
            "failed",
            f"{outcome.seconds.get(name, 0.0):.1f} s",
            ", ".join([f"{LOCAL_FOLDER}/logs/{name}.log", *filter(None, [places.get(name)])]),
        )
        for name in outcome.failed
    ]
    rows += [
        (name, "skipped", "", f"depends on {parent}") for name, parent in outcome.skipped.items()
    ]
    if rows:
        rows.insert(0, ("TARGET", "RESULT", "TIME", "SEE"))
    lines = columns(rows)
    counts = {
        "built": len(outcome.built),
        "failed": len(outcome.failed),
        "skipped": len(outcome.skipped),
    }
    counted_outcomes = [
        f"{count:,} {what}" for what, count in counts.items() if count or what == "built"
    ]
    lines.append(f"{', '.join(counted_outcomes)} in {seconds:.0f} s")
    return "".join(f"{line}\n" for line in lines)


def _plain(outcome: Outcome) -> Mapping[str, object]:
    return {
        "version": 1,
        "built": {
            name: {
                "digest": metadata.get("containerimage.digest"),
                "seconds": round(outcome.seconds.get(name, 0.0), 1),
            }
            for name, metadata in outcome.built.items()
        },
        "failed": {name: {"tail": tail} for name, tail in outcome.failed.items()},
        "skipped": dict(outcome.skipped),
    }
