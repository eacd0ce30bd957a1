"""The log of each target, in `.compile-matrix/logs/` of the project, which git is to ignore."""

from collections.abc import Iterable
from pathlib import Path


HOME = ".compile-matrix"
"""The folder of logs, selections and records; it ignores itself."""


def home(folder: Path) -> Path:
    """Return the folder for what is neither source nor generated, made if it is not there."""
    found = folder / HOME
    found.mkdir(exist_ok=True)
    ignore = found / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return found


class Logs:
    """Logs of the targets of one build: those of an earlier one are replaced."""

    def __init__(self, folder: Path, targets: Iterable[str]) -> None:
        self._folder = home(folder) / "logs"
        self._folder.mkdir(exist_ok=True)
        self._held: dict[str, list[str]] = {}
        for target in targets:
            self._path(target).unlink(missing_ok=True)
        self._begun = set(targets)

    def add(self, target: str, text: str) -> None:
        """Take text for a target's log; it stands there after `flush`."""
        self._held.setdefault(target, []).append(text)

    def flush(self) -> None:
        """Write what was added."""
        held, self._held = self._held, {}
        for target, texts in held.items():
            mode = "a" if target in self._begun else "w"  # a parent that comes along
            self._begun.add(target)
            with open(self._path(target), mode, encoding="utf-8", errors="replace") as file:
                file.writelines(texts)

    def shown(self, target: str) -> str:
        """Return a log's path, relative to the project."""
        return f"{HOME}/logs/{target}.log"

    def _path(self, target: str) -> Path:
        return self._folder / f"{target}.log"
