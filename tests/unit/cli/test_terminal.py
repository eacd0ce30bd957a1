"""What a terminal shows: width, colours, live progress."""

import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from rich.console import Console

from compiler.cli.main import cli
from compiler.cli.progress_display import Lines, Live


def commands(
    command: click.Command, parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the path and the help of a command and those below it, for 80 columns."""
    context = click.Context(
        command,
        info_name=command.name if parent else "compile-matrix",
        parent=parent,
        terminal_width=80,
        **cli.context_settings,
    )
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from commands(inner, context)


def test_help_fits_into_80_columns() -> None:
    """No line of any help is wider, and no sentence in a list of commands is cut."""
    for path, text in commands(cli):
        assert max(map(len, text.splitlines())) <= 80, path
        listed = text.partition("Commands:")[2].partition("Examples:")[0]
        assert not any(line.endswith("...") for line in listed.splitlines()), path


def on_terminal(folder: Path, *arguments: str, **environment: str) -> str:
    """Return what a command prints on a terminal."""
    main, side = pty.openpty()
    with os.fdopen(side, "wb") as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "compiler", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm", **environment},
        )
    chunks = []
    with os.fdopen(main, "rb", buffering=0) as output:
        while True:
            try:
                chunk = output.read(1024)
            except OSError:  # Linux: the other side is closed
                break
            if not chunk:
                break
            chunks.append(chunk)
    process.wait()
    return b"".join(chunks).decode().replace("\r\n", "\n")


@pytest.mark.slow
def test_list_on_a_terminal(small_project: Path) -> None:
    """The header is bold, unless NO_COLOR is set; no line is wider than the terminal."""
    table = ("list", "--format", "table")
    coloured = on_terminal(small_project, *table, COLUMNS="60", NO_COLOR="")
    plain = on_terminal(small_project, *table, COLUMNS="60", NO_COLOR="1")

    assert coloured.startswith("\x1b[1mTARGET")
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 60
    assert "linux/amd64," in plain


@pytest.mark.slow
def test_a_grid_on_a_terminal(small_project: Path) -> None:
    """Two axes are a grid, with its header in bold, unless the user chooses what to see."""
    grid = on_terminal(small_project, "list", COLUMNS="60", NO_COLOR="")
    narrow = on_terminal(small_project, "list", COLUMNS="24", NO_COLOR="1")
    chosen = [
        on_terminal(small_project, "list", *words, COLUMNS="60", NO_COLOR="1")
        for words in (["--columns", "target"], ["--sort", "python"], ["--resolved"], ["cuda=null"])
    ]

    assert grid.startswith("\x1b[1mCUDA  python=3.9   python=3.10\x1b[0m\nnull  amd64,arm64  ")
    assert grid.endswith("\n4 targets, all with image=server\n")
    assert narrow.startswith("TARGET")
    assert all(text.startswith("TARGET") for text in chosen)


@pytest.mark.slow
def test_a_diff_on_a_terminal(small_project: Path) -> None:
    """Added lines are green, unless NO_COLOR is set."""
    coloured = on_terminal(small_project, "--diff", NO_COLOR="")
    plain = on_terminal(small_project, "--diff", NO_COLOR="1")

    assert "\x1b[32m+FROM python:3.9\x1b[0m\n" in coloured
    assert "\n+FROM python:3.9\n" in plain
    assert "\x1b" not in plain


class Screen:
    """A terminal that wraps its lines again when it becomes narrower."""

    def __init__(self, width: int) -> None:
        """Start empty, with the cursor at the top."""
        self.width, self.lines, self.row = width, [""], 0

    def feed(self, text: str) -> None:
        """Interpret text with the control sequences that rich writes."""
        position = 0
        while position < len(text):
            if text[position] == "\x1b":
                end = position + 2
                while not text[end].isalpha():
                    end += 1
                self._control(text[position + 2 : end], text[end])
                position = end + 1
                continue
            if text[position] == "\n":
                self.row += 1
                self.lines += [""] * (self.row + 1 - len(self.lines))
            elif text[position] != "\r":
                self.lines[self.row] += text[position]
            position += 1

    def _control(self, parameter: str, final: str) -> None:
        if final == "A":
            self.row = max(0, self.row - int(parameter or 1))
        elif final == "K":
            self.lines[self.row] = ""

    def resize(self, width: int) -> None:
        """Wrap all lines to the new width; the cursor stays behind the last character."""
        wrapped = [
            line[start : start + width]
            for line in self.lines
            for start in range(0, max(len(line), 1), width)
        ]
        self.width, self.lines, self.row = width, wrapped, len(wrapped) - 1


@pytest.mark.parametrize("width", [60, 37])
def test_a_resize_leaves_no_line(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the terminal became narrower, only the new progress is shown."""
    monkeypatch.setenv("TERM", "xterm")
    stream, screen = io.StringIO(), Screen(100)
    console = Console(file=stream, force_terminal=True, width=100, height=40, color_system=None)
    live = Live(console)

    def draw() -> list[str]:
        live.tick()
        screen.feed(stream.getvalue())
        stream.seek(0)
        stream.truncate()
        return [line.rstrip() for line in screen.lines if line.strip()]

    live.begin(["server-3_11-gpu-reload", "server-3_12"])
    live.step("server-3_11-gpu-reload", "RUN pip install " + "torch " * 20)
    live.step("server-3_12", "COPY requirements.txt /tmp/requirements.txt")
    assert len(draw()) == 3
    screen.resize(width)
    console.width = width
    after = draw()
    live.end()

    assert len(after) == 3
    assert after[1].startswith("server-3_11-gpu-reload")
    assert after[2].startswith("server-3_12")
    assert max(map(len, after)) <= width


def test_names_are_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 60 columns the step is shortened, never the name of the target."""
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    live = Live(Console(file=stream, force_terminal=True, width=60, color_system=None))
    name = "text-embeddings-inference-cuda-12_8-turing-reload"
    live.begin([name])
    live.step(name, "RUN cargo build --release")
    live.tick()
    live.end()

    assert f"{name}\n" in stream.getvalue().replace("\r", "")


def test_the_states_of_a_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal shows counts and running checks; elsewhere each new state is one line."""
    monkeypatch.setenv("TERM", "xterm")
    stream, lines = io.StringIO(), list[str]()
    live = Live(Console(file=stream, force_terminal=True, width=60, color_system=None))

    for report in (live, Lines(lines.append)):
        report.begin(["a", "b", "c"])
        report.reached("staged", ["a", "b"], known=True)
        report.reached("staged", ["c"])
        report.step("check scan of a", "running")
        report.reached("checked", ["b"])
    shown = stream.getvalue()[stream.getvalue().rindex("[0/3]") :].replace("\r", "").splitlines()
    live.end()

    assert [line.split("  ")[0].strip() for line in shown[1:]] == [
        "3 staged, 1 checked",
        "check scan of a",
    ]
    assert lines == ["staged c", "checked b"]
