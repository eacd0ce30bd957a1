"""How to write a value of the expected type, for the help of an error about another type."""

import re

from compiler.matrix.field_table import MERGED
from compiler.source.document import Route


_BY_COMMAS = re.compile(r"[\w./:@-]++(?:\s*+,\s*+[\w./:@-]++)++\Z")
_BY_SPACES = re.compile(r"[\w./:@-]++(?:[\s,]++[\w./:@-]++)++\Z")


def type_remedy(expected: str, got: str, written: str, route: Route) -> str:
    """Return how to write the expected type.

    Args:
        expected: the expected type, with its article.
        got: the type of the value.
        written: the text of the value.
        route: the route of the value.
    """
    match expected, got:
        case "a list", "text" | "true" | "false":
            return f"write [{_separated(written, str(route[-1]))}]"
        case "a list", "a mapping":
            is_flow = written.startswith("{") and written.endswith("}")
            return f"write [{written}]" if is_flow else "begin each entry with `- `"
        case "a mapping", "a list" | "text":
            return "write `name: value` pairs"
        case "text", "null":
            return _remedy_of_null(route)
        case "text", "a list":
            return "write one text without brackets"
        case "a list of values, a mapping value -> options, or one expression", _:
            return "write the values: [a, b]"
        case _:
            return f"write {expected}"


def _remedy_of_null(route: Route) -> str:
    """Return what to write instead of null; the keys of some fields can be inherited.

    >>> _remedy_of_null(("images", "server", "args", "DEBUG"))
    'write "" for an empty text; only `args: null` removes what is inherited, all keys at once'
    """
    field = route[-2] if len(route) > 1 else ""
    if field in MERGED and route[0] != "defaults":
        empty = 'write "" for an empty text'
        return f"{empty}; only `{field}: null` removes what is inherited, all keys at once"
    return 'write "" for an empty text, or remove the key'


def _separated(written: str, key: str) -> str:
    """Return a text that looks like several items, with `, ` between them.

    >>> _separated("linux/amd64 linux/arm64", "platforms"), _separated("python --version", "tests")
    ('linux/amd64, linux/arm64', 'python --version')
    """
    is_list = _BY_SPACES.match(written) if key == "platforms" else _BY_COMMAS.match(written)
    return ", ".join(re.split(r"[\s,]+", written)) if is_list else written
