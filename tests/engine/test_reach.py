"""The files that we find for a Dockerfile are those that BuildKit reads, and no others."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path

import pytest
from engine.steps import executed
from support.engine import Engine

from compiler.external.references import lookup_name
from compiler.fingerprint.context_files import Trees
from compiler.render.context_reach import Reach
from compiler.render.context_reads import reads


BASE = "FROM busybox:1.36\n"
PLAIN = ("a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt", "other/e.txt")
COPIED = "FROM scratch\nCOPY "

# Dockerfile, files of the context added to PLAIN (`-> ` is a link), files of the context `named`.
CASES: Mapping[str, tuple[str, Mapping[str, str], Mapping[str, str]]] = {
    "a file": (f"{COPIED}a.txt /x/\n", {}, {}),
    "a file in a folder": (f"{COPIED}./sub//c.txt /x/\n", {}, {}),
    "a folder": (f"{COPIED}sub /x/\n", {}, {}),
    "above the root": (f"{COPIED}../../sub/../a.txt /x/\n", {}, {}),
    "several": (f'{COPIED}["a.txt", "sub/deep", "/x/"]\n', {}, {}),
    "wildcards": (f"{COPIED}?.txt s*/*.txt /x/\n", {}, {}),
    "a class": (f"{COPIED}[^a].txt /x/\n", {}, {}),
    "wildcards in a folder": (f"{COPIED}sub/* /x/\n", {}, {}),
    "two stars": (f"{COPIED}**/c.txt **/d.txt /x/\n", {}, {"in.txt": ""}),
    "excluded": (f"{COPIED}--exclude=c.txt --exclude=deep/* sub a.txt /x/\n", {}, {}),
    "excluded everywhere": (f"{COPIED}--exclude=**/c.txt --exclude=other . /x/\n", {}, {}),
    "everything": (f"{COPIED}. /x/\n", {}, {}),
    "ignored": (f"{COPIED}. /x/\n", {".dockerignore": "sub\n!sub/deep\n*.txt\n"}, {}),
    "ignored in part": (f"{COPIED}sub /x/\n", {".dockerignore": "**/c.*\n# sub\n"}, {}),
    "an ignore file of its own": (
        f"{COPIED}. /x/\n",
        {".dockerignore": "sub\n", "Dockerfile.dockerignore": "other\n"},
        {},
    ),
    "an empty ignore file of its own": (
        f"{COPIED}. /x/\n",
        {".dockerignore": "sub\n", "Dockerfile.dockerignore": ""},
        {},
    ),
    "a link": (f"{COPIED}link /x/\n", {"link": "-> sub/c.txt"}, {}),
    "a link to a folder": (f"{COPIED}link/d.txt /x/\n", {"link": "-> /sub/deep"}, {}),
    "wildcards behind a link": (f"{COPIED}link/*.txt /x/\n", {"link": "-> sub"}, {}),
    "a link by wildcards": (f"{COPIED}l* /x/\n", {"link": "-> sub/c.txt"}, {}),
    "a link among what is copied": (
        f"{COPIED}linked /x/\n",
        {"linked/link": "-> ../a.txt", "linked/f.txt": ""},
        {},
    ),
    "a named context": (
        f"{COPIED}--from=named in.txt /x/\n",
        {".dockerignore": "**"},
        {"in.txt": "", "out.txt": ""},
    ),
    "a named context that ignores": (
        f"{COPIED}--from=named . /x/\n",
        {},
        {"in.txt": "", "out.txt": "", ".dockerignore": "out*"},
    ),
    "a named context in a stage's place": (
        "FROM scratch AS named\nCOPY b.txt /in.txt\nFROM scratch\nCOPY --from=named in.txt /x/\n",
        {},
        {"in.txt": "", "out.txt": ""},
    ),
    "a bind": (f"{BASE}RUN --mount=target=/y,source=sub cat /y/c.txt\n", {}, {}),
    "a bind of a file": (f"{BASE}RUN --mount=type=bind,src=a.txt,target=/y cat /y\n", {}, {}),
    "a cache that begins with a context": (
        f"{BASE}RUN --mount=type=cache,id={uuid.uuid4()},from=named,target=/y ls /y\n",
        {},
        {"in.txt": "", "out.txt": ""},
    ),
    "a bind of everything": (f"{BASE}RUN --mount=target=/y cat /y/a.txt\n", {}, {}),
    "a bind from a named context": (
        f"{BASE}RUN --mount=from=named,source=in.txt,target=/y cat /y\n",
        {},
        {"in.txt": "", "out.txt": ""},
    ),
    "a stage that is not built": (
        "FROM scratch AS a\nCOPY a.txt /\nFROM scratch AS b\nCOPY b.txt /\n"  # noqa: ISC004
        "FROM scratch AS c\nCOPY sub/c.txt /\nFROM scratch\nCOPY --from=b / /\nCOPY --from=0 / /\n",
        {},
        {},
    ),
    "a heredoc": (f"{COPIED}<<one b.txt <<'two' /x/\na.txt\none\nsub\ntwo\n", {}, {}),
}


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files; a text that begins with an arrow becomes a link."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            path.symlink_to(text.removeprefix("-> "))
        else:
            path.write_text(text)


def reached(project: Path) -> set[str]:
    """Return the files that a build is expected to read, as paths in the project."""
    found = reads((project / "Dockerfile").read_text(), contexts=["named"])
    trees = Trees(project)
    main = trees.main("main", "Dockerfile", found.main).files
    named = trees.named("named", found.named.get(lookup_name("named"), Reach())).files
    return {f"main/{name}" for name in main} | {f"named/{name}" for name in named}


class Case:
    """A project of one Dockerfile, which is a target of a bake file."""

    def __init__(self, folder: Path, case: str) -> None:
        """Write the project; each of its files has a content of its own."""
        dockerfile, beside, named = CASES[case]
        own = {name: text for name, text in beside.items() if name.startswith("Dockerfile")}
        write(folder, {"Dockerfile": dockerfile, **own})
        write(folder / "main", {**dict.fromkeys(PLAIN, ""), **beside})
        write(folder / "named", named or {"in.txt": ""})
        self.target, self.folder = folder.name, folder
        self.files = [
            path
            for path in sorted(folder.glob("*/**/*"))
            if path.is_file() and not path.is_symlink() and "ignore" not in path.name
        ]
        for path in self.files:
            path.write_text(uuid.uuid4().hex)
        self.expected = reached(folder)
        self.is_executed: list[bool] = []
        """Whether each build executed a step: the first, an unchanged one, and one per file."""

    @property
    def hcl(self) -> str:
        """Return the target."""
        return f"""\
