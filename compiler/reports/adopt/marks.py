"""Find the variables in the texts of a target, by the same target with other values of them."""

from collections.abc import Mapping, Sequence

from compiler.output.bake_fields import Fields, Value
from compiler.reports.adopt.model import variable_mark
from compiler.reports.adopt.variable_uses import KEPT_IN


class Marker:
    """Marks the variables in the fields of targets."""

    def __init__(self, defaults: Mapping[str, str], others: Mapping[str, str]) -> None:
        """Take the default of each variable, and its unique other value."""
        self._pairs = [
            (others[name], variable_mark(n), text)
            for n, (name, text) in enumerate(defaults.items())
        ]

    def fields(self, fields: Fields, changed: Fields) -> Fields:
        """Return fields in which each variable is its mark.

        Args:
            fields: the fields with the defaults.
            changed: the same fields with the other values.
        """
        return {
            name: self._value(value, changed.get(name)) if name in KEPT_IN else value
            for name, value in fields.items()
        }

    def _value(self, value: Value, changed: Value | None) -> Value:
        if isinstance(value, str):
            return self._text(value, changed if isinstance(changed, str) else "")
        if isinstance(value, Mapping):
            others = changed if isinstance(changed, Mapping) else {}
            return {key: self._text(text, others.get(key, "")) for key, text in value.items()}
        texts: Sequence[str] = changed if isinstance(changed, tuple) else ()
        if len(texts) != len(value):
            return value
        return tuple(self._text(text, other) for text, other in zip(value, texts, strict=True))

    def _text(self, text: str, changed: str) -> str:
        """Return a text with marks, if that is equal to the text for the defaults."""
        marked, plain = changed, changed
        for other, mark, default in self._pairs:
            marked, plain = marked.replace(other, mark), plain.replace(other, default)
        return marked if plain == text else text
