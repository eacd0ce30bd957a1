"""What a registry answered, or that it did not: read, and said in few words.

No secret, and nothing that a request was sent with, is ever in them.
"""

import json
from collections.abc import Mapping
from typing import Any

import requests


_UNKNOWN = ("Name or service not known", "nodename nor servname provided", "No address associated")
NO_NAME = "no such name is known"


class RegistryError(Exception):
    """A registry refuses, or does not answer."""


def told(answer: requests.Response, host: str) -> Mapping[str, Any]:
    """Return what a registry says in JSON.

    Raises:
        RegistryError: it is something else, as of a web server or of a proxy that wants a login.
    """
    try:
        found = json.loads(answer.content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RegistryError(
            f"{host} does not answer as a registry: is that its name, or does a proxy answer?"
        )
    return found


def refusal(answer: requests.Response, method: str, repository: str, *, known: bool) -> str:
    """Say what a registry answered, without what it was asked with."""
    code = answer.status_code
    what = "be read" if method in {"GET", "HEAD"} else "be written to"
    if code in {requests.codes.unauthorized, requests.codes.forbidden}:
        who = "as who may, for the login that is kept is refused" if known else "for none is kept"
        return f"does not let {repository} {what} ({code}): log in, by `docker login`, {who}"
    try:
        errors = answer.json()["errors"]
        said = "; ".join(str(one.get("message") or one.get("code")) for one in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        said = answer.reason or ""
    return f"does not let {repository} {what}: {code} {' '.join(said.split())[:200]}".rstrip()


def short(error: requests.RequestException) -> str:
    """Return why a connection failed, in few words and without addresses.

    >>> short(requests.exceptions.ReadTimeout("..."))
    'it took too long'
    """
    if isinstance(error, requests.exceptions.Timeout):
        return "it took too long"
    text = str(error)
    for words in ("Connection refused", "Connection reset"):
        if words in text:
            return words.lower()
    if any(words in text for words in _UNKNOWN):
        return NO_NAME
    return "the connection broke off"
