"""Near-miss hints: useful for a few mistakes, bounded for thousands."""

import difflib
from collections.abc import Callable
from typing import Any

import pytest

from compiler.errors import allow_hints, did_you_mean, listed, nearest


NAMES = [f"name{n}" for n in range(10_000)]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return the number of names that were compared."""
    count = 0
    original = difflib.get_close_matches

    def counting(word: str, names: list[str], **options: Any) -> list[str]:
        nonlocal count
        count += len(names)
        return original(word, names, **options)

    monkeypatch.setattr(difflib, "get_close_matches", counting)
    allow_hints()
    return lambda: count


@pytest.mark.slow
def test_thousands_of_mistakes_are_compared_with_few_names(compared: Callable[[], int]) -> None:
    """The first mistakes get a hint; a new run can give hints again."""
    hints = [did_you_mean(f"nmae{n}", NAMES, otherwise="none") for n in range(10_000)]

    assert hints[0] == "did you mean 'name0'?"
    assert hints[-1] == "none"
    assert compared() <= 30_000

    allow_hints()
    assert did_you_mean("nmae7", NAMES) == "did you mean 'name7'?"


def test_one_mistake_is_compared_with_all_names(compared: Callable[[], int]) -> None:
    """However many there are."""
    assert nearest("nmae49999", [f"name{n}" for n in range(50_000)]) == "name49999"
    assert compared() == 50_000


def test_very_long_words_get_no_hint(compared: Callable[[], int]) -> None:
    """Comparing them takes time that grows with the square of their length."""
    assert nearest("a" * 100_000, ["a" * 99_999, "a"]) is None
    assert nearest("ab", ["a" * 99_999, "aab"]) == "aab"
    assert compared() == 1


def test_lists_of_names_are_short() -> None:
    """A help text does not list ten thousand names."""
    assert listed(["a", "b"]) == "a, b"
    assert listed(NAMES).endswith("name18, name19 and 9,980 more")
