"""Read lists of registries, which may have pages: tags, and referrers of a manifest.

A list ends with a page that refers to no other. Some registries refer to a further page in each
response: their list ends with an empty page that refers to one that was read.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from compiler.external.json_object import load_object
from compiler.external.references import is_tag_name, repository_key
from compiler.external.registry.link_header import linked_url
from compiler.external.registry.paths import digest_path
from compiler.external.registry.responses import (
    DeniedError,
    RejectedError,
    Response,
    parse_json,
    unexpected,
)


MAX_TAGS = 32 * 2**20
"""Maximum number of bytes of a page of tags: some registries list all manifests with them."""
MAX_PAGES = 1000
"""Maximum number of pages of a list."""
_REFERRERS_ATTEMPTS = 5
"""Attempts to read the first list of referrers of a registry: about 8 seconds."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")

Entry = TypeVar("Entry")
Read = Callable[..., Response | None]
"""Sends a request that reads, as `Registries` does; None if the content is missing."""


_PERMISSION = (
    "the account must also list tags: `ecr:ListImages` at AWS, `metadata/read` at Azure; without "
    "the list, releases cannot be compared"
)


def name_permission(error: DeniedError) -> None:
    """Let an error name the permission that an account lacks which may read, but not list tags."""
    error.diagnostics = tuple(
        replace(diagnostic, help=_PERMISSION) for diagnostic in error.diagnostics
    )


def list_tags(read: Read, repository: str) -> list[str]:
    """Return all tags of a repository; an empty list if it is missing.

    Raises:
        InvalidContentError: the list is malformed or endless.
    """

    def read_page(path: str) -> Response | None:
        return read("GET", repository, path, limit=MAX_TAGS)

    pages = _pages(read_page, _listed_tags, repository, "tags/list", "?n=1000")
    entries = (entry for page in pages for entry in page or ())
    return [tag for tag in entries if isinstance(tag, str) and is_tag_name(tag)]


class Referrers:
    """The artifacts that refer to manifests, as OCI's API lists them.

    OCI says that a registry without the API answers with status 404. Others answer with any status,
    or redirect to a page for people. Status 500 can also be an outage, so it is asked again for
    some seconds; after that, the same registry is asked only once for each manifest.
    """

    def __init__(self, read: Read, accept: str) -> None:
        """Take what sends requests, and the media type of lists."""
        self._read, self._accept = read, accept
        self._failing: set[str] = set()
        """Hosts that have failed in all attempts."""

    def list(self, repository: str, digest: str) -> list[str] | None:
        """Return the digests of the artifacts that refer to a manifest; None without the API.

        Raises:
            InvalidContentError: the list is endless.
        """
        host = repository_key(repository).partition("/")[0]
        attempts = 1 if host in self._failing else _REFERRERS_ATTEMPTS

        def read_page(path: str) -> Response | None:
            try:
                return self._read(
                    *("GET", repository, path),
                    accept=self._accept,
                    attempts=attempts,
                    redirects=False,
                )
            except RejectedError as error:
                if error.is_transient:
                    self._failing.add(host)
                return None

        path = digest_path(repository, "referrers", digest)
        pages = [*_pages(read_page, _listed_digests, repository, path)]
        return None if None in pages else [entry for page in pages for entry in page or ()]


def _pages(
    read_page: Callable[[str], Response | None],
    entries: Callable[[Response, str], list[Entry]],
    repository: str,
    path: str,
    query: str = "",
) -> Iterator[list[Entry] | None]:
    """Yield the entries of each page of a list; None in place of a page that is missing.

    Args:
        read_page: returns the response for a path; None if the content is missing.
        entries: returns the entries of a response in a repository.
        repository: the repository.
        path: the path of the list.
        query: the query of the first page.
    """
    name = path.partition("/")[0]
    current = f"{path}{query}"
    read: set[str] = set()
    for _ in range(MAX_PAGES):
        read.add(current)
        response = read_page(current)
        if response is None:
            yield None
            return
        page = entries(response, repository)
        yield page
        following = _next_path(response, repository, path)
        if following is None:
            return
        if following in read or (not page and _starts_again(following)):
            if page:
                raise _malformed(repository, name)
            return
        current = following
    raise unexpected(repository, f"the list of {name} has more than {MAX_PAGES} pages")


def _listed_tags(response: Response, repository: str) -> list[Any]:
    """Return the entries of a page of tags; some may not be valid tags."""
    page = parse_json(response, repository).get("tags") or []
    if not isinstance(page, list):
        raise _malformed(repository, "tags")
    return page


def _listed_digests(response: Response, _: str) -> list[str]:
    """Return the digests of the descriptors in an index."""
    listed: Any = (load_object(response.content) or {}).get("manifests")
    entries = [
        entry for entry in (listed if isinstance(listed, list) else ()) if isinstance(entry, dict)
    ]
    digests = [entry.get("digest") for entry in entries]
    return [text for text in digests if isinstance(text, str) and DIGEST.match(text)]


def _next_path(response: Response, repository: str, path: str) -> str | None:
    """Return the path of the next page; None if this page is the last."""
    try:
        url = linked_url(response.headers.get("Link", ""), "next")
        return None if url is None else f"{path}?{urlsplit(url).query}"
    except ValueError:
        raise _malformed(repository, path.partition("/")[0]) from None


def _starts_again(path: str) -> bool:
    """Return whether the path of a page names no last entry before it, although it could."""
    return parse_qs(urlsplit(path).query, keep_blank_values=True).get("last") == [""]


def _malformed(repository: str, name: str) -> Exception:
    return unexpected(repository, f"the registry's list of {name} is malformed")
