"""How a build goes, for a person: live on a terminal, else a line for each event."""

import re
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any

from compiler.reports.text import printable


_STYLE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

QUIET_FOR = 30.0
"""Seconds without a line after which it is said what goes on."""
ROWS = 8
"""Targets whose step is shown live."""


class Lines:
    """Writes a line whenever something is built, fails or is tried again."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._total = self._done = 0
        self._active: dict[str, tuple[str, float]] = {}
        self._said = time.monotonic()

    def begin(self, targets: Sequence[str]) -> None:
        """Take all that will be built."""
        self._total, self._done = len(targets), 0

    def step(self, target: str, step: str) -> None:
        """Take what a target does now."""
        self._active.pop(target, None)  # the latest comes last
        self._active[target] = (last_line(step), time.monotonic())

    def built(self, target: str, seconds: float) -> None:
        """Say that a target is built."""
        self._tell(target, f"built {target} ({seconds:.1f} s)")

    def failed(self, target: str, tail: str, log: str) -> None:
        """Say that a target failed, with the end of what it said."""
        self._tell(target, f"FAILED {target}: see {log}")
        for line in tail.splitlines():
            self.say(f"  | {last_line(line)}")

    def skipped(self, target: str, parent: str) -> None:
        """Say that a target is not tried."""
        self._tell(target, f"not tried: {target}, which stands on {parent}")

    def again(self, targets: Sequence[str], why: str, seconds: float) -> None:
        """Say that targets are tried again."""
        for target in targets:
            self._active.pop(target, None)
        more = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
        self.say(f"trying {targets[0]}{more} again in {seconds:.0f} s: {why}")

    def warned(self, text: str) -> None:
        """Say what bake warns of."""
        self.say(f"warning: {last_line(text)}")

    def tick(self) -> None:
        """Say what goes on, if nothing was said for long."""
        if time.monotonic() - self._said > QUIET_FOR and self._active:
            target, (step, _) = next(reversed(self._active.items()))
            self.say(f"{self._count()} {target}: {step}")

    def say(self, text: str) -> None:
        """Write a line."""
        self._said = time.monotonic()
        self._write(text)

    def end(self) -> None:
        """Take that it is over."""

    def _tell(self, target: str, text: str) -> None:
        self._done += 1 if self._done < self._total else 0
        self._active.pop(target, None)
        self.say(f"{self._count()} {text}")

    def _count(self) -> str:
        return f"[{self._done:>{len(str(self._total))}}/{self._total}]"


class Live(Lines):
    """Shows on a terminal how far it is and what goes on; keeps what failed above that."""

    def __init__(self, console: Any) -> None:
        """Take a console of rich."""
        from rich.live import Live as Screen

        super().__init__(lambda text: console.print(text, markup=False, highlight=False))
        self._screen = Screen(console=console, auto_refresh=False, transient=True)
        self._screen.start()
        self._counts: dict[str, int] = {}
        self._began = time.monotonic()

    def begin(self, targets: Sequence[str]) -> None:
        """Take all that will be built; what was built before is counted no longer."""
        super().begin(targets)
        self._counts = {"built": 0, "failed": 0, "not tried": 0}

    def built(self, target: str, seconds: float) -> None:
        """Count that a target is built."""
        del seconds
        self._counts["built"] += 1
        self._done += 1
        self._active.pop(target, None)

    def failed(self, target: str, tail: str, log: str) -> None:
        """Say that a target failed, with the end of what it said."""
        self._counts["failed"] += 1
        super().failed(target, tail, log)

    def skipped(self, target: str, parent: str) -> None:
        """Count that a target is not tried; the summary says why."""
        del parent
        self._counts["not tried"] += 1
        self._done += 1
        self._active.pop(target, None)

    def tick(self) -> None:
        """Show how it goes."""
        self._screen.update(self._picture(), refresh=True)

    def end(self) -> None:
        """Leave the terminal as it was."""
        self._screen.stop()

    def _picture(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        now = time.monotonic()
        wide = max(20, shutil.get_terminal_size().columns)
        said = ", ".join(f"{count} {what}" for what, count in self._counts.items() if count)
        head = Table.grid(padding=(0, 1))
        head.add_row(
            Text(self._count()),
            ProgressBar(total=self._total or 1, completed=self._done, width=min(40, wide // 3)),
            Text(f"{now - self._began:.0f} s  {said}"),
        )
        rows = Table.grid(padding=(0, 2))
        rows.add_column(no_wrap=True)
        rows.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        rows.add_column(justify="right", no_wrap=True)
        shown = list(self._active.items())[-ROWS:]
        for target, (step, since) in shown:
            rows.add_row(Text(target, style="bold"), Text(step), Text(f"{now - since:.0f} s"))
        more = len(self._active) - len(shown)
        return Group(head, rows, *([Text(f"and {more} more", style="dim")] if more else []))


def last_line(text: str) -> str:
    """Return what a terminal would show of a line that a build printed, without colours.

    >>> last_line("10 %\\r\\x1b[32m100 %\\x1b[0m")
    '100 %'
    """
    shown = text.expandtabs(4).rstrip("\r").rpartition("\r")[2]
    return printable(_STYLE.sub("", shown))
