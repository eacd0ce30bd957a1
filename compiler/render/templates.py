"""Load the project's templates, and determine which names each of them reads."""

from collections import defaultdict

from jinja2 import meta, nodes

from compiler.codes import Code
from compiler.errors import Location, did_you_mean
from compiler.matrix.jinja import environment
from compiler.matrix.jinja_errors import find_name
from compiler.render.shapes import Shapes
from compiler.source.project_files import FileError, Files


FOLDER = "templates"
"""The folder of templates, next to matrix.yaml."""


class Templates:
    """The templates of a project; each is read when it is first used."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._texts: dict[str, str] = {}
        self.faults: dict[str, FileError] = {}
        """Name of a template -> why it cannot be used."""
        self.read: frozenset[str] | None = frozenset()
        """The names that the used templates read; None if that cannot be determined."""
        self.shapes: defaultdict[str, Shapes] = defaultdict(Shapes)
        """Template -> the shapes of its Dockerfiles."""
        self.env = environment(self._load, bake=False)

    def _load(self, name: str) -> str | None:
        if name in self._texts:
            return self._texts[name]
        if name.startswith(("/", "~")):
            message = f"invalid path {name!r}: not inside {FOLDER}/"
            help_ = f"write a path relative to {FOLDER}/"
            self.faults[name] = FileError(Code.OUTSIDE_PROJECT, message, help_)
            return None
        try:
            content = self._files.read(f"{FOLDER}/{name}")
            self._texts[name] = text = content.decode("utf-8-sig")
        except FileError as error:
            self.faults[name] = error
            return None
        except UnicodeDecodeError:
            shown = self._files.shown(f"{FOLDER}/{name}")
            self.faults[name] = FileError(
                Code.NOT_UTF_8, f"{shown} is not valid UTF-8", "save it as UTF-8"
            )
            return None
        if "\0" in text:
            shown = self._files.shown(f"{FOLDER}/{name}")
            message = f"{shown} is not a text file: it contains a NUL byte"
            self.faults[name] = FileError(Code.NOT_A_FILE, message, "use a text file")
            return None
        return text

    def locate(self, name: str, line: int, word: str = "") -> Location:
        """Return the location of a word in a line of a template; without it, that of the line."""
        lines = self._texts.get(name, "").splitlines()
        text = lines[line - 1] if 0 < line <= len(lines) else ""
        column = find_name(text, word)
        if column < 0:
            column, word = len(text) - len(text.lstrip()), text.strip()
        return Location(
            path=self._files.shown(f"{FOLDER}/{name}"),
            line=line,
            column=column + 1,
            length=max(len(word), 1),
            text=text,
        )

    def lines(self, name: str) -> list[str]:
        """Return the lines of a template that was read."""
        return self._texts.get(name, "").splitlines()

    def reads(self, name: str) -> tuple[tuple[str, ...], frozenset[str] | None, bool]:
        """Determine what a template reads, together with the templates that it includes.

        Returns:
            The names of these templates, the template itself first; the names that they read, or
            None if an include is only known when rendering; whether any may use inheritance.
        """
        files: dict[str, None] = {}
        names: frozenset[str] | None = frozenset()
        inherits = False
        pending = [name]
        while pending:
            file = pending.pop(0)
            text = None if file in files else self._load(file)
            if text is None:
                continue
            files[file] = None
            tree = self.env.parse(text, file, file)
            if names is not None:
                names |= meta.find_undeclared_variables(tree)
            inherits = inherits or bool(
                list(tree.find_all(nodes.Extends)) or list(tree.find_all(nodes.Block))
            )
            for other in meta.find_referenced_templates(tree):
                if other is None:
                    names, inherits = None, True
                else:
                    pending.append(other)
        return tuple(files), names, inherits

    def note(self, names: frozenset[str] | None) -> None:
        """Add the names that a used template reads to `read`."""
        self.read = None if self.read is None or names is None else self.read | names

    def near(self, name: str) -> str:
        """Return a suggestion for a missing template."""
        names = self._files.names(FOLDER)
        shown = self._files.shown(f"{FOLDER}/")
        listed = f"templates in {shown}: {', '.join(names[:5])}" if names else f"{shown} is empty"
        return did_you_mean(name, names, otherwise=listed)
