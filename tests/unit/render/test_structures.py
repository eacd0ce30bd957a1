"""Dockerfiles are rejected exactly if BuildKit rejects them; an engine test compares the lists."""

from pathlib import Path

import pytest
from support.dockerfile_verdicts import verdicts
from support.dockerfiles import (
    ACCEPTED,
    CONTEXTS,
    REJECTED,
    REJECTED_WITH_CONTEXTS,
    WITH_CONTEXTS,
)

from compiler.codes import Code
from compiler.errors import CompileError, Location
from compiler.pipeline import compile_matrix
from compiler.render.context_reads import reads
from compiler.render.dockerfile import read
from compiler.render.structures import read_structure


def test_an_accepted_dockerfile_has_no_error(tmp_path: Path) -> None:
    """What BuildKit reads is not an error."""
    found = dict(zip(ACCEPTED, verdicts(tmp_path, ACCEPTED), strict=True))

    assert {text: errors for text, errors in found.items() if errors} == {}


def test_a_rejected_dockerfile_has_an_error(tmp_path: Path) -> None:
    """What BuildKit rejects is an error, in a line of the Dockerfile."""
    found = dict(zip(REJECTED, verdicts(tmp_path, REJECTED), strict=True))

    assert [text[:80] for text, errors in found.items() if not errors] == []
    for text, errors in found.items():
        for error in errors:
            assert isinstance(error.location, Location)
            assert 0 < error.location.line <= text.count("\n")


def test_named_contexts_replace_stages(tmp_path: Path) -> None:
    """A stage may read from one that follows it if a named context replaces that one."""
    texts = (*WITH_CONTEXTS, *REJECTED_WITH_CONTEXTS)
    found = verdicts(tmp_path, texts, CONTEXTS)

    assert [text for text, errors in zip(texts, found, strict=True) if not errors] == [
        *WITH_CONTEXTS
    ]


