"""Read the header `Link` of a response (RFC 8288), which refers to the next page of a list."""

import re


_NAME = r"[^\s=;,\"<>]+"
_VALUE = r"\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]*"
_PARAMETER = re.compile(rf"[ \t]*;[ \t]*(?:({_NAME})(?:[ \t]*=[ \t]*({_VALUE}))?)?")
_TARGET = re.compile(r"<([^>]*)>")
_END = re.compile(r"[ \t]*(?:(?:,[ \t]*)+|\Z)")
_EMPTY = re.compile(r"[ \t,]*")


def linked_url(header: str, relation: str) -> str | None:
    """Return the URL that a `Link` header gives for a relation; None if there is none.

    Names and relations have any case, and a link may have several relations. The first `rel` of a
    link counts.

    Raises:
        ValueError: the header is malformed.

    >>> linked_url('<a?x=1;2>; title="b; c"; REL="prev Next", <d>; rel=next', "next")
    'a?x=1;2'
    >>> linked_url('<a>; rel="prev"', "next"), linked_url("", "next")
    (None, None)
    """
    url = None
    at = _EMPTY.match(header).end()  # type: ignore[union-attr]
    while at < len(header):
        target = _TARGET.match(header, at)
        if target is None:
            raise ValueError(f"malformed Link header: {header[:200]!r}")
        at = target.end()
        relations: list[str] | None = None
        while parameter := _PARAMETER.match(header, at):
            at = parameter.end()
            if parameter[1] and parameter[1].lower() == "rel" and relations is None:
                relations = (parameter[2] or "").strip("\"'").lower().split()
        end = _END.match(header, at)
        if end is None:
            raise ValueError(f"malformed Link header: {header[:200]!r}")
        at = end.end()
        if url is None and relations and relation in relations:
            url = target[1].strip()
    return url