target "{self.target}" {{
  context = "{self.target}/main"
  contexts = {{ named = "{self.target}/named" }}
  dockerfile = "cwd://{self.target}/Dockerfile"
  network = "none"
  output = ["type=cacheonly"]
}}
"""


@pytest.fixture(scope="module")
def built(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Case]:
    """Build all cases together: twice, then after changing one file of each case, file by file."""
    folder = tmp_path_factory.mktemp("cases")
    cases = {case: Case(folder / f"case-{n}", case) for n, case in enumerate(CASES)}
    (folder / "docker-bake.hcl").write_text("".join(case.hcl for case in cases.values()))
    targets = [case.target for case in cases.values()]

    def build() -> None:
        done = engine.docker("buildx", "bake", "--progress=rawjson", *targets, cwd=folder)
        found = {step[1:].split()[0] for step in executed(done.stderr)}
        for case in cases.values():
            case.is_executed.append(case.target in found)

    build()
    build()
    for n in range(max(len(case.files) for case in cases.values())):
        for case in cases.values():
            if n < len(case.files):
                case.files[n].write_text(uuid.uuid4().hex)
        build()
    return cases


@pytest.mark.parametrize("case", CASES)
def test_a_build_depends_on_its_files(built: Mapping[str, Case], case: str) -> None:
    """Files are changed one by one: a step is executed exactly if the file is expected."""
    found = built[case]
    first, unchanged, *changed = found.is_executed

    assert first
    assert not unchanged
    for path, is_executed in zip_longest(found.files, changed):
        name = path and os.fspath(path.relative_to(found.folder))

        assert is_executed == (name in found.expected), name


def test_an_argument_that_no_dockerfile_declares_changes_nothing(
    engine: Engine, tmp_path: Path
) -> None:
    """A step is executed again for a declared argument, and for no other."""
    dockerfile = f"{BASE}ARG TOLD=1\nRUN echo {uuid.uuid4()}\n"
    (tmp_path / "Dockerfile").write_text(dockerfile)

    def build(*arguments: str) -> list[str]:
        done = engine.docker(
            *(
                "buildx",
                "build",
                "--progress=rawjson",
                "--network=none",
                "--output=type=cacheonly",
                *arguments,
                ".",
            ),
            cwd=tmp_path,
        )
        return executed(done.stderr)

    assert build()
    assert not build("--build-arg=OTHER=2", "--build-arg=HTTP_PROXY=http://127.0.0.1:9")
    assert build("--build-arg=TOLD=2")
    assert reads(dockerfile).args == frozenset({"TOLD"})


def test_what_a_parent_triggers_reads_the_child_s_context(engine: Engine, tmp_path: Path) -> None:
    """ONBUILD of a linked target is executed in the context of the child."""
    parent = "FROM scratch\nCOPY parent.Dockerfile /\nONBUILD COPY sub /x/\n"
    child = "FROM parent\nCOPY a.txt /\n"
    write(tmp_path, {"parent.Dockerfile": parent, "child.Dockerfile": child})
    write(tmp_path / "main", {name: uuid.uuid4().hex for name in PLAIN})
    write(
        tmp_path,
        {
            "docker-bake.hcl": 'target "parent" { dockerfile = "cwd://parent.Dockerfile" }\n'
            'target "default" {\n  context = "main"\n  dockerfile = "cwd://child.Dockerfile"\n'
            '  contexts = { parent = "target:parent" }\n}\n'
        },
    )

    def build() -> list[str]:
        arguments = ("--progress=rawjson", "--set=*.output=type=cacheonly")
        return executed(engine.docker("buildx", "bake", *arguments, cwd=tmp_path).stderr)

    assert build()
    assert not build()
    found = reads(child, contexts=["parent"], triggers={"parent": reads(parent).triggers}).main
    assert found.paths == ("a.txt", "sub")
    for name in PLAIN:
        (tmp_path / "main" / name).write_text(uuid.uuid4().hex)
        own = name in Trees(tmp_path).main("main", "", found).files
        assert bool(build()) == own, name
