"""Find dotted keys of TOML with too many parts, for which `tomllib` takes quadratic memory."""

import re

from compiler.source.composer import DEEPEST


_PART = r"""(?>"(?:\\.|[^"\\\n])*"?|'[^'\n]*'?|[\w-]+)"""
_NEXT = rf"[ \t]*\.[ \t]*{_PART}"
_TOKEN = re.compile(
    rf"(?P<deep>{_PART}(?:{_NEXT}){{{DEEPEST},}}+)|(?:#[^\n]*"
    rf'|"{{3}}(?:\\.?|[^\\])*?(?:"{{3,5}}|\Z)'
    r"|'{3}.*?(?:'{3,5}|\Z)"
    rf"|{_PART}(?:{_NEXT})*+)",
    re.DOTALL,
)
"""A key, number or text, or a comment. What is not closed ends with the line or the file."""


def find_deep_key(text: str) -> tuple[int, int] | None:
    r"""Return where the first key with more parts than levels are allowed starts and ends, or None.

    >>> find_deep_key("a.b = 1"), find_deep_key("x = 1\na" + ".a" * 50 + " = 1")
    (None, (6, 107))
    """
    for match in _TOKEN.finditer(text):
        if match["deep"]:
            return match.span()
    return None
