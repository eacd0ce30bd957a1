"""What can be wrong, where, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from compiler.codes import Code


class Severity(StrEnum):
    """How much a diagnostic weighs."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a text that a user wrote."""

    path: str
    """The file as the user would name it: relative to the project's folder, with `/`."""
    line: int
    """The line, from 1; 0 when the whole file is meant."""
    column: int = 1
    """The column in characters, from 1."""
    length: int = 1
    """How many characters of the line are meant; the caret is that wide."""
    text: str = ""
    """The source line itself, without its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One thing that is wrong: its rule (code), what is wrong, where, and the remedy."""

    code: Code
    """The rule's name in kebab-case, as documented."""
    message: str
    """One sentence without a full stop; quotes names as the user wrote them."""
    location: Location
    help: str = ""
    """What to do about it, as an imperative or a question; may be empty."""
    severity: Severity = Severity.ERROR
    related: tuple[tuple[str, Location], ...] = ()
    """Other places that matter, each with a note such as "first given here"."""


class CompileError(Exception):
    """The input is wrong: carries every diagnostic of the phase that refused it."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(d.message for d in self.diagnostics))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that a misspelt one most likely means, if any is near."""
    from difflib import get_close_matches

    names = list(dict.fromkeys(known))
    # 3.1 is most often a 3.10 that lost its zero in another tool.
    close = [f"{word}0"] if f"{word}0" in names else get_close_matches(word, names, n=1)
    if not close:
        close = [name for name in names if name.lower() == word.lower()]
    return close[0] if close else None


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Return help for a misspelt word: its nearest known one, else the fallback."""
    meant = nearest(word, known)
    return otherwise if meant is None else f"did you mean {meant!r}?"


class Problems:
    """Collects the diagnostics of a phase, each once, however many variants meet it."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, Location], tuple[Diagnostic, list[str]]] = {}

    def add(self, diagnostic: Diagnostic, variant: str | None = None) -> None:
        """Note a diagnostic, and the target in which it was met if it depends on one."""
        key = (diagnostic.code, diagnostic.message, diagnostic.location)
        _, variants = self._found.setdefault(key, (diagnostic, []))
        if variant is not None:
            variants.append(variant)

    def extend(self, diagnostics: Iterable[Diagnostic], variant: str | None = None) -> None:
        """Note several diagnostics, and the target in which they were met if they depend on one."""
        for diagnostic in diagnostics:
            self.add(diagnostic, variant)

    def __bool__(self) -> bool:
        """Tell whether anything was noted."""
        return bool(self._found)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return what was noted, in the order of files and lines."""
        told = [_with_variants(diagnostic, names) for diagnostic, names in self._found.values()]
        paths = {path: n for n, path in enumerate(dict.fromkeys(d.location.path for d in told))}
        return tuple(
            sorted(
                told,
                key=lambda d: (paths[d.location.path], d.location.line, d.location.column),
            )
        )

    def refuse(self) -> None:
        """Raise `CompileError` if anything was noted."""
        if self._found:
            raise CompileError(self.diagnostics())


def _with_variants(diagnostic: Diagnostic, variants: list[str]) -> Diagnostic:
    """Say in the message which targets meet it: the first, and how many more."""
    if not variants:
        return diagnostic
    others = len(dict.fromkeys(variants)) - 1
    more = f" and {others} more" if others else ""
    return replace(diagnostic, message=f"{diagnostic.message} (in {variants[0]}{more})")
