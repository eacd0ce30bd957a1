"""Error statuses of registries, as errors for the user; the registry's own words are quoted."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from compiler.codes import Code
from compiler.external.json_object import MAX_QUOTE, load_object, quote
from compiler.external.registry.credential_helpers import InvalidSettingsError
from compiler.external.registry.responses import (
    REDIRECTS,
    DeniedError,
    MissingRepositoryError,
    RedirectedError,
    RefusedError,
    RejectedError,
    Response,
    TaggedError,
    UnsupportedError,
)


FindLogin = Callable[[], tuple[bool, str]]
"""Returns whether the user has credentials, and how to change them.

Raises `InvalidSettingsError` if they cannot be looked up.
"""
_MAX_REQUESTED_DELAY = 60.0
"""Maximum number of seconds that `Retry-After` can ask for."""
_ACTIONS = {"GET": "read", "HEAD": "read", "DELETE": "delete from"}
"""HTTP method -> what it does to a repository, in messages; otherwise it writes."""
DENIED = frozenset({401, 403})
"""Status codes for missing or insufficient credentials."""
_DENIED_CODES = ("DENIED", "UNAUTHORIZED")
"""Codes of the distribution specification for the same; some registries send them with a 404."""
_BUSY_CODES = ("TOOMANYREQUESTS",)
_UNSUPPORTED_CODES = ("UNSUPPORTED",)
_TAGGED_CODES = ("GOOGLE_MANIFEST_DANGLING_TAG",)
"""Codes of registries that delete a manifest only after its tags."""
_SERVER_ERROR = 500
"""The first status code for a failure of the server; proxies have their own, such as 520."""
_PERMANENT_FAILURES = frozenset({501, 505})
"""Failures of the server that a retry does not avoid."""
_LATER = frozenset({408, 429})
"""Other status codes after which a retry helps."""
_UNSUPPORTED = frozenset({405, 501})
"""Status codes for operations that a registry does not offer."""
_OTHER_CODES = (
    "BLOB_",
    "MANIFEST_",
    "DIGEST_",
    "SIZE_",
    "NAME_INVALID",
    *_UNSUPPORTED_CODES,
    *_BUSY_CODES,
)
"""The start of codes that say why a request failed although the repository exists."""
_INCOMPLETE_CODES = ("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN")
"""Codes for a manifest with content that the registry does not find."""


def rejection(
    response: Response, method: str, repository: str, find_login: FindLogin
) -> RefusedError:
    """Return the error for a response with an error status.

    Args:
        response: the registry's response.
        method: the HTTP method of the request.
        repository: the repository, as the user writes it.
        find_login: called only if access is denied.
    """
    status = response.status
    action = _ACTIONS.get(method, "write to")
    reason = quote_reason(response)
    if response.redirected:
        target = urlsplit(response.url).netloc
        return RedirectedError(
            repository,
            f"cannot {action} {repository}: the registry redirects to {target}, which responds "
            f"{status} {reason}".rstrip(),
            code=Code.REGISTRY_ERROR,
            help_="credentials are not sent along redirects; correct the registry's settings",
        )
    if status in DENIED or _reports(response, _DENIED_CODES):
        return _denial(response, action, repository, find_login)
    if status == requests.codes.not_found and not _reports(response, _OTHER_CODES):
        return MissingRepositoryError(
            repository,
            f"the repository {repository} does not exist, and the registry does not create it: "
            f"{reason}",
            code=Code.REGISTRY_ERROR,
            help_="create the repository first, or correct its name",
        )
    is_unsupported = status in _UNSUPPORTED or _reports(response, _UNSUPPORTED_CODES)
    kind_of_rejection = UnsupportedError if is_unsupported else RejectedError
    if _reports(response, _TAGGED_CODES):
        kind_of_rejection = TaggedError
    return kind_of_rejection(
        repository,
        f"cannot {action} {repository}: {status} {reason}".rstrip(),
        status=status,
        help_=_remedy(response),
        is_incomplete=_reports(response, _INCOMPLETE_CODES),
    )


def _remedy(response: Response) -> str:
    """Return what to do about a rejection; only reads follow redirects."""
    if response.status in REDIRECTS:
        location = quote(response.headers.get("Location", ""))
        return f"only reads are redirected; use the address of the registry as in {location}"
    return "correct what the registry reports, or retry"


def _denial(response: Response, action: str, repository: str, find_login: FindLogin) -> DeniedError:
    """Return the error for a response that denies access.

    Credentials that cannot be looked up become part of the remedy: what the registry reports must
    not be lost.
    """
    is_stored = False
    try:
        is_stored, login = find_login()
        cause = f"no credentials are stored: {login}"
        if is_stored:
            cause = (
                f"the stored credentials were rejected: {login}, with an account that may "
                f"{action} it"
            )
    except InvalidSettingsError as error:
        cause = f"{error.message}: {error.help}"
    reason = quote_reason(response)
    reported = f": {reason}" if reason and reason != response.reason else ""
    denial = DeniedError(
        repository,
        f"access to {repository} denied ({response.status}){reported}",
        code=Code.REGISTRY_DENIED,
        help_=cause,
    )
    denial.is_logged_in = is_stored
    return denial


def _reported_errors(response: Response) -> list[dict[str, Any]]:
    """Return the errors in the body of a response, of any shape, as in OCI's specification."""
    errors = (load_object(response.content) or {}).get("errors")
    return [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []


def _reports(response: Response, codes: tuple[str, ...]) -> bool:
    """Return whether a registry reports an error whose code begins with one of these."""
    if response.ok:
        return False
    return any(str(error.get("code")).startswith(codes) for error in _reported_errors(response))


def is_missing(response: Response, method: str) -> bool:
    """Return whether a response to a read or deletion says that the content does not exist.

    A denied or rejected read must not be taken for that: an existing tag would be overwritten.
    """
    if response.status != requests.codes.not_found:
        return False
    refusals = (*_DENIED_CODES, *_BUSY_CODES, *(_UNSUPPORTED_CODES if method == "DELETE" else ()))
    return not _reports(response, refusals)


def is_transient(response: Response) -> bool:
    """Return whether a retry helps: the server failed, or asks for fewer requests."""
    is_failure = response.status >= _SERVER_ERROR and response.status not in _PERMANENT_FAILURES
    return is_failure or response.status in _LATER or _reports(response, _BUSY_CODES)


def quote_reason(response: Response) -> str:
    """Return the registry's own error messages on one line; otherwise the text of the status."""
    messages = [
        text
        for error in _reported_errors(response)
        if isinstance(text := error.get("message") or error.get("code"), str)
    ]
    text = " ".join(("; ".join(messages) or response.reason).split())
    printable = "".join(character for character in text if character.isprintable())
    return printable if len(printable) <= MAX_QUOTE else f"{printable[:MAX_QUOTE]}..."


def requested_delay(response: Response, default: float) -> float:
    """Return the seconds to wait that `Retry-After` asks for, as a number or a date."""
    requested = response.headers.get("Retry-After", "")
    if not requested.isdecimal():
        try:
            then = parsedate_to_datetime(requested)
        except (ValueError, OverflowError):
            return default
        if then.tzinfo is None:
            return default
        requested = str((then - datetime.now(UTC)).total_seconds())
    return min(max(float(requested), 0.0), _MAX_REQUESTED_DELAY)
