"""Tags and cache references: legal, and each for one target alone."""

from collections.abc import Iterable, Mapping

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Problems
from compiler.external.references import canonical_tag
from compiler.matrix.strings import BakeString, substitute
from compiler.targets.field_locations import TargetUnderCheck


_TAGS = (
    "[REGISTRY/]name[:tag]: a lower-case name, a tag of at most 128 letters, digits, `_`, `.`, `-`"
)


class Tags:
    """Checks what targets are pushed to, each against all before it."""

    def __init__(self, variables: Mapping[str, str], problems: Problems) -> None:
        """Take the values of the bake variables, and where faults go."""
        self._values, self._problems = variables, problems
        self._owners: dict[str, tuple[TargetUnderCheck, str, BakeString]] = {}
        self._caches: dict[str, tuple[TargetUnderCheck, str]] = {}
        self._told: dict[tuple[object, ...], str] = {}

    def check(self, subject: TargetUnderCheck, tags: Mapping[str, Iterable[BakeString]]) -> None:
        """Check the tags of a target: field -> what it gives."""
        for field, given in tags.items():
            for tag in given:
                full = canonical_tag(substitute(tag, self._values))
                if full is None:
                    self._illegal(subject, subject.entry(field, tag), f"{str(tag)!r}", _TAGS)
                    continue
                owner = self._owners.get(full)
                if owner is None:
                    self._owners[full] = (subject, field, tag)
                elif owner[0].name != subject.name or (owner[1] == "tags") != (field == "tags"):
                    self._taken(subject, field, tag, owner)

    def _illegal(self, subject: TargetUnderCheck, place: Location, tag: str, help_: str) -> None:
        message = self._told.setdefault((Code.ILLEGAL_TAG, place), f"{tag} is no legal tag")
        self._problems.add(
            Diagnostic(code=Code.ILLEGAL_TAG, message=message, location=place, help=help_),
            subject.name,
        )

    def _taken(
        self,
        subject: TargetUnderCheck,
        field: str,
        tag: BakeString,
        owner: tuple[TargetUnderCheck, str, BakeString],
    ) -> None:
        place, other = subject.entry(field, tag), owner[0].entry(*owner[1:])
        if not self._is_new(Code.DUPLICATE_TAG, place, other):
            return
        same = owner[0].name == subject.name
        # Told as they stand if they stand alike, else as the defaults of their variables make them.
        shown = str(tag) if tag == owner[2] else substitute(tag, self._values)
        self._problems.add(
            Diagnostic(
                code=Code.DUPLICATE_TAG,
                message=f"{str(tag)!r} of {subject.name!r} both moves and names one build for ever"
                if same
                else f"targets {owner[0].name!r} and {subject.name!r} are both tagged {shown!r}",
                location=place,
                help="put the version into `tags`, and leave it out of what moves"
                if same
                else "tell them apart, for instance by {{ variant }}",
                related=(("the other one", other),) if other != place else (),
            )
        )

    def cache(
        self, subject: TargetUnderCheck, field: str, ref: str, *, short: bool = False
    ) -> None:
        """Check where a target writes its cache; `short` is the form that takes a `ref` alone."""
        plain = substitute(ref, self._values)
        full = canonical_tag(plain)
        if short and full is None:
            self._illegal(subject, subject.place(field, "ref"), repr(ref), _TAGS)
            return
        first = self._caches.setdefault(full or plain, (subject, field))
        if first[0].name == subject.name:
            return
        place, other = subject.place(field), first[0].place(first[1])
        if self._is_new(Code.DUPLICATE_CACHE, place, other):
            self._problems.add(
                Diagnostic(
                    code=Code.DUPLICATE_CACHE,
                    message=f"targets {first[0].name!r} and {subject.name!r} both write the "
                    f"cache {ref!r}",
                    location=place,
                    help="the last to write it wins: tell them apart, for instance by {{ target }}",
                    related=(("the other one", other),) if other != place else (),
                )
            )

    def _is_new(self, *fault: object) -> bool:
        """Tell whether a fault is met for the first time, however many targets show it."""
        if fault in self._told:
            return False
        self._told[fault] = ""
        return True
