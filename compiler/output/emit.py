"""Emit a plan as files: Dockerfiles, docker-bake.hcl and matrix.json.

The artifacts are in the order in which they have to be written: no file names another one before
that exists.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from types import CodeType
from typing import Any

from jinja2 import Template, Undefined

from compiler.constants import BAKE_FILE, DOCKERFILE_SUFFIX, MARKER, PLAN_FILE, TEST_SUFFIX
from compiler.errors import CompileError, Diagnostic
from compiler.matrix.jinja import environment, renderer
from compiler.matrix.jinja_sandbox import Sandbox
from compiler.matrix.matrix import Matrix
from compiler.matrix.template_files import FOLDER
from compiler.output.artifact import Artifact
from compiler.output.bake_context import bake_context
from compiler.output.hcl import Literals
from compiler.output.manifest import PLAN_LINE, manifest
from compiler.output.source_policy import policy_path, source_policy
from compiler.render.frontends import comment_place
from compiler.render.render import Dockerfile
from compiler.render.target_tests import test_dockerfile, test_syntax
from compiler.targets.plan import Plan, described
from compiler.targets.target import Target


def emit(
    plan: Plan,
    dockerfiles: tuple[Dockerfile, ...],
    *,
    source: str,
    bake_template: tuple[str, str],
) -> tuple[Artifact, ...]:
    """Return the files of a plan.

    Args:
        plan: the plan.
        dockerfiles: one for each target, in the same order.
        source: the matrix file's path in the project's folder.
        bake_template: the text of docker-bake.hcl.j2, and how diagnostics name that file.

    Raises:
        CompileError: the bake template is invalid.
    """
    bake = _bake(plan, dockerfiles, source, *bake_template)
    listing = manifest(
        source=source,
        targets=map(described, plan.targets),
        groups={group.name: group.targets for group in plan.groups},
        indexes=[index._asdict() for index in plan.indexes],
    )
    policy = [source_policy(dockerfiles, source)] if plan.matrix.lock.policy else []
    return (
        *_dockerfiles(plan.matrix, dockerfiles, source),
        *(Artifact(policy_path(plan.matrix), text) for text in policy),
        Artifact(BAKE_FILE, bake.encode()),
        Artifact(str(PurePosixPath(plan.matrix.output, PLAN_FILE)), listing),
    )


def _dockerfiles(
    matrix: Matrix, dockerfiles: tuple[Dockerfile, ...], source: str
) -> Iterator[Artifact]:
    """Yield the Dockerfile of each target, and that of its tests; equal texts are encoded once."""
    origins = {
        name: source if image.part is None else f"{source}, {matrix.parts[image.part]}"
        for name, image in matrix.images.items()
    }
    encoded: dict[tuple[int, tuple[str, ...], str], bytes] = {}
    headers: dict[tuple[tuple[str, ...], str], str] = {}
    for target, text, templates in dockerfiles:
        origin = origins[target.image]
        if not target.is_existing:
            key = (id(text), templates, origin)
            content = encoded.get(key)
            if content is None:
                header = headers.get(key[1:])
                if header is None:
                    sources = ", ".join(f"{FOLDER}/{name}" for name in templates)
                    header = headers[key[1:]] = _header([origin, sources])
                content = encoded[key] = _with_header(text, header).encode()
            yield Artifact(target.dockerfile, content)
        if target.tests:
            yield _tests(target, origin)


def header_lines(target: Target, text: str) -> int:
    """Return the lines of the first comment of a target's Dockerfile; instructions follow it."""
    return int(not target.is_existing and comment_place(text) is not None)


def _with_header(text: str, header: str) -> str:
    """Return a Dockerfile with the first comment; unchanged if its language has no comments.

    A text in JSON names its frontend by a key. With a comment, BuildKit would not find that.
    """
    place = comment_place(text)
    if place is None:
        return text
    start, end = text[: place.offset], text[place.offset :]
    return f"{start}{place.mark}{header.removeprefix('#')}{end}"


def _tests(target: Target, origin: str) -> Artifact:
    """Return the Dockerfile that runs the tests of a target."""
    path = target.generated.removesuffix(DOCKERFILE_SUFFIX)
    tests = f"{test_syntax(target)}{_header([origin])}{test_dockerfile(target)}"
    return Artifact(f"{path}{TEST_SUFFIX}{DOCKERFILE_SUFFIX}", tests.encode())


def _header(sources: Iterable[str]) -> str:
    """Return the first comment of a generated file."""
    text = " and ".join(sources)
    if not text.isprintable():  # A line break would end the comment.
        text = "".join(character if character.isprintable() else "?" for character in text)
    return f"# {MARKER} from {text}; do not edit.\n"


def check_bake_template(template: str, shown: str) -> None:
    """Check the syntax of a bake template, which needs no plan.

    Args:
        template: its text.
        shown: how diagnostics name its file.

    Raises:
        CompileError: the template is invalid.
    """
    try:
        _compile(template)
    except Exception as error:
        raise CompileError([_diagnosed(error, {}, template, shown)]) from error


def _bake(
    plan: Plan, dockerfiles: tuple[Dockerfile, ...], source: str, template: str, shown: str
) -> str:
    env = _environment()
    scope = {**env.globals, **bake_context(plan, dockerfiles).names()}
    render = renderer(
        Template.from_code(env, _compile(template), env.make_globals(None)), inherits=True
    )
    try:
        body = render(scope)
    except Exception as error:
        # The user's template is input, so whatever it raises is an error in the input.
        from compiler.matrix.undefined_names import further_errors

        first = _diagnosed(error, scope, template, shown)

        def render_again(names: Mapping[str, Any]) -> Diagnostic | None:
            try:
                render(names)
            except Exception as error:  # noqa: BLE001 - as above
                return _diagnosed(error, scope, template, shown)
            return None

        raise CompileError([first, *further_errors(first, scope, render_again)]) from error
    return f"{_header([source])}{PLAN_LINE}{plan.matrix.output}/{PLAN_FILE}\n#\n{body.lstrip()}"


def _diagnosed(error: Exception, scope: Mapping[str, Any], template: str, shown: str) -> Diagnostic:
    """Return the diagnostic of an error in a bake template.

    Args:
        error: what the template raises.
        scope: the names that it sees.
        template: its text.
        shown: how diagnostics name its file.
    """
    from compiler.matrix.jinja_errors import explain, locate_word, place

    known = [name for name, value in scope.items() if not callable(value)]
    code, message, help_, word = explain(error, known)
    location = locate_word(shown, template.splitlines(), place(error)[1], word)
    return Diagnostic(code=code, message=message, location=location, help=help_)


def _environment() -> Sandbox:
    env = environment(None, bake=False)
    env.filters["hcl"] = _strict(Literals())
    return env


@lru_cache(maxsize=4)
def _compile(template: str) -> CodeType:
    """Return the code of a bake template; it takes longer than to compile a small matrix.

    The code is the same for all environments: with `--watch`, it is compiled once.

    Raises:
        TemplateSyntaxError: the template is invalid.
    """
    return _environment().compile(template)


def _strict(write: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a filter that raises an error naming what is undefined."""

    def hcl(value: Any) -> str:
        return write(str(value) if isinstance(value, Undefined) else value)  # str raises

    return hcl
