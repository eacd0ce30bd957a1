"""Check that no two targets write the same build cache, of whatever type."""

import posixpath
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from compiler.codes import Code
from compiler.errors import Diagnostic, Location, Problems
from compiler.external.references import canonical_tag
from compiler.matrix.bake_strings import substitute
from compiler.targets.csv_entries import cells, key_values
from compiler.targets.field_locations import TargetUnderCheck


class WrittenCache(NamedTuple):
    """A place where BuildKit stores a cache; the next build that writes there replaces it."""

    kind: str
    """The type: `registry`, `local`, `gha`, `s3` or `azblob`."""
    name: str
    """What users call it, with defaults of BuildKit: a reference, a folder, a scope, a name."""
    store: tuple[str, ...] = ()
    """What else distinguishes it: the tag, the bucket, the account."""


def written_caches(entry: str) -> Iterator[WrittenCache]:
    """Yield the caches that an entry of `cache-to` writes; nothing for `inline`.

    Args:
        entry: an entry without bake variables, whose syntax may be invalid.

    >>> [*written_caches("type=registry,ref=acme/cache:a,mode=max")]
    [WrittenCache(kind='registry', name='docker.io/acme/cache:a', store=())]
    >>> [*written_caches("type=gha")]
    [WrittenCache(kind='gha', name='buildkit', store=())]
    """
    pairs = key_values(entry)
    kind = pairs.get("type", "")
    if len(cells(entry)) == 1 and "=" not in entry:
        kind, pairs = "registry", {"ref": entry}
    match kind:
        case "registry" if "ref" in pairs:
            yield WrittenCache(kind, canonical_tag(pairs["ref"]) or pairs["ref"])
        case "local" if "dest" in pairs:
            tag = pairs.get("tag", "latest")
            yield WrittenCache(kind, posixpath.normpath(pairs["dest"]), (tag,))
        case "gha":
            yield WrittenCache(kind, pairs.get("scope") or _NAME)
        case "s3" | "azblob":
            store = tuple(pairs.get(key, default) for key, default in _STORES[kind].items())
            for name in (pairs.get("name") or _NAME).split(";"):
                yield WrittenCache(kind, name, store)
        case _:
            pass  # `inline` is part of the image; anything else is reported as invalid


_NAME = "buildkit"
"""The default name or scope of a cache."""
_PREFIXES = {"prefix": "", "manifests_prefix": "manifests/"}
_STORES: Mapping[str, Mapping[str, str]] = {
    "s3": {"endpoint_url": "", "bucket": "", **_PREFIXES},
    "azblob": {"account_url": "", "container": "buildkit-cache", **_PREFIXES},
}
"""Type -> the options that say where a named cache is stored, with the defaults of BuildKit."""
_OPTIONS = {"registry": "ref", "local": "dest", "gha": "scope", "s3": "name", "azblob": "name"}
"""Type -> the option that distinguishes caches."""


class Caches:
    """Checks the caches that each target writes against those of earlier targets."""

    def __init__(self, variables: Mapping[str, str], problems: Problems) -> None:
        """Take the values of the bake variables, and the collector of errors."""
        self._values, self._problems = variables, problems
        self._owners: dict[WrittenCache, tuple[TargetUnderCheck, str, str]] = {}
        self._reported: set[tuple[Location, Location]] = set()

    def check(self, subject: TargetUnderCheck, field: str, entry: str) -> None:
        """Check the caches that a target writes.

        Args:
            subject: the target.
            field: `cache` or `cache-to`.
            entry: the `ref` of `cache`, or an entry of `cache-to`.
        """
        for cache in written_caches(substitute(entry, self._values)):
            owner = self._owners.setdefault(cache, (subject, field, entry))
            if owner[0].name != subject.name:
                self._report(cache, subject.entry(field, entry), subject, owner)

    def _report(
        self,
        cache: WrittenCache,
        location: Location,
        subject: TargetUnderCheck,
        owner: tuple[TargetUnderCheck, str, str],
    ) -> None:
        other = owner[0].entry(*owner[1:])
        if (location, other) in self._reported:
            return
        self._reported.add((location, other))
        option = _OPTIONS[cache.kind]
        self._problems.add(
            Diagnostic(
                code=Code.DUPLICATE_CACHE,
                message=f"duplicate cache of type {cache.kind!r}: targets {owner[0].name!r} and "
                f"{subject.name!r} both write to {option} {cache.name!r}",
                location=location,
                help=f"the last write wins: distinguish them by `{option}`, for instance with "
                "{{ target }}",
                related=(("the other target", other),) if other != location else (),
            )
        )
