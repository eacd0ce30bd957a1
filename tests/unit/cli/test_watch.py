"""`--watch` as a process of its own: files are edited, and its output is awaited line by line."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.command import COMMAND

from compiler.cli.main import run


INTERRUPTED = 130


class Watch:
    """A running `compile-matrix --watch`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "--watch", *options],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout
        self.output = self.process.stdout

    def until(self, text: str) -> str:
        """Wait for a line that contains a text; return it with all lines before it."""
        lines = ""
        while line := self.output.readline():
            lines += line
            if text in line:
                return lines
        raise AssertionError(f"no line has {text!r}:\n{lines}")

    def interrupt(self) -> str:
        """Interrupt it as Ctrl-C does; return the rest of the output after it has ended."""
        self.process.send_signal(signal.SIGINT)
        rest = self.output.read()
        assert self.process.wait() == INTERRUPTED, rest
        return rest


@pytest.fixture
def start(small_project: Path) -> Iterator[Callable[..., Watch]]:
    """Start it in the small project, and wait until it has compiled."""
    running: list[Watch] = []

    def begin(*options: str, until: str = "watching ") -> Watch:
        running.append(Watch(small_project, *options))
        running[-1].until(until)
        return running[-1]

    yield begin

    for watch in running:
        watch.process.kill()
        watch.process.wait()
        watch.output.close()


def edit(file: Path, old: str, new: str) -> None:
    """Replace text of a file, as an editor that writes another file and renames it."""
    draft = file.with_name(f"{file.name}~")
    text = file.read_text()
    assert old in text
    draft.write_text(text.replace(old, new))
    draft.rename(file)


@pytest.mark.slow
def test_edits(small_project: Path, start: Callable[..., Watch]) -> None:
    """Each edit is one run; errors appear and disappear; equal changes are shown once."""
    template = small_project / "templates/Dockerfile.j2"
    dockerfile = small_project / "dockerfiles/server-3_9.Dockerfile"
    watch = start()
    assert dockerfile.exists()

    edit(template, "ENV CUDA", "RUN true\nENV CUDA")
    shown = watch.until("4 targets")
    assert "changed: templates/Dockerfile.j2\n" in shown
    assert "and 3 other files: updated, 1 line added\n+ RUN true\n" in shown
    assert "RUN true" in dockerfile.read_text()

    edit(template, "{{ python }}", "{{ pyhton }}")
    assert "error[undefined-name]" in watch.until("nothing is written")
    template.unlink()
    assert "error[missing-template]" in watch.until("nothing is written")
    shutil.rmtree(template.parent)
    (small_project / "templates").mkdir()
    template.write_text("FROM alpine:{{ python }}\nENV CUDA={{ cuda or '' }}\n")
    assert "+ FROM alpine:3.9\n" in watch.until("no errors")

    edit(small_project / "matrix.yaml", "3.10]", "3.10, 3.11]")
    assert "server-3_11.Dockerfile: created, 3 lines added" in watch.until("6 targets")

    dockerfile.unlink()
    watch.until("1 file written: dockerfiles/server-3_9.Dockerfile")
    assert dockerfile.exists()
    assert "changed" not in watch.interrupt()


@pytest.mark.slow
def test_files_that_do_not_exist_yet(small_project: Path, start: Callable[..., Watch]) -> None:
    """Parts that a glob will find, data files in missing folders, and the lock are watched."""
    watch = start()
    edit(small_project / "matrix.yaml", "variables:", "include: [teams/**/*.yaml]\nvariables:")
    assert "error[missing-file]" in watch.until("nothing is written")
    (small_project / "teams/a").mkdir(parents=True)
    (small_project / "teams/a/a.yaml").write_text("images: {worker: {template: Dockerfile.j2}}\n")
    watch.until("8 targets")

    (small_project / "teams/b").mkdir()
    (small_project / "teams/b/b.yaml").write_text("images: {other: {template: Dockerfile.j2}}\n")
    watch.until("12 targets")

    (small_project / "matrix.lock").write_text("no\n")
    assert "error[not-a-mapping]" in watch.until("nothing is written")


def test_several_files_at_once_are_one_run(
    small_project: Path, start: Callable[..., Watch]
) -> None:
    """A change of branch touches many files: it causes one run, and unrelated files none."""
    parts = [small_project / f"templates/{number}.j2" for number in range(20)]
    for part in parts:
        part.write_text("RUN true\n")
    template = small_project / "templates/Dockerfile.j2"
    template.write_text(
        template.read_text() + "".join(f"{{% include '{part.name}' %}}\n" for part in parts)
    )
    watch = start()
    for part in parts:
        (small_project / "unrelated").write_text(part.name)
        (small_project / "templates" / "unrelated.j2").write_text(part.name)
        part.touch()
    staged = small_project / "staged"
    staged.mkdir()
    for part in parts:
        (staged / part.name).write_text("RUN false\n")
    for part in parts:
        (staged / part.name).rename(part)

    shown = watch.until("4 targets")
    assert "changed: templates/0.j2, templates/1.j2, templates/2.j2 and 17 more\n" in shown
    assert "Traceback" not in watch.interrupt()


@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_nothing_is_written(option: str, small_project: Path, start: Callable[..., Watch]) -> None:
    """--check and --diff say whether files are stale, also after another process wrote them."""
    watch = start(option)
    assert not (small_project / "docker-bake.hcl").exists()

    assert run([]) == 0
    watch.until("4 targets: up to date")
    edit(small_project / "templates/Dockerfile.j2", "FROM", "# more\nFROM")
    assert "server-3_9.Dockerfile" in watch.until("error[stale-files]")
    assert "# more" not in (small_project / "dockerfiles/server-3_9.Dockerfile").read_text()


def test_json(small_project: Path, start: Callable[..., Watch]) -> None:
    """With --format json each run is one document."""
    watch = start("--format", "json", until='"docker-bake.hcl"')
    edit(small_project / "templates/Dockerfile.j2", "FROM", "# more\nFROM")

    watch.until('"path": "dockerfiles/server-3_9.Dockerfile"')
    assert "changed:" not in watch.interrupt()


def test_workflow_annotations_are_rejected(
    small_project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A workflow never watches, and a command does not inherit the option."""
    del small_project
    assert run(["--watch", "--format", "github"]) == 2
    assert "--watch cannot be used with --format github" in capsys.readouterr().err
    assert run(["--watch", "list"]) == 2
    assert "--watch cannot be used before the command 'list'" in capsys.readouterr().err


def test_only_watching_imports_the_library(small_project: Path) -> None:
    """Compiling once does not load the library that watches files."""
    code = (
        "import sys; from compiler.cli.main import run; run([]); print('watchfiles' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=small_project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("False\n")
