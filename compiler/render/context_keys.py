"""Warn about names in `contexts` that BuildKit never looks up."""

from collections.abc import Iterable, Iterator, Mapping

from compiler.codes import Code
from compiler.errors import Diagnostic, Severity
from compiler.external.references import context_name, lookup_name
from compiler.matrix.bake_strings import variables_in
from compiler.render.field_location import key_location
from compiler.render.frontends import may_be_foreign
from compiler.render.render import Dockerfile
from compiler.targets.plan import Plan
from compiler.targets.target import Target


def unused_contexts(
    plan: Plan, dockerfiles: Iterable[Dockerfile]
) -> Iterator[tuple[Diagnostic, str]]:
    """Yield a warning for each name that BuildKit writes in another way, with the target.

    Another frontend may look for any name.
    """
    better: dict[str, str] = {}
    for target, text, _ in dockerfiles:
        contexts: Mapping[str, str] = target.fields.get("contexts", {})  # type: ignore[assignment]
        for key in contexts:
            if key not in better:
                better[key] = key if variables_in(key) else better_name(key)
        wrong = [key for key in contexts if better[key] != key]
        args: Mapping[str, str] = target.fields.get("args", {})  # type: ignore[assignment]
        if wrong and not may_be_foreign(text, args):
            for key in wrong:
                yield _warning(plan, target, key, better[key]), target.name


def better_name(key: str) -> str:
    """Return how a name in `contexts` must be written so that BuildKit finds it.

    >>> better_name("docker.io/acme/Base:latest"), better_name("python::linux/arm64")
    ('acme/base', 'python::linux/arm64')
    """
    name = context_name(key)
    return f"{lookup_name(name)}{key[len(name) :]}"


def _warning(plan: Plan, target: Target, key: str, better: str) -> Diagnostic:
    return Diagnostic(
        code=Code.UNUSED_CONTEXT,
        message=f"BuildKit never looks for a context with the name {key!r}",
        location=key_location(target, plan.matrix, "contexts", key),
        help=f"write {better!r}",
        severity=Severity.WARNING,
    )
