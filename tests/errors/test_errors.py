"""Invalid input: each case in this folder is rejected with exactly the expected text.

A case is `<code>[--note].yaml`, or a folder of that name. What a repository should not contain is
described in files of that folder: `links`, `sizes`, `repositories`, `tracked` (by Git) and
`environment`. `<case>.args` has the arguments of the command line, `<case>.txt` the expected text.
The cases of `tests/warnings` compile, with exactly the expected warnings.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from support import calls, canned_registry

from compiler.cli.main import run
from compiler.codes import EXPLANATIONS, Code


HERE = Path(__file__).parent
COMPILER = HERE.parents[1] / "compiler"
TEMPLATE = "FROM python\nARG CUDA GPU PYTHON USER\n"


def cases(folder: Path) -> list[Path]:
    """Return the cases of a folder: a matrix, or a folder with one."""
    found = list(folder.glob("*.yaml"))
    return sorted(found + [path for path in folder.iterdir() if (path / "matrix.yaml").is_file()])


CASES = cases(HERE)
WARNINGS = cases(HERE.parent / "warnings")


def prepare(case: Path, folder: Path) -> None:
    """Copy a case to a folder, and add a template if it has none."""
    if case.is_dir():
        shutil.copytree(case, folder, dirs_exist_ok=True)
        _prepare_described(folder)
    else:
        shutil.copy(case, folder / "matrix.yaml")
    if not (folder / "templates").exists():
        (folder / "templates").mkdir()
        (folder / "templates/Dockerfile.j2").write_text(TEMPLATE)


def _prepare_described(folder: Path) -> None:
    """Create what a repository should not contain, from files that describe it."""
    if (folder / "links").exists():  # in words: a link that leads out would mislead other tools
        for line in (folder / "links").read_text().splitlines():
            link, _, to = line.partition(" -> ")
            (folder / link).parent.mkdir(parents=True, exist_ok=True)
            (folder / link).symlink_to(to)
        (folder / "links").unlink()
    if (folder / "sizes").exists():  # in words: a very large file is not to be kept
        for line in (folder / "sizes").read_text().splitlines():
            name, size = line.split()
            (folder / name).touch()
            os.truncate(folder / name, int(size))
        (folder / "sizes").unlink()
    if (folder / "repositories").exists():  # described, because a repository cannot contain another
        for line in (folder / "repositories").read_text().splitlines():
            subprocess.run(["git", "init", "--quiet", folder / line], check=True)
        (folder / "repositories").unlink()
    if (folder / "tracked").exists():  # in words: Git would ignore such a file here
        for line in (folder / "tracked").read_text().splitlines():
            (folder / line).parent.mkdir(parents=True)
            (folder / line).write_text("{}")
            subprocess.run(["git", "-C", folder, "add", "-f", line], check=True)
        (folder / "tracked").unlink()


def surround(case: Path, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Set the environment variables of a case."""
    said = folder / "environment"
    if case.is_dir() and said.exists():
        for line in said.read_text().splitlines():
            name, _, value = line.partition(" = ")
            patch.setenv(name, value)
        said.unlink()


