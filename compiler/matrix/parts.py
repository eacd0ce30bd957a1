"""Parts: files of `include`, whose names join those of matrix.yaml.

The axes, variables, data, images and groups of all files become one document, before it is
validated. The other keys of a part stay at `("include", N)`, where its images find them. Each value
keeps its location in its own file.
"""

from collections.abc import Mapping
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location, Problems
from compiler.matrix.level import kind
from compiler.source.document import LIMIT, Route, Source
from compiler.source.nodes import Node
from compiler.source.project_files import FileError, Files


SHARED: Mapping[str, str] = {
    "axes": "axis",
    "variables": "variable",
    "data": "data name",
    "images": "image",
    "groups": "group",
}
"""Sections in which all files share their names -> what a name of the section is."""

_OF_MATRIX = ("include", "lock", "output", "publish")
"""Keys that only matrix.yaml may contain."""


class Parts(NamedTuple):
    """A document with its parts."""

    source: Source
    owners: Mapping[Route, int]
    """Section and name -> the number of the part that declares it; none for matrix.yaml."""
    paths: tuple[str, ...]
    """The files of the parts, as paths in the project's folder."""
    errors: tuple[Diagnostic, ...] = ()
    """Names that are declared twice, and keys that a part must not contain; they are left out."""


def include_parts(source: Source, files: Files) -> Parts:
    """Return a document with the parts that its key `include` names.

    Args:
        source: matrix.yaml.
        files: the project's files.

    Raises:
        CompileError: an entry finds no file, or a part cannot be read.
    """
    entries = source.data.get("include")
    if not isinstance(entries, list):
        return Parts(source, {}, ())
    problems = Problems()
    paths: dict[str, None] = {}
    for n, entry in enumerate(entries):
        if not isinstance(entry, str):
            problems.add(_not_a_path(source, n, entry))
            continue
        try:
            paths |= dict.fromkeys(files.find(entry))
        except FileError as error:
            problems.add(error.at(source.locate(("include", n))))
    parts: dict[str, Source] = {}
    for path in paths:
        if files.shown(path) == source.path:
            continue
        try:
            parts[path] = Source.parse(files.read(path, limit=LIMIT), files.shown(path))
        except FileError as error:
            problems.add(error.at(Location(path=files.shown(path), line=0)))
        except CompileError as error:
            problems.extend(error.diagnostics)
    problems.refuse()
    merger = _Merger(source, problems)
    for n, part in enumerate(parts.values()):
        merger.add(n, part)
    return Parts(merger.source(), merger.owners, tuple(parts), problems.diagnostics())


def _not_a_path(source: Source, n: int, entry: object) -> Diagnostic:
    return Diagnostic(
        code=Code.WRONG_TYPE,
        message=f"a path is expected here, not {kind(entry)}",
        location=source.locate(("include", n)),
        help="write the path of a file or a glob, such as teams/*.yaml",
    )


class _Merger:
    """Joins the trees of a document and its parts."""

    def __init__(self, source: Source, problems: Problems) -> None:
        self._source, self._problems = source, problems
        root, _ = source.root
        self._root = root.emptied()
        self._pairs: dict[object, tuple[Node, Node]] = dict(root.children or {})  # type: ignore[arg-type]
        self._rest: list[Node] = []
        self.owners: dict[Route, int] = {}
        self._places: dict[Route, Location] = {}
        for section in SHARED:
            names = source.data.get(section)
            for name in names if isinstance(names, dict) else ():
                self._places[section, name] = source.locate((section, name), key=True)

    def add(self, n: int, part: Source) -> None:
        """Add the names of a part; the rest of it becomes an entry of `include`."""
        root, page = part.root
        rest = root.emptied()
        rest.page = page
        unique: dict[object, tuple[Node, Node]] = {}
        for key, (name, value) in root.children.items():  # type: ignore[union-attr]
            name.page, value.page = page, page
            if key in _OF_MATRIX:
                self._problems.add(
                    Diagnostic(
                        code=Code.MISPLACED_KEY,
                        message=f"a part cannot contain {key!r}",
                        location=part.locate((key,), key=True),
                        help="move it to matrix.yaml",
                    )
                )
            elif key in SHARED and isinstance(value.data, dict) and self._takes(key):
                self._join(n, key, (name, value), part)
            elif not (key in SHARED and value.data is None):
                unique[key] = (name, value)
        rest.children = unique
        rest.data = {key: value.data for key, (_, value) in unique.items()}
        self._rest.append(rest)

    def _takes(self, section: str) -> bool:
        """Return whether names can be added to a section of matrix.yaml."""
        return section not in self._pairs or isinstance(
            self._pairs[section][1].data, dict | type(None)
        )

    def _join(self, n: int, section: str, pair: tuple[Node, Node], part: Source) -> None:
        """Add the names of a section."""
        name, value = self._pairs.get(section, pair)
        if value is pair[1] or value.data is None:
            value = pair[1].emptied()
            value.children = {}
        joined = value.emptied()
        names = dict(value.children or {})  # type: ignore[arg-type]
        for key, (inner, item) in pair[1].children.items():  # type: ignore[union-attr]
            inner.page, item.page = inner.page or pair[1].page, item.page or pair[1].page
            place = part.locate((section, key), key=True)
            first = self._places.setdefault((section, key), place)
            if first is not place:
                self._problems.add(
                    Diagnostic(
                        code=Code.DUPLICATE_KEY,
                        message=f"{SHARED[section]} {key!r} is declared twice",
                        location=place,
                        help="all files share these names: rename one of them",
                        related=((f"the other {SHARED[section]}", first),),
                    )
                )
                continue
            self.owners[section, key] = n
            names[key] = (inner, item)
        joined.children = names
        joined.data = {key: item.data for key, (_, item) in names.items()}
        self._pairs[section] = (name, joined)

    def source(self) -> Source:
        """Return the joined document."""
        name, entries = self._pairs["include"]
        listed = entries.emptied()
        listed.children = self._rest
        listed.data = [rest.data for rest in self._rest]
        self._pairs["include"] = (name, listed)
        self._root.children = self._pairs
        self._root.data = {key: value.data for key, (_, value) in self._pairs.items()}
        return self._source.with_root(self._root)
