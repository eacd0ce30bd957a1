"""Build the paths of requests, and read the descriptors in manifests that lead to them.

A tag or digest becomes part of a path only if it is valid.

Documents of a registry name digests, and whoever can write to the registry decides what is in them.
"""

import re
from typing import Any

from compiler.external.json_object import quote
from compiler.external.references import is_tag_name
from compiler.external.registry.responses import unexpected


_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\Z")
_MAX_SIZE = 2**40
"""Maximum number of bytes of a blob that a manifest can name; more is not a size."""


def is_digest(text: object) -> bool:
    """Return whether a value is a digest.

    >>> is_digest("latest")
    False
    """
    return isinstance(text, str) and _DIGEST.match(text) is not None


def manifest_path(repository: str, reference: str) -> str:
    """Return the path of a manifest in its repository.

    Raises:
        InvalidContentError: the reference is neither a tag nor a digest.
    """
    if not is_tag_name(reference) and not is_digest(reference):
        raise unexpected(repository, f"neither a tag nor a digest: {quote(reference)}")
    return f"manifests/{reference}"


def digest_path(repository: str, kind: str, digest: str) -> str:
    """Return the path of what a digest names in a repository, such as `referrers/sha256:...`.

    Raises:
        InvalidContentError: the digest is invalid.
    """
    if not is_digest(digest):
        raise unexpected(repository, f"invalid digest in a manifest: {quote(digest)}")
    return f"{kind}/{digest}"


def blob_path(repository: str, digest: str) -> str:
    """Return the path of a blob in its repository; see `digest_path`."""
    return digest_path(repository, "blobs", digest)


def descriptor_digest(repository: str, descriptor: object) -> str:
    """Return the digest of a descriptor in a manifest or an index of a repository.

    Raises:
        InvalidContentError: it has none, or something else in its place, such as a tag.
    """
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    if not isinstance(digest, str) or not is_digest(digest):
        raise unexpected(repository, f"a manifest has an invalid descriptor: {quote(descriptor)}")
    return digest


def descriptor_size(descriptor: Any) -> int:
    """Return the number of bytes in a descriptor of a manifest; 0 if it has no valid number."""
    size = descriptor.get("size") if isinstance(descriptor, dict) else None
    return size if isinstance(size, int) and 0 < size <= _MAX_SIZE else 0
