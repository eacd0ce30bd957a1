"""Check that linked targets agree about the source of each secret and SSH agent.

Bake builds linked targets together, and BuildKit knows a secret by its id alone. If two of them
read one id from different sources, a step may get either.
"""

import posixpath
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Problems
from compiler.matrix.bake_strings import BakeString, substitute
from compiler.targets.csv_entries import ACCESS, access_id, key_values
from compiler.targets.field_locations import TargetUnderCheck
from compiler.targets.field_rendering import Rendered
from compiler.targets.graph import closure
from compiler.targets.target import Target, link_graph


class _Entry(NamedTuple):
    """An entry of `secret` or `ssh` of one target."""

    subject: TargetUnderCheck
    field: str
    text: BakeString
    sources: frozenset[str]

    def locate(self) -> Location:
        return self.subject.entry(self.field, self.text)


class AccessChecks:
    """Checks the secrets and SSH agents of all targets against those of their links."""

    def __init__(self, variables: Mapping[str, str], problems: Problems) -> None:
        """Take the values of the bake variables, and the collector of errors."""
        self._values, self._problems = variables, problems
        self._entries: dict[str, dict[tuple[str, str], _Entry]] = {}
        self._reported: set[tuple[Location, Location]] = set()

    def note(self, subject: TargetUnderCheck, fields: Mapping[str, Rendered]) -> None:
        """Note the entries of a target, for the check of all targets."""
        for field in ACCESS:
            entries: Sequence[BakeString] = fields.get(field, ())  # type: ignore[assignment]
            for text in entries:
                plain = substitute(text, self._values)
                entry = _Entry(subject, field, text, sources(field, plain))
                self._entries.setdefault(subject.name, {})[field, access_id(field, plain)] = entry

    def check(self, targets: Sequence[Target]) -> None:
        """Report each two entries of linked targets with one id and different sources.

        Two targets are also built together if a third one links to both.
        """
        if not self._entries:
            return
        names = {target.name for target in targets}
        links = link_graph(target for target in targets if target.links)
        for target in targets:
            linked = closure(links.get(target.name, ()), links)
            together = [
                self._entries[name]
                for name in (target.name, *sorted(linked - {target.name}))
                if name in self._entries and name in names
            ]
            for entries, others in combinations(together, 2):
                for key in entries:
                    if key in others and not entries[key].sources & others[key].sources:
                        self._report(key[1], entries[key], others[key])

    def _report(self, name: str, entry: _Entry, other: _Entry) -> None:
        location, other_location = entry.locate(), other.locate()
        if (location, other_location) in self._reported:
            return
        self._reported.update(((location, other_location), (other_location, location)))
        self._problems.add(
            Diagnostic(
                code=Code.ACCESS_CONFLICT,
                message=f"{ACCESS[entry.field]} {name!r} has two sources in linked targets: "
                f"{entry.text!r} in {entry.subject.name!r}, {other.text!r} in "
                f"{other.subject.name!r}",
                location=location,
                help="bake builds linked targets together, and a step may get either: use "
                "different ids, or one source",
                related=(("the other source", other_location),)
                if other_location != location
                else (),
            )
        )


def sources(field: str, entry: str) -> frozenset[str]:
    """Return the sources that an entry of `secret` or `ssh` may have.

    A secret without a source is an environment variable or a file that is named like its id.

    >>> sorted(sources("secret", "id=token,env=TOKEN"))
    ['variable TOKEN']
    >>> sorted(sources("secret", "type=file,id=key,src=./key.pem"))
    ['file key.pem']
    >>> sorted(sources("secret", "id=TOKEN"))
    ['file TOKEN', 'variable TOKEN']
    >>> sorted(sources("ssh", "default=/run/agent.sock"))
    ['/run/agent.sock']
    """
    if field == "ssh":
        return frozenset({entry.partition("=")[2]})
    pairs = key_values(entry)
    file = pairs.get("source") or pairs.get("src") or ""
    variable = pairs.get("env") or (file if pairs.get("type") == "env" else "")
    if variable:
        return frozenset({f"variable {variable}"})
    if file:
        return frozenset({f"file {posixpath.normpath(file)}"})
    name = pairs.get("id", "")
    return frozenset({f"variable {name}", f"file {posixpath.normpath(name)}"})
