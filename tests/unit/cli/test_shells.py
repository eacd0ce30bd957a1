"""Completion in real shells: keys are typed at a terminal; the command that runs is compared."""

import os
import select
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from support import packages

from compiler.cli.shells import SHELLS, Bash, split_words


MATRIX = """\
axes:
  python: [3.9, 3.10]
  evil:
    "$(touch hacked); `touch hacked` & x": {tag: e}
images:
  server: {template: Dockerfile.j2, platforms: [linux/amd64, linux/arm64]}
"""
EVIL = "$(touch hacked); `touch hacked` & x"

TYPED = {
    "li\t": ["list"],
    "list pyt\t=3.1\t": ["list", "python=3.10"],
    "list python=3.9,\\!3.1\t": ["list", "python=3.9,!3.10"],
    "list 'python=!3.1\t": ["list", "python=!3.10"],
    "list 'python>=3.9' evil=\t": ["list", "python>=3.9", f"evil={EVIL}"],
    "build server-e-3_9 --platf\tlinux/ar\t": [
        "build",
        "server-e-3_9",
        "--platform",
        "linux/arm64",
    ],
    "list --format=na\t": ["list", "--format=names"],
    "list -f matrix.y\t": ["list", "-f", "matrix.yaml"],
    "list nothing-\t": ["list", "nothing-"],
}
"""Keys -> the arguments of the command that the shell runs after them."""

PROGRAM = f"""#!/bin/sh
# Completes as the real program does; otherwise reports its arguments.
if [ -n "$_COMPILE_MATRIX_COMPLETE" ]; then exec '{sys.executable}' -m compiler "$@"; fi
{{ for argument; do printf '%s\\0' "$argument"; done; printf '\\n'; }} > "$REPORT"
"""


class Terminal:
    """A shell at a terminal; keys are typed ahead."""

    def __init__(
        self, command: list[str], folder: Path, report: int, environment: Mapping[str, str]
    ) -> None:
        self.master, terminal = os.openpty()
        self.report, self.shown = report, b""
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            cwd=folder,
            env=environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # The shell has ended.
            while shown := os.read(self.master, 4096):
                self.shown += shown

    def run(self, keys: str) -> list[str]:
        """Type a command; return the arguments with which it runs."""
        os.write(self.master, f"compile-matrix {keys}\n".encode())
        answer = b""
        while not answer.endswith(b"\n"):
            ready, _, _ = select.select([self.report], [], [], 60)
            assert ready, self.shown.decode(errors="replace")
            answer += os.read(self.report, 4096)
        return answer.decode().split("\0")[:-1]

    def close(self) -> None:
        """End the shell."""
        self.process.kill()
        self.process.wait()
        self.reader.join()
        os.close(self.master)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project with a hostile value."""
    folder = tmp_path / "project"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates/Dockerfile.j2").write_text("FROM python:{{ python }}\n# {{ evil }}\n")
    (folder / "matrix.yaml").write_text(MATRIX)
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which `compile-matrix` reports its arguments to a pipe."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/compile-matrix"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    os.mkfifo(tmp_path / "report")
    return {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "REPORT": str(tmp_path / "report"),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }


def shell(name: str, home: Path, environment: dict[str, str]) -> list[str]:
    """Write the start-up file of a shell, which enables completion; return the shell's command."""
    install = f"source <('{sys.executable}' -m compiler completion {name})\n"
    if name == "bash":
        (home / "bashrc").write_text(f"{install}HISTFILE=\n")
        return [shutil.which("bash") or pytest.skip("no bash"), "--rcfile", str(home / "bashrc")]
    folder = unpacked(name)
    libraries = folder / "usr/lib" / f"{os.uname().machine}-linux-gnu"
    environment["LD_LIBRARY_PATH"] = str(libraries)
    if name == "zsh":
        functions = " ".join(map(str, (folder / "usr/share/zsh/functions").glob("**/")))
        (home / ".zshrc").write_text(
            f"module_path=({next(libraries.glob('zsh/*'))})\nfpath=({functions})\n"
            f"autoload -U compinit\ncompinit -D -u\n{install}"
        )
        environment["ZDOTDIR"] = str(home)
        return [str(folder / "usr/bin/zsh"), "-d"]
    install = (
        f"set fish_function_path {folder / 'usr/share/fish/functions'}; "
        f"'{sys.executable}' -m compiler completion fish | source"
    )
    return [str(folder / "usr/bin/fish"), "--init-command", install]


def unpacked(name: str) -> Path:
    """Return the folder of a shell from the machine's own suite; skip the test without one."""
    needed = {
        "zsh": ("zsh", "zsh-common", "libcap2", "libtinfo6"),
        "fish": ("fish", "fish-common", "libpcre2-32-0", "libtinfo6"),
    }
    try:
        return packages.unpacked(name, packages.codename(), needed[name])
    except packages.Unavailable as problem:
        if os.environ.get("CI") == "true":
            pytest.fail(str(problem))
        pytest.skip(str(problem))


@pytest.fixture
def report(environment: dict[str, str]) -> Iterator[int]:
    """Open the pipe to which the command reports."""
    descriptor = os.open(environment["REPORT"], os.O_RDWR | os.O_NONBLOCK)
    yield descriptor
    os.close(descriptor)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("setsid"), reason="needs util-linux")
@pytest.mark.parametrize("name", [each.name for each in SHELLS])
def test_keys(
    name: str, folder: Path, tmp_path: Path, environment: dict[str, str], report: int
) -> None:
    """Commands, options, axes, values, targets, platforms and files are completed and quoted."""
    terminal = Terminal(shell(name, tmp_path, environment), folder, report, environment)
    try:
        results = {keys: terminal.run(keys) for keys in TYPED}
    finally:
        terminal.close()

    assert results == TYPED
    assert not (folder / "hacked").exists()


@pytest.mark.parametrize(
    ("line", "word", "value", "expected"),
    [
        ("c list python=3.", "3.", "python=3.10", "3.10"),
        ("c list python=3.", "python=3.", "python=3.10", "python=3.10"),
        ("c list py", "py", "python=", "python="),
        ("c list a=", "", "a=x y", r"x\ y"),
        ("c list a=", "", "a=~;", r"\~\;"),
        ("c list 'a=", "'a=", "a=$x", "a=$x"),
        ("c list 'a=", "'a=", "a=it's", "'a="),
        ('c list "a=', '"a=', "a=$x", '"a='),
    ],
)
def test_bash_replaces_a_part_of_the_word(
    line: str, word: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bash breaks words at `=`, unless COMP_WORDBREAKS was changed; unsafe text is quoted."""
    monkeypatch.setenv("COMPILE_MATRIX_LINE", line)
    monkeypatch.setenv("COMPILE_MATRIX_WORD", word)
    from compiler.cli.main import cli

    bash = Bash(cli, {}, "compile-matrix", "_COMPILE_MATRIX_COMPLETE")
    bash.get_completion_args()

    assert bash.quoted(value) == expected


@pytest.mark.parametrize("line", ["", " ", "'", '"\\', "\\", "a '", "a=1", "a=1 ", "\t\n'\"x"])
def test_any_line_has_a_last_word(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line makes completion fail, however its quotes end."""
    from compiler.cli.main import cli

    monkeypatch.setenv("COMPILE_MATRIX_LINE", line)
    bash = Bash(cli, {}, "compile-matrix", "_COMPILE_MATRIX_COMPLETE")
    arguments, last = bash.get_completion_args()

    assert isinstance(last, str)
    assert len(arguments) < len(list(split_words(line))) + 1
