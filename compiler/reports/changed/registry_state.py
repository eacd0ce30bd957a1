"""Fingerprints -> which of them a registry holds, as images under the tag `fp-<sha256>`."""

from collections.abc import Mapping

from compiler.external.references import split_tag
from compiler.external.registry.client import Registries
from compiler.external.registry.parallel import run_parallel
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
            found[target.name] = split_tag(substitute(tags[0], values))[0]
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
        RegistryError: a registry cannot be read.
    """
    tags = {
        name: (places[name], fingerprint_tag(one.digest))
        for name, one in prints.items()
        if name in places
    }
    answers = run_parallel(lambda tag: registries.digest(*tag), {tag: tag for tag in tags.values()})
    return {name: answers[tag] is not None for name, tag in tags.items()}
