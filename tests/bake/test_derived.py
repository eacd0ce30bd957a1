"""Derived variables: compiling evaluates an expression as bake does."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from bake.oracle import Command, bake, lay, refusal

from compiler.matrix.derivation import Derivation, ExpressionError, check_expression


PIECES = (
    *(r"\d", r"\d+", r"\w+", r"\s*", r"\b", r"\D", r"[^.]+", "[a-c]", r"[\d.]+", "[[:alpha:]]+"),
    *("(?i)v", "(?:x|y)", "(a|b)*", "(\\d+)", "(.*)", "(.+?)", "((a)|(b))+", r"\.", "^", "$"),
    *("a{2,3}", "a{,2}", "(a*)*", "(?s:.)", "(?m)^", r"\Q.+\E", r"\pL", r"\p{Greek}", "\u212a"),
    *(r"\x41", r"\x{e9}", "(", ")", "[", "*", r"\C", r"\1", "(?P<n>a)", "(?=a)", "${x}", "%{x}"),
    *("(x)?", "(x{0})", r"\z", r"\A", "(?U)(a+)", "-", "(?i:K)", r"\a", r"\v", '"', "$$"),
)
TEXTS = ("1.25.3", "v1.2", "", "aab", "1.2\n", "\xe9\u03b1", "K\u212a", "a.+b", "xX y", "${x}%{x}")
AMOUNT = 300


def cases() -> list[tuple[str, str]]:
    """Return random expressions, each with a text; most of them are valid."""
    chosen = random.Random(20)  # noqa: S311 - not a secret
    found: list[tuple[str, str]] = []
    while len(found) < AMOUNT:
        pattern = "".join(chosen.choices(PIECES, k=chosen.randint(1, 4)))
        if chosen.random() < 0.7:
            pattern = f"({pattern})"
        found.append((pattern, chosen.choice(TEXTS)))
    return found


def test_expressions_mean_what_they_mean_in_bake(tmp_path: Path, either: Command) -> None:
    """An expression that is accepted gives bake's value; one that bake rejects is refused."""
    expected: dict[str, str] = {}
    lines = []
    for n, (pattern, text) in enumerate(cases()):
        try:
            check_expression(pattern)
        except ExpressionError:
            continue
        value = Derivation("", pattern).apply(text)
        expected[f"V{n}"] = "none" if value is None else f"={value}"
        found = f"try(regex({quoted(pattern)}, {quoted(text)})[0], null)"
        is_valid = f"can(regexall({quoted(pattern)}, {quoted(text)}))"
        lines.append(
            f'    V{n} = {is_valid} ? {found} == null ? "none" : "=${{{found}}}" : "invalid"'
        )
    args = "\n".join(lines)
    content = f'target "default" {{\n  args = {{\n{args}\n  }}\n}}\n'
    (tmp_path / "docker-bake.hcl").write_text(content)

    read = bake(either, tmp_path).targets["default"]["args"]

    assert len(expected) > AMOUNT // 3
    for name, value in expected.items():
        assert read[name] == value, cases()[int(name[1:])]


def quoted(text: str) -> str:
    """Return a text as HCL."""
    return json.dumps(text).replace("${", "$${").replace("%{", "%%{")


MATRIX: dict[str, Any] = {
    "variables": {
        "VERSION": "1.25.3",
        "MINOR": {"from": "VERSION", "match": r"^(\d+\.\d+)\.\d+$"},
        "MAJOR": {"from": "MINOR", "match": r"^(\d+)"},
        "TAG": "v${MAJOR}",
    },
    "axes": {"os": ["a", "b"]},
    "defaults": {"template": "Dockerfile.j2", "tags": ["r/{{ target }}:${VERSION}"]},
    "images": {
        "floating": {"moving": ["r/{{ target }}:${MINOR}", "r/{{ target }}:${TAG}"]},
        "label": {"axes": [], "labels": {"minor": "${MINOR}"}, "target": ""},
        "tested": {"axes": [], "args": {"A": "${TAG}"}, "tests": ["true"]},
        "cached": {"axes": [], "cache": {"type": "registry", "ref": "r/c:${MAJOR}"}},
        "tagged": {"tags": ["r/{{ target }}:${MINOR}-${VERSION}"]},
    },
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a project that uses derived variables in each kind of field."""
    template = "FROM x\n{% if os %}LABEL a={{ os }}\n{% endif %}LABEL i={{ image }}\n"
    return lay(tmp_path_factory.mktemp("derived"), MATRIX, {"templates/Dockerfile.j2": template})


def test_bake_derives_from_the_environment(project: Path, either: Command) -> None:
    """Values follow the environment, which can also replace a derived one."""
    read = bake(either, project, VERSION="2.0.1", MOVING="true", CACHE="write").targets

    assert read["floating-a"]["tags"] == [
        "r/floating-a:2.0.1",
        "r/floating-a:2.0",
        "r/floating-a:v2",
    ]
    assert read["label"]["labels"] == {"minor": "2.0"}
    assert read["tested"]["args"] == {"A": "v2"}
    assert read["cached"]["cache-to"] == [{"type": "registry", "ref": "r/c:2", "mode": "max"}]
    assert read["tagged-b"]["tags"] == ["r/tagged-b:2.0-2.0.1"]

    read = bake(either, project, VERSION="rc", MINOR="7.1", MOVING="true").targets
    assert read["floating-a"]["tags"][1:] == ["r/floating-a:7.1", "r/floating-a:v7"]


@pytest.mark.slow
def test_only_what_is_built_needs_a_value(project: Path, either: Command) -> None:
    """Bake fails, and shows the text, only if it builds a target that uses the variable."""
    read = bake(either, project, "floating", "cached", VERSION="rc").targets
    assert read["floating-a"]["tags"] == ["r/floating-a:rc"]

    for name, shown, environment in [
        ("floating", "r/floating-a:${MINOR}", {"MOVING": "true"}),
        ("cached", "r/c:${MAJOR}", {"CACHE": "read"}),
        ("label", "${MINOR}", {}),
        ("tested", "${TAG}", {}),
        ("tested-test", "${TAG}", {}),
        ("tagged-a", "r/tagged-a:${MINOR}-${VERSION}", {}),
        ("default", "${MINOR}", {}),
    ]:
        assert shown in refusal(either, project, name, VERSION="rc", **environment), name
