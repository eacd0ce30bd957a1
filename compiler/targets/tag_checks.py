"""Check that tags and cache references are valid, and that no two targets share a tag."""

from collections.abc import Iterable, Mapping

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Problems
from compiler.external.references import canonical_tag
from compiler.matrix.strings import BakeString, substitute
from compiler.targets.field_locations import TargetUnderCheck


_TAGS = (
    "write [REGISTRY/]name[:tag]: the name in lower case, "
    "the tag of at most 128 letters, digits, `_`, `.`, `-`"
)


class Tags:
    """Checks the tags of each target, also against those of earlier targets."""

    def __init__(self, variables: Mapping[str, str], problems: Problems) -> None:
        """Take the values of the bake variables, and the collector of errors."""
        self._values, self._problems = variables, problems
        self._owners: dict[str, tuple[TargetUnderCheck, str, BakeString]] = {}
        self._reported: dict[tuple[object, ...], str] = {}

    def check(self, subject: TargetUnderCheck, tags: Mapping[str, Iterable[BakeString]]) -> None:
        """Check the tags of a target, by the field that they come from."""
        for field, texts in tags.items():
            for tag in texts:
                full = canonical_tag(substitute(tag, self._values))
                if full is None:
                    self._invalid(subject, subject.entry(field, tag), f"{str(tag)!r}", _TAGS)
                    continue
                owner = self._owners.get(full)
                if owner is None:
                    self._owners[full] = (subject, field, tag)
                elif owner[0].name != subject.name or (owner[1] == "tags") != (field == "tags"):
                    self._duplicate(subject, field, tag, owner)

    def _invalid(self, subject: TargetUnderCheck, location: Location, tag: str, help_: str) -> None:
        message = self._reported.setdefault((Code.ILLEGAL_TAG, location), f"invalid tag {tag}")
        self._problems.add(
            Diagnostic(code=Code.ILLEGAL_TAG, message=message, location=location, help=help_),
            subject.name,
        )

    def _duplicate(
        self,
        subject: TargetUnderCheck,
        field: str,
        tag: BakeString,
        owner: tuple[TargetUnderCheck, str, BakeString],
    ) -> None:
        location, other = subject.entry(field, tag), owner[0].entry(*owner[1:])
        if not self._is_new(Code.DUPLICATE_TAG, location, other):
            return
        same = owner[0].name == subject.name
        # Equal texts are shown as written; others with the defaults of their variables.
        shown = str(tag) if tag == owner[2] else substitute(tag, self._values)
        self._problems.add(
            Diagnostic(
                code=Code.DUPLICATE_TAG,
                message=f"tag {str(tag)!r} of target {subject.name!r} is both a version tag "
                "and a floating tag"
                if same
                else f"duplicate tag {shown!r}: "
                f"targets {owner[0].name!r} and {subject.name!r} both have it",
                location=location,
                help="put the version into `tags`, and remove it from `moving` and `aliases`"
                if same
                else "distinguish them, for instance with {{ variant }}",
                related=(("the other target", other),) if other != location else (),
            )
        )

    def cache(self, subject: TargetUnderCheck, ref: str) -> None:
        """Check the `ref` of a target's `cache`."""
        if canonical_tag(substitute(ref, self._values)) is None:
            self._invalid(subject, subject.locate("cache", "ref"), repr(ref), _TAGS)

    def _is_new(self, *error: object) -> bool:
        """Return whether an error is reported for the first time; many targets may have it."""
        if error in self._reported:
            return False
        self._reported[error] = ""
        return True
