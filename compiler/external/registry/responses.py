"""Read responses of registries, and turn failures into errors.

Errors contain no credentials and nothing else of the request's headers.
"""

import json
from collections.abc import Mapping
from typing import Any

import requests

from compiler.codes import Code
from compiler.errors import Diagnostic, DiagnosticError, Repository


UNKNOWN_HOST = "unknown host name"
_UNKNOWN_HOST_MESSAGES = (
    "Name or service not known",
    "nodename nor servname provided",
    "No address associated",
)
MAX_QUOTE = 200
"""Maximum number of characters of the registry's own message in an error."""


class RegistryError(DiagnosticError):
    """A registry denied a request, responded unexpectedly, or did not respond."""

    def __init__(
        self,
        repository: str,
        message: str,
        *,
        code: Code = Code.UNREACHABLE_REGISTRY,
        help_: str = "",
    ) -> None:
        """Take the repository, or the host of a registry, and what went wrong there."""
        location = Repository(name=repository)
        super().__init__([Diagnostic(code=code, message=message, location=location, help=help_)])


def parse_json(response: requests.Response, repository: str) -> Mapping[str, Any]:
    """Return the JSON object of a response.

    Raises:
        RegistryError: the response is something else, such as the page of a web server or proxy.
    """
    try:
        content = json.loads(response.content)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise RegistryError(
            repository,
            "the server did not respond as a registry",
            code=Code.REGISTRY_ERROR,
            help_="check the host name, and whether a proxy responds in place of the registry",
        )
    return content


def rejection(
    response: requests.Response, method: str, repository: str, *, credentials: bool
) -> RegistryError:
    """Return the error for a response with an error status.

    Args:
        response: the registry's response.
        method: the HTTP method of the request.
        repository: the repository, as the user writes it.
        credentials: whether credentials for the registry are stored.
    """
    status = response.status_code
    action = "read" if method in {"GET", "HEAD"} else "write to"
    if status in {requests.codes.unauthorized, requests.codes.forbidden}:
        cause = (
            f"the stored credentials were rejected: run `docker login` with an account that may "
            f"{action} it"
            if credentials
            else "no credentials are stored: run `docker login`"
        )
        return RegistryError(
            repository,
            f"access to {repository} denied ({status})",
            code=Code.REGISTRY_DENIED,
            help_=cause,
        )
    try:
        errors = response.json()["errors"]
        reasons = "; ".join(str(error.get("message") or error.get("code")) for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        reasons = response.reason or ""
    quote = " ".join(reasons.split())[:MAX_QUOTE]
    return RegistryError(
        repository,
        f"cannot {action} {repository}: {status} {quote}".rstrip(),
        code=Code.REGISTRY_ERROR,
        help_="correct what the registry reports, or retry",
    )


def connection_reason(error: requests.RequestException) -> str:
    """Return a short reason for a failed connection, without addresses.

    >>> connection_reason(requests.exceptions.ReadTimeout("..."))
    'timeout'
    """
    if isinstance(error, requests.exceptions.Timeout):
        return "timeout"
    text = str(error)
    for reason in ("Connection refused", "Connection reset"):
        if reason in text:
            return reason.lower()
    if any(message in text for message in _UNKNOWN_HOST_MESSAGES):
        return UNKNOWN_HOST
    return "the connection failed"
