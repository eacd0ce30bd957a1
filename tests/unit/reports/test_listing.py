"""Tables of targets."""

from pathlib import Path

from support.command import run


MATRIX = """
variables: {R: r.example, V: "1"}
axes: {os: {a: {platforms: [linux/amd64]}, b: {platforms: [linux/arm64]}}}
images:
  x:
    template: Dockerfile.j2
    repositories: ["${R}/x", s.example/x]
    tags: ["${V}-{{ os }}"]
    shared: {tags: ["${V}"], moving: [latest]}
    platform-tags: ["${V}-{{ os }}-{{ platform.arch }}"]
"""


def test_tags_that_publish_creates(tmp_path: Path) -> None:
    """Shared tags and platform tags have columns, and `--resolved` replaces their variables."""
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/Dockerfile.j2").write_text("FROM scratch\n")

    plain = run(tmp_path, "list", "os=b").stdout.splitlines()
    resolved = run(tmp_path, "list", "os=b", "--resolved", env={"V": "2"}).stdout.splitlines()

    assert plain[0].split("  ")[-1].strip() == "PLATFORM TAGS"
    assert "  SHARED TAGS  " in plain[0]
    assert " ${R}/x:${V} s.example/x:${V} ${R}/x:latest s.example/x:latest " in plain[1]
    assert plain[1].endswith(" ${R}/x:${V}-b-arm64 s.example/x:${V}-b-arm64")
    assert " r.example/x:2 s.example/x:2 r.example/x:latest s.example/x:latest " in resolved[1]
    assert resolved[1].endswith(" r.example/x:2-b-arm64 s.example/x:2-b-arm64")