@contextmanager
def registry(project: Path, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the registry of a case, if it has one, with up-to-date generated files; yield its name.

    `registry.json` contains the responses; the variable REGISTRY is the address.
    """
    routes = project / "registry.json"
    if not routes.exists():
        yield ""
        return
    for program in (project / "bin").glob("*"):
        program.chmod(0o755)
    with canned_registry.serve(json.loads(routes.read_text())) as address:
        patch.setenv("REGISTRY", address)
        patch.setenv("DOCKER_CONFIG", str(project))
        run([])
        yield address


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Return each path below a folder with its attributes that change when it is written."""
    found = {}
    for path in folder.rglob("*"):
        if ".compile-matrix" in path.parts:  # logs of builds
            continue
        state = path.lstat()
        found[str(path.relative_to(folder))] = (state.st_ino, state.st_mtime_ns)
    return found


def arguments(case: Path) -> list[str]:
    """Return the command-line arguments of a case."""
    words = case.with_name(f"{case.stem}.args")
    return shlex.split(words.read_text(encoding="utf-8")) if words.exists() else []


def code_of(case: Path) -> str:
    """Return the code in the name of a case."""
    return case.stem.partition("--")[0]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create an empty folder and make it the current one."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_refused_in_these_words(
    case: Path,
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    update_golden: bool,
) -> None:
    """Invalid input ends with exit code 1 and exactly this text; no file is written."""
    prepare(case, project)
    surround(case, project, monkeypatch)
    for name in ("compiler.external.registry.http._wait", "compiler.publish.create_tag.pause"):
        monkeypatch.setattr(name, lambda _: False)
    with registry(project, monkeypatch) as address:
        capsys.readouterr()
        before = listing(project)

        code = run(arguments(case))

    out, told = capsys.readouterr()
    told = told.replace(address, "registry.example") if address else told
    golden = case.with_name(f"{case.stem}.txt")
    if update_golden:
        golden.write_text(told, encoding="utf-8")

    assert code == (2 if code_of(case) == "usage" else 1)
    assert out == "" or "--check" in arguments(case)  # which lists the files, and writes none
    assert golden.read_text(encoding="utf-8") == told
    assert f"error[{code_of(case)}]" in told
    assert listing(project) == before


@pytest.mark.parametrize("case", WARNINGS, ids=lambda case: case.stem)
def test_warned_in_these_words(
    case: Path, project: Path, capsys: pytest.CaptureFixture[str], *, update_golden: bool
) -> None:
    """A warning has exactly this text, also in an up-to-date run; everything is compiled."""
    prepare(case, project)

    code = run([])

    out, told = capsys.readouterr()
    golden = case.with_name(f"{case.stem}.txt")
    if update_golden:
        golden.write_text(told, encoding="utf-8")

    assert code == 0
    assert "written: docker-bake.hcl" in out
    assert golden.read_text(encoding="utf-8") == told
    assert f"warning[{code_of(case)}]" in told
    assert "error[" not in told
    assert run([]) == 0
    assert capsys.readouterr().err == told


