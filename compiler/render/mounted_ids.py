"""Find the secrets and SSH agents that a Dockerfile mounts, and those that its target provides.

BuildKit continues without an optional secret that is not provided, and builds another image.
"""

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Severity, did_you_mean
from compiler.matrix.bake_strings import variables_in
from compiler.render.dockerfile import ParsedDockerfile
from compiler.render.dockerfile_rules import Finding
from compiler.render.dockerfile_words import mount_options
from compiler.targets.csv_entries import ACCESS, access_id
from compiler.targets.target import Target


class Mount(NamedTuple):
    """A `RUN --mount` of a secret or an SSH agent."""

    kind: str
    id: str
    line: int


def mounts(parsed: ParsedDockerfile) -> Iterator[Mount]:
    """Yield the mounts of secrets and SSH agents whose options can be read."""
    for instruction in parsed.instructions:
        for flag in instruction.flags if instruction.keyword == "RUN" else ():
            name, _, value = flag.partition("=")
            options = mount_options(value) if name == "--mount" else None
            if options is None:
                continue
            path = options.get("target", "")
            source = options.get("source") or options.get("id")
            if options.get("type") == "secret":
                yield Mount("secret", source or posixpath.basename(path), instruction.line)
            elif options.get("type") == "ssh":
                yield Mount("ssh", options.get("id") or "default", instruction.line)


def provided(target: Target, kind: str) -> frozenset[str] | None:
    """Return the ids of the secrets or SSH agents of a target; None if they are not known yet."""
    texts: tuple[str, ...] = target.fields.get(kind, ())  # type: ignore[assignment]
    ids = set()
    for text in texts:
        name = access_id(kind, text)
        if not name or variables_in(name):
            return None
        ids.add(name)
    return frozenset(ids)


def missing(mount: Mount, name: str, ids: frozenset[str]) -> Finding:
    """Return the warning for a mount of an id that the target does not provide."""
    example = f"id={name},env=NAME" if mount.kind == "secret" else name
    add = f"add `{example}` to `{mount.kind}` of the image"
    return Finding(
        Code.MISSING_SECRET,
        f"{ACCESS[mount.kind]} {name!r} is mounted, but matrix.yaml does not provide it",
        did_you_mean(name, sorted(ids), otherwise=add),
        mount.line,
        mount.id,
        Severity.WARNING,
    )
