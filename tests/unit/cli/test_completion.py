"""Shell completion: filters wherever they are accepted, files of selections, base images."""

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from support import canned_registry

from compiler.cli.main import cli, run


def completions(*arguments: str) -> list[str]:
    """Return what a shell offers for the last argument."""
    complete = ShellComplete(cli, {}, "compile-matrix", "_COMPILE_MATRIX_COMPLETE")
    items = complete.get_completions(list(arguments[:-1]), arguments[-1])
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in items]


@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["build"],
        ["publish"],
        ["changed"],
        ["explain"],
        ["layers"],
        ["graph"],
        ["report"],
        ["ci", "github"],
        ["ci", "gitlab"],
        ["lock", "--refresh"],
        ["release", "show", "v1.0"],
    ],
)
def test_filters(command: list[str], small_project: Path) -> None:
    """Every command that takes filters completes axes, values and targets."""
    del small_project

    assert completions(*command, "python=") == ["python=3.9", "python=3.10"]
    assert "server-3_9" in completions(*command, "server-")


@pytest.mark.parametrize("command", ["list", "build", "publish", "changed"])
def test_selections_are_files(command: str, small_project: Path) -> None:
    """The shell completes the names of files."""
    del small_project

    assert completions(command, "--selection", "") == ["<file>"]


@pytest.mark.parametrize("command", ["show", "promote"])
def test_versions_of_releases(
    command: str, small_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read from the registry; without one, nothing is completed."""
    del small_project
    tags = {"tags": ["release-v1.9", "release-v1.10", "release-v2.0", "latest"]}
    with canned_registry.serve({"GET /v2/server/tags/list*": (200, {}, tags)}) as address:
        monkeypatch.setenv("REGISTRY", address)

        assert completions("release", command, "v1") == ["v1.10", "v1.9"]

    assert completions("release", command, "v1") == []


def test_targets(small_project: Path) -> None:
    """`release latest` completes names of targets only."""
    del small_project

    assert completions("release", "latest", "server-3") == ["server-3_9", "server-3_10"]
    assert completions("release", "latest", "python") == []


def test_values(small_project: Path) -> None:
    """Values are completed after commas, negations and operators; listed ones are left out."""
    del small_project

    assert completions("list", "cu") == ["cuda=", "cuda-null", "cuda-12_8"]
    assert completions("list", "python=3.9,") == ["python=3.9,3.10"]
    assert completions("list", "python=!") == ["python=!3.9", "python=!3.10"]
    assert completions("list", "python=!3.9,!") == ["python=!3.9,!3.9", "python=!3.9,!3.10"]
    assert completions("list", "python>=3.1") == ["python>=3.10"]
    assert completions("list", "python=>=3.9,<") == ["python=>=3.9,<3.9", "python=>=3.9,<3.10"]
    assert completions("list", "platform=l") == [
        *("platform=linux/amd64", "platform=linux/arm64", "platform=local"),
    ]
    assert completions("list", "nothing=") == []


def test_platforms(small_project: Path) -> None:
    """Platforms of the targets are completed, after commas as well."""
    del small_project

    for command in ("build", "publish", "layers"):
        assert completions(command, "--platform", "linux/ar") == ["linux/arm64"]
    assert completions("build", "--platform", "linux/amd64,l") == [
        *("linux/amd64,linux/arm64", "linux/amd64,local"),
    ]


def test_saved_state_gives_the_same_names(
    small_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names in matrix.json are used only if it is up to date, and are the same."""
    texts = ("", "cuda=", "python=", "image=", "platform=")
    planned = [completions("list", text) for text in texts]
    assert run([]) == 0

    with monkeypatch.context() as patch:
        patch.setattr("compiler.pipeline.plan_matrix", None)
        assert [completions("list", text) for text in texts] == planned
    matrix = small_project / "matrix.yaml"
    matrix.write_text(matrix.read_text().replace("3.10]", "3.10, 3.11]"))
    assert "python=3.11" in completions("list", "python=")


def test_columns(small_project: Path) -> None:
    """Columns are completed after those that are listed already, with the sign of `--sort`."""
    del small_project

    assert completions("list", "--columns", "ta") == ["target", "tags"]
    assert completions("list", "--columns", "target,ta") == ["target,tags"]
    assert completions("list", "--sort", "image,-c") == ["image,-cuda", "image,-context"]
    assert completions("list", "--columns", "nothing") == []


def test_base_images(small_project: Path) -> None:
    """`lock --upgrade` completes the base images in matrix.lock."""
    digest = f"sha256:{'0' * 64}"
    (small_project / "matrix.lock").write_text(
        "# Written by compile-matrix lock.\nversion: 1\nbases:\n"
        f"  python:3.9:\n    digest: {digest}\n    platforms: [linux/amd64]\n"
    )

    assert completions("lock", "--upgrade", "py") == ["python:3.9"]


def test_the_matrix_of_an_option(small_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """-f decides which matrix is completed, before and after the command."""
    monkeypatch.chdir(small_project.parent)

    assert completions("-f", "project/matrix.yaml", "list", "cuda=") == ["cuda=null", "cuda=12.8"]
    assert completions("list", "-f", "project/matrix.yaml", "image=") == ["image=server"]
    assert completions("list", "image=") == []
