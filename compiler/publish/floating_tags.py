"""Which of the tags that move may go to a release: forward only, whoever moved them before."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

from compiler.external.references import split
from compiler.external.registry.client import Registries
from compiler.releases.record import Record, pull_all, versions
from compiler.releases.version import Release, order


class Move(NamedTuple):
    """A tag that moves, and what it is to stand for."""

    tag: str
    digest: str


class Movers:
    """The newer releases that a tag may belong to; looked up only where one is to be moved."""

    def __init__(
        self, registries: Registries, home: str, release: Release, tags: Iterable[str]
    ) -> None:
        """Take the release and the tags for ever of all targets, with its version in them."""
        self._registries, self._home, self._release = registries, home, release
        self._tags = dict.fromkeys(tags)

    @cached_property
    def _newer(self) -> list[Record]:
        """The records of newer final releases, the newest first."""
        names = filter(self._is_newer, versions(self._registries, self._home))
        return pull_all(self._registries, self._home, names)

    @cached_property
    def _newer_tags(self) -> Mapping[str, dict[str, str]]:
        """Repository -> each tag of a newer version that is there -> that version."""
        patterns: dict[str, set[str]] = {}
        for tag in self._tags:
            repository, name = split(tag)
            around = [re.escape(part) for part in name.split(self._release.version)]
            patterns.setdefault(repository, set()).add("(.+)".join(around[:2]))
        found: dict[str, dict[str, str]] = {}
        for repository, shapes in patterns.items():
            there = found.setdefault(repository, {})
            for name in self._registries.tags(repository):
                for shape in shapes:
                    match = re.fullmatch(shape, name)
                    if match and match.groups() and self._is_newer(match[1]):
                        there[name] = match[1]
        return found

    def _is_newer(self, name: str) -> bool:
        mine, other = order(self._release.version), order(name)
        return bool(mine and other and other > mine and not other.is_prerelease)

    def holder(self, move: Move) -> str | None:
        """Return the newer release that has a tag now; None if it may be moved.

        A release that was broken off before its record counts by its tags for ever.
        """
        repository, name = split(move.tag)
        now = self._registries.digest(repository, name)
        if now is None or now == move.digest:
            return None
        for record in self._newer:
            for row in record["targets"]:
                if row["digest"] == now and move.tag in row.get("moving", ()):
                    return str(record["release"])
        for tag, version in self._newer_tags.get(repository, {}).items():
            if self._registries.digest(repository, tag) == now:
                return version
        return None
