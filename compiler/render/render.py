"""Targets -> Dockerfiles, through the project's templates.

Takes targets and `Templates`; returns one `Dockerfile` each, in the same order.
Promises a first comment that says where it comes from, below any parser directive, and one
newline at the end. Refuses a template that is missing, broken or renders no `FROM`.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from jinja2 import TemplateNotFound, TemplateSyntaxError, meta, nodes

from compiler.constants import MARKER
from compiler.errors import Diagnostic, Location, Problems, did_you_mean
from compiler.matrix.jinja import environment, renderer
from compiler.matrix.jinja_errors import explain, find_name, place
from compiler.matrix.matrix import Matrix
from compiler.matrix.pattern import holds, rule
from compiler.source.project_files import FileError, Files
from compiler.targets.field_rendering import remembered
from compiler.targets.target import Target


FOLDER = "templates"
"""Where templates are looked up, beside matrix.yaml."""

_DIRECTIVES = re.compile(r"(?:#[ \t]*(?:syntax|escape|check)[ \t]*=[^\n]*\n)*", re.IGNORECASE)
_FROM = re.compile(r"^[ \t]*FROM[ \t]", re.IGNORECASE | re.MULTILINE)
_WHOLE_FROM = re.compile(
    r"[ \t]*FROM(?:[ \t]+--\S+)*[ \t]+[^\s#-]\S*(?:[ \t]+AS[ \t]+[^\s\\]+)?[ \t]*(?:\n|\Z)"
    r"|.*\\[ \t]*\n",
    re.IGNORECASE,
)
"""A `FROM` as it should be, or one that goes on in the next line."""


class Dockerfile(NamedTuple):
    """The build instructions of one target."""

    target: Target
    text: str


class _Template:
    """One template of a Dockerfile, compiled, with what it reads."""

    def __init__(self, name: str, templates: "Templates") -> None:
        compiled = templates.env.get_template(name)
        files, names, inherits = templates.reads(name)
        templates.note(names)
        sources = ", ".join(f"{FOLDER}/{file}" for file in files)
        self._header = f"# {MARKER} from matrix.yaml and {sources}; do not edit.\n"
        self._body = renderer(compiled, inherits=inherits)
        self.render = self._text if names is None else remembered(self._text, names)
        """Scope -> Dockerfile; rendered once for scopes alike in what it reads."""

    def _text(self, scope: Mapping[str, Any]) -> str:
        body = self._body(scope).strip("\n")
        first = _FROM.search(body)
        if first is None:
            raise NoBaseError
        line = body[first.start() : body.find("\n", first.start()) + 1 or None]
        if not _WHOLE_FROM.match(line):
            raise BadFromError(line.strip())
        end = match.end() if (match := _DIRECTIVES.match(body + "\n")) else 0
        return f"{body[:end]}{self._header}{body[end:]}\n"


class NoBaseError(ValueError):
    """A template rendered no `FROM`."""


class BadFromError(ValueError):
    """A template rendered a first `FROM` of too many or too few words."""


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
            self.faults[name] = FileError("outside-project", message, help_)
            return None
        try:
            content = self._files.read(f"{FOLDER}/{name}")
            self._texts[name] = text = content.decode("utf-8-sig")
        except FileError as error:
            self.faults[name] = error
            return None
        except UnicodeDecodeError:
            shown = self._files.shown(f"{FOLDER}/{name}")
            self.faults[name] = FileError("not-utf-8", f"{shown} is not UTF-8", "save it as UTF-8")
            return None
        if "\0" in text:
            shown = self._files.shown(f"{FOLDER}/{name}")
            message = f"{shown} holds a NUL: it is no text"
            self.faults[name] = FileError("not-a-file", message, "name a file of text")
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


def render(
    matrix: Matrix, targets: tuple[Target, ...], templates: Templates
) -> tuple[Dockerfile, ...]:
    """Render the Dockerfile of each target.

    Raises:
        CompileError: with every place of every template that failed.
    """
    problems = Problems()
    compiled: dict[str, _Template | Exception] = {}

    found = []
    for target in targets:
        name = target.template
        try:
            if name not in compiled:
                compiled[name] = _compiled(name, templates)
            template = compiled[name]
            if isinstance(template, Exception):
                problems.add(_diagnosed(template, target, matrix, templates), target.name)
                continue
            text = template.render(target.scope)
            found.append(Dockerfile(target=target, text=text))
        except Exception as error:  # noqa: BLE001 - whatever a template raises is the input's fault
            problems.add(_diagnosed(error, target, matrix, templates), target.name)
    problems.refuse()
    return tuple(found)


def _compiled(name: str, templates: Templates) -> _Template | Exception:
    """Return a template, or why there is none: the same for each target that names it."""
    try:
        return _Template(name, templates)
    except Exception as error:  # noqa: BLE001 - whatever a template raises is the input's fault
        return error


def template_place(target: Target, matrix: Matrix) -> Location:
    """Return where a target's template is named: in its image, or in an override."""
    image = matrix.images[target.image]
    for override in reversed(image.overrides):
        said = rule(override.when, image)
        if override.template is not None and said is not None and holds(said, target.values):
            return override.template.locate()
    return image.template.locate()


def _diagnosed(
    error: Exception, target: Target, matrix: Matrix, templates: Templates
) -> Diagnostic:
    """Say what failed, at its place in the template, or where matrix.yaml names the template."""
    named = template_place(target, matrix)
    if isinstance(error, NoBaseError):
        return Diagnostic(
            code="no-base",
            message=f"template {target.template!r} renders no FROM",
            location=named,
            help="a Dockerfile begins with `FROM image`",
        )
    if isinstance(error, BadFromError):
        return Diagnostic(
            code="bad-from",
            message=f"template {target.template!r} renders {str(error)[:80]!r}",
            location=named,
            help="FROM takes an image, and `AS name`; a line that ends in `%}` loses its newline",
        )
    where, line = place(error)
    if isinstance(error, TemplateNotFound) and not isinstance(error, TemplateSyntaxError):
        missing = str(error.name)
        location = named if where is None else templates.locate(where, line, missing)
        fault = templates.faults.get(missing)
        if fault is not None and fault.code != "missing-file":
            return fault.at(location)
        return Diagnostic(
            code="missing-template",
            message=f"there is no template {missing!r}",
            location=location,
            help=templates.near(missing),
        )
    code, message, help_, word = explain(
        error, [name for name, value in target.scope.items() if not callable(value)]
    )
    location = named if where is None else templates.locate(where, line, word)
    if code == "unprintable" and message.startswith("null"):
        nulls = [
            name
            for name, value in target.scope.items()
            if value is None and re.search(rf"\b{re.escape(name)}\b", location.text)
        ]
        if nulls:
            message = f"{nulls[0]!r} is null here and is printed"
            location = templates.locate(where or "", line, nulls[0])
    return Diagnostic(code=code, message=message, location=location, help=help_)
