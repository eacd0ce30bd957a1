"""Progress on stderr: live on a terminal, otherwise one line for each event."""

import os
import re
import sys
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import click

from compiler.reports.text import printable


QUIET_SECONDS = 30.0
"""Seconds without a line after which the current step is printed."""
MAX_ROWS = 8
"""Maximum number of targets whose step is shown live."""

_STYLE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Lines:
    """Prints a line when a target is built, fails, is skipped or is retried."""

    def __init__(self, write: Callable[[str], None]) -> None:
        """Take a function that writes one line."""
        self._write = write
        self._total = self._done = 0
        self._active: dict[str, tuple[str, float]] = {}
        self._last_line = time.monotonic()
        self._reached: dict[str, set[str]] = {}
        self.finished: list[str] = []
        """The targets that were built."""

    def begin(self, targets: Sequence[str]) -> None:
        """Start counting: these targets are to be built."""
        self._total, self._done = len(targets), 0

    def step(self, target: str, step: str) -> None:
        """Note the step that a target executes now."""
        self._active.pop(target, None)  # The latest step is the last entry.
        self._active[target] = (last_line(step), time.monotonic())

    def built(self, target: str, seconds: float) -> None:
        """Print that a target is built."""
        self.finished.append(target)
        self._finish(target, f"built {target} ({seconds:.1f} s)")

    def failed(self, target: str, tail: str, log: str) -> None:
        """Print that a target failed, with the end of its output."""
        self._finish(target, f"FAILED {target}: see {log}")
        for line in tail.splitlines():
            self.say(f"  | {last_line(line)}")

    def skipped(self, target: str, parent: str) -> None:
        """Print that a target is skipped because its parent failed."""
        self._finish(target, f"skipped {target}: it depends on {parent}")

    def again(self, targets: Sequence[str], why: str, seconds: float) -> None:
        """Print that targets are retried after some seconds."""
        for target in targets:
            self._active.pop(target, None)
        more = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
        self.say(f"retrying {targets[0]}{more} in {seconds:.0f} s: {printable(why)}")

    def warned(self, text: str) -> None:
        """Print a warning of bake."""
        self.say(f"warning: {last_line(text)}")

    def tick(self) -> None:
        """Print the current step if nothing was printed for a while."""
        if time.monotonic() - self._last_line > QUIET_SECONDS and self._active:
            target, (step, _) = next(reversed(self._active.items()))
            self.say(f"{self._count()} {target}: {step}")

    def say(self, text: str) -> None:
        """Print a line."""
        self._last_line = time.monotonic()
        self._write(text)

    def reached(self, state: str, targets: Collection[str], *, known: bool = False) -> None:
        """Print the targets that have reached a state, unless they had before this run."""
        self._reached.setdefault(state, set()).update(targets)
        for target in () if known else targets:
            self.say(f"{state} {target}")

    def ended(self, activity: str) -> None:
        """Note that an activity has ended, which `step` has named."""
        self._active.pop(activity, None)

    def end(self) -> None:
        """Stop showing progress."""

    def _finish(self, target: str, text: str) -> None:
        self._done += 1 if self._done < self._total else 0
        self._active.pop(target, None)
        self.say(f"{self._count()} {text}")

    def _count(self) -> str:
        return f"[{self._done:>{len(str(self._total))}}/{self._total}]"


