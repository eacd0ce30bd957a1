"""Parse the authentication challenges of a response, as RFC 9110 (section 11.6.1) defines them."""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit


_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a grammar rule of RFC 9110
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",=][^\s",]*))')
_SCHEME = re.compile(rf"({_TOKEN})(?=[ \t,]|\Z)")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|\Z))")
_SEPARATOR = re.compile(r"[ \t,]*")
_REALM = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+(?:[/?][\x21-\x5b\x5d-\x7e]*)?\Z", re.IGNORECASE)
"""A URL that all parsers read alike: without user, backslash, blanks and control characters."""


class Challenge(NamedTuple):
    """One challenge of a `WWW-Authenticate` header."""

    scheme: str
    """In lower case, such as `bearer`."""
    parameters: Mapping[str, str]
    """Name in lower case -> value, without quotes."""


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Return the challenges of a header, or of several headers joined with commas.

    Unquoted values may contain characters that RFC 9110 only allows between quotes: some servers
    write URLs this way. Text after the first syntax error is ignored.

    >>> for challenge in parse_challenges('Negotiate, Bearer realm="https://r/token", service=r'):
    ...     print(challenge.scheme, challenge.parameters)
    negotiate {}
    bearer {'realm': 'https://r/token', 'service': 'r'}
    """
    challenges: list[Challenge] = []
    parameters: dict[str, str] = {}
    position = _skip(header, 0)
    while position < len(header):
        if challenges and (match := _PARAMETER.match(header, position)):
            name, quoted, plain = match.groups()
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters.setdefault(name.lower(), value)
        elif match := _SCHEME.match(header, position):
            parameters = {}
            challenges.append(Challenge(match[1].lower(), parameters))
            position = _skip_blanks(header, match.end())
            match = _TOKEN68.match(header, position)
        else:
            break
        position = _skip(header, match.end() if match else position)
    return tuple(challenges)


def parse_realm(realm: str) -> SplitResult | None:
    """Return the URL of a token server, without its fragment; None if it is invalid.

    >>> parse_realm("http://evil.example@registry.example/token") is None
    True
    """
    if not _REALM.match(realm):
        return None
    try:
        url = urlsplit(realm)._replace(fragment="")
        valid = bool(url.hostname) and url.port != 0
    except ValueError:
        return None
    return url if valid else None


def _skip(header: str, position: int) -> int:
    """Return the position after separators."""
    match = _SEPARATOR.match(header, position)
    return match.end() if match else position


def _skip_blanks(header: str, position: int) -> int:
    while position < len(header) and header[position] in " \t":
        position += 1
    return position
