"""Options in the addresses of Git repositories; `dockerfiles` has what BuildKit decides."""

from pathlib import Path

import pytest
from support.dockerfile_verdicts import verdicts


def problem(folder: Path, text: str) -> tuple[str, str]:
    """Return the message and the help of the only error; empty if there is none."""
    [errors] = verdicts(folder, [text])
    return next(((one.message.partition(" (in ")[0], one.help) for one in errors), ("", ""))


@pytest.mark.parametrize(
    ("query", "message", "help_"),
    [
        ("brnch=a", "unknown option 'brnch' of a Git repository", "did you mean 'branch'?"),
        ("x=a", "unknown option 'x' of a Git repository", "if a newer BuildKit has this option"),
        ("ref=", "the option 'ref' of a Git repository has no value", ""),
        ("ref=a&ref=b", "the option 'ref' of a Git repository has several values", ""),
        ("submodules=2", "invalid value for the option 'submodules': '2'", ""),
        ("tag=a&branch=b", "'tag' and 'branch' of a Git repository name different revisions", ""),
        ("ref=a#b", "'#' and 'ref' of a Git repository name different revisions", ""),
        ("subdir=a#b:c", "'#' and 'subdir' of a Git repository name different folders", ""),
    ],
)
def test_what_buildkit_rejects(query: str, message: str, help_: str, tmp_path: Path) -> None:
    """The message says which option is wrong."""
    text = f"FROM scratch\nADD https://a.example/b.git?{query} /\n"
    found = problem(tmp_path, text)

    assert found[0] == message
    assert found[1].startswith(help_)


@pytest.mark.parametrize(
    "text",
    [
        "# syntax=docker/dockerfile:1\nFROM scratch\nADD https://a.example/b.git?new=a /\n",
        "FROM scratch\nADD https://a.example/b.git?mtime=commit&fetch-by-commit /\n",
        "FROM scratch\nARG X\nADD https://a.example/b.git?$X=a /\n",
        "FROM scratch\nADD https://a.example/b.git?ref=$X /\n",
        "FROM scratch AS a\nADD https://a.example/b.git?new=a /\nFROM scratch\n",
    ],
)
def test_what_another_version_or_value_may_accept(text: str, tmp_path: Path) -> None:
    """Newer options, variables, and stages that are not built are accepted."""
    assert problem(tmp_path, text) == ("", "")


def test_a_named_frontend_also_rejects_invalid_values(tmp_path: Path) -> None:
    """Only options may be new."""
    text = "# syntax=docker/dockerfile:1\nFROM scratch\nADD https://a.example/b.git?tag= /\n"

    assert "has no value" in problem(tmp_path, text)[0]
