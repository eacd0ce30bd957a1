"""What bake takes in silence and we do not, target by target: names, tags, platforms, contexts."""

from collections.abc import Iterable, Mapping

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Problems
from compiler.matrix.matrix import Matrix
from compiler.matrix.names import MAX_FILE_NAME
from compiler.matrix.strings import BakeString, substitute
from compiler.source.project_files import FileError, Files
from compiler.targets.expand import Variant
from compiler.targets.field_locations import TargetUnderCheck
from compiler.targets.field_rendering import Rendered
from compiler.targets.field_syntax import Shapes, cells
from compiler.targets.links import linked_target
from compiler.targets.parents import described
from compiler.targets.platforms import Platforms
from compiler.targets.tag_checks import Tags


class Checks:
    """Checks targets one by one, and each against those before it."""

    def __init__(self, matrix: Matrix, files: Files, problems: Problems) -> None:
        self._matrix, self._files, self._problems = matrix, files, problems
        self._values = {
            name: variable.resolved or name.lower() for name, variable in matrix.variables.items()
        }
        self._platforms = Platforms(self._values, problems)
        self._tags = Tags(self._values, problems)
        self._shapes = Shapes(self._values, problems)
        self._names: dict[str, tuple[str, Variant]] = {}
        self._contexts: set[tuple[str, str]] = set()
        self._met: dict[tuple[str, int, int], object] = {}
        self._told: set[tuple[object, ...]] = set()

    def target(
        self,
        subject: TargetUnderCheck,
        fields: dict[str, Rendered],
        tags: Mapping[str, Iterable[BakeString]],
        cache: Mapping[BakeString, BakeString] | None,
    ) -> None:
        """Check one target, and narrow its platforms to what its values allow."""
        self._name(subject.name, subject.variant)
        self._tags.check(subject, tags)
        if cache is not None:
            self._tags.cache(subject, "cache", cache[BakeString("ref")], short=True)
        for entry in fields.get("cache-to", ()):  # type: ignore[union-attr]
            ref = _registry(entry)
            if ref is not None:
                self._tags.cache(subject, "cache-to", ref)
        self._platforms.narrow(subject, fields)
        self._shapes.check(subject, fields)
        self._context(subject, fields)

    def _name(self, name: str, variant: Variant) -> None:
        image = variant.image
        # Files of names that differ in case only are one file on macOS.
        first = self._names.setdefault(name.lower(), (name, variant))
        if first[1] is not variant:
            other = first[1]
            here, there = self._apart(variant, other)
            if self._is_new(Code.NAME_COLLISION, here, there):
                self._problems.add(
                    Diagnostic(
                        code=Code.NAME_COLLISION,
                        message=f"{described(*other)} and {described(*variant)} would both be "
                        f"target {name!r}"
                        if first[0] == name
                        else f"targets {first[0]!r} and {name!r} differ in case only",
                        location=here,
                        help="give one of their values another `tag`",
                        related=(("the other one", there),),
                    )
                )
        if len(f"{name}.Dockerfile") > MAX_FILE_NAME:
            place = self._matrix.source.locate(image.route, key=True)
            if self._is_new(Code.NAME_TOO_LONG, place):
                self._problems.add(
                    Diagnostic(
                        code=Code.NAME_TOO_LONG,
                        message=f"the file name of target '{name[:40]}...' is over "
                        f"{MAX_FILE_NAME} bytes",
                        location=place,
                        help="give its values shorter `tag`s",
                    )
                )

    def _apart(self, variant: Variant, other: Variant) -> tuple[Location, Location]:
        """Return what tells two variants apart: a value of each, or their images."""
        locate = self._matrix.source.locate
        if variant.image is other.image:
            for mine, its in zip(variant.values, other.values, strict=True):
                if mine is not its:
                    return locate(mine.route, key=True), locate(its.route, key=True)
        return locate(variant.image.route, key=True), locate(other.image.route, key=True)

    def _is_new(self, *fault: object) -> bool:
        """Tell whether a fault is met for the first time, however many variants show it."""
        if fault in self._told:
            return False
        self._told.add(fault)
        return True

    def _context(self, subject: TargetUnderCheck, fields: Mapping[str, Rendered]) -> None:
        image = subject.variant.image
        # Fields that no variant decides are the same objects for all variants.
        met = (image.name, id(fields.get("context")), id(fields.get("contexts")))
        if met in self._met:
            return
        self._met[met] = fields
        paths = {"": fields.get("context", BakeString("."))}
        paths.update(fields.get("contexts", {}))  # type: ignore[arg-type]
        for key, path in paths.items():
            asked = (image.name, f"{key}={path}")
            if asked in self._contexts:
                continue
            self._contexts.add(asked)
            plain = substitute(str(path), self._values)
            if "://" in plain or plain.startswith("git@") or linked_target(plain) is not None:
                continue
            try:
                self._files.require_folder(plain)
            except FileError as error:
                at = ("contexts", str(key)) if key else ("context",)
                self._problems.add(error.at(subject.place(*at)), subject.name)


def _registry(entry: str) -> str | None:
    """Return the reference that an entry of `cache-to` writes, if it writes to a registry.

    >>> _registry("type=registry,ref=acme/cache:a,mode=max")
    'acme/cache:a'
    """
    found = cells(entry)
    pairs = dict(cell.partition("=")[::2] for cell in found)
    if pairs.get("type") == "registry":
        return pairs.get("ref")
    return entry if len(found) == 1 and "=" not in entry else None
