"""Check each target for mistakes that bake accepts silently: names, tags, fields, contexts.

A check adds to the problems and changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from compiler.codes import Code
from compiler.errors import Diagnostic, Problems
from compiler.external.addresses import is_folder
from compiler.matrix.bake_strings import BakeString, substitute
from compiler.matrix.matrix import Matrix
from compiler.matrix.names import MAX_FILE_NAME
from compiler.source.project_files import FileError, Files
from compiler.targets.access_checks import AccessChecks
from compiler.targets.cache_checks import Caches
from compiler.targets.expand import Variant
from compiler.targets.field_locations import TargetUnderCheck, apart
from compiler.targets.field_rendering import Rendered
from compiler.targets.field_syntax import Shapes
from compiler.targets.image_test_checks import ImageTestChecks
from compiler.targets.image_tests import ImageTest
from compiler.targets.parents import described
from compiler.targets.tag_checks import Tags
from compiler.targets.target import Target
from compiler.targets.target_tags import TargetTags


_ContextError: TypeAlias = tuple[tuple[str, ...], FileError]
"""Where a context is written, and what is wrong with its folder."""


class Checks:
    """Checks targets one by one, and each against those before it."""

    def __init__(
        self, matrix: Matrix, files: Files, values: Mapping[str, str], problems: Problems
    ) -> None:
        """Take the matrix and what is needed to check its targets.

        Args:
            matrix: the matrix.
            files: the project's files, among which contexts must exist.
            values: a value of each bake variable.
            problems: the collector of errors.
        """
        self._matrix, self._files, self._problems = matrix, files, problems
        self._values = values
        self._tags = Tags(values, problems)
        self._caches = Caches(values, problems)
        self._access = AccessChecks(values, problems)
        self._shapes = Shapes(values, problems)
        self._tests = ImageTestChecks(values, problems)
        self._names: dict[str, tuple[str, Variant]] = {}
        self._folders: dict[BakeString, FileError | None] = {}
        """Context -> what is wrong with its folder."""
        self._checked: dict[tuple[str, int, int], tuple[object, list[_ContextError]]] = {}
        """Contexts of targets, kept alive so that no other object gets their identity; errors."""
        self._reported: set[tuple[object, ...]] = set()

    def target(
        self,
        subject: TargetUnderCheck,
        fields: Mapping[str, Rendered],
        tags: TargetTags,
        cache: Mapping[BakeString, BakeString] | None,
        tests: tuple[ImageTest, ...],
    ) -> None:
        """Check one target.

        Args:
            subject: the target.
            fields: its fields, as bake reads them.
            tags: all its tags.
            cache: its `cache`, if it has one.
            tests: its tests.
        """
        self._name(subject.name, subject.variant)
        self._tags.check(subject, tags, fields.get("platforms", ()))  # type: ignore[arg-type]
        if cache is not None:
            self._tags.cache(subject, cache[BakeString("ref")])
            self._caches.check(subject, "cache", cache[BakeString("ref")])
        written: Any = fields.get("cache-to", ())
        for entry in written:
            self._caches.check(subject, "cache-to", entry)
        self._access.note(subject, fields)
        self._shapes.check(subject, fields)
        self._tests.check(subject, tests)
        self._context(subject, fields)

    def linked(self, targets: Sequence[Target]) -> None:
        """Check what targets with links have in common; each of them was checked by itself."""
        self._access.check(targets)

    def _name(self, name: str, variant: Variant) -> None:
        image = variant.image
        # Names that differ only in case are one file on macOS.
        first = self._names.setdefault(name.lower(), (name, variant))
        if first[1] is not variant:
            other = first[1]
            here, other_location = apart(self._matrix, variant, other)
            if self._is_new(Code.NAME_COLLISION, here, other_location):
                self._problems.add(
                    Diagnostic(
                        code=Code.NAME_COLLISION,
                        message=f"{described(*other)} and {described(*variant)} would both be "
                        f"target {name!r}"
                        if first[0] == name
                        else f"targets {first[0]!r} and {name!r} differ only in case",
                        location=here,
                        help="set a different `tag` for one of their values"
                        if image is other.image
                        else "rename one of the images",
                        related=(("the other target", other_location),),
                    )
                )
        if len(f"{name}.Dockerfile") > MAX_FILE_NAME:
            location = self._matrix.source.locate(image.route, key=True)
            if self._is_new(Code.NAME_TOO_LONG, location):
                self._problems.add(
                    Diagnostic(
                        code=Code.NAME_TOO_LONG,
                        message=f"the file name of target '{name[:40]}...' is longer than "
                        f"{MAX_FILE_NAME} bytes",
                        location=location,
                        help="set shorter `tag`s for its values",
                    )
                )

    def _is_new(self, *error: object) -> bool:
        """Return whether an error is reported for the first time; many variants may have it."""
        if error in self._reported:
            return False
        self._reported.add(error)
        return True

    def _context(self, subject: TargetUnderCheck, fields: Mapping[str, Rendered]) -> None:
        image = subject.variant.image
        # Fields that do not depend on the variant are the same objects for all variants.
        identity = (image.name, id(fields.get("context")), id(fields.get("contexts")))
        if identity not in self._checked:
            self._checked[identity] = fields, [*self._context_errors(fields)]
        for at, error in self._checked[identity][1]:
            self._problems.add(error.at(subject.locate(*at)), subject.name)

    def _context_errors(self, fields: Mapping[str, Rendered]) -> Iterator[_ContextError]:
        """Yield what is wrong with the folders of the contexts of a target."""
        paths: dict[str, Any] = {"": fields.get("context", BakeString("."))}
        paths.update(fields.get("contexts", {}))  # type: ignore[arg-type]
        for key, path in paths.items():
            if path not in self._folders:
                self._folders[path] = self._folder_error(path)
            error = self._folders[path]
            if error is not None:
                yield ("contexts", str(key)) if key else ("context",), error

    def _folder_error(self, path: BakeString) -> FileError | None:
        plain = substitute(path, self._values)
        if plain and is_folder(plain):  # For bake, an empty one is the default, or none.
            try:
                self._files.require_folder(plain)
            except FileError as error:
                return error
        return None
