"""Fingerprints -> which of them a registry holds, as images under the tag `fp-<sha256>`."""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from compiler.comparing.planned import variable_values
from compiler.errors import CompileError, Diagnostic, Location, Problems
from compiler.fingerprinting.fingerprint import Fingerprint
from compiler.plan import Plan
from compiler.text import resolve


JOBS = 8
"""Questions to registries at once."""
_ABSENT = ("not found", "manifest unknown", "name unknown", "repository does not exist")
"""Words of a registry that has no such image."""


def repositories(plan: Plan, environment: Mapping[str, str], staging: str = "") -> dict[str, str]:
    """Return where the image of each target waits: one repository for all, or each its own.

    Its own is that of its first tag, or of its first tag that moves; a target without has none.

    Args:
        plan: what is planned.
        environment: what bake would take variables from.
        staging: the one repository, in bake's form; empty where each has its own.
    """
    values = variable_values(plan, environment)
    found: dict[str, str] = {}
    for target in plan.targets:
        tags = (*target.tags, *target.moving, *target.aliases)
        if staging:
            found[target.name] = resolve(staging, values)
        elif tags:
            found[target.name] = _repository(resolve(tags[0], values))
    return found


def _repository(tag: str) -> str:
    """Return a tag without its last part.

    >>> _repository("localhost:5000/acme/server:1.0"), _repository("localhost:5000/acme/server")
    ('localhost:5000/acme/server', 'localhost:5000/acme/server')
    """
    name, _, last = tag.rpartition(":")
    return tag if not name or "/" in last else name


def staged(
    prints: Mapping[str, Fingerprint],
    places: Mapping[str, str],
    *,
    builder: str = "",
    program: Sequence[str] = ("docker", "buildx"),
) -> dict[str, bool]:
    """Ask registries which fingerprints they hold; in parallel, each question once.

    Args:
        prints: target -> its fingerprint.
        places: target -> its repository.
        builder: the builder whose settings of registries count.
        program: how buildx is called.

    Raises:
        CompileError: a registry does not answer.
    """
    tags = {
        name: f"{places[name]}:fp-{one.digest}" for name, one in prints.items() if name in places
    }
    command = [*program, "imagetools", "inspect", *([f"--builder={builder}"] if builder else [])]
    different = list(dict.fromkeys(tags.values()))
    with ThreadPoolExecutor(JOBS) as pool:
        answers = dict(
            zip(different, pool.map(lambda tag: _is_there(command, tag), different), strict=True)
        )
    problems = Problems()
    for tag, answer in answers.items():
        if answer is None:
            registry = tag.partition("/")[0]
            problems.add(
                Diagnostic(
                    code="unreachable-registry",
                    message=f"{registry} does not say what it holds",
                    location=Location(path="--against", line=0),
                    help=f"`{shlex.join([*command, tag.rpartition(':fp-')[0]])}` shows why",
                )
            )
            raise CompileError(problems.diagnostics())
    return {name: bool(answers[tag]) for name, tag in tags.items()}


def _is_there(command: Sequence[str], tag: str) -> bool | None:
    """Tell whether a tag is there; nothing where the registry does not say."""
    try:
        done = subprocess.run(  # noqa: S603 - the user's own docker
            [*command, tag], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    if done.returncode == 0:
        return True
    said = done.stderr.lower()
    return False if any(word in said for word in _ABSENT) else None
