"""Fingerprints -> which of them a registry holds, as images under the tag `fp-<sha256>`."""

from collections.abc import Mapping

from compiler.codes import Code
from compiler.errors import Argument, CompileError, Diagnostic
from compiler.external.references import split
from compiler.external.registry.client import Registries, RegistryError
from compiler.external.registry.parallel import at_once
from compiler.fingerprint.fingerprint import Fingerprint
from compiler.fingerprint.naming import fingerprint_tag
from compiler.matrix.strings import substitute
from compiler.output.bake_resolved import variable_values
from compiler.targets.plan import Plan


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
            found[target.name] = substitute(staging, values)
        elif tags:
            found[target.name] = split(substitute(tags[0], values))[0]
    return found


def staged(
    prints: Mapping[str, Fingerprint], places: Mapping[str, str], registries: Registries
) -> dict[str, bool]:
    """Ask registries which fingerprints they hold; in parallel, each question once.

    Args:
        prints: target -> its fingerprint.
        places: target -> its repository.
        registries: who is asked.

    Raises:
        CompileError: a registry does not answer.
    """
    tags = {
        name: (places[name], fingerprint_tag(one.digest))
        for name, one in prints.items()
        if name in places
    }
    try:
        answers = at_once(lambda tag: registries.digest(*tag), {tag: tag for tag in tags.values()})
    except RegistryError as error:
        raise CompileError(
            [
                Diagnostic(
                    code=Code.UNREACHABLE_REGISTRY,
                    message=str(error),
                    location=Argument(name="--against", text="registry"),
                    help="that is not taken for an answer: log in, or try again",
                )
            ]
        ) from None
    return {name: answers[tag] is not None for name, tag in tags.items()}
