"""External images of Dockerfiles, their pinning, and matrix.lock as text."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.cli.main import run
from compiler.errors import CompileError
from compiler.external.references import lookup_name
from compiler.lock.base_images import OPEN, Build, find
from compiler.lock.diagnostics import has
from compiler.lock.faults import NOTATION
from compiler.lock.lockfile import Lock, Locked, read_lock, refreshed, write_lock
from compiler.lock.pin_text import pin
from compiler.render.dockerfile import DockerfileError


D = f"sha256:{'0' * 64}"
AMD, ARM = "linux/amd64", "linux/arm64"


def images(text: str, **build: object) -> list[str]:
    """Return the images that can be locked."""
    return [base.image for base in find(text, Build(**build)) if not base.fault]  # type: ignore[arg-type]


def faults(text: str, **build: object) -> list[str]:
    """Return why images cannot be locked."""
    return [base.fault.reason for base in find(text, Build(**build)) if base.fault]  # type: ignore[arg-type]


def pinned(text: str, **build: object) -> str:
    """Return a text with every image pinned."""
    found = pin(text, Build(**build), lambda _: D)  # type: ignore[arg-type]
    assert not [base for base in found.bases if base.fault]
    return found.text


# Each text with a `^` behind every name that is pinned.
FORMS = {
    "plain": "FROM python:3.11^\n",
    "no tag": "FROM python^\n",
    "registry and port": "FROM localhost:5000/a/b^\n",
    "lower case, tabs": "from\tpython:3.11^\tas\tbase\n",
    "platform flag": "FROM --platform=$BUILDPLATFORM golang:1^ AS x\n",
    "quoted": 'FROM "python:3.11"^\n',
    "no newline": "FROM python:3.11^",
    "carriage returns": "FROM python:3.11^\r\nRUN x\r\n",
    "scratch": "FROM scratch\nCOPY a b\n",
    "pinned already": f"FROM python:3.11@{D}\n",
    "pinned by hand, no tag": f"FROM python@{D}\n",
    "a stage is no image": "FROM a^ AS base\nFROM base AS Next\nFROM next\n",
    "a stage's name in another case": "FROM a^ AS Base\nFROM BASE\n",
    "a later stage is none yet": "FROM base^\nFROM a^ AS base\n",
    "several stages": "FROM a:1^ AS x\nFROM b:2^ AS y\nFROM x\n",
    "copy": "FROM a^\nCOPY --from=nginx:1^ /a /b\n",
    "copy, quoted": 'FROM a^\nCOPY --from="nginx:1^" /a /b\n',
    "copy with other flags": "FROM a^\nCOPY --link --chown=1:1 --from=ghcr.io/x/uv:1^ /a /b\n",
    "copy from a stage": "FROM a^ AS x\nFROM b^\nCOPY --from=x /a /b\nCOPY --from=0 /a /b\n",
    "copy from a later stage": "FROM a^ AS x\nCOPY --from=y /a /b\nFROM b^ AS y\n",
    "copy from scratch": "FROM a^\nCOPY --from=scratch / /\n",
    "copy in another order": "FROM a^\nCOPY --chown=1 --from=b:1^ ['/from=b:1', '/x']\n",
    "copy, the name in the path": "FROM a^\nCOPY --from=b:1^ /from=b:1 --from=b:1\n",
    "mount": "FROM a^\nRUN --mount=type=bind,from=b:1^,target=/b ls /b\n",
    "mount at the end": "FROM a^\nRUN --mount=type=bind,target=/b,from=b:1^ ls\n",
    "mounts": "FROM a^\nRUN --mount=from=b:1^,target=/b --mount=target=/c,from=c^ ls\n",
    "mount of a stage": "FROM a^ AS x\nRUN --mount=from=x,target=/b ls\n",
    "mount, the name in the command": "FROM a^\nRUN --mount=from=b:1^,target=/b echo from=b:1\n",
    "mount of the context": "FROM a^\nRUN --mount=type=bind,target=/b ls\n",
    "a cache mount": "FROM a^\nRUN --mount=type=cache,from=b^,source=/,target=/b ls\n",
    "mount, quoted": "FROM a^\nRUN --mount='type=bind,from=b:1^,target=/b' ls\n",
    "continued": "FROM \\\n  --platform=linux/amd64 \\\n  a:1^ \\\n  AS x\n",
    "comments amid": "FROM \\\n# a:1\n  a:1^ AS x\nRUN --mount=from=b^,target=/b \\\n # b\n  ls\n",
    "another escape": "# escape=`\nFROM `\n a:1^\nRUN dir c:\\\n",
    "heredoc": "FROM a^\nRUN <<EOF\nFROM b\nCOPY --from=c d e\nEOF\nCOPY --from=f^ g h\n",
    "a heredoc of copy": "FROM a^\nCOPY <<x /y\nFROM z\nx\n",
    "syntax": "# syntax=docker/dockerfile:1^\nFROM a^\n",
    "syntax, spaced": "#  Syntax =  docker/dockerfile:1^  \nFROM a^\n",
    "syntax, behind escape": "# escape=\\\n# syntax=docker/dockerfile:1^\nFROM a^\n",
    "a comment is no syntax": "# hello\n# syntax=docker/dockerfile:1\nFROM a^\n",
    "syntax of another language": "# syntax=ghcr.io/other/front:2^\nthis is: no Dockerfile\n",
    "argument": "ARG BASE=python:3.11^\nFROM $BASE\n",
    "argument in braces": "ARG BASE=python:3.11^\nFROM ${BASE} AS x\nRUN x\n",
    "argument, quoted": 'ARG BASE="python:3.11^"\nFROM ${BASE}\n',
    "argument, with a default": "ARG BASE=python:3.11^\nFROM ${BASE:-debian}\n",
    "a default in place": "ARG BASE\nFROM ${BASE:-python:3.11}^\n",
    "argument, in parts": "ARG V=3.11\nFROM python:${V}-slim^\n",
    "argument and part": "ARG B=python:3\nFROM $B^\nFROM $B-slim^\n",
    "argument of an argument": "ARG V=3.11\nARG BASE=python:${V}^\nFROM ${BASE}\n",
    "argument, the last counts": "ARG B=a:1\nARG B=b:1^\nFROM $B\n",
    "arguments on a line": "ARG A=x B=python:3.11^ C\nFROM $B\n",
    "argument of a stage is another": "FROM a^\nARG B=c:1\nRUN echo $B\n",
    "argument, replaced": "ARG V=3.11.2\nFROM python:${V%.*}^\n",
    "alternative": "ARG GPU=1\nFROM ${GPU:+nvidia/}cuda:12^\n",
    "a stage by an argument": "ARG W=x\nFROM a^ AS x\nFROM b^ AS y\nFROM $W\n",
    "onbuild": "FROM a^\nONBUILD COPY --from=b:1^ / /\nONBUILD RUN --mount=from=c^,target=/x ls\n",
    "twice": "FROM a:1^ AS x\nFROM a:1^\nCOPY --from=a:1^ / /\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found_and_pinned_in_place(form: str) -> None:
    """A digest is written after each name, once; the rest of the text is unchanged."""
    marked = FORMS[form]
    text = marked.replace("^", "")

    assert pinned(text, platforms=(AMD,)) == marked.replace("^", f"@{D}")
    assert find(pin(text, Build(platforms=(AMD,)), lambda _: D).text, Build(platforms=(AMD,))) == ()


def test_stages_for_each_platform() -> None:
    """A stage selected by TARGETARCH is only needed for its own platform."""
    text = "FROM a:1 AS base-amd64\nFROM b:1 AS base-arm64\nFROM base-${TARGETARCH}\n"
    found = find(text, Build(platforms=(AMD, ARM)))

    assert [(base.image, base.platforms) for base in found] == [("a:1", (AMD,)), ("b:1", (ARM,))]
    assert images(text) == ["a:1", "b:1"]
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "platforms"),
    [
        ("FROM a:1\n", (AMD, ARM)),
        ("FROM --platform=linux/arm/v7 a:1\n", ("linux/arm",)),
        ("FROM --platform=$BUILDPLATFORM a:1 AS x\nFROM scratch\nCOPY --from=x / /\n", ()),
        ("FROM --platform=$TARGETPLATFORM a:1\n", (AMD, ARM)),
        ("FROM --platform=linux/amd64 a:1\n", (AMD,)),
        ("FROM a:1 AS unused\nFROM scratch\n", ()),
        ("FROM scratch\nCOPY --from=a:1 / /\n", (AMD, ARM)),
        ("# syntax=a:1\nFROM scratch\n", ()),
        ("FROM scratch\nONBUILD COPY --from=a:1 / /\n", ()),
    ],
)
def test_what_a_base_must_have(text: str, platforms: tuple[str, ...]) -> None:
    """Images of needed stages must have the platforms of these stages."""
    (base,) = find(text, Build(platforms=(AMD, ARM)))

    assert base.platforms == platforms


def test_the_built_stage_determines_platforms() -> None:
    """Images of other stages are pinned, and need no platform."""
    text = "FROM a:1 AS x\nFROM b:1 AS y\n"
    found = find(text, Build(stage="x", platforms=(AMD,)))

    assert [(base.image, base.platforms) for base in found] == [("a:1", (AMD,)), ("b:1", ())]


def test_args_and_contexts() -> None:
    """Declared arguments are used; a named context is not an image."""
    text = "ARG V=3\nFROM python:$V AS x\nFROM base\nFROM docker.io/library/alpine\nFROM y AS z\n"
    contexts = frozenset(map(lookup_name, ["base", "alpine", "z"]))

    assert images(text, args={"V": "4", "W": "5"}, contexts=contexts) == ["python:4"]
    assert images("FROM a:$W\n", args={"W": "5"}) == []


def test_an_argument_of_args_is_pinned_there() -> None:
    """A name that consists of an argument of `args` is pinned in `args`."""
    text = "ARG BASE=a:1\nFROM ${BASE}\n"
    found = pin(text, Build(args={"BASE": "b:2"}), lambda image: D if image == "b:2" else None)

    assert (found.text, found.args) == (text, {"BASE": D})


def test_the_frontend_of_args() -> None:
    """BUILDKIT_SYNTAX in `args` is an image, which is pinned there."""
    build = Build(args={"BUILDKIT_SYNTAX": "docker/dockerfile:1"})
    found = pin("FROM scratch\n", build, lambda _: D)

    assert found.args == {"BUILDKIT_SYNTAX": D}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FROM a-${TARGETARCH}:1\n", "depends on the platform: a-amd64:1, a-arm64:1"),
        ("FROM a-${BUILDARCH}:1\n", "depends on the building machine"),
        ("FROM a\nCOPY --from=a:$V / /\n", "do not expand variables"),
        ("FROM A:1\n", "invalid image name"),
        ("FROM ${BASE:?needed}\n", "BASE: needed"),
        ("FROM ${BASE\n", "missing '}'"),
        ("FROM a:${V}\n", "invalid image name"),
        ("FROM a@sha256:12\n", "invalid digest"),
        (f"FROM a@{D}-slim\n", "invalid digest"),
    ],
)
def test_an_image_that_cannot_be_locked_has_a_reason(text: str, words: str) -> None:
    """An image that is unknown when compiling has a reason, and is not changed."""
    assert any(words in fault for fault in faults(text, platforms=(AMD, ARM)))


def test_a_name_that_is_broken_in_two() -> None:
    """A name that contains a line break cannot be pinned, and is not changed."""
    text = "FROM pyt\\\nhon:3\n"
    found = pin(text, Build(), lambda _: D)

    assert found.text == text
    assert found.bases[0].fault == NOTATION


def test_a_variable_may_set_the_registry_but_not_the_tag() -> None:
    """A name with a bake variable is only pinned if its tag is fixed."""
    text = "ARG R\nARG T\nFROM $R/a:1\nFROM b:$T\n"
    args = {"R": "r.io", "T": "2"}
    build = Build(args=args, open_args={key: value + OPEN for key, value in args.items()})
    found = find(text, build)

    assert [(base.image, bool(base.fault)) for base in found] == [
        ("r.io/a:1", False),
        ("b:2", True),
    ]


@pytest.mark.parametrize("text", ["FORM a\n", "FROM a\nRUN <<EOF\n", "# escape=x\nFROM a\n"])
def test_no_dockerfile(text: str) -> None:
    """A text that BuildKit's parser rejects is an error with a line."""
    with pytest.raises(DockerfileError) as refused:
        find(text, Build())

    assert refused.value.line > 0


