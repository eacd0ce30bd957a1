"""Warn about names in `contexts` that BuildKit never looks up."""

from collections.abc import Iterator, Mapping

from compiler.codes import Code
from compiler.errors import Diagnostic, Severity
from compiler.external.references import context_name, lookup_name
from compiler.matrix.bake_strings import variables_in
from compiler.render.field_location import key_location
from compiler.targets.plan import Plan
from compiler.targets.target import Target


def unused_contexts(plan: Plan) -> Iterator[tuple[Diagnostic, str]]:
    """Yield a warning for each name that BuildKit writes in another way, with the target."""
    better: dict[str, str] = {}
    for target in plan.targets:
        contexts: Mapping[str, str] = target.fields.get("contexts", {})  # type: ignore[assignment]
        for key in contexts:
            if key not in better:
                better[key] = key if variables_in(key) else better_name(key)
            if better[key] != key:
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
