"""Text as Markdown for summaries of workflows and pull requests."""

import re
from collections.abc import Iterable, Sequence

from compiler.reports.text import printable


_MARKUP = re.compile(r"[\\`*_{}\[\]()<>#!|~&$:]|(?<=www)\.", re.IGNORECASE)
"""Characters that can begin markup, HTML, a link or a reference such as #1."""


def markdown(text: str) -> str:
    r"""Return text that Markdown shows as it is; every text from outside passes through here.

    Markup becomes numeric entities, which are never markup. A name after `@` is not a mention.

    >>> markdown("a|b <img> @team")
    'a&#124;b &#60;img&#62; @<!-- -->team'
    """
    escaped = _MARKUP.sub(lambda match: f"&#{ord(match[0])};", printable(text))
    return escaped.replace("@", "@<!-- -->")


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; its cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
