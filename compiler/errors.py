"""What can be wrong, where, and what to do about it."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from compiler.codes import Code


class Severity(StrEnum):
    """How much a diagnostic weighs."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A span of characters in a file, or a whole file."""

    path: str
    """The file, relative to the current folder, with `/`."""
    line: int
    """The line number, from 1; 0 refers to the whole file."""
    column: int = 1
    """The first column, in characters, from 1."""
    length: int = 1
    """The length of the span in characters, at least 1."""
    text: str = ""
    """The source line, without its line ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """A command-line argument, an option or an environment variable.

    It is not a file: no output format shows it as a path.
    """

    name: str
    """The name from the help text or the environment: `FILTER`, `--since`, `ONLY_PYTHON`."""
    text: str = ""
    """What the user passed; empty if the argument is missing or its text does not matter."""
    start: int = 0
    """The offset of the first wrong character in `text`."""
    length: int = 0
    """The number of wrong characters; 0 refers to everything from `start` to the end."""

    @classmethod
    def within(cls, name: str, text: str, part: str) -> "Argument":
        """Return the argument with the first occurrence of `part` as its span.

        >>> Argument.within("FILTER", "pyhton=3.9", "3.9").start
        7
        """
        return cls(name=name, text=text, start=max(text.find(part), 0), length=len(part))


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository in a registry, or a registry's host; it is not a file either."""

    name: str
    """The name as the user writes it: `acme/server`, `localhost:5000/acme/server`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One error or warning: the violated rule, what is wrong, where, and the remedy."""

    code: Code
    """The rule, as documented in docs/codes.md."""
    message: str
    """One sentence without a full stop; quotes names as the user wrote them."""
    location: Location | Argument | Repository
    help: str = ""
    """What to do about it, as an imperative or a question; may be empty."""
    severity: Severity = Severity.ERROR
    related: tuple[tuple[str, Location], ...] = ()
    """Other relevant locations, each with a note such as "first given here"."""
    cause: str = ""
    """A reason outside the input, such as "permission denied".

    Text output shows diagnostics with the same code and cause once, with a count.
    """

    @property
    def file_location(self) -> Location:
        """Return the location of a diagnostic that is known to be located in a file."""
        if not isinstance(self.location, Location):
            raise TypeError(f"{self.code} is not located in a file")
        return self.location


