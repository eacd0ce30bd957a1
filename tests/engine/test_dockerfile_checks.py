"""BuildKit accepts and rejects the Dockerfiles of the unit tests as they say."""

import json
from pathlib import Path

from support.dockerfiles import ACCEPTED, REJECTED
from support.engine import Engine


def test_buildkit_decides_as_the_unit_tests_say(engine: Engine, tmp_path: Path) -> None:
    """`--call=check` reads Dockerfiles up to the point where a build would begin.

    One bake checks all of them, because most of the time of a single check is the start of buildx.
    """
    (tmp_path / "context").mkdir()
    (tmp_path / "context/a.txt").touch()
    targets = {}
    for number, text in enumerate((*ACCEPTED, *REJECTED)):
        (tmp_path / f"{number}.Dockerfile").write_text(text)
        targets[f"t{number}"] = {"context": "context", "dockerfile": f"../{number}.Dockerfile"}
    bakefile = {"group": {"default": {"targets": list(targets)}}, "target": targets}
    (tmp_path / "docker-bake.json").write_text(json.dumps(bakefile))

    done = engine.docker("buildx", "bake", "--call=check,format=json", cwd=tmp_path, check=False)

    checks = [json.loads(done.stdout)["target"][name]["check"] for name in targets]
    errors = [check.get("buildError", {}).get("message", "") for check in checks]
    assert dict(zip(ACCEPTED, errors, strict=False)) == dict.fromkeys(ACCEPTED, "")
    missing = [
        text for text, error in zip(REJECTED, errors[len(ACCEPTED) :], strict=True) if not error
    ]
    assert missing == []
