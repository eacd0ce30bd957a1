"""The plan as files: Dockerfiles, docker-bake.hcl, matrix.json.

Takes a `Plan`, its Dockerfiles and the bake template's text; returns the artifacts in the order
in which they have to reach the disk: nothing is named before it is there.
"""

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from jinja2 import TemplateSyntaxError, Undefined

from compiler.constants import BAKE_FILE, MARKER, PLAN_FILE, TEST_SUFFIX
from compiler.errors import CompileError, Diagnostic, Location
from compiler.matrix.jinja import environment, renderer
from compiler.matrix.jinja_errors import explain, place
from compiler.output.artifact import Artifact
from compiler.output.bake_context import view
from compiler.output.hcl import Literals
from compiler.output.manifest import PLAN_LINE, manifest
from compiler.render.render import Dockerfile
from compiler.render.target_tests import test_dockerfile
from compiler.targets.plan import Plan, described


def emit(
    plan: Plan,
    dockerfiles: tuple[Dockerfile, ...],
    *,
    source: str,
    bake_template: tuple[str, str],
) -> tuple[Artifact, ...]:
    """Write down a plan.

    Args:
        plan: what is planned.
        dockerfiles: one for each target, in the same order.
        source: the matrix file's name beside the outputs.
        bake_template: the text of docker-bake.hcl.j2, and how a user names that file.

    Raises:
        CompileError: the bake template is broken.
    """
    folder = plan.matrix.output
    encoded: dict[int, bytes] = {}
    artifacts = []
    for dockerfile in dockerfiles:
        text = dockerfile.text
        content = encoded.get(id(text))
        if content is None:
            content = encoded[id(text)] = text.encode()
        artifacts.append(Artifact(dockerfile.target.dockerfile, content))
        if dockerfile.target.tests:
            artifacts.append(
                Artifact(
                    f"{folder}/{dockerfile.target.name}{TEST_SUFFIX}.Dockerfile",
                    test_dockerfile(dockerfile.target).encode(),
                )
            )
    bake = _bake(plan, dockerfiles, source, *bake_template)
    artifacts.append(Artifact(BAKE_FILE, bake.encode()))
    listing = manifest(
        source=source,
        targets=map(described, plan.targets),
        groups={group.name: group.targets for group in plan.groups},
    )
    return (*artifacts, Artifact(str(PurePosixPath(folder, PLAN_FILE)), listing))


def _bake(
    plan: Plan, dockerfiles: tuple[Dockerfile, ...], source: str, template: str, shown: str
) -> str:
    env = environment(None, bake=False)
    env.filters["hcl"] = _strict(Literals())
    scope = {**env.globals, **view(plan, dockerfiles)}
    try:
        compiled = env.from_string(template)
        body = renderer(compiled, inherits=True)(scope)
    except Exception as error:
        # Whatever a template of the user's raises is a fault of the input.
        code, message, help_, _ = explain(error, scope)
        lines = template.splitlines()
        line = error.lineno if isinstance(error, TemplateSyntaxError) else place(error)[1]
        text = lines[line - 1] if 0 < line <= len(lines) else ""
        location = Location(path=shown, line=line, length=max(len(text), 1), text=text)
        raise CompileError(
            [Diagnostic(code=code, message=message, location=location, help=help_)]
        ) from error
    return (
        f"# {MARKER} from {source}; do not edit.\n"
        f"{PLAN_LINE}{plan.matrix.output}/{PLAN_FILE}\n"
        f"#\n{body.lstrip()}"
    )


def _strict(write: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a filter that says of what is undefined that it is, by its name."""

    def hcl(value: Any) -> str:
        return write(str(value) if isinstance(value, Undefined) else value)  # str raises

    return hcl
