"""Parse image references as registries and BuildKit do."""

import re
from functools import lru_cache


# The grammar of distribution/reference: [domain/]path[:tag]. A digest is not part of a tag.
_DOMAIN = (
    r"(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
    r"|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)\Z", re.ASCII
)
_TAG = re.compile(r"\w[\w.-]{0,127}\Z", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_ID = re.compile(r"[0-9a-f]{64}")
"""What would be confused with the ID of an image."""
_MAX_REPOSITORY = 255


def canonical_tag(text: str) -> str | None:
    """Return the full form of a tag; None if it is invalid.

    Two tags refer to the same image exactly if their full forms are equal.

    >>> canonical_tag("acme/server:1.0")
    'docker.io/acme/server:1.0'
    >>> canonical_tag("python")
    'docker.io/library/python:latest'
    >>> canonical_tag("acme/Server:1.0") is None
    True
    """
    name, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:
        name, tag = text, "latest"
    repository = _canonical_repository(name)
    if repository is None or not _TAG.match(tag):
        return None
    return f"{repository}:{tag}"


@lru_cache(maxsize=65_536)
def tag_key(text: str) -> str:
    """Return a text that is equal for two tags exactly if they are one tag.

    Other than `canonical_tag`, it takes templates of tags and invalid texts as well.

    >>> tag_key("acme/app:1"), tag_key("index.docker.io/acme/app:1")
    ('docker.io/acme/app:1', 'docker.io/acme/app:1')
    """
    repository, tag = split_tag(text)
    return f"{repository_key(repository)}:{tag}"


def repository_key(text: str) -> str:
    """Return a text that is equal for two repositories exactly if they are one repository.

    The name of a host may have letters in upper case, which make no difference.

    >>> repository_key("python"), repository_key("localhost/a"), repository_key("GHCR.io/a")
    ('docker.io/library/python', 'localhost/a', 'ghcr.io/a')
    """
    first, slash, path = text.partition("/")
    # Without a dot, a port or `localhost`, the first component is a namespace of Docker Hub.
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, path = "docker.io", text
    first = first.lower()
    if first in {"docker.io", "index.docker.io"}:
        first, path = "docker.io", path if "/" in path else f"library/{path}"
    return f"{first}/{path}"


@lru_cache(maxsize=1024)
def familiar(image: str) -> str:
    """Return an image's shortest name with its tag; empty if it is invalid.

    >>> familiar("docker.io/library/python")
    'python:latest'
    """
    full = canonical_tag(image)
    return "" if full is None else full.removeprefix("docker.io/").removeprefix("library/")


def lookup_name(name: str) -> str:
    """Return the name of the context that BuildKit looks for in place of an image or a stage.

    >>> lookup_name("docker.io/library/Python:latest"), lookup_name("python:latest@sha256:0")
    ('python', 'python:latest@sha256:0')
    """
    plain, at, digest = name.lower().partition("@")
    short = familiar(plain) or plain
    if not at or ":" not in plain.rpartition("/")[2]:
        short = short.removesuffix(":latest")
    return f"{short}{at}{digest}"


def context_name(key: str) -> str:
    """Return the `lookup_name` for which BuildKit uses a key of `contexts`: it may have a platform.

    >>> context_name("python::linux/arm64"), context_name("python:latest")
    ('python', 'python:latest')
    """
    return key.partition("::")[0]


@lru_cache(maxsize=1024)
def _canonical_repository(text: str) -> str | None:
    full = repository_key(text)
    match = _REFERENCE.match(full)
    return full if match and len(match["path"]) <= _MAX_REPOSITORY else None


def is_image_name(text: str) -> bool:
    """Return whether BuildKit can read a text as the name of an image, with a tag or a digest.

    >>> is_image_name("python:3.11"), is_image_name("python@sha256:0"), is_image_name("Python")
    (True, False, False)
    """
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return False
    host, slash, path = name.partition("/")
    # A first component with upper-case letters is a host.
    plain = f"{host.lower()}.{slash}{path}" if slash and host != host.lower() else name
    return canonical_tag(plain.replace(".:", ":")) is not None and not _ID.fullmatch(name)


def is_tag_name(text: str) -> bool:
    """Return whether a text is the name of a tag, without a repository.

    >>> is_tag_name("3.11-slim"), is_tag_name("acme/x:1")
    (True, False)
    """
    return _TAG.match(text) is not None


def split_tag(text: str) -> tuple[str, str]:
    """Return the repository and the tag name of a tag.

    >>> split_tag("localhost:5000/a:1"), split_tag("localhost:5000/a")
    (('localhost:5000/a', '1'), ('localhost:5000/a', 'latest'))
    """
    name, _, tag = text.rpartition(":")
    return (name, tag) if name and "/" not in tag else (text, "latest")


def split_repository(text: str) -> tuple[str, str] | None:
    """Return the registry's host and the path of a repository; None if it is invalid.

    >>> split_repository("acme/server"), split_repository("localhost:5000/a")
    (('docker.io', 'acme/server'), ('localhost:5000', 'a'))
    """
    repository = _canonical_repository(text)
    if repository is None:
        return None
    host, _, path = repository.partition("/")
    return host, path
