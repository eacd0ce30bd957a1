"""BuildKit accepts and rejects the Dockerfiles of the unit tests as they say."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.dockerfiles import ACCEPTED, REJECTED
from support.engine import Engine


def test_buildkit_decides_as_the_unit_tests_say(engine: Engine, tmp_path: Path) -> None:
    """`--call=check` reads a Dockerfile up to the point where a build would begin."""
    (tmp_path / "context").mkdir()
    (tmp_path / "context/a.txt").touch()

    def error_of(numbered: tuple[int, str]) -> str:
        file = tmp_path / f"{numbered[0]}.Dockerfile"
        file.write_text(numbered[1])
        done = engine.docker(
            *("buildx", "build", "--call=check,format=json", f"--file={file}", "context"),
            cwd=tmp_path,
            check=False,
        )
        return str(json.loads(done.stdout).get("buildError", {}).get("message", ""))

    with ThreadPoolExecutor(4) as pool:
        errors = [*pool.map(error_of, enumerate((*ACCEPTED, *REJECTED)))]

    assert dict(zip(ACCEPTED, errors, strict=False)) == dict.fromkeys(ACCEPTED, "")
    missing = [
        text for text, error in zip(REJECTED, errors[len(ACCEPTED) :], strict=True) if not error
    ]
    assert missing == []
