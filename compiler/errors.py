"""What can be wrong, where, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum


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

    code: str
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


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Return help for a misspelt word: its nearest known one, else the fallback."""
    names = list(dict.fromkeys(known))
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if not close:
        close = [name for name in names if name.lower() == word.lower()]
    return f"did you mean {close[0]!r}?" if close else otherwise
