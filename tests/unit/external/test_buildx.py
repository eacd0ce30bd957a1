"""What is reported of a run of buildx."""

from compiler.external.buildx import reason


def test_the_reason_is_the_error_and_not_the_progress() -> None:
    """The output starts with progress, which may be long; the last lines contain the error."""
    progress = "".join(f"#{n} copying sha256:{'0' * 64}\n" for n in range(9))

    assert reason(f"{progress}ERROR: blob unknown to\nregistry\n".encode()) == (
        "blob unknown to registry"
    )
    assert reason(b"ERROR: no such target\n") == "no such target"
    assert reason(b"docker: unknown command\n") == "docker: unknown command"


def test_a_long_reason_is_cut() -> None:
    """A reason has a limit, and ends in dots where it exceeds the limit."""
    assert reason(b"ERROR: 123456789", limit=8) == "12345..."
