"""Measure how long compiling takes, as ratios of commands within one run: `make bench`.

Measured is the wall time of whole processes, on tmpfs if it exists. The environment variable BUILDX
names the buildx binary if `docker buildx` is not available. `make bench` with the environment
variable ONLY=publish measures only releases, with ONLY=page only the page of `report`.
"""

import compileall
import json
import os
import pickle
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import large_context
import matrices
import page
import publish
from commands import Command, print_row, ratio


COMPILE = [sys.executable, "-m", "compiler"]
FLOOR = "import click, yaml, pydantic, jinja2"
BARE = (
    FLOOR
    + """
import pickle, sys
for path, content in pickle.load(open(sys.argv[1], "rb")):
    with open(path, "wb") as file:
        file.write(content)
"""
)
READ = """
import os
for folder, _, names in os.walk("."):
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            file.read()
"""


def clean(project: Path) -> Callable[[], None]:
    """Return a function that removes the generated files of a project."""

    def run() -> None:
        for folder in ("dockerfiles", ".compile-matrix"):
            shutil.rmtree(project / folder, ignore_errors=True)
        (project / "docker-bake.hcl").unlink(missing_ok=True)

    return run


def plain_list(project: Path) -> str:
    """Return a bake file with the same targets, without filters, groups and inheritance."""
    plan = json.loads((project / "dockerfiles/matrix.json").read_text())
    names = ",\n".join(f'    "{target["target"]}"' for target in plan["targets"])
    lines = ['variable "REGISTRY" {\n  default = "docker.io/acme"\n}\n']
    lines.append('variable "VERSION_TAG" {\n  default = "v1.0"\n}\n')
    lines.append(f'group "default" {{\n  targets = [\n{names}\n  ]\n}}\n')
    for target in plan["targets"]:
        fields = {"dockerfile": f"cwd://{target['dockerfile']}", "context": target["context"]}
        lines.append(f'target "{target["target"]}" {{\n')
        lines += [f"  {key} = {json.dumps(value)}\n" for key, value in fields.items()]
        for key in ("tags", "platforms"):
            lines.append(f"  {key} = {json.dumps(target[key])}\n")
        for key in ("args", "labels"):
            inner = "".join(
                f"    {json.dumps(k)} = {json.dumps(v)}\n" for k, v in target[key].items()
            )
            lines.append(f"  {key} = {{\n{inner}  }}\n")
        lines.append("}\n")
    return "".join(lines)


def buildx() -> list[str] | None:
    """Return the command of buildx, if it is available."""
    command = [os.environ["BUILDX"]] if "BUILDX" in os.environ else ["docker", "buildx"]
    try:
        subprocess.run([*command, "version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return command


def memory(arguments: list[str], folder: Path) -> int:
    """Return the peak memory of a command, in KB."""
    code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True);"
    code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)


def main() -> None:
    """Measure everything and print the table."""
    shared = Path("/dev/shm")  # noqa: S108 - a tmpfs
    top = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    try:
        only = os.environ.get("ONLY", "")
        if not only:
            _measure(top)
            _measure_rows(top)
        if only in {"", "publish"}:
            publish.measure(top)
        if only in {"", "page"}:
            page.measure(top)
    finally:
        shutil.rmtree(top)


