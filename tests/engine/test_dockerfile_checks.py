"""BuildKit accepts and rejects Dockerfiles as compiling does.

`DOCKERFILE_SEEDS=5000 make dockerfiles` tries many more random Dockerfiles.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from support.dockerfile_mutants import mutant
from support.dockerfile_verdicts import verdicts
from support.dockerfiles import (
    ACCEPTED,
    CONTEXTS,
    REJECTED,
    REJECTED_WITH_CONTEXTS,
    WITH_CONTEXTS,
)
from support.engine import Engine

from compiler.render.dockerfile import DockerfileError, read
from compiler.render.stages import possible_numbers


SEEDS = int(os.environ.get("DOCKERFILE_SEEDS", "100"))
BATCH = 100
"""Dockerfiles that one bake checks: most of the time of a single check is the start of buildx."""
NEWER = re.compile(r"unknown flag: --(?:parents|device|security)|in Dockerfile frontend .*-labs")
"""What BuildKit rejects because this version does not have it yet."""
FRONTEND = re.compile("for docker-image://docker.io/docker/dockerfile:1: ")
"""What BuildKit cannot pull without the internet."""
LINT = re.compile("lint violation found for rules")
"""What `# check=error=true` makes of warnings; compiling does not have the linter's rules."""


def checked(
    engine: Engine, folder: Path, numbers: Sequence[int], contexts: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return BuildKit's error for each `NUMBER.Dockerfile`; empty if it accepts it."""
    shared = {"context": "context", "contexts": dict.fromkeys(contexts, "context")}
    targets = {
        f"t{number}": {**shared, "dockerfile": f"../{number}.Dockerfile"} for number in numbers
    }
    bakefile = {"group": {"default": {"targets": list(targets)}}, "target": targets}
    (folder / "docker-bake.json").write_text(json.dumps(bakefile))
    # `--call=check` reads Dockerfiles up to the point where a build would begin.
    done = engine.docker("buildx", "bake", "--call=check,format=json", cwd=folder, check=False)
    if not done.stdout and len(numbers) == 1:
        return [{"message": done.stderr}]
    if not done.stdout:  # bake stops at some errors
        middle = len(numbers) // 2
        return [
            error
            for part in (numbers[:middle], numbers[middle:])
            for error in checked(engine, folder, part, contexts)
        ]
    checks = json.loads(done.stdout)["target"]
    return [checks[name]["check"].get("buildError", {}) for name in targets]


def explained(text: str, error: dict[str, Any]) -> bool:
    """Return whether compiling need not report an error of BuildKit."""
    message = error["message"]
    if any(reason.search(message) for reason in (NEWER, FRONTEND, LINT)):
        return True
    ranges = error.get("location", {}).get("ranges")
    try:
        parsed = read(text)
    except DockerfileError:
        return False
    if not ranges or not parsed.stages:
        return False
    line = ranges[0]["start"]["line"]
    if any("$" in step.text for step in parsed.instructions if step.line <= line <= step.last_line):
        return True  # not all values with variables are known
    # Without a target, a check evaluates also the stages that a build leaves out.
    stage = sum(stage.base.line <= line for stage in parsed.stages) - 1
    is_built = stage in possible_numbers(parsed.stages, "", parsed.escape)
    return not is_built and not message.startswith("dockerfile parse error")


def test_buildkit_decides_as_the_unit_tests_say(engine: Engine, tmp_path: Path) -> None:
    """The lists of the unit tests contain what BuildKit accepts and rejects."""
    texts = (*ACCEPTED, *REJECTED)
    verdicts(tmp_path, texts)
    errors = [error.get("message", "") for error in checked(engine, tmp_path, range(len(texts)))]

    assert dict(zip(ACCEPTED, errors, strict=False)) == dict.fromkeys(ACCEPTED, "")
    rejected = zip(REJECTED, errors[len(ACCEPTED) :], strict=True)
    assert [text for text, error in rejected if not error] == []


def test_named_contexts_decide(engine: Engine, tmp_path: Path) -> None:
    """A named context replaces a stage, so that a stage above it may read it."""
    texts = (*WITH_CONTEXTS, *REJECTED_WITH_CONTEXTS)
    found = verdicts(tmp_path, texts, CONTEXTS)
    errors = checked(engine, tmp_path, range(len(texts)), CONTEXTS)

    accepted = [text for text, error in zip(texts, errors, strict=True) if not error]
    assert accepted == list(WITH_CONTEXTS)
    assert [text for text, error in zip(texts, found, strict=True) if not error] == accepted


def test_random_dockerfiles(engine: Engine, tmp_path: Path) -> None:
    """Mutated Dockerfiles are rejected exactly if BuildKit rejects them."""
    golden = Path(__file__).parents[1] / "golden"
    bases = [*ACCEPTED, *map(_local, sorted(golden.glob("**/*ockerfile")))]
    differences = []
    for start in range(0, SEEDS, BATCH):
        seeds = range(start, min(start + BATCH, SEEDS))
        texts = [mutant(bases, Random(seed)) for seed in seeds]  # noqa: S311 - reproducible
        folder = tmp_path / str(start)
        folder.mkdir()
        found = verdicts(folder, texts)
        for seed, text, ours, theirs in zip(
            seeds, texts, found, checked(engine, folder, range(len(texts))), strict=True
        ):
            # Errors by design: BuildKit takes an empty value, reads another flag, or counts the
            # images of mounts as further stages.
            codes = {str(one.code) for one in ours}
            by_design = (
                codes == {"late-arg"}
                or (codes == {"unknown-stage"} and re.search(r"--mount=\S*from=", text))
                or (ours and all("ASCII characters in flags" in one.help for one in ours))
            )
            is_explained = by_design or (theirs and explained(text, theirs))
            if bool(ours) != bool(theirs) and not is_explained:
                differences.append((seed, text, ours, theirs.get("message")))

    assert differences == []


def _local(path: Path) -> str:
    """Return a Dockerfile whose images are all `scratch`."""
    text = path.read_text()
    parsed = read(text)
    names = {stage.name for stage in parsed.stages}
    for word in {word for stage in parsed.stages for word in (stage.base.text,)}:
        if word not in names:
            text = text.replace(f"FROM {word}", "FROM scratch")
    return re.sub(r"from=[\w.]*[/:][^,\s]*", "from=scratch", text)