class Live(Lines):
    """Shows the progress and the current steps at the bottom of a terminal; failures stay above."""

    def __init__(self, console: Any) -> None:
        """Take a console of rich."""
        from rich.live import Live as Screen

        super().__init__(lambda text: console.print(text, markup=False, highlight=False))
        self._console, self._width = console, console.size.width
        self._drawn: list[int] = []
        self._screen = Screen(console=console, auto_refresh=False, transient=True)
        self._screen.start()
        self._counts: dict[str, int] = {}
        self._began = time.monotonic()

    def begin(self, targets: Sequence[str]) -> None:
        """Start counting from zero: these targets are to be built."""
        super().begin(targets)
        self._counts = {"built": 0, "failed": 0, "skipped": 0}

    def built(self, target: str, seconds: float) -> None:
        """Count a built target."""
        del seconds
        self.finished.append(target)
        self._counts["built"] += 1
        self._done += 1
        self._active.pop(target, None)

    def failed(self, target: str, tail: str, log: str) -> None:
        """Print that a target failed, with the end of its output."""
        self._counts["failed"] += 1
        super().failed(target, tail, log)

    def skipped(self, target: str, parent: str) -> None:
        """Count a skipped target; the summary names its parent."""
        del parent
        self._counts["skipped"] += 1
        self._done += 1
        self._active.pop(target, None)

    def tick(self) -> None:
        """Draw the progress; after a resize of the terminal also erase the wrapped old lines."""
        width = self._console.size.width
        if width < self._width:
            self._erase_wrapped(width)
        self._width = width
        self._screen.update(self._progress(width), refresh=True)

    def reached(self, state: str, targets: Collection[str], *, known: bool = False) -> None:
        """Count the targets that have reached a state."""
        del known
        super().reached(state, targets, known=True)
        self.tick()

    def end(self) -> None:
        """Remove the progress from the terminal."""
        self._screen.stop()

    def _erase_wrapped(self, width: int) -> None:
        """Erase the lines by which a narrower terminal has extended the progress.

        The terminal wraps the lines that it shows again. rich erases as many lines as it has
        drawn, so the additional ones would stay.
        """
        from rich.control import Control
        from rich.segment import ControlType

        additional = sum((drawn - 1) // width for drawn in self._drawn if drawn)
        up: Any = [(ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)] * additional
        self._console.control(
            Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), *up)
        )

    def _progress(self, width: int) -> Any:
        """Return the progress as lines that fit into the width."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        now = time.monotonic()
        counts = ", ".join(f"{count} {state}" for state, count in self._counts.items() if count)
        elapsed, bar_width = f"{now - self._began:.0f} s  {counts}", min(40, width // 3)
        head = Table.grid(padding=(0, 1))
        head.add_row(
            Text(self._count(), no_wrap=True),
            ProgressBar(total=self._total or 1, completed=self._done, width=bar_width),
            Text(elapsed, no_wrap=True, overflow="ellipsis"),
        )
        lines = [
            _row(target, step, f"{now - since:.0f} s", width)
            for target, (step, since) in list(self._active.items())[-MAX_ROWS:]
        ]
        if len(self._active) > len(lines):
            lines.append(f"and {len(self._active) - len(lines)} more")
        reached = ", ".join(f"{len(names)} {s}" for s, names in self._reached.items() if names)
        lines[:0] = [reached] if reached else []
        self._drawn = [len(self._count()) + 2 + bar_width + len(elapsed), *map(len, lines)]
        self._drawn = [min(drawn, width) for drawn in self._drawn]
        return Group(head, *(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))


def _row(target: str, step: str, seconds: str, width: int) -> str:
    """Return a target, its step and its time in one line; the step is shortened before the name.

    >>> _row("server-3_11", "RUN pip install torch", "12 s", 30)
    'server-3_11  RUN pip ...  12 s'
    >>> _row("server-3_11-gpu-reload", "RUN pip install torch", "12 s", 26)
    'server-3_11-gpu-reload'
    """
    room = width - len(target) - len(seconds) - 4
    shortest = 8
    if room < shortest:
        return target
    text = step if len(step) <= room else f"{step[: room - 3]}..."
    return f"{target}  {text:<{room}}  {seconds}"


def last_line(text: str) -> str:
    r"""Return what a terminal would show of a line of a build's output, without colours.

    >>> last_line("10 %\r\x1b[32m100 %\x1b[0m")
    '100 %'
    """
    shown = text.expandtabs(4).rstrip("\r").rpartition("\r")[2]
    return printable(_STYLE.sub("", shown))


def build_progress() -> Lines:
    """Return what shows the progress of a build on this stderr."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return Lines(lambda text: click.echo(text, err=True))
    from rich.console import Console

    return Live(Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")) or None))
