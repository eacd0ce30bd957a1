"""Publish: stage what is missing, then give tags to all of it or to nothing.

Takes what is asked for and who is told; returns what was done.
Promises that no tag is given before every image of it waits and passed its tests, that what moves
comes last and only goes forward, and that running it again does only what is missing.
Refuses early: tags that are taken, registries that do not take anything.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from compiler.building.outcome import Options, Report
from compiler.building.parts import along, contexts, links
from compiler.fingerprinting.fingerprint import Fingerprint
from compiler.fingerprinting.overrides import Overrides
from compiler.plan import Plan
from compiler.publishing import record as records
from compiler.publishing.items import Item, home, items
from compiler.publishing.making import examine, make
from compiler.publishing.merging import join, tested
from compiler.publishing.moving import Move, Movers
from compiler.publishing.promotion import give, split, taken
from compiler.publishing.staging import (
    Image,
    at_once,
    fingerprint_tag,
    image,
    labelled,
    passed_tag,
    size,
)
from compiler.publishing.version import Release
from compiler.registry.client import Registries, RegistryError


_ROUNDS = 4
"""How often tags are given again because another run staged the same image anew meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be published, and how."""

    plan: Plan
    prints: Mapping[str, Fingerprint]
    texts: Mapping[str, str]
    """Target -> its Dockerfile."""
    targets: tuple[str, ...]
    release: Release
    environment: Mapping[str, str]
    """The environment with the version in it."""
    options: Options
    overrides: Overrides | None = None
    """What `--set` changes."""
    refreshed: Collection[str] = ()
    """Targets that the lock wants built without cache."""
    replace: bool = False
    """Whether tags for ever may be given to another image."""
    moving: bool = True
    merge: bool = False
    """Whether what is missing is joined from platforms, instead of built."""
    platform: str = ""
    """The platform that alone is staged, if that is all."""


class Teller(Report, Protocol):
    """Who is told: how the building goes, and in words what else is done."""

    def say(self, text: str) -> None:
        """Take a line."""


class Row(NamedTuple):
    """One target of what was published."""

    record: Mapping[str, Any]
    """As in release.json."""
    given: int
    """How many tags it was given by this run."""


class Published(NamedTuple):
    """What was done."""

    release: str
    home: str
    rows: tuple[Row, ...]
    kept: Mapping[str, str]
    """Tag that moves, and was left -> the newer release that has it."""
    record: Mapping[str, Any]
    requests: int


class PublishError(Exception):
    """Nothing was promoted: what is missing, each with why."""

    def __init__(self, reasons: Iterable[tuple[str, str]], help_: str = "") -> None:
        self.reasons, self.help = tuple(reasons), help_
        super().__init__("; ".join(f"{name}: {why}" for name, why in self.reasons))


def publish(asked: Asked, registries: Registries, tell: Teller) -> Published:
    """Publish; see the module.

    Raises:
        PublishError: something is missing, so no tag was given.
        RegistryError: a registry refuses, or does not answer.
        CompileError: bake refuses everything.
        KeyboardInterrupt: as it came; whatever was begun can be finished by another run.
    """
    return _Publishing(asked, registries, tell).run()


class _Publishing:
    def __init__(self, asked: Asked, registries: Registries, tell: Teller) -> None:
        self._asked, self._registries, self._tell = asked, registries, tell
        self._items = items(
            asked.plan, asked.prints, asked.texts, asked.environment, asked.overrides
        )
        self._wanted = {
            name: self._items[name]
            for name in asked.targets
            if name in self._items
            and (not asked.platform or asked.platform in self._items[name].platforms)
        }
        self._images: dict[str, Image] = {}
        self._built: dict[str, float] = {}
        self._before: records.Record | None = None
        if not self._wanted:
            why = "none of them has a tag" if not asked.platform else f"none has {asked.platform}"
            raise PublishError([("everything", why)])
        self._home = home(asked.plan, asked.environment) or ""

    def run(self) -> Published:
        asked = self._asked
        self._look()
        self._refuse_early()
        self._make()
        self._test()
        if asked.platform:
            rows = tuple(Row(self._row(item), 0) for item in self._wanted.values())
            return Published(asked.release.version, "", rows, {}, {}, self._registries.requests)
        given = dict.fromkeys(self._wanted, 0)
        for _ in range(_ROUNDS):
            self._heed()
            self._promote(given)
            kept = self._move(given)
            recorded = at_once(self._recorded, self._wanted)
            record = self._record([*recorded.values()])
            if record is not None:
                rows = tuple(Row(row, given[name]) for name, row in recorded.items())
                sent = self._registries.requests
                return Published(asked.release.version, self._home, rows, kept, record, sent)
        raise RegistryError(f"another run writes {asked.release.version} again and again")

    # --- What is there --------------------------------------------------------------------------

    def _look(self) -> None:
        """Find what waits already, of all that is wanted and what that stands on."""
        linked = links(contexts(self._asked.plan))
        needed = along(self._wanted, linked)
        asked = {name: item for name, item in self._items.items() if name in needed}
        if not self._asked.platform:
            self._before = records.pull(self._registries, self._home, self._asked.release.version)
        found = at_once(self._waiting, asked)
        self._images = {name: one for name, one in found.items() if one is not None}
        self._needed = asked

    def _waiting(self, item: Item) -> Image | None:
        """Return a target's image: as it is released already, or as it waits."""
        for row in (self._before or {}).get("targets", ()):
            if row["target"] == item.target and f"sha256:{item.fingerprint}" == row["fingerprint"]:
                found = self._released(item, row["digest"])
                if found is not None:
                    return found
        whole = self._complete(item, fingerprint_tag(item.fingerprint))
        if whole is None and (platform := self._asked.platform):
            piece = fingerprint_tag(item.fingerprint, platform)
            return image(self._registries, item.place, piece)
        return whole

    def _released(self, item: Item, digest: str) -> Image | None:
        """Return an image that this release has already; it waits again if it was cleaned away."""
        found = self._complete(item, digest)
        if found is None and item.tags:
            repository = split(item.tags[0])[0]
            found = self._complete(item._replace(place=repository), digest)
            if found is not None:
                tag = f"{item.place}:{fingerprint_tag(item.fingerprint)}"
                give(self._registries, found, repository, tag, self._asked.options.builder)
        return found

    def _complete(self, item: Item, reference: str) -> Image | None:
        """Return an image if it is there for all its platforms."""
        found = image(self._registries, item.place, reference)
        return found if found and not set(item.platforms) - set(found.platforms) else None

    def _refuse_early(self) -> None:
        places = [item.place for item in self._needed.values()]
        if not self._asked.platform:
            tags = [tag for i in self._wanted.values() for tag in (*i.tags, *i.moving)]
            places += [*(split(tag)[0] for tag in tags), self._home]
        refused = at_once(self._unwritable, {name: name for name in places})
        reasons = [(name, why) for name, why in refused.items() if why]
        if reasons:
            raise PublishError(reasons, "nothing was built")
        self._refuse_taken("nothing was built")

    def _refuse_taken(self, done: str) -> None:
        """Refuse tags of this version that stand for images of other fingerprints."""
        if self._asked.platform or self._asked.replace:
            return
        wanted: dict[str, str | None] = {
            tag: self._images[item.target].digest if item.target in self._images else None
            for item in self._wanted.values()
            for tag in item.tags
        }
        prints = {tag: i.fingerprint for i in self._wanted.values() for tag in i.tags}
        held = {
            tag
            for tag, digest in taken(self._registries, wanted).items()
            if labelled(self._registries, split(tag)[0], digest) != prints[tag]
        }
        if held:
            raise PublishError(
                [
                    (item.target, f"{tag} is there already, and is another image")
                    for item in self._wanted.values()
                    for tag in item.tags
                    if tag in held
                ],
                f"{done}; publish another version, or `--replace` these",
            )

    def _unwritable(self, repository: str) -> str:
        try:
            self._registries.check_writable(repository)
        except RegistryError as error:
            return str(error)
        return ""

    # --- What is missing ------------------------------------------------------------------------

    def _make(self) -> None:
        """Build what does not wait yet, or join it; nothing goes on unless all of it is there."""
        todo = [item for name, item in self._needed.items() if name not in self._images]
        if not todo:
            return
        platform = self._asked.platform
        if self._asked.merge:
            missing = join(self._registries, todo, self._asked.options.builder)
            why = {name: f"nothing waits for {', '.join(it)}" for name, it in missing.items()}
        else:
            there = {
                name: f"{self._items[name].place}@{found.digest}"
                for name, found in self._images.items()
            }
            outcome = make(
                self._asked.plan,
                todo,
                there,
                self._asked.options,
                self._tell,
                refreshed=self._asked.refreshed,
                platform=platform,
            )
            self._built = {name: outcome.seconds.get(name, 0.0) for name in outcome.built}
            why = {name: _last(tail) for name, tail in outcome.failed.items()}
            why |= {
                name: f"it stands on {parent}, which failed"
                for name, parent in outcome.skipped.items()
            }
        made = {item.target: item for item in todo if item.target not in why}
        self._images |= self._found(made, platform, why)
        if why:
            raise PublishError(why.items(), _AGAIN)

    def _found(
        self, made: Mapping[str, Item], platform: str, why: dict[str, str]
    ) -> dict[str, Image]:
        """Return what waits now; what should, and does not, is said in the reasons."""
        tags = {
            name: (item, fingerprint_tag(item.fingerprint, platform)) for name, item in made.items()
        }
        found = at_once(lambda it: image(self._registries, it[0].place, it[1]), tags)
        for name, one in found.items():
            item, tag = tags[name]
            lacking = set((platform,) if platform else item.platforms) - set(
                one.platforms if one else ()
            )
            if one is None:
                why[name] = f"{item.place}:{tag} is not there, although it was pushed"
            elif lacking:
                why[name] = f"{item.place}:{tag} lacks {', '.join(sorted(lacking))}"
        return {name: one for name, one in found.items() if one and name not in why}

    def _test(self) -> None:
        """Test what did not pass its tests yet, and remember what does now."""
        platform = self._asked.platform
        todo = {name: item for name, item in self._wanted.items() if item.tests}
        passed = at_once(self._passed, todo)
        left = [item for name, item in todo.items() if not passed[name]]
        if not left:
            return
        failed = examine(
            self._asked.plan,
            left,
            self._images,
            self._asked.options,
            self._tell,
            platform=platform,
        )
        at_once(self._note_passed, {i.target: i for i in left if i.target not in failed})
        if failed:
            raise PublishError(
                [(name, f"its tests failed: {_last(tail)}") for name, tail in failed.items()],
                _AGAIN,
            )

    def _note_passed(self, item: Item) -> None:
        tag = passed_tag(item.fingerprint, item.tests, self._asked.platform)
        self._registries.put(item.place, tag, self._images[item.target].manifest)

    def _passed(self, item: Item) -> bool:
        """Tell whether the image that waits passed these tests before."""
        tag = passed_tag(item.fingerprint, item.tests, self._asked.platform)
        if self._registries.digest(item.place, tag) == self._images[item.target].digest:
            return True
        if self._asked.merge and tested(self._registries, item):
            whole = passed_tag(item.fingerprint, item.tests)
            self._registries.put(item.place, whole, self._images[item.target].manifest)
            return True
        return False

    # --- Promoting ------------------------------------------------------------------------------

    def _heed(self) -> None:
        """See what other runs of this version released while this one was building.

        The same fingerprint as released by them takes the place of what was built here; another
        image under one of the tags is refused, as it would have been before.
        """
        if not self._built:
            return
        self._before = records.pull(self._registries, self._home, self._asked.release.version)
        for row in (self._before or {}).get("targets", ()):
            item = self._wanted.get(row["target"])
            if item is None or not self._rivals(item, row):
                continue
            found = self._released(item, row["digest"])
            if found is not None:
                self._images[item.target] = found
                del self._built[item.target]
                tag = f"{item.place}:{fingerprint_tag(item.fingerprint)}"
                give(self._registries, found, item.place, tag, self._asked.options.builder)
        self._refuse_taken("nothing was promoted")

    def _rivals(self, item: Item, row: Mapping[str, Any]) -> bool:
        """Tell whether a record has another image of what this run built."""
        same = row["fingerprint"] == f"sha256:{item.fingerprint}"
        differs = row["digest"] != self._images[item.target].digest
        return item.target in self._built and same and differs

    def _promote(self, given: dict[str, int]) -> None:
        """Give each target its tags for ever; count how many were to be given."""
        anew: dict[str, Image] = {}
        for _ in range(_ROUNDS):
            self._tell.say(f"promoting {len(self._wanted)} to {self._asked.release.version}")
            for name, count in at_once(self._give, self._wanted).items():
                given[name] += count
            moved = at_once(self._restaged, self._wanted)
            anew = {name: one for name, one in moved.items() if one is not None}
            if not anew:
                return
            self._images |= anew  # another run staged it, too: the last one counts for both
        raise PublishError(
            [(name, "another run stages it again and again") for name in anew],
            "let one release run at a time",
        )

    def _give(self, item: Item) -> int:
        found = self._images[item.target]
        builder = self._asked.options.builder
        return sum(give(self._registries, found, item.place, tag, builder) for tag in item.tags)

    def _restaged(self, item: Item) -> Image | None:
        """Return what waits for a target now, if that is another image than was promoted."""
        if item.target not in self._built:
            return None
        tag = fingerprint_tag(item.fingerprint)
        if self._registries.digest(item.place, tag) == self._images[item.target].digest:
            return None
        return self._complete(item, tag)

    def _move(self, given: dict[str, int]) -> dict[str, str]:
        """Move what moves, if it goes forward; return what was left, and who has it."""
        if not self._asked.moving or not self._asked.release.moves:
            return {}
        tags = (tag for item in self._items.values() for tag in item.tags)
        movers = Movers(self._registries, self._home, self._asked.release, tags)
        moved = at_once(lambda item: self._moved(item, movers), self._wanted)
        for name, (count, _) in moved.items():
            given[name] += count
        return {tag: holder for _, kept in moved.values() for tag, holder in kept.items()}

    def _moved(self, item: Item, movers: Movers) -> tuple[int, dict[str, str]]:
        """Move what moves of a target; return how many were, and what was left to whom."""
        found = self._images[item.target]
        builder = self._asked.options.builder
        count, kept = 0, {}
        for tag in item.moving:
            holder = movers.holder(Move(tag, found.digest))
            if holder is not None:
                kept[tag] = holder
            else:
                count += give(self._registries, found, item.place, tag, builder)
        return count, kept

    # --- Recording ------------------------------------------------------------------------------

    def _recorded(self, item: Item) -> Mapping[str, Any]:
        """Return a target's row: as it is recorded, if it is the same image."""
        row = self._row(item)
        for old in (self._before or {}).get("targets", ()):
            if old["target"] == item.target and old["digest"] == row["digest"]:
                row |= {name: old[name] for name in ("state", "seconds")}
        return row

    def _row(self, item: Item) -> dict[str, Any]:
        found = self._images[item.target]
        built = item.target in self._built
        return {
            "target": item.target,
            "tags": list(item.tags),
            "moving": list(item.moving),
            "digest": found.digest,
            "platforms": dict(found.platforms),
            "attestations": dict(found.attestations),
            "fingerprint": f"sha256:{item.fingerprint}",
            "bases": dict(item.bases),
            "state": "built" if built else "reused",
            "seconds": round(self._built.get(item.target, 0.0), 1),
            "bytes": size(self._registries, item.place, found),
        }

    def _record(self, rows: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Push the record, the last act; one that others wrote meanwhile is not lost.

        None if another run has recorded or tagged other images of the same: that is to be heeded.
        """
        version = self._asked.release.version
        names = [target.name for target in self._asked.plan.targets]
        for _ in range(_ROUNDS):
            before = records.pull(self._registries, self._home, version)
            there = {row["target"]: row for row in (before or {}).get("targets", ())}
            if any(self._rivals(i, there[n]) for n, i in self._wanted.items() if n in there):
                return None
            record = records.joined(version, before, rows, names)
            if before is not None and records.text(before) == records.text(record):
                return record
            digest = records.push(self._registries, self._home, record)
            if self._registries.digest(self._home, f"{records.PREFIX}{version}") == digest:
                return (
                    None
                    if any(at_once(self._overtaken, {name: name for name in self._built}).values())
                    else record
                )
            time.sleep(0.2)
        raise RegistryError(f"another run writes the record of {version} again and again")

    def _overtaken(self, name: str) -> bool:
        """Tell whether another run gave a tag of a target to another image since."""
        tags = self._wanted[name].tags if name in self._wanted else ()
        digest = self._images[name].digest
        return any(self._registries.digest(*split(tag)) != digest for tag in tags)


_AGAIN = "nothing was promoted; what was built waits, and the next run does only what is missing"


def _last(tail: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return lines[-1] if lines else "it does not say why"