@given(st.text(st.sampled_from("FROMacp \t\n\\`\"'$#{}:-@=,<ARG1/\u00e9\r"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text is either pinned completely or rejected."""
    for whole in (text, f"ARG A=b:1\nFROM {text}\nRUN --mount=from={text}"):
        try:
            found = pin(whole, Build(), lambda _: D)
        except DockerfileError:
            continue
        left = [base for base in find(found.text, Build()) if not base.fault]

        assert len(left) == sum(base.fault == NOTATION for base in found.bases)


@pytest.mark.parametrize(
    ("has_", "wanted", "enough"),
    [
        (AMD, AMD, True),
        (AMD, ARM, False),
        ("linux/arm64/v8", ARM, True),
        ("linux/arm/v6", "linux/arm/v7", True),
        ("linux/arm", "linux/arm/v6", False),
        (AMD, "linux/amd64/v2", True),
        ("linux/amd64/v3", AMD, False),
        ("linux/arm", ARM, False),
        ("windows/amd64", AMD, False),
    ],
)
def test_platforms_of_a_base(has_: str, wanted: str, *, enough: bool) -> None:
    """A lower variant of the same architecture is sufficient; another architecture is not."""
    assert has((has_,), wanted) is enough


LOCK = Lock(
    bases={
        "python:3.11": Locked(digest=D, platforms=(AMD, ARM)),
        "127.0.0.1:5000/a/b:latest": Locked(digest=D, platforms=()),
        "[::1]:5000/a:latest": Locked(digest=D, platforms=(AMD,)),
    },
    refreshed={"server-3_11": "2026-11-23", "null": "2026-01-01", "1e3": "2026-01-01"},
)


def test_a_lock_reads_back_as_it_was_written() -> None:
    """The lock is sorted, begins with a comment, and quotes special names."""
    text = write_lock(LOCK)

    assert text == write_lock(read_lock(text.encode(), "matrix.lock"))
    assert read_lock(text.encode(), "matrix.lock") == LOCK
    assert text.startswith("# Generated by compile-matrix lock; commit this file.")
    assert "  python:3.11:\n    digest: sha256:000" in text
    assert "    platforms: [linux/amd64, linux/arm64]\n" in text
    assert refreshed(LOCK)["server-3_11"] == "2026-11-23"


def test_an_empty_lock() -> None:
    """The lock of a matrix without external images is valid."""
    assert read_lock(write_lock(Lock()).encode(), "matrix.lock") == Lock()


BROKEN = {
    "no yaml": "version: [\n",
    "a list": "- a\n",
    "a text": "version\n",
    "nothing": "",
    "no version": "bases: {}\n",
    "a newer one": "version: 2\n",
    "an unknown key": "version: 1\nbase: {}\n",
    "bases as a list": "version: 1\nbases: [a]\n",
    "bases as null": "version: 1\nbases:\n",
    "a base as a text": "version: 1\nbases: {'a:1': x}\n",
    "no image": f"version: 1\nbases: {{'A b': {{digest: {D}}}}}\n",
    "no tag": f"version: 1\nbases: {{python: {{digest: {D}}}}}\n",
    "a long name": f"version: 1\nbases: {{'docker.io/library/a:1': {{digest: {D}}}}}\n",
    "a name that is no text": f"version: 1\nbases: {{true: {{digest: {D}}}}}\n",
    "invalid digest": "version: 1\nbases: {'a:1': {}}\n",
    "a short digest": "version: 1\nbases: {'a:1': {digest: sha256:00}}\n",
    "an injection": f'version: 1\nbases: {{"a:1": {{digest: "{D}\\nRUN evil"}}}}\n',
    "a digest in a list": f"version: 1\nbases: {{'a:1': {{digest: [{D}]}}}}\n",
    "no platform": f"version: 1\nbases: {{'a:1': {{digest: {D}, platforms: [vax]}}}}\n",
    "platforms as a text": f"version: 1\nbases: {{'a:1': {{digest: {D}, platforms: {AMD}}}}}\n",
    "a platform in a list": f"version: 1\nbases: {{'a:1': {{digest: {D}, platforms: [[a]]}}}}\n",
    "twice": "version: 1\nversion: 1\n",
    "a conflict": "version: 1\n<<<<<<< ours\nbases: {}\n=======\nbases: {}\n>>>>>>> theirs\n",
    "no date": "version: 1\nrefreshed: {a: soon}\n",
    "a date that never was": "version: 1\nrefreshed: {a: 2026-02-30}\n",
    "a date in a list": "version: 1\nrefreshed: {a: [2026-02-03]}\n",
    "no target": "version: 1\nrefreshed: {'a b': 2026-02-03}\n",
    "an alias bomb": "version: &a [x]\nbases: {b: *a, c: *a}\nrefreshed: *a\n",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_lock_is_refused_with_places(kind: str) -> None:
    """Manual edits and merge conflicts result in diagnostics with a location and a remedy."""
    with pytest.raises(CompileError) as refused:
        read_lock(BROKEN[kind].encode(), "matrix.lock")

    for diagnostic in refused.value.diagnostics:
        assert diagnostic.file_location.path == "matrix.lock"
        assert diagnostic.file_location.line > 0 or kind == "nothing"
        assert diagnostic.help


@given(st.binary(max_size=80))
def test_any_bytes_are_a_lock_or_refused(content: bytes) -> None:
    """Random bytes after a valid beginning are accepted or reported as diagnostics."""
    for whole in (content, b"version: 1\nbases:\n  " + content):
        found = Lock()
        with suppress(CompileError):
            found = read_lock(whole, "matrix.lock")

        assert read_lock(write_lock(found).encode(), "matrix.lock") == found


MATRIX = """\
axes: {python: [3.11, 3.12]}
variables: {REGISTRY: ghcr.io}
images:
  server:
    template: s.j2
    args: {TOOLS: "${REGISTRY}/acme/tools:1", OTHER: x}
    contexts: {more: "docker-image://debian:12"}
"""


@pytest.mark.slow
def test_a_project_is_pinned_as_long_as_it_has_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dockerfiles, args and contexts are pinned; changes of the lock take effect."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/s.j2").write_text("ARG TOOLS\nFROM $TOOLS\nRUN echo {{ python }}\n")
    (tmp_path / "matrix.yaml").write_text(MATRIX)

    def generated() -> str:
        assert run([]) == 0
        return (tmp_path / "docker-bake.hcl").read_text()

    plain = generated()

    assert run(["--locked"]) == 1
    assert "error[unlocked-base]: ghcr.io/acme/tools:1 is not in" in capsys.readouterr().err

    bases = {"ghcr.io/acme/tools:1": Locked(digest=D, platforms=(AMD,))}
    (tmp_path / "matrix.lock").write_text(write_lock(Lock(bases=bases)))

    assert generated().count(f'"${{REGISTRY}}/acme/tools:1@{D}"') == 1  # shared, as before
    assert "warning[unlocked-base]: debian:12 is not in" in capsys.readouterr().err
    assert run([]) == 0
    assert "warning[unlocked-base]: debian:12 is not in" in capsys.readouterr().err
    assert run(["--locked"]) == 1
    assert "error[unlocked-base]: debian:12 is not in" in capsys.readouterr().err

    bases["debian:12"] = bases["ghcr.io/acme/tools:1"]
    (tmp_path / "matrix.lock").write_text(write_lock(Lock(bases=bases)))

    assert run(["--locked"]) == 0
    assert f'"docker-image://debian:12@{D}"' in generated()
    assert run(["--locked", "--check"]) == 0

    (tmp_path / "matrix.lock").unlink()

    assert generated() == plain


def test_without_a_lock_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    """Compiling a project without a lock does not load the package."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/s.j2").write_text("FROM python\n")
    (tmp_path / "matrix.yaml").write_text("images: {a: {template: s.j2}}\n")
    code = (
        "import sys; from compiler.cli.main import run; assert run([]) == 0; "
        "assert not {m for m in sys.modules if m.startswith(('compiler.lock.', 'rich'))}"
    )

    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
