"""Undefined values of templates, whose errors know what could be meant."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from jinja2 import StrictUndefined, UndefinedError
from jinja2.utils import missing


class UndefinedKeyError(UndefinedError):
    """A value lacks a key or an attribute."""

    def __init__(self, value: object, message: str) -> None:
        """Take the value, and Jinja's message."""
        super().__init__(message)
        self._value = value

    def known(self) -> list[str]:
        """Return the keys of a mapping, or the public attributes of another value."""
        value = self._value
        names = value if isinstance(value, Mapping) else dir(value)
        return [name for name in names if isinstance(name, str) and not name.startswith("_")]


class UndefinedValue(StrictUndefined):
    """An undefined value; every use of it raises an error."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: type[Exception] = UndefinedError,
    ) -> None:
        """Take what Jinja knows about the value; see `jinja2.Undefined`."""
        super().__init__(hint, obj, name, exc)  # type: ignore[arg-type]
        if obj is not missing and exc is UndefinedError:
            self._undefined_exception = partial(UndefinedKeyError, obj)  # type: ignore[assignment]
