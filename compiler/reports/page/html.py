"""Combine data and front end into one HTML file that needs no network and no other file.

The browser executes nothing but the front end: a Content-Security-Policy names the digests of its
script and its style, and forbids every connection. Text of the project is only in the JSON of the
data, in which no character can end its element.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

from compiler.constants import MARKER


_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
"""Characters that HTML or JavaScript could read as more than a part of a string."""
_BUILT = "front/built"
_PAGE = """\
<!doctype html>
<!-- {marker} from {source}; do not edit. -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{source}</title>
<style>{style}</style>
</head>
<body>
<div id="page"><noscript>This page needs JavaScript. It makes no connections.</noscript></div>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def page_html(document: Mapping[str, Any]) -> bytes:
    """Return the HTML file of a document; the same document gives the same bytes."""
    script, style = _built("page.js"), _built("page.css")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    source = escape(str(document["source"])).replace("--", "&#45;&#45;")
    return _PAGE.format(
        marker=MARKER,
        source=source,
        policy=policy,
        style=style,
        data=json_text(document),
        script=script,
    ).encode(errors="backslashreplace")


def json_text(document: Mapping[str, Any]) -> str:
    r"""Return JSON that is safe within an element of HTML.

    >>> json_text({"a": "</script>&"})
    '{"a":"\\u003c/script\\u003e\\u0026"}'
    """
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES)


def _built(name: str) -> str:
    return files("compiler.reports.page").joinpath(_BUILT, name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the digest of an element's text, as a Content-Security-Policy names it."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
