"""Write the log of each target to `.compile-matrix/logs/`, a folder that Git ignores."""

from collections.abc import Iterable
from pathlib import Path

from compiler.constants import LOCAL_FOLDER
from compiler.output.local_folder import create


def state_folder(folder: Path) -> Path:
    """Return the project's folder for logs, selections and records; create it if missing."""
    return Path(create(folder))


class TargetLogs:
    """The logs of one build's targets; they replace those of an earlier build."""

    def __init__(self, folder: Path, targets: Iterable[str]) -> None:
        self._folder = state_folder(folder) / "logs"
        self._folder.mkdir(exist_ok=True)
        self._buffers: dict[str, list[str]] = {}
        for target in targets:
            self._path(target).unlink(missing_ok=True)
        self._started = set(targets)

    def add(self, target: str, text: str) -> None:
        """Append text to a target's log; `flush` writes it to the file."""
        self._buffers.setdefault(target, []).append(text)

    def flush(self) -> None:
        """Write all text added since the last flush."""
        buffers, self._buffers = self._buffers, {}
        for target, texts in buffers.items():
            # A dependency that was not requested replaces its old log on its first line.
            mode = "a" if target in self._started else "w"
            self._started.add(target)
            with open(self._path(target), mode, encoding="utf-8", errors="replace") as file:
                file.writelines(texts)

    def display_path(self, target: str) -> str:
        """Return the path of a log, relative to the project's folder."""
        return f"{LOCAL_FOLDER}/logs/{target}.log"

    def _path(self, target: str) -> Path:
        return self._folder / f"{target}.log"
