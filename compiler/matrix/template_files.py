"""Load the files in templates/: templates of Dockerfiles, and what strings and templates import."""

import posixpath

from jinja2 import Environment, TemplateNotFound, meta, nodes

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, did_you_mean
from compiler.source.project_files import FileError, Files


FOLDER = "templates"
"""The folder of templates, next to matrix.yaml."""


EXISTING = "\0"
"""Begins the name of an existing Dockerfile instead of a template; its path follows."""


def _leads_out(name: str) -> bool:
    """Return whether a name leads out of the folder of templates.

    >>> [_leads_out(name) for name in ("/a.j2", "../a.j2", "b/../../a.j2", "b/../a.j2", "..a")]
    [True, True, True, False, False]
    """
    return name.startswith(("/", "~")) or posixpath.normpath(name).partition("/")[0] == ".."


class TemplateFiles:
    """The files in the project's folder of templates; each is read when it is first used."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._texts: dict[str, str] = {}
        self._split: dict[str, list[str]] = {}
        self.faults: dict[str, FileError] = {}
        """Name of a template -> why it cannot be used."""

    def path(self, name: str) -> str:
        """Return the path of a template, or of an existing Dockerfile, in the project's folder."""
        return name[len(EXISTING) :] if name.startswith(EXISTING) else f"{FOLDER}/{name}"

    def existing(self, name: str) -> str:
        """Return the text of an existing Dockerfile.

        Raises:
            FileError: it cannot be used.
        """
        text = self.load(name)
        if text is None:
            raise self.faults[name]
        return text

    def load(self, name: str) -> str | None:
        """Return the text of a template; None if it cannot be used, with the reason in `faults`."""
        if name in self._texts:
            return self._texts[name]
        if not name.startswith(EXISTING) and _leads_out(name):
            message = f"invalid path {name!r}: not inside {FOLDER}/"
            help_ = f"write a path relative to {FOLDER}/"
            self.faults[name] = FileError(Code.OUTSIDE_PROJECT, message, help_)
            return None
        try:
            content = self._files.read(self.path(name))
            self._texts[name] = text = content.decode("utf-8-sig")
        except FileError as error:
            self.faults[name] = error
            return None
        except UnicodeDecodeError:
            shown = self._files.shown(self.path(name))
            self.faults[name] = FileError(
                Code.NOT_UTF_8, f"{shown} is not valid UTF-8", "save it as UTF-8"
            )
            return None
        if "\0" in text:
            shown = self._files.shown(self.path(name))
            message = f"{shown} is not a text file: it contains a NUL byte"
            self.faults[name] = FileError(Code.NOT_A_FILE, message, "use a text file")
            return None
        return text

    def locate(self, name: str, line: int, word: str = "") -> Location:
        """Return the location of a word in a line of a template; without it, that of the line."""
        from compiler.matrix.jinja_errors import locate_word

        return locate_word(self._files.shown(self.path(name)), self.lines(name), line, word)

    def loaded(self) -> tuple[str, ...]:
        """Return the names of the templates that were read."""
        return tuple(name for name in self._texts if not name.startswith(EXISTING))

    def lines(self, name: str) -> list[str]:
        """Return the lines of a template that was read."""
        if name not in self._split and name in self._texts:
            self._split[name] = self._texts[name].splitlines()
        return self._split.get(name, [])

    def near(self, name: str) -> str:
        """Return a suggestion for a missing template."""
        files = self._files.names(FOLDER)
        names = [file for file in files if not posixpath.basename(file).startswith(".")]
        shown = self._files.shown(f"{FOLDER}/")
        if names:
            listed = f"templates in {shown}: {', '.join(names[:5])}"
            return did_you_mean(name, names, otherwise=listed)
        state = "does not exist" if self._files.absent(FOLDER) else "contains no template"
        path = posixpath.normpath(self._files.shown(self.path(name)))
        return f"{shown} {state}: write the template to {path}"

    def missing(self, error: TemplateNotFound, location: Location) -> Diagnostic:
        """Return the error that a template, which is named at a location, cannot be used."""
        name = str(error.name)
        fault = self.faults.get(name)
        if fault is not None and fault.code is not Code.MISSING_FILE:
            return fault.at(location)
        return Diagnostic(
            code=Code.MISSING_TEMPLATE,
            message=f"missing template {name!r}",
            location=location,
            help=self.near(name),
        )

    def references(
        self, tree: nodes.Template, env: Environment
    ) -> tuple[tuple[str, ...], frozenset[str] | None, bool]:
        """Determine what a template reads, together with all that it includes or imports.

        Args:
            tree: the template.
            env: the environment with which it is parsed.

        Returns:
            The names of the other templates; the names that all of them read, or None if an
            include is only known when rendering; whether any may use inheritance.
        """
        files: dict[str, None] = {}
        names: frozenset[str] | None = frozenset()
        inherits = False
        pending = [tree]
        while pending:
            parsed = pending.pop(0)
            if names is not None:
                names |= meta.find_undeclared_variables(parsed)
            inherits = inherits or bool(
                list(parsed.find_all(nodes.Extends)) or list(parsed.find_all(nodes.Block))
            )
            for other in meta.find_referenced_templates(parsed):
                if other is None:
                    names, inherits = None, True
                    continue
                text = None if other in files else self.load(other)
                if text is not None:
                    files[other] = None
                    pending.append(env.parse(text, other, other))
        return tuple(files), names, inherits