class DiagnosticError(Exception):
    """A failure that is explained by diagnostics; the base of all errors shown to users.

    The command line prints them in the format that the user selected, and exits with code 1.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic], *, outcome: str = "") -> None:
        """Take the diagnostics in the order in which they are printed.

        Args:
            diagnostics: at least one.
            outcome: what was or was not done, printed after the number of errors: "no tag was
                created".
        """
        self.diagnostics, self.outcome = tuple(diagnostics), outcome
        super().__init__("; ".join(d.message for d in self.diagnostics))


class CompileError(DiagnosticError):
    """The input is invalid: carries all diagnostics that were found."""


@contextmanager
def on_error(outcome: str) -> Iterator[None]:
    """State in every error raised within what was not done because of it."""
    try:
        yield
    except DiagnosticError as error:
        error.outcome = error.outcome or outcome
        raise


_MAX_COMPARISONS = 20_000
"""Comparisons of names that one run spends on hints: about a second."""
_MAX_WORD = 200
"""Longer words get no hint: comparing them takes too long."""
_MAX_LISTED = 20
"""Names that a help text lists."""


class _Spent:
    """The comparisons that hints have taken in this run."""

    comparisons = 0


def allow_hints() -> None:
    """Begin a run, which can spend time on near-miss hints again."""
    _Spent.comparisons = 0


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that a misspelt one most likely means, if any is near.

    Returns None for all words once a run has compared very many: a file with thousands of mistakes
    would otherwise take hours.
    """
    if _Spent.comparisons > _MAX_COMPARISONS or len(word) > _MAX_WORD:
        return None
    names = [name for name in dict.fromkeys(known) if len(name) <= _MAX_WORD]
    if not names:
        return None
    from difflib import get_close_matches

    _Spent.comparisons += len(names) * (1 + len(word) // 20)
    # 3.1 is most often a 3.10 that lost its zero in another tool.
    close = [f"{word}0"] if f"{word}0" in names else get_close_matches(word, names, n=1)
    if not close:
        close = [name for name in names if name.lower() == word.lower()]
    return close[0] if close else None


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Return help for a misspelt word: its nearest known one, else the fallback."""
    return suggest(nearest(word, known), otherwise=otherwise)


def suggest(meant: str | None, *, otherwise: str = "") -> str:
    """Return help for a misspelt word, of which `nearest` is known; without it, the fallback."""
    return otherwise if meant is None else f"did you mean {meant!r}?"


def listed(names: Collection[str]) -> str:
    """Return names for a help text, the first of them if there are many.

    >>> listed([str(n) for n in range(1000)])[-23:]
    '17, 18, 19 and 980 more'
    """
    shown = ", ".join(islice(names, _MAX_LISTED))
    more = len(names) - _MAX_LISTED
    return f"{shown} and {more:,} more" if more > 0 else shown


class Problems:
    """Collects diagnostics, each once, however many variants meet it."""

    def __init__(self, files: Iterable[str] = ()) -> None:
        """Take the files whose diagnostics come first, in this order."""
        self._files = tuple(files)
        self._noted: dict[tuple[str, str, object], tuple[Diagnostic, list[str]]] = {}
        self._targets: set[str] = set()

    def add(self, diagnostic: Diagnostic, variant: str | None = None) -> None:
        """Note a diagnostic, and the target in which it was met if it depends on one."""
        key = (diagnostic.code, diagnostic.message, diagnostic.location)
        _, variants = self._noted.setdefault(key, (diagnostic, []))
        if variant is not None:
            variants.append(variant)
            self._targets.add(variant)

    def extend(self, diagnostics: Iterable[Diagnostic], variant: str | None = None) -> None:
        """Note several diagnostics, and the target in which they were met if they depend on one."""
        for diagnostic in diagnostics:
            self.add(diagnostic, variant)

    def reject(self, error: CompileError, target: str) -> None:
        """Note an invalid target, and the diagnostics of it that are not known yet."""
        self._targets.add(target)
        self.extend(error.diagnostics, target)

    def targets(self) -> frozenset[str]:
        """Return the targets in which a diagnostic was met, or that depend on a known error."""
        return frozenset(self._targets)

    def __bool__(self) -> bool:
        """Return whether anything was noted."""
        return bool(self._noted)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return what was noted, in the order of files and lines."""
        diagnostics = [
            _with_variants(diagnostic, variants) for diagnostic, variants in self._noted.values()
        ]
        noted = (_position(diagnostic.location)[0] for diagnostic in diagnostics)
        sources = dict.fromkeys((*self._files, *noted))
        order = {source: number for number, source in enumerate(sources)}

        def position(diagnostic: Diagnostic) -> tuple[int, int, int]:
            source, line, column = _position(diagnostic.location)
            return order[source], line, column

        return tuple(sorted(diagnostics, key=position))

    def refuse(self) -> None:
        """Raise `CompileError` if anything was noted."""
        if self._noted:
            raise CompileError(self.diagnostics())


def _position(location: Location | Argument | Repository) -> tuple[str, int, int]:
    """Return the subject, the line and the column: whatever is not a file keeps its order."""
    if not isinstance(location, Location):
        return location.name, 0, 0
    return location.path, location.line, location.column


def _with_variants(diagnostic: Diagnostic, variants: list[str]) -> Diagnostic:
    """Say in the message which targets meet it: the first, and how many more."""
    if not variants:
        return diagnostic
    others = len(dict.fromkeys(variants)) - 1
    more = f" and {others} more" if others else ""
    return replace(diagnostic, message=f"{diagnostic.message} (in {variants[0]}{more})")
