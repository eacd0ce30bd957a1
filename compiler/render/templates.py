"""Load the project's templates, and determine which names each of them reads."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from compiler.errors import Problems
from compiler.matrix.jinja import environment
from compiler.matrix.jinja_versions import VERSION_FILTER
from compiler.matrix.template_files import EXISTING, TemplateFiles
from compiler.render.shapes import Shapes
from compiler.source.project_files import Files


if TYPE_CHECKING:
    from compiler.render.line_origins import LineOrigins


class Templates(TemplateFiles):
    """The templates of a project; each is read when it is first used."""

    def __init__(self, files: Files) -> None:
        super().__init__(files)
        self.read: frozenset[str] | None = frozenset()
        """The names that the used templates read; None if that cannot be determined."""
        self._reads: dict[str, tuple[tuple[str, ...], frozenset[str] | None, bool]] = {}
        self.shapes: defaultdict[str, Shapes] = defaultdict(Shapes)
        """Template -> the shapes of its Dockerfiles."""
        self._origins: dict[str, LineOrigins] = {}
        self.env = environment(self.load, bake=False)
        self.warnings = Problems()
        """Warnings of rendering them."""

    def reads(self, name: str) -> tuple[tuple[str, ...], frozenset[str] | None, bool]:
        """Determine what a template reads, together with the templates that it includes.

        Returns:
            The names of these templates, the template itself first; the names that they read, or
            None if an include is only known when rendering; whether any may use inheritance.
        """
        if name not in self._reads:
            self._reads[name] = self._read(name)
        return self._reads[name]

    def _read(self, name: str) -> tuple[tuple[str, ...], frozenset[str] | None, bool]:
        if name.startswith(EXISTING):
            return (name,), frozenset(), False
        text = self.load(name)
        if text is None:
            return (), frozenset(), False
        others, names, inherits = self.references(self.env.parse(text, name, name), self.env)
        return tuple(dict.fromkeys((name, *others))), names, inherits

    def origins(self, name: str) -> "LineOrigins":
        """Return the lines of a template, to find which of them rendered a text."""
        from compiler.render.line_origins import LineOrigins

        if name not in self._origins:
            files = self.reads(name)[0]
            self._origins[name] = LineOrigins((file, self.lines(file)) for file in files)
        return self._origins[name]

    def warn_of_dropped(self, files: Sequence[str]) -> None:
        """Add a warning about items that filters of versions dropped during a rendering.

        Args:
            files: the template that was rendered, then all that it includes.
        """
        named = (
            (file, number, match[1])
            for file in files
            for number, line in enumerate(self.lines(file), 1)
            if (match := VERSION_FILTER.search(line))
        )
        file, line, word = next(named, (files[0], 1, ""))
        location = self.locate(file, line, word)
        self.warnings.extend(self.env.versions.warnings(location))

    def note(self, names: frozenset[str] | None) -> None:
        """Add the names that a used template reads to `read`."""
        self.read = None if self.read is None or names is None else self.read | names
