"""Find the secrets and SSH agents that matrix.yaml provides and that no Dockerfile mounts."""

from collections.abc import Iterator, Sequence

from compiler.codes import Code
from compiler.errors import Diagnostic, Severity
from compiler.matrix.matrix import Field, Matrix
from compiler.matrix.strings import TemplateString
from compiler.render.field_location import written_field
from compiler.render.mounted_ids import provided
from compiler.render.shapes import Printed
from compiler.render.structures import Structure
from compiler.source.document import Route
from compiler.targets.csv_entries import ACCESS, cells
from compiler.targets.target import Target


_READ_BY_BUILDKIT = ("GIT_AUTH_", "HTTP_AUTH_")
"""Start the ids of secrets that BuildKit uses to fetch remote contexts."""


class ProvidedIds:
    """The ids that matrix.yaml provides, and whether a Dockerfile or test with them mounts them."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._entries: dict[tuple[str, int], Sequence[tuple[str, Route]]] = {}
        self._used: dict[tuple[str, str, Route], bool] = {}
        self._triggers: set[str] = set()
        """All `ONBUILD` instructions, whose mounts are those of child images."""

    def note(self, target: Target, structure: Structure, printed: Printed, text: str) -> bool:
        """Note what a target is provided with, and what its Dockerfile and tests mount.

        Returns:
            Whether everything that the target is provided with is used.
        """
        self._triggers.update(map(printed.restore, structure.triggers))
        mounted = {(mount.kind, printed.restore(mount.id)) for mount in structure.mounts}
        mounted |= {pair for test in target.tests for pair in map(_mounted, test.mounts)}
        is_settled = True
        for kind in ACCESS:
            unknown = not structure.is_known or any(k == kind and "$" in id_ for k, id_ in mounted)
            for name, route in self._provided(target, kind):
                key = (kind, name, route)
                if not self._used.get(key):
                    context = target.fields.get("context")
                    self._used[key] = (
                        unknown
                        or (kind, name) in mounted
                        or _is_read_by_buildkit(kind, name, f"{context}{text}")
                    )
                is_settled = is_settled and self._used[key]
        return is_settled

    def _provided(self, target: Target, kind: str) -> Sequence[tuple[str, Route]]:
        """Return the ids of a target, and where each is written."""
        value = target.fields.get(kind)
        if not value:
            return ()
        key = (kind, id(value))
        if key not in self._entries:
            ids = provided(target, kind) or ()
            field = written_field(target, kind)
            self._entries[key] = [] if field is None else [(i, _route(field, i)) for i in ids]
        return self._entries[key]

    def unused(self) -> Iterator[Diagnostic]:
        """Yield a warning for each id that no Dockerfile mounts."""
        for (kind, name, route), used in self._used.items():
            if not used and not any(f"={name}" in trigger for trigger in self._triggers):
                yield Diagnostic(
                    code=Code.UNUSED_SECRET,
                    message=f"unused {ACCESS[kind]} {name!r}: no Dockerfile mounts it",
                    location=self._matrix.source.locate(route),
                    help=f"mount it with `RUN --mount=type={kind},id={name}`, or remove it",
                    severity=Severity.WARNING,
                )


def _mounted(mount: str) -> tuple[str, str]:
    """Return the kind and the id of a mount of a test.

    >>> _mounted("type=secret,target=/t,id=token"), _mounted("type=ssh")
    (('secret', 'token'), ('ssh', 'default'))
    """
    options = dict(cell.partition("=")[::2] for cell in cells(mount))
    return options.get("type", "bind"), options.get("id", "default")


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
