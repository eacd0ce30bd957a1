"""Hand-written pages as data: their fenced blocks, their projects, and their terminal sessions.

A page follows three conventions, which its readers see:

* A `yaml` block is a complete matrix.yaml, and begins a project. A block of another file has a
  paragraph above it that consists of the file's path in backquotes.
* A file belongs to its project and to the projects after it on the page.
* A `console` block above the first matrix of a page writes that matrix, which the page then shows.
* A `console` block is a session in the folder of its project: each line that begins with `$ ` is
  run by a shell, and the lines below it are what a terminal shows. A line `...` stands for lines
  that are left out. A `shell-session` block is the same, and needs an engine and a registry.

Blocks of other languages are illustrations, and are not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support import command


PROJECT = Path(__file__).parents[2]
PAGES = (
    PROJECT / "README.md",
    *sorted(
        page
        for page in (PROJECT / "docs").glob("*.md")
        if page.name not in {"cli.md", "codes.md", "matrix.md"}  # from tested code; a part
    ),
)
"""README and docs, except the pages that consist of tested texts."""

_FENCE = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"^`([\w./-]+)`:?$")
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_PLAIN = re.compile(r"compile-matrix [\w ./:=@,-]+|compile-matrix")
"""A command that a shell would run as it is written."""
_CALL = re.compile(r"(?:^|[;&|(]\s*)(?:\w+=\S+ )*(compile-matrix\b.*)")
_LEFT_OUT = "...\n"
_SHELL = {"sh", "console", "shell-session", "text"}


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    language: str
    text: str
    line: int
    """The line of the page on which its fence is."""
    path: str | None = None
    """The path of the file that it is, if the page names one."""

    @property
    def is_matrix(self) -> bool:
        """Whether this block is a matrix.yaml."""
        return self.path == "matrix.yaml" or (self.language == "yaml" and self.path is None)


@dataclass
class Example:
    """A project that a page shows, and the sessions in it."""

    matrix: Block
    files: dict[str, str]
    origins: list[Block] = field(default_factory=list)
    """The sessions that write the matrix, from the files that the page shows above it."""
    sessions: list[Block] = field(default_factory=list)
    engine_sessions: list[Block] = field(default_factory=list)

    def write(self, folder: Path, *, matrix: bool = True) -> None:
        """Write the files of the project, with the matrix or without."""
        written = {"matrix.yaml": self.matrix.text} if matrix else {}
        for path, text in {**self.files, **written}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    found = []
    for fence in _FENCE.finditer(text):
        above = text[: fence.start()].rstrip().rpartition("\n")[2]
        path = _PATH.match(above)
        line = text.count("\n", 0, fence.start()) + 1
        found.append(Block(fence[1], fence[2], line, path[1] if path else None))
    return found


def examples(text: str) -> list[Example]:
    """Return the projects of a page, in order."""
    found: list[Example] = []
    files: dict[str, str] = {}
    hidden: dict[str, str] = {}
    origins: list[Block] = []
    for block in blocks(text):
        if block.is_matrix:
            found.append(Example(block, {**files, **(hidden if origins else {})}, origins))
            origins = []
        elif block.path is not None and block.path.startswith("."):
            hidden[block.path] = block.text
        elif block.path is not None:
            files[block.path] = block.text
            if found:
                found[-1].files[block.path] = block.text
        elif block.language == "console":
            (found[-1].sessions if found else origins).append(block)
        elif block.language == "shell-session" and found:
            found[-1].engine_sessions.append(block)
    return found


def play(
    session: str, folder: Path, scratch: Path, variables: Mapping[str, str] | None = None
) -> str:
    """Run the commands of a session; return the session as a terminal shows it.

    Without `variables`, commands that need no shell run within this process, which is faster.

    Args:
        session: the text of a `console` block.
        folder: the current folder of the commands.
        scratch: a folder outside it, for a shell's home and the command itself.
        variables: environment variables, in addition to those of every session.
    """
    environment = _environment(scratch, variables or os.environ)
    played = []
    for text, shown in _COMMAND.findall(session):
        if not variables and _PLAIN.fullmatch(text):
            words = text.split()[1:]
            ran = command.call(folder, *words, env=environment, code=None, merge=True)
        else:
            ran = subprocess.run(
                ["sh", "-c", text],
                cwd=folder,
                env={**(variables or {}), **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                check=False,
            )
        played.append(f"$ {text}\n{_elided(ran.stdout, like=shown)}")
    return "".join(played)


def _elided(output: str, like: str) -> str:
    """Leave out the lines for which a page has `...`: all but as many as it shows around that."""
    shown, lines = (text.splitlines(keepends=True) for text in (like, output))
    if _LEFT_OUT not in shown or len(lines) < len(shown) - 1:
        return output
    first = shown.index(_LEFT_OUT)
    last = len(shown) - first - 1
    return "".join([*lines[:first], _LEFT_OUT, *lines[len(lines) - last :]])


def check(page: Path, session: Block, played: str, *, update: bool) -> None:
    """Compare a session with what was played; or update the page.

    Raises:
        AssertionError: they differ.
    """
    check_block(page, session, played, update=update)


def check_block(page: Path, block: Block, text: str, *, update: bool) -> None:
    """Compare a block with its true text; or update the page.

    Raises:
        AssertionError: they differ.
    """
    if not update:
        remedy = "run this test with --update-golden to rewrite the page"
        assert block.text == text, f"{page.name}:{block.line}: {remedy}"
    elif block.text != text:
        whole = page.read_text(encoding="utf-8")
        old = f"```{block.language}\n{block.text}```\n"
        assert whole.count(old) == 1, f"line {block.line}: another block has the same text"
        new = f"```{block.language}\n{text}```\n"
        page.write_text(whole.replace(old, new), encoding="utf-8")


def commands(text: str) -> Iterator[str]:
    """Yield each `compile-matrix` command line that a page shows, in blocks and in sentences."""
    shell = [block.text for block in blocks(text) if block.language in _SHELL]
    inline = re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))
    for source in (*shell, *inline):
        for line in source.splitlines():
            words = re.sub(r"\s+#.*", "", line.removeprefix("$ "))
            yield from _CALL.findall(words)


def _environment(scratch: Path, outer: Mapping[str, str]) -> Mapping[str, str]:
    """Return a plain environment in which `compile-matrix` is this checkout's."""
    program = scratch / "bin/compile-matrix"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m compiler "$@"\n')
        program.chmod(0o755)
    identity = {"NAME": "Ada", "EMAIL": "ada@example.com", "DATE": "2026-01-05T12:00:00Z"}
    git = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in identity.items()
    }
    return {
        "PATH": f"{program.parent}{os.pathsep}{outer['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "HOME": str(scratch),
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        **git,
    }
