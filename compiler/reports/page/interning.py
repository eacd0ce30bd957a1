"""Write equal values of a document once, and refer to them by number."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar


T = TypeVar("T", bound=Hashable)


class Interned(Generic[T]):
    """Distinct values in the order in which they were first used."""

    def __init__(self) -> None:
        self._numbers: dict[T, int] = {}

    def number(self, value: T) -> int:
        """Return the number of a value, from 0; equal values have one number."""
        return self._numbers.setdefault(value, len(self._numbers))

    def numbers(self, values: Iterable[T]) -> list[int]:
        """Return the numbers of several values, in their order."""
        return [self.number(value) for value in values]

    @property
    def values(self) -> list[T]:
        """The distinct values; the number of a value is its index."""
        return [*self._numbers]
