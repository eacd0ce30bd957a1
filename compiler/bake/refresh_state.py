"""Track on this machine which targets `lock --refresh` requires to be rebuilt without cache."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from compiler.bake.batches import Dependencies
from compiler.external.json_object import load_object
from compiler.output.local_folder import load_local, write_local
from compiler.targets.graph import closure


_FILE = "refreshed.json"


def dates_with_dependents(dates: Mapping[str, str], dependencies: Dependencies) -> dict[str, str]:
    """Return refresh dates for refreshed targets and their dependents.

    A dependent has the latest date of its dependencies: the cache has it only on their previous
    images.
    """
    refreshed = {name: closure([name], dependencies).intersection(dates) for name in dependencies}
    return {
        name: max(dates[other] for other in others) for name, others in refreshed.items() if others
    }


def outdated_targets(folder: Path, dates: Mapping[str, str]) -> frozenset[str]:
    """Return the targets that this machine has not rebuilt since their refresh date."""
    built = _read(folder) if dates else {}
    return frozenset(name for name, date in dates.items() if built.get(name) != date)


def record_rebuilt(folder: Path, dates: Mapping[str, str], built: Iterable[str]) -> None:
    """Record targets that were rebuilt; remove records of targets that the lock no longer has."""
    if not dates:
        return
    rebuilt = {name: date for name, date in _read(folder).items() if name in dates}
    rebuilt |= {name: dates[name] for name in built if name in dates}
    text = json.dumps(rebuilt, indent=1, sort_keys=True) + "\n"
    write_local(folder, _FILE, text.encode())


def _read(folder: Path) -> dict[str, str]:
    try:
        return load_object(load_local(folder, _FILE)) or {}
    except (OSError, ValueError):
        return {}
