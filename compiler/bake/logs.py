"""Write the log of each target to `.compile-matrix/logs/`, a folder that Git ignores."""

from collections.abc import Iterable
from pathlib import Path

from compiler.constants import LOCAL_FOLDER
from compiler.output.local_folder import append_local, remove_local


class TargetLogs:
    """The logs of one build's targets; they replace those of an earlier build."""

    def __init__(self, folder: Path, targets: Iterable[str]) -> None:
        """Remove the old logs of these targets.

        Raises:
            OSError: a log cannot be removed.
        """
        self._project = folder
        self._buffers: dict[str, list[str]] = {}
        self._started: set[str] = set()
        for target in targets:
            self._start(target)

    def add(self, target: str, text: str) -> None:
        """Append text to a target's log; `flush` writes it to the file."""
        self._buffers.setdefault(target, []).append(text)

    def end(self, target: str, error: str) -> None:
        """Append the last line of an error: one outside of all steps is not in the log yet."""
        last = error.rpartition("\n")[2]
        self.add(target, f"{last}\n")

    def flush(self) -> None:
        """Write all text added since the last flush.

        Raises:
            OSError: a log cannot be written.
        """
        buffers, self._buffers = self._buffers, {}
        for target, texts in buffers.items():
            if target not in self._started:  # A dependency that was not requested.
                self._start(target)
            append_local(self._project, _name(target), "".join(texts).encode(errors="replace"))

    def display_path(self, target: str) -> str:
        """Return the path of a log, relative to the project's folder."""
        return f"{LOCAL_FOLDER}/{_name(target)}"

    def _start(self, target: str) -> None:
        """Remove the log of an earlier build."""
        remove_local(self._project, _name(target))
        self._started.add(target)


def _name(target: str) -> str:
    """Return the path of a target's log in the folder."""
    return f"logs/{target}.log"
