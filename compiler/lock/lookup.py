"""Look up the current digests of image tags with `docker buildx imagetools`.

The lookups use the credentials of the Docker client.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

from compiler.codes import Code
from compiler.errors import Diagnostic, Location
from compiler.external import buildx
from compiler.external.json_object import load_object
from compiler.external.platforms import canonical_platform
from compiler.external.registry.parallel import MAX_TRANSFERS, run_parallel
from compiler.external.transient_errors import ATTEMPTS, retry_delay, transient_reason
from compiler.lock.lockfile import Locked


CODE = Code.CANNOT_RESOLVE
PATIENCE = 120
"""Timeout of one lookup, in seconds."""
_RETRY_WORKERS = 2
"""Maximum number of lookups at the same time after a transient error."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


class UnresolvedError(Exception):
    """A tag could not be looked up, with the reason and a remedy."""

    def __init__(self, message: str, help_: str, cause: str = "") -> None:
        super().__init__(message)
        self.message, self.help, self.cause = message, help_, cause

    def at(self, location: Location) -> Diagnostic:
        """Return the diagnostic for the location that names the image."""
        return Diagnostic(
            code=CODE, message=self.message, location=location, help=self.help, cause=self.cause
        )


def resolve_all(
    images: Iterable[str], done: Callable[[str], object]
) -> Mapping[str, Locked | UnresolvedError]:
    """Look up images in parallel; retry transient errors later, with fewer lookups at a time.

    Args:
        images: names with tags.
        done: called with the name of each image that has been looked up.

    Returns:
        Image -> its digest and platforms, or why it could not be looked up; in the given order.
    """
    images = tuple(images)
    results: dict[str, Locked | UnresolvedError] = {}
    pending, workers = images, MAX_TRANSFERS

    def attempt_lookup(image: str) -> None:
        results[image] = _caught(image)

    for attempt in range(1, ATTEMPTS + 1):
        final = attempt == ATTEMPTS

        def report(image: str, *, final: bool = final) -> None:
            if final or not _is_transient(results[image]):
                done(image)

        run_parallel(attempt_lookup, {image: image for image in pending}, report, workers)
        pending = tuple(image for image in pending if _is_transient(results[image]))
        if final or not pending:
            break
        time.sleep(retry_delay(attempt))
        workers = _RETRY_WORKERS
    return {image: results[image] for image in images}


def _is_transient(result: Locked | UnresolvedError) -> bool:
    return isinstance(result, UnresolvedError) and transient_reason(result.message) is not None


def _caught(image: str) -> Locked | UnresolvedError:
    try:
        return resolve(image)
    except UnresolvedError as error:
        return error


def resolve(image: str) -> Locked:
    """Return the current digest and platforms of a tag.

    Raises:
        UnresolvedError: the lookup failed.
    """
    raw = _imagetools(image, "--raw", image)
    digest = f"sha256:{sha256(raw).hexdigest()}"
    manifest = _parsed(image, raw)
    entries = manifest.get("manifests")
    if isinstance(entries, list):
        images = [entry for entry in entries if isinstance(entry, dict) and _is_image(entry)]
        if not images:
            raise _no_image(image)
        platforms = [_platform(entry.get("platform")) for entry in images]
    elif not isinstance(manifest.get("config"), dict):
        raise _no_image(image)
    else:  # an image without an index: its configuration has the platform
        platforms = [_platform(_parsed(image, _configuration(image, digest)))]
    known = tuple(sorted({name for name in platforms if name}))
    return Locked(digest=digest, platforms=known)


def _configuration(image: str, digest: str) -> bytes:
    """Return the configuration of an image without an index.

    A registry that has just returned the image for its tag may not find it by digest yet, so the
    read is retried.

    Raises:
        UnresolvedError: the lookup failed.
    """
    arguments = ("--format", "{{json .Image}}", f"{image}@{digest}")
    for attempt in range(1, ATTEMPTS):
        try:
            return _imagetools(image, *arguments)
        except UnresolvedError as error:
            if "not found" not in error.message:
                raise
        time.sleep(retry_delay(attempt))
    return _imagetools(image, *arguments)


def _is_image(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry of an index may be an image; one for an unknown platform is not."""
    fields = entry.get("platform")
    return not (isinstance(fields, dict) and fields.get("os") == "unknown")


def _platform(fields: Any) -> str | None:
    """Return a platform in canonical form; None for the `unknown/unknown` of attestations."""
    if not isinstance(fields, dict):
        return None
    parts = [fields.get(name) or "" for name in ("os", "architecture", "variant")]
    return canonical_platform("/".join(str(part) for part in parts if part))


def _parsed(image: str, content: bytes) -> dict[str, Any]:
    parsed = load_object(content)
    if parsed is None:
        raise _no_image(image)
    return parsed


def _no_image(image: str) -> UnresolvedError:
    return UnresolvedError(f"{image} is not an image", "inspect it in the registry")


def _imagetools(image: str, *arguments: str) -> bytes:
    try:
        ran = buildx.run(["imagetools", "inspect", *arguments], timeout=PATIENCE)
        if ran.returncode and b"ERROR: " not in ran.stderr:
            buildx.version()  # Docker's message is misleading if the plugin is missing.
    except buildx.BuildxError as error:
        raise UnresolvedError(
            f"{image} cannot be looked up: {error.message}", error.help, error.message
        ) from None
    if ran.returncode:
        reason = buildx.reason(ran.stderr)
        raise UnresolvedError(
            f"{image} cannot be looked up: {reason or 'unknown error of docker'}",
            "correct the name, log in (`docker login`), or try again if the registry is down",
            reason.rpartition('": ')[2] if '": ' in reason else "",  # the request failed
        )
    return ran.stdout
