"""What `lock --refresh` wants built anew: once without cache on this machine, by its date."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from compiler.bake.batches import Links, along
from compiler.bake.logs import home


_FILE = "refreshed.json"


def spread(dates: Mapping[str, str], linked: Links) -> dict[str, str]:
    """Return the dates of all that is refreshed or stands on it: the latest of those below.

    The cache has what stands on a refreshed target as it stood on what was there before.
    """
    below = {name: along([name], linked).intersection(dates) for name in linked}
    return {name: max(dates[other] for other in found) for name, found in below.items() if found}


def due(folder: Path, dates: Mapping[str, str]) -> frozenset[str]:
    """Return the targets that were not built here since the date that they have."""
    built = _read(folder) if dates else {}
    return frozenset(name for name, date in dates.items() if built.get(name) != date)


def note(folder: Path, dates: Mapping[str, str], built: Iterable[str]) -> None:
    """Remember that targets were built without cache; what the lock no longer has is forgotten."""
    if not dates:
        return
    found = {name: date for name, date in _read(folder).items() if name in dates}
    found |= {name: dates[name] for name in built if name in dates}
    (home(folder) / _FILE).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def _read(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((home(folder) / _FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
