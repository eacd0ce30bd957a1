"""Expand the words of instructions as BuildKit does, where the base image is not known.

The variables of an external base image are unknown before the build. They become placeholders, so
that two words are equal exactly if they are equal for every value of these variables.
"""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256

from compiler.render.word_syntax import (
    LONGEST_VALUE,
    LimitError,
    expand_word,
    is_special,
    plain_word,
)


_OPEN, _CLOSE = "\ue003", "\ue004"
"""Around what depends on the configuration of a base image."""
_LONGEST_PLACEHOLDER = 1_000
"""Characters above which a placeholder is a digest: otherwise each could contain two others."""
_USED = re.compile(r"\$(?:\{(?P<braced>\w+)(?P<plain>\})?|(?P<bare>\w+))")


def is_unknown(word: str) -> bool:
    """Return whether an expanded word depends on the configuration of a base image."""
    return _OPEN in word


def used_names(text: str) -> Iterator[str]:
    """Yield the variables that a text names, perhaps several times.

    >>> [*used_names("$A ${B:-$C}")]
    ['A', 'B', 'C']
    """
    return (match["braced"] or match["bare"] for match in _USED.finditer(text))


def expand(word: str, values: Mapping[str, str], base: str, escape: str) -> str:
    """Return a word without quotes, its variables replaced; the word itself if it is invalid.

    Args:
        word: the word.
        values: the known variables.
        base: the external image whose variables are unknown; empty if there are no others.
        escape: the escape character of the Dockerfile.
    """
    if not is_special(word, escape):
        return word
    known = tuple((name, values[name]) for name in used_names(word) if name in values)
    return _expand(word, known, base, escape)


@lru_cache(maxsize=4096)
def _expand(word: str, values: tuple[tuple[str, str], ...], base: str, escape: str) -> str:
    """Return what `expand` returns, given the values of the variables that a word uses."""
    known = dict(values)
    matches = [*_USED.finditer(word)] if base else []
    unknown = [match["braced"] or match["bare"] for match in matches]
    unknown = [name for name in unknown if name not in known]
    if unknown and any(match["braced"] and not match["plain"] for match in matches):
        return _placeholder(base, word, json.dumps(known))
    known |= {name: _placeholder(base, name) for name in unknown}
    try:
        return expand_word(word, known, escape)
    except LimitError:
        return _placeholder(base, word, json.dumps(known))
    except ValueError:
        return word


def known_word(word: str, values: Mapping[str, str], escape: str) -> str | None:
    r"""Return a valid word without quotes; None if it has variables without a known value.

    >>> known_word("a$B", {"B": "b"}, "\\"), known_word("${C:+a}", {"B": "b"}, "\\")
    ('ab', None)
    """
    if "$" not in word or not values:
        return plain_word(word, escape)
    value = expand(word, values, "?", escape)
    return None if is_unknown(value) else value


def expand_document(content: str, values: Mapping[str, str], base: str) -> str:
    """Return a here-document with its variables replaced.

    Args:
        content: the document; its quotes are part of it.
        values: the known variables.
        base: the external image whose variables are unknown; empty if there are no others.
    """
    known: dict[str, str] = {}
    size = 0
    for match in _USED.finditer(content):
        name = match["braced"] or match["bare"]
        if name not in known:
            known[name] = values.get(name, _placeholder(base, name) if base else "")
        size += len(known[name])
    if size > LONGEST_VALUE:
        return content + _placeholder(base, json.dumps(known))
    used: dict[str, str] = {}

    def replaced(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        if match["braced"] and not match["plain"]:
            used[name] = known[name]
            return match[0]
        return known[name]

    text = _USED.sub(replaced, content)
    return text + _placeholder(base, json.dumps(used)) if used or "\\$" in content else text


def absolute(path: str, folder: str, base: str) -> str:
    """Return a path in the image; the slash at its end stays.

    Args:
        path: the path, which may be relative to the working directory.
        folder: the working directory; empty if only the base image decides.
        base: the external base image.
    """
    if not path.startswith("/"):
        path = f"{folder or _placeholder(base, 'WORKDIR')}/{path}"
    if len(path) > LONGEST_VALUE:
        return _placeholder(base, path)
    return posixpath.normpath(path).replace("//", "/") + ("/" if path.endswith("/") else "")


def _placeholder(base: str, *parts: str) -> str:
    text = ":".join(parts)
    if len(text) > _LONGEST_PLACEHOLDER:
        text = sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{_OPEN}{base}:{text}{_CLOSE}"
