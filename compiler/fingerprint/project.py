"""A compiled project -> the fingerprints of its targets, with what its lock and `--set` say."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from compiler.fingerprint.fingerprint import Fingerprint, fingerprints
from compiler.fingerprint.set_overrides import Overrides
from compiler.lock.refresh_dates import dates
from compiler.output.artifact import Compilation


def project_fingerprints(
    compiled: Compilation,
    folder: Path,
    environment: Mapping[str, str],
    *,
    sets: Iterable[str] = (),
    known: Iterable[str] = (),
    shown: str = "",
) -> dict[str, Fingerprint]:
    """Return the fingerprint of each target of a project.

    Args:
        compiled: what it compiles to.
        folder: where it is.
        environment: what bake would take variables from.
        sets: the words of `--set`.
        known: names of targets that those may name beside the project's own.
        shown: how diagnostics name the folder, in front of each path.

    Raises:
        CompileError: the lock is wrong, or a file of a context cannot be read.
        OverrideError: bake would refuse a word of `--set`.
    """
    names = [*(target.name for target in compiled.plan.targets), *known]
    return fingerprints(
        compiled.plan,
        compiled.dockerfiles,
        folder,
        environment,
        overrides=Overrides(sets, targets=names, environment=environment),
        refreshed=dates(folder, shown),
        shown=shown,
    )
