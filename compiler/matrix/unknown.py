"""The unknown value: it takes the place of a value with an error that is already reported."""

from typing import Any, NoReturn

from compiler.errors import CompileError


class UnknownValueError(CompileError):
    """An unknown value was used, so that the result is unknown, too; it has no diagnostics."""

    def __init__(self) -> None:
        super().__init__([])


def _reject(*_: Any, **__: Any) -> NoReturn:
    raise UnknownValueError


class Unknown:
    """A value that is not known. Strings and templates can name it, but every use raises an error.

    What does not use it is checked as usual, and what does causes no further diagnostic.
    """

    __slots__ = ()

    __hash__ = _reject
    __getitem__ = __iter__ = __len__ = __contains__ = __call__ = _reject
    __bool__ = __str__ = __html__ = __format__ = __int__ = __float__ = __index__ = _reject
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _reject
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __rmod__ = _reject
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __pow__ = __rpow__ = _reject
    __neg__ = __pos__ = __abs__ = __round__ = _reject

    def __getattr__(self, name: str) -> NoReturn:
        """Reject an attribute; Python asks all values for those of its protocols."""
        raise AttributeError if name.startswith("__") else UnknownValueError


UNKNOWN = Unknown()
Unknown.__name__ = "unknown value"
"""How Python's messages name the type; templates have no names with a space."""


def is_consequence(error: Exception) -> bool:
    """Return whether an error is a consequence of one that is already reported.

    Methods of text, JSON and `in` reject other types by themselves, and name the type.
    """
    is_of_type = isinstance(error, TypeError) and Unknown.__name__ in str(error)
    return is_of_type or isinstance(error, UnknownValueError)
