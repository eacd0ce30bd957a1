"""Compare the secrets and SSH agents that Dockerfiles mount with those that matrix.yaml provides.

BuildKit continues without an optional secret that is not provided, and builds another image.
"""

import posixpath
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, Severity, did_you_mean
from compiler.matrix.matrix import Field, Matrix
from compiler.matrix.strings import TemplateString, variables_in
from compiler.render.dockerfile import ParsedDockerfile
from compiler.render.dockerfile_rules import Finding
from compiler.render.dockerfile_words import mount_options
from compiler.render.field_location import written_field
from compiler.source.document import Route
from compiler.targets.target import Target


KINDS = ("secret", "ssh")
_TITLES = {"secret": "secret", "ssh": "SSH agent"}
_READ_BY_BUILDKIT = ("GIT_AUTH_", "HTTP_AUTH_")
"""Start the ids of secrets that BuildKit uses to fetch remote contexts."""


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
            path = options.get("target") or options.get("dst") or options.get("destination") or ""
            source = options.get("source") or options.get("src") or options.get("id")
            if options.get("type") == "secret":
                yield Mount("secret", source or posixpath.basename(path), instruction.line)
            elif options.get("type") == "ssh":
                yield Mount("ssh", options.get("id") or "default", instruction.line)


def provided(target: Target, kind: str) -> frozenset[str] | None:
    """Return the ids of the secrets or SSH agents of a target; None if they are not known yet."""
    texts: tuple[str, ...] = target.fields.get(kind, ())  # type: ignore[assignment]
    ids = set()
    for text in texts:
        if kind == "ssh":
            name = text.partition("=")[0]
        else:
            name = (mount_options(text) or {}).get("id", "")
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
        f"{_TITLES[mount.kind]} {name!r} is mounted, but matrix.yaml does not provide it",
        did_you_mean(name, sorted(ids), otherwise=add),
        mount.line,
        mount.id,
        Severity.WARNING,
    )


class ProvidedIds:
    """The ids that matrix.yaml provides, and whether any Dockerfile with them mounts them."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._entries: dict[tuple[str, int], Sequence[tuple[str, Route]]] = {}
        self._used: dict[tuple[str, str, Route], bool] = {}
        self._inherited = ""
        """All `ONBUILD` instructions, whose mounts are those of child images."""

    def note_unknown(self, target: Target) -> None:
        """Note a target that may mount everything that it is provided with."""
        for kind in KINDS:
            for name, route in self._provided(target, kind):
                self._used[kind, name, route] = True

    def note(
        self, target: Target, parsed: ParsedDockerfile, text: str, mounted: Collection[Mount]
    ) -> None:
        """Note what a target is provided with, and what its Dockerfile mounts."""
        ids = {(mount.kind, mount.id) for mount in mounted}
        for instruction in parsed.instructions if "ONBUILD" in text else ():
            if instruction.keyword == "ONBUILD" and instruction.text not in self._inherited:
                self._inherited += instruction.text
        for kind in KINDS:
            for name, route in self._provided(target, kind):
                key = (kind, name, route)
                if not self._used.get(key):
                    unknown = any("$" in id_ for mount_kind, id_ in ids if mount_kind == kind)
                    self._used[key] = (
                        unknown
                        or (kind, name) in ids
                        or _is_read_by_buildkit(kind, name, f"{target.fields.get('context')}{text}")
                    )

    def _provided(self, target: Target, kind: str) -> Sequence[tuple[str, Route]]:
        """Return the ids of a target, and where each is written."""
        value = target.fields.get(kind)
        if not value:
            return ()
        key = (kind, id(value))
        if key not in self._entries:
            ids = provided(target, kind) or ()
            field = written_field(target, self._matrix, kind)
            self._entries[key] = [] if field is None else [(i, _route(field, i)) for i in ids]
        return self._entries[key]

    def unused(self) -> Iterator[Diagnostic]:
        """Yield a warning for each id that no Dockerfile mounts."""
        for (kind, name, route), used in self._used.items():
            if not used and f"={name}" not in self._inherited:
                yield Diagnostic(
                    code=Code.UNUSED_SECRET,
                    message=f"unused {_TITLES[kind]} {name!r}: no Dockerfile mounts it",
                    location=self._matrix.source.locate(route),
                    help=f"mount it with `RUN --mount=type={kind},id={name}`, or remove it",
                    severity=Severity.WARNING,
                )


def _route(field: Field, name: str) -> Route:
    """Return where the entry of a list with this id is written; the list if that is not known."""
    for n, entry in enumerate(field.value if isinstance(field.value, tuple) else ()):
        texts = (
            [entry] if isinstance(entry, TemplateString) else [t for pair in entry for t in pair]
        )
        if any(name in text.raw for text in texts):
            return (*field.route, n)
    return field.route


def _is_read_by_buildkit(kind: str, name: str, texts: str) -> bool:
    """Return whether BuildKit may use a secret or an SSH agent without a mount.

    Args:
        kind: `secret` or `ssh`.
        name: the id.
        texts: the Dockerfile and its context.
    """
    if kind == "ssh":
        return "git@" in texts or "ssh://" in texts
    return name.startswith(_READ_BY_BUILDKIT)
