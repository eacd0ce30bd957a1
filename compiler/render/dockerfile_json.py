"""Read JSON in Dockerfiles as BuildKit does, with Go's encoding/json.

Python's parser also reads `NaN`, `Infinity` and numbers that no float can have. BuildKit reads an
instruction with such a list as the shell form. Python keeps lone surrogates, which Go replaces.
"""

import json
import math
import re
from itertools import islice
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from e2b_dockerfile_utils import DockerfileAst

_SUSPECT = re.compile(r"NaN|Infinity|\d[eE]\+?\d{3}|(?<!\d)\d{200}", re.ASCII)
"""What a text contains in which Go may reject a value."""
_VALUE = re.compile(
    r"NaN|Infinity|(?<![^\s\[,:<\"'-])\d++(?:\.\d++)?(?:[eE]\+?\d++)?(?![^\s\],}\"'\\`])", re.ASCII
)
"""A value that Go may reject, or the same text as the name of a here-document."""
_MOST = 100
"""Different values of one text that are replaced."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def load(text: str) -> Any:
    """Return the value of a text in JSON.

    Raises:
        ValueError: Go rejects the text.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_number, parse_float=_number, parse_int=_number)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number in JSON")
    return number


def without_surrogates(text: str) -> str:
    r"""Return a text of JSON with U+FFFD for each lone surrogate.

    >>> without_surrogates("a\ud800b") == "a\ufffdb"
    True
    """
    return text if text.isascii() else _SURROGATE.sub(_REPLACEMENT, text)


def parse_ast(text: str) -> "DockerfileAst":
    """Parse the instructions of a Dockerfile.

    Raises:
        DockerfileSyntaxError: the text is not a valid Dockerfile.
    """
    from e2b_dockerfile_utils import DockerfileSyntaxError, parse_dockerfile_ast

    words = _Replaced(text) if "[" in text and _SUSPECT.search(text) else None
    if words is None:
        tree = parse_dockerfile_ast(text)
    else:
        try:
            tree = parse_dockerfile_ast(words.text)
        except DockerfileSyntaxError as error:
            error.args = tuple(map(words.restore, error.args))
            raise
        words.restore_all(tree)
    for step in tree.instructions:
        if step.json:
            step.args = [*map(without_surrogates, step.args)]
    return tree


class _Replaced:
    """A Dockerfile with words of equal length instead of values that Go rejects.

    Python's parser rejects a list with these words, too.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._words: list[tuple[str, str]] = []
        """A value, and the word that replaced it; the last one first."""
        values = dict.fromkeys(match[0] for match in _VALUE.finditer(text))
        rejected = (value for value in values if not math.isfinite(float(value)))
        for value in islice(rejected, _MOST):
            words = (f"{letter}{value[1:]}" for letter in ascii_lowercase)
            word = next((word for word in words if word not in self.text), None)
            if word is not None:
                self.text = self.text.replace(value, word)
                self._words.insert(0, (value, word))

    def restore(self, text: str) -> str:
        """Return a part of the text as it was."""
        for value, word in self._words:
            text = text.replace(word, value)
        return text

    def restore_all(self, tree: "DockerfileAst") -> None:
        """Restore what the instructions contain."""
        for step in tree.instructions:
            step.name, step.original = self.restore(step.name), self.restore(step.original)
            step.flags = [*map(self.restore, step.flags)]
            step.args = [*map(self.restore, step.args)]
            for document in step.heredocs:
                document.name = self.restore(document.name)
                document.content = self.restore(document.content)