@pytest.mark.parametrize(
    ("base", "fields", "is_valid"),
    [
        ("python", "", True),
        ("{{ parent }}", ", from: b", True),
        ("w", ", contexts: {w: 'docker-image://python'}", True),
        ("w", "", False),
    ],
)
def test_the_working_folder_of_an_external_image_is_unknown(
    base: str,
    fields: str,
    is_valid: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    """A mount without `target` is at the working folder, which the base image may decide."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/b.j2").write_text("FROM python\nWORKDIR /w\n")
    (tmp_path / "templates/a.j2").write_text(
        f"FROM scratch AS w\nFROM {base}\nRUN --mount=type=bind true\n"
    )
    (tmp_path / "matrix.yaml").write_text(
        f"images: {{b: {{template: b.j2}}, a: {{template: a.j2{fields}}}}}\n"
    )

    if is_valid:
        compile_matrix(tmp_path / "matrix.yaml")
    else:
        with pytest.raises(CompileError, match="requires a `target` other than /"):
            compile_matrix(tmp_path / "matrix.yaml")


@pytest.mark.parametrize("target", ["//", "/./", "/.."])
def test_a_mount_over_the_root_is_an_error(target: str, tmp_path: Path) -> None:
    """BuildKit accepts these spellings, and then cannot start the container."""
    [[error]] = verdicts(tmp_path, [f"FROM python\nRUN --mount=type=cache,target={target} true\n"])

    assert "requires a `target` other than /" in error.message


@pytest.mark.parametrize("flag", ["--exclude=à", "--chown=1:Å", "--exclude=b\u3000--link"])
def test_a_flag_that_buildkit_splits_by_byte_is_an_error(flag: str, tmp_path: Path) -> None:
    """BuildKit reads another flag than is written, and may build an image with it."""
    text = f"FROM scratch\nCOPY {flag} a.txt /\n"
    [[error]] = verdicts(tmp_path, [text])

    assert f"U+{ord(min(set(text) - set(map(chr, range(128))))):04X}" in error.message
    assert error.help == "use ASCII characters in flags: BuildKit splits them by byte"


@pytest.mark.parametrize(
    ("instruction", "valid", "invalid"),
    [
        ("EXPOSE {{ word }}", "80", "8O"),
        ("COPY --chmod={{ word }} a.txt /", "755", "888"),
        ("RUN --network={{ word }} true", "none", "bridge"),
        ("RUN --mount=type={{ word }},target=/a true", "cache", "cash"),
        ("STOPSIGNAL SIG{{ word }}", "TERM", "TREM"),
        ('CMD ["a", {{ word }}, "b"]', "x", "4"),
        ('CMD ["a", {{ word }}, "b"]', "NaN", "1e9"),
        ('ONBUILD CMD ["a", {{ word }}]', "x", "4"),
        ("ONBUILD {{ word }} scratch", "RUN", "FROM"),
        ("RUN true\nFROM python:{{ word }}", "3.11", "3::11"),
        ("RUN true\nFROM python AS a_{{ word }}", "b", "-b"),
        ("RUN true\nFROM --platform=linux{{ word }} python", "/arm64", "-arm64"),
        ("COPY {{ word }}://a.example/b /", "a", "https"),
        ("ADD https://a.example/b.git?{{ word }}=c /", "branch", "brnch"),
        ("ADD https://a.example/b.git?submodules={{ word }} /", "0", "no"),
    ],
)
def test_the_words_of_a_variant_decide(
    instruction: str, valid: str, invalid: str, tmp_path: Path
) -> None:
    """One shape of several variants is rejected only with the words that BuildKit rejects."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/t.j2").write_text(f"FROM python\n{instruction}\n")
    (tmp_path / "a.txt").touch()
    (tmp_path / "matrix.yaml").write_text(
        f"axes: {{word: ['{valid}', '{invalid}']}}\nimages: {{a: {{template: t.j2}}}}\n"
    )

    with pytest.raises(CompileError) as caught:
        compile_matrix(tmp_path / "matrix.yaml")
    assert [d.code for d in caught.value.diagnostics] == ["dockerfile-syntax"]
    assert invalid in caught.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("fields", "is_valid"),
    [
        ("", False),
        ("target: first", True),
        ("target: last", False),
        ("args: {PORT: '80'}", False),
        ("contexts: {middle: context}", True),
    ],
)
def test_values_matter_in_stages_that_are_built(
    fields: str,
    is_valid: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    """BuildKit does not evaluate a stage that nothing reads, or that a context replaces."""
    (tmp_path / "context").mkdir()
    (tmp_path / "a.Dockerfile").write_text(
        "FROM scratch AS first\nFROM scratch AS middle\nEXPOSE port\n"
        "FROM scratch AS last\nCOPY --from=middle / /\n"
    )
    (tmp_path / "matrix.yaml").write_text(
        f"images: {{a: {{dockerfile: a.Dockerfile, {fields}}}}}\n"
    )

    if is_valid:
        compile_matrix(tmp_path / "matrix.yaml")
    else:
        with pytest.raises(CompileError, match="invalid port"):
            compile_matrix(tmp_path / "matrix.yaml")


def test_a_frontend_may_have_other_flags(tmp_path: Path) -> None:
    """A `# syntax=` may name a newer BuildKit, so an unknown flag is accepted."""
    new = "FROM scratch\nCOPY --newer a.txt /\n"

    without, with_syntax = verdicts(tmp_path, [new, f"# syntax=docker/dockerfile:1\n{new}"])

    assert "# syntax=docker/dockerfile:1" in without[0].help
    assert with_syntax == []


def test_a_here_document_of_onbuild_is_part_of_its_trigger() -> None:
    """Its images, files and arguments are those of the trigger, and the next line is its own."""
    text = "FROM a\nONBUILD COPY --from=b <<EOF /x\nONBUILD RUN c\nEOF\nUSER d\n"
    trigger, user = read(text).instructions[1:]

    assert (trigger.keyword, trigger.line, trigger.last_line) == ("ONBUILD", 2, 4)
    assert trigger.text == "ONBUILD COPY --from=b <<EOF /x\nONBUILD RUN c\nEOF"
    assert [(word.text, word.inherited, text[: word.end][-6:]) for word in trigger.images] == [
        ("b", True, "from=b")
    ]
    assert user.keyword == "USER"
    assert reads(text).triggers == ("COPY --from=b <<EOF /x\nONBUILD RUN c\nEOF",)


@pytest.mark.parametrize(
    ("stage", "declared"), [("ARG V", "ARG V"), ("ARG V=1", "ARG V=1"), ("ARG U V=1", "ARG V=1")]
)
def test_a_late_argument_is_declared_with_its_default(stage: str, declared: str) -> None:
    """The help repeats the default that the stage gives the argument."""
    (error,) = read_structure(f"FROM a\n{stage}\nFROM b:$V\n").findings

    assert error.code == "late-arg"
    assert f"`{declared}`" in error.help


def _syntax_errors(text: str) -> list[tuple[int, str]]:
    """Return line and reason of each error that prevents that a Dockerfile is parsed."""
    return [
        (found.line, found.message.removeprefix("invalid Dockerfile: "))
        for found in read_structure(text).findings
        if found.code is Code.DOCKERFILE_SYNTAX
    ]


def test_each_instruction_that_cannot_be_parsed_is_an_error() -> None:
    """The parser stops at the first error; the others are found, too."""
    text = "FROM a\nRNU <<EOF\nCPOY a b\nEOF\nXYZ --a=b \\\n  XYZ\nLABLE v=1\nABC\n"
    assert [line for line, _ in _syntax_errors(text)] == [2, 5, 7, 8]


def test_the_number_of_errors_of_a_dockerfile_is_bounded() -> None:
    """A text that is not a Dockerfile has no more than twenty errors."""
    assert len(_syntax_errors("FROM a\n" + "XYZ\n" * 1000)) == 20