@pytest.mark.slow
@pytest.mark.parametrize("case", WARNINGS, ids=lambda case: case.stem)
def test_strictly_a_warning_is_an_error(
    case: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--strict` the same text is an error, in the first run and later; no file is written."""
    golden = case.with_name(f"{case.stem}.txt").read_text(encoding="utf-8")
    count = len(re.findall(r"^\S+: warning\[", golden, re.MULTILINE))
    expected = re.sub(r"^(\S+): warning\[", r"\1: error[", golden, flags=re.MULTILINE)
    expected += f"{count} error{'s' * (count != 1)}; nothing is written\n"
    prepare(case, project)
    before = listing(project)

    assert run(["--strict"]) == 1
    assert capsys.readouterr().err == expected
    assert listing(project) == before

    assert run([]) == 0
    capsys.readouterr()
    before = listing(project)

    assert run(["--strict"]) == 1
    assert capsys.readouterr().err == expected
    assert listing(project) == before


# --- Every field: what is wrong in it is found there ----------------------------------------------

FIELDS = {
    "top set": "set:\n  name: {}\n",
    "variables": "variables:\n  NAME: {}\n",
    "value tag": "axes:\n  gpu:\n    true:\n      tag: {}\n",
    "value set": "axes:\n  gpu:\n    true:\n      set:\n        a: [b, {{c: {}}}]\n",
    "value platforms": "axes:\n  gpu:\n    true:\n      platforms:\n        - {}\n",
    "defaults": "defaults:\n  description: {}\n",
    "template": "    template: {}\n",
    "image set": "    set:\n      name: {}\n",
    **{
        name: f"    {name}: {{}}\n"
        for name in ("context", "description", "network", "shm-size", "target")
    },
    **{
        name: f"    {name}:\n      - {{}}\n"
        for name in ("tags", "platforms", "entitlements", "no-cache-filter", "ulimits")
    },
    **{
        name: f"    {name}:\n      - {{}}\n"
        for name in ("attest", "cache-from", "cache-to", "output", "secret", "ssh")
    },
    **{
        f"{name} mapping": f"    {name}:\n      - type: {{}}\n"
        for name in ("attest", "cache-from", "cache-to", "output", "secret", "ssh")
    },
    **{
        name: f"    {name}:\n      key: {{}}\n"
        for name in ("annotations", "args", "contexts", "extra-hosts", "labels")
    },
    **{
        f"{name} key": f"    {name}:\n      {{}}: value\n"
        for name in ("annotations", "args", "contexts", "extra-hosts", "labels")
    },
}
JINJA_ALONE = {"top set", "value tag", "value set", "template", "image set"}
FAULTS = {
    "undefined-name": ("x{{ nowhere }}", "nowhere"),
    "template-syntax": ("x{{ python + }}", ""),
    "undeclared-variable": ("x${NOWHERE}", "${NOWHERE}"),
    "interpolation": ("x${NOWHERE:-y}", "${"),
}


@pytest.mark.parametrize(
    ("field", "code"),
    [
        (field, code)
        for field in FIELDS
        for code in FAULTS
        if field not in JINJA_ALONE or code in ("undefined-name", "template-syntax")
    ],
)
def test_every_field_says_where(
    field: str, code: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One fault in any field is one error, located at the wrong word, without further errors."""
    text, word = FAULTS[code]
    part = FIELDS[field].format(f'"{text}"')
    template = "" if field == "template" else "    template: Dockerfile.j2\n"
    image = f"images:\n  server:\n{template}{part if part.startswith('    ') else ''}"
    document = ("" if part.startswith("    ") else part) + image
    (project / "matrix.yaml").write_text(document)
    (project / "templates").mkdir()
    (project / "templates/Dockerfile.j2").write_text("FROM a{{ name | default }}\n")

    assert run([]) == 1

    told = capsys.readouterr().err
    place = re.match(r"matrix\.yaml:(\d+):(\d+): error\[([a-z-]+)\]", told)
    lines = document.splitlines()
    line = next(n for n, one in enumerate(lines, 1) if text in one)
    start = lines[line - 1].index(text)

    assert place is not None, told
    assert code == place[3]
    assert line == int(place[1])
    assert told.endswith("1 error; nothing is written\n"), told
    if word and not field.endswith(" key"):
        assert start + text.index(word) + 1 == int(place[2])


# --- Every value: refused, or safely in what is generated -----------------------------------------

VALUES = {
    "quotes": "a\"b'c",
    "backslash": "a\\b\\n",
    "newline": "a\nb",
    "dollar": "${HOME}",
    "double dollar": "$${X}",
    "percent": "%{ if true }",
    "double percent": "%%{x}",
    "heredoc": "<<EOT",
    "unicode": "caf\u00e9 \u65e5\u672c \U0001f600",
    "right to left": "a\u202eb",
    "jinja": "{{ python }}",
    "interpolated end": "}",
    "comment": "a # b // c /* d */",
    "tab": "a\tb",
}


@pytest.mark.parametrize("where", ["value", "set", "args", "labels", "variable", "tag"])
@pytest.mark.parametrize("kind", VALUES)
def test_every_value_is_refused_or_safe(
    kind: str, where: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hostile value results in a diagnostic with a location, or is in the bake file unchanged."""
    value = json.dumps(VALUES[kind])
    printed = {"value": "python", "set": "name"}.get(where, "image")
    (project / "matrix.yaml").write_text(
        f"set: {{name: {value if where == 'set' else 'x'}}}\n"
        f"variables: {{V: {value if where == 'variable' else 'x'}}}\n"
        f"axes: {{python: [{value if where == 'value' else 'x'}]}}\n"
        "images:\n  server:\n    template: Dockerfile.j2\n"
        f"    args: {{A: {value if where == 'args' else 'x'}, B: '{{{{ {printed} }}}}'}}\n"
        f"    labels: {{A: {value if where == 'labels' else 'x'}, C: '${{V}}'}}\n"
        f"    tags: [{value if where == 'tag' else 'x'}]\n"
    )
    (project / "templates").mkdir()
    (project / "templates/Dockerfile.j2").write_text(TEMPLATE)

    code = run([])
    told = capsys.readouterr().err

    assert code in (0, 1), told
    if code:
        assert re.match(r"matrix\.yaml:\d+:\d+: error\[", told), told
        assert not (project / "docker-bake.hcl").exists()
    else:
        assert (project / "docker-bake.hcl").read_text(encoding="utf-8")


# --- Size, and what a file cannot hold ------------------------------------------------------------


def test_a_missing_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without matrix.yaml the error names the file and the remedy."""
    (project / "matrix.yml").write_text("images: {}")

    assert run([]) == 1
    assert capsys.readouterr().err == (
        "matrix.yaml: error[missing-file]: there is no file matrix.yaml\n"
        "      = help: did you mean 'matrix.yml'?\n"
        "1 error; nothing is written\n"
    )


def test_a_folder_as_matrix(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder named matrix.yaml is rejected."""
    (project / "matrix.yaml").mkdir()

    assert run([]) == 1
    assert "error[not-a-file]: matrix.yaml is a folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["matrix.yaml", "data.json", "templates/Dockerfile.j2"])
def test_fifty_megabytes(name: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of 50 MB is rejected because of its size, before it is read."""
    (project / "templates").mkdir()
    (project / "templates/Dockerfile.j2").write_text(TEMPLATE)
    (project / "data.json").write_text("{}")
    (project / "matrix.yaml").write_text(
        "data: {d: data.json}\nimages: {a: {template: Dockerfile.j2}}\n"
    )
    os.truncate(project / name, 50 << 20)

    assert run([]) == 1  # the first run imports modules
    assert f"error[too-large]: {name} has 52,428,800 bytes" in capsys.readouterr().err

    with calls.at_most(10_000):
        run([])
    tracemalloc.start()
    run([])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 40 << 20


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["", "exclude: [{a0: v0, a1: v1}]\n"], ids=["plain", "rules"])
def test_ten_axes_of_a_hundred_values(
    rows: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """100^10 variants are rejected immediately, before memory is used."""
    values = ", ".join(f"v{n}" for n in range(100))
    axes = "".join(f"  a{n}: [{values}]\n" for n in range(10))
    (project / "matrix.yaml").write_text(
        f"axes:\n{axes}{rows}images:\n  a: {{template: Dockerfile.j2}}\n"
    )

    assert run([]) == 1  # the first run imports modules
    assert "error[too-many-variants]" in capsys.readouterr().err

    with calls.at_most(1_000_000):
        run([])
    tracemalloc.start()
    run([])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 64 << 20


# --- Where the output goes ------------------------------------------------------------------------


def compiling(project: Path) -> None:
    """Create a project that compiles."""
    (project / "templates").mkdir()
    (project / "templates/Dockerfile.j2").write_text(TEMPLATE)
    (project / "matrix.yaml").write_text("images: {a: {template: Dockerfile.j2}}\n")


@pytest.mark.parametrize(
    "path", ["docker-bake.hcl", "dockerfiles/a.Dockerfile", "dockerfiles/matrix.json"]
)
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_not_ours_stays(
    kind: str, path: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder or another program's file at an output path is an error, and is not changed."""
    compiling(project)
    (project / path).parent.mkdir(exist_ok=True)
    if kind == "folder":
        (project / path).mkdir()
        (project / path / "mine").write_text("mine")
    else:
        (project / path).write_text("mine\n")
    before = listing(project)

    assert run([]) == 1

    told = capsys.readouterr().err

    assert told.startswith(f"{path}: error["), told
    assert "help: " in told
    assert listing(project) == before


def test_the_output_folder_is_a_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file at the path of the output folder is an error, and is not changed."""
    compiling(project)
    (project / "dockerfiles").write_text("mine\n")
    before = listing(project)

    assert run([]) == 1
    assert "dockerfiles: error[" in capsys.readouterr().err
    assert listing(project) == before


# --- Completeness ---------------------------------------------------------------------------------


def test_every_code_is_explained() -> None:
    """Each code has exactly one explanation."""
    explained = [code for group in EXPLANATIONS.values() for code in group]

    assert explained == list(Code)


def test_every_code_has_a_case() -> None:
    """Each code has a case."""
    shown = {code_of(case) for case in CASES + WARNINGS}
    assert shown == set(Code) - {Code.INTERNAL_ERROR}  # no input is known to cause one


def test_every_code_is_used() -> None:
    """The compiler can report each code: its source names the member outside the catalogue."""
    used = {
        name
        for path in COMPILER.rglob("*.py")
        if path.name != "codes.py"
        for name in re.findall(r"\bCode\.(\w+)", path.read_text(encoding="utf-8"))
    }

    assert [code for code in Code if code.name not in used] == []


def test_every_case_is_brief() -> None:
    """Each expected error has at most five lines, a remedy and a location, and no traceback."""
    for case in CASES + WARNINGS:
        told = case.with_name(f"{case.stem}.txt").read_text(encoding="utf-8")
        for error in re.split(r"(?m)^(?=\S+: (?:error|warning)\[)", told)[1:]:
            assert len(error.splitlines()) <= 6, case  # the last one includes the summary
            assert "help: " in error, case
        assert "Traceback" not in told, case
        assert "internal error" not in told, case


# --- Anything at all ------------------------------------------------------------------------------

PIECES = (
    *("{{ x }}", "'{{ python'", "[]", "{}", "null", "'true'", "*a", "&a b", "!x y", "''", "'${'"),
    *("'${X}'", "'%{'", "'{% if %}'", '"\\n"', "[[]]", "{a: {b: c}}", "- x", "? y", "<<: {a: b}"),
    *(
        "'{{ none }}'",
        "'{{ p }}'",
        "'{{ range(10**9) | list }}'",
        "'{{ 1/0 }}'",
        "'{{ python() }}'",
    ),
    *("'{% include \"x\" %}'", "'{{ \"\\ud800\" }}'", "../up", "/abs", "~", "target:a", "\t", "\0"),
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_changed_is_a_diagnostic(
    seed: int, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing, duplicate and moved lines, and values of another type, result in diagnostics."""
    random = Random(seed)  # noqa: S311 - the same on each run
    root = COMPILER.parent
    shutil.copytree(root / "templates", project / "templates")
    shutil.copy(root / "pyproject.toml", project)
    sample = (root / "matrix.yaml").read_text(encoding="utf-8").splitlines()
    for _ in range(60):
        lines = list(sample)
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(lines))
            lines[at : at + 1] = random.choice(
                [
                    [],
                    [lines[at]] * 2,
                    [random.choice(lines)],
                    [f"{lines[at].partition(':')[0]}: {random.choice(PIECES)}"],
                    [" " * random.randint(0, 6) + lines[at].lstrip()],
                ]
            )
        text = "\n".join(lines)
        (project / "matrix.yaml").write_text(text, encoding="utf-8")

        code = run(["list"])
        out, told = capsys.readouterr()

        assert code in (0, 1), f"{told}\n{text}"
        assert bool(code) == ("error[" in told), text
        assert bool(out) != bool(code), text