def _measure(top: Path) -> None:
    bake = buildx()
    # As an installer does; the environment may keep Python from doing so when it imports.
    compileall.compile_dir(Path(__file__).parents[1] / "compiler", quiet=1)
    print("| work | this | against | ratio | limit |\n|---|---|---|---|---|", flush=True)
    seconds: dict[int, float] = {}
    peaks: dict[int, int] = {}
    for count in matrices.SHAPES:
        project = top / str(count)
        matrices.write(project, count)
        cold = Command(arguments=COMPILE, folder=project, before=clean(project))
        cold.seconds()
        files = [project / "docker-bake.hcl", *sorted((project / "dockerfiles").iterdir())]
        listed = [(str(file.relative_to(project)), file.read_bytes()) for file in files]
        again, plain = top / f"{count}-bare", top / f"{count}-plain"
        plain.mkdir()
        (again / "dockerfiles").mkdir(parents=True)
        (top / f"{count}.pickle").write_bytes(pickle.dumps(listed))
        (plain / "docker-bake.hcl").write_text(plain_list(project))

        def empty(folder: Path = again) -> None:
            shutil.rmtree(folder)
            (folder / "dockerfiles").mkdir(parents=True)

        bare = Command(
            arguments=[sys.executable, "-c", BARE, str(top / f"{count}.pickle")],
            folder=again,
            before=empty,
        )
        measured = ratio(cold, bare)
        seconds[count] = measured[0]
        clean(project)()
        peaks[count] = memory(COMPILE, project)
        print_row(
            f"compile {count:,}, against importing and writing the same", measured, "4 at 10,000"
        )
        cold.seconds()
        unchanged = Command(arguments=COMPILE, folder=project)
        reading = Command(arguments=[sys.executable, "-c", READ], folder=project)
        print_row(
            f"compile {count:,} again, against reading", ratio(unchanged, reading), "2 at 10,000"
        )
        layers = Command(arguments=[*COMPILE, "layers", "--platform=linux/amd64"], folder=project)
        checked = Command(arguments=[*COMPILE, "--check"], folder=project)
        print_row(
            f"layers of {count:,}, against compiling", ratio(layers, checked), "+ 1 s at 1,000"
        )
        floor = Command(arguments=[sys.executable, "-c", FLOOR], folder=project)
        print_row(f"compile {count:,}, against the imports alone", ratio(cold, floor), "")
        if bake is None or count == max(matrices.SHAPES):
            continue  # bake needs minutes for ten thousand
        printed = Command(arguments=[*bake, "bake", "--print"], folder=project)
        listing = Command(arguments=[*bake, "bake", "--print"], folder=plain)
        cold.seconds()
        print_row(
            f"bake reads {count:,}, against a plain list", ratio(printed, listing), "1.3 at 1,000"
        )
        print_row(
            f"compile {count:,}, against bake reading a plain list",
            ratio(cold, listing),
            "1 at 1,000",
        )
    _measure_changed(top)
    growth = seconds[10_000] / seconds[1_000]
    print(f"| 10,000 against 1,000 variants | | | {growth:.1f} | 11 |")
    each = (peaks[10_000] - peaks[10]) / 9_990
    print(f"| memory for each further variant | {each:.1f} KB | | | 20 KB |")
    sample = Path(__file__).parents[1]
    floor = Command(arguments=[sys.executable, "-c", FLOOR], folder=sample)
    for arguments in (["--help"], ["list"]):
        command = Command(arguments=[*COMPILE, *arguments], folder=sample)
        print_row(
            f"compile-matrix {arguments[0]}, against the imports alone", ratio(command, floor), "2"
        )


def _measure_rows(top: Path) -> None:
    """Print the row about a matrix whose variants are the rows of a JSON file."""
    projects = [top / "rows", top / "axes"]
    commands = []
    for project in projects:
        matrices.write(project, 1_000, rows=project.name == "rows")
        commands.append(Command(arguments=COMPILE, folder=project, before=clean(project)))
    measured = ratio(*commands)
    print_row("compile 1,000 rows of a JSON file, against 1,000 from axes", measured, "1.5")
    plans = [(project / "dockerfiles/matrix.json").read_bytes() for project in projects]
    assert plans[0] == plans[1], "both have the same targets"  # noqa: S101 - not a user's input


def _measure_changed(top: Path) -> None:
    """Print the rows about `changed`, with a large build context."""
    project = top / "large"
    start_up = shlex.join([*COMPILE, "list"])
    with large_context.empty_registry() as registry:
        large_context.write(project, registry)

        def command(arguments: list[str]) -> Command:
            return Command(arguments=[*COMPILE, "changed", *arguments], folder=project)

        def reference(text: str) -> Command:
            return Command(arguments=["sh", "-c", f"{text}; {start_up}"], folder=project)

        since = command(["--since", "HEAD"])
        work = "changed --since, 20,000 files"
        compared = reference("git diff --quiet HEAD")
        against = "against git diff and start-up"
        print_row(f"{work}, none changed, {against}", ratio(since, compared), "2")
        edited = project / large_context.EDITED
        edited.write_bytes(edited.read_bytes()[:-1] + b"x")
        print_row(f"{work}, one changed, {against}", ratio(since, compared), "")
        hashed = reference("find context -type f -print0 | xargs -0 sha256sum")
        print_row(
            "changed --against registry, 20,000 files, against sha256sum and start-up",
            ratio(command(["--against", "registry"]), hashed),
            "1.2",
        )
    shutil.rmtree(project)


if __name__ == "__main__":
    main()
