"""Responses of registries: limits, JSON, and the errors that failures become.

Errors contain no credentials and nothing else of the request's headers.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import requests

from compiler.codes import Code
from compiler.errors import Diagnostic, DiagnosticError, Repository
from compiler.external.json_object import load_object


_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+\Z", re.ASCII)
REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Status codes of responses that refer to another address."""
UNKNOWN_HOST = "unknown host name"
_UNKNOWN_HOST_MESSAGES = (
    "Name or service not known",
    "nodename nor servname provided",
    "No address associated",
)


class Body(Protocol):
    """The body of a response that is not read yet."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes: as many as requested, unless the body ends before.

        Raises:
            UnexpectedResponseError: they do not arrive in time.
            requests.RequestException: the connection failed.
        """

    def close(self) -> None:
        """Close the connection, unless the body was read completely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response, complete unless it has a `body`."""

    status: int
    reason: str
    """The text after the status."""
    url: str
    """The URL that responded, after redirects."""
    redirected: bool
    headers: Mapping[str, str]
    """Header fields; names in any case."""
    content: bytes
    """Empty if there is a `body`."""
    body: Body | None = None
    """The body that the caller reads and closes, if it asked for that and the status is 200."""

    @property
    def ok(self) -> bool:
        """Return whether the request succeeded."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the successful status codes

    def media_type(self, document: Mapping[str, Any]) -> str:
        """Return the type of a manifest: its own `mediaType`, otherwise the header's.

        Some servers and proxies send any manifest as `application/octet-stream`.
        """
        own = document.get("mediaType")
        if isinstance(own, str) and _MEDIA_TYPE.match(own):
            return own
        return self.headers.get("Content-Type", "").partition(";")[0]


class RegistryError(DiagnosticError):
    """A registry denied a request, responded unexpectedly, or did not respond."""

    is_repeated = False
    """Whether an error status is the response to a repetition of the request.

    The registry may have carried out an earlier attempt.
    """

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


class RefusedError(RegistryError):
    """A registry answered a request with an error status."""

    is_transient = False
    """Whether all attempts failed with a status after which another attempt could help."""


class DeniedError(RefusedError):
    """A registry, or its token server, denied a request."""

    is_logged_in = False
    """Whether the user has credentials for the registry."""


class RedirectedError(RefusedError):
    """A registry redirected a request to another address, which responded with an error status."""


class MissingRepositoryError(RefusedError):
    """A registry has no such repository, and does not create it."""


class RejectedError(RefusedError):
    """A registry answered a request with an error status, for another reason than access.

    Status 404 is part of it only if the registry reports that something else than the repository
    is missing.
    """

    def __init__(
        self,
        repository: str,
        message: str,
        *,
        status: int,
        help_: str,
        is_incomplete: bool = False,
    ) -> None:
        """Take what `RegistryError` takes, and more.

        Args:
            repository: the repository.
            message: what went wrong.
            status: the status of the response.
            help_: the remedy.
            is_incomplete: whether the registry misses content to which a manifest refers.
        """
        super().__init__(repository, message, code=Code.REGISTRY_ERROR, help_=help_)
        self.status, self.is_incomplete = status, is_incomplete


class TaggedError(RejectedError):
    """A registry deletes a manifest only after all its tags, as Google's do."""


class UnsupportedError(RejectedError):
    """A registry does not offer an operation, such as to delete manifests."""


class InvalidContentError(RegistryError):
    """A registry responded with content that is damaged, too large or of another kind."""


class UnexpectedResponseError(Exception):
    """A response exceeds a limit or violates the protocol; another attempt does not help."""


def parse_json(response: Response, repository: str) -> Mapping[str, Any]:
    """Return the JSON object of a response.

    Raises:
        RegistryError: the response is something else, such as the page of a web server or proxy.
    """
    content = load_object(response.content)
    if content is None:
        raise unexpected(repository, "the server did not respond as a registry")
    return content


def unexpected(repository: str, message: str) -> InvalidContentError:
    """Return the error for a response that no registry should send."""
    return InvalidContentError(
        repository,
        message,
        code=Code.REGISTRY_ERROR,
        help_="check the host name, and whether a proxy responds in place of the registry",
    )


def content_hash(digest: str = "") -> "hashlib._Hash":
    """Return what computes digests as a valid digest was: with SHA-512, otherwise with SHA-256."""
    return hashlib.sha512() if digest.startswith("sha512:") else hashlib.sha256()


def content_digest(content: bytes, like: str = "") -> str:
    """Return the digest under which registries store content.

    Args:
        content: the content.
        like: a digest whose algorithm is used; SHA-256 if it is something else, such as a tag.

    >>> content_digest(b"", "sha512:0")[:15], content_digest(b"", "latest")[:15]
    ('sha512:cf83e135', 'sha256:e3b0c442')
    """
    hashed = content_hash(like)
    hashed.update(content)
    return f"{hashed.name}:{hashed.hexdigest()}"


def mismatch(repository: str, expected: str, actual: str) -> InvalidContentError:
    """Return the error for content that does not have the requested digest."""
    return InvalidContentError(
        repository,
        f"the registry sent other content than requested: {actual} instead of {expected}",
        code=Code.REGISTRY_ERROR,
        help_="do not use this content; check the registry, its mirrors and proxies",
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
