"""The project's templates: loaded when first asked for, with the names that each reads."""

from jinja2 import meta, nodes

from compiler.codes import Code
from compiler.errors import Location, did_you_mean
from compiler.matrix.jinja import environment
from compiler.matrix.jinja_errors import find_name
from compiler.source.project_files import FileError, Files


FOLDER = "templates"
"""Where templates are looked up, beside matrix.yaml."""


class Templates:
    """The templates of a project, read when they are first asked for."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._texts: dict[str, str] = {}
        self.faults: dict[str, FileError] = {}
        """Name -> why that template cannot be used."""
        self.read: frozenset[str] | None = frozenset()
        """Names that the templates used so far read; None where that is not known."""
        self.env = environment(self._load, bake=False)

    def _load(self, name: str) -> str | None:
        if name in self._texts:
            return self._texts[name]
        if name.startswith(("/", "~")):
            message = f"{name!r} is no path below {FOLDER}/"
            help_ = f"write it relative to {FOLDER}/"
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
                Code.NOT_UTF_8, f"{shown} is not UTF-8", "save it as UTF-8"
            )
            return None
        if "\0" in text:
            shown = self._files.shown(f"{FOLDER}/{name}")
            message = f"{shown} holds a NUL: it is no text"
            self.faults[name] = FileError(Code.NOT_A_FILE, message, "name a file of text")
            return None
        return text

    def locate(self, name: str, line: int, word: str = "") -> Location:
        """Return a line of a template, or the first place of a word in it."""
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
        """Return the templates that one leads to, itself first, and the names that these read.

        The names are None where an include's own name is only known when it is rendered. Last,
        whether there may be blocks among them, or a template that extends another.
        """
        found: dict[str, None] = {}
        names: frozenset[str] | None = frozenset()
        inherits = False
        left = [name]
        while left:
            one = left.pop(0)
            text = None if one in found else self._load(one)
            if text is None:
                continue
            found[one] = None
            tree = self.env.parse(text, one, one)
            if names is not None:
                names |= meta.find_undeclared_variables(tree)
            inherits = inherits or bool(
                list(tree.find_all(nodes.Extends)) or list(tree.find_all(nodes.Block))
            )
            for other in meta.find_referenced_templates(tree):
                if other is None:
                    names, inherits = None, True
                else:
                    left.append(other)
        return tuple(found), names, inherits

    def note(self, names: frozenset[str] | None) -> None:
        """Remember what a template that is used reads."""
        self.read = None if self.read is None or names is None else self.read | names

    def near(self, name: str) -> str:
        """Return help for a template that is not there."""
        names = self._files.names(FOLDER)
        shown = self._files.shown(f"{FOLDER}/")
        listed = f"{shown} holds {', '.join(names[:5])}" if names else f"{shown} holds no template"
        return did_you_mean(name, names, otherwise=listed)
