"""Publish: stage what is missing, then give tags to all of it or to nothing.

Takes what is asked for and who is told; returns what was done.
Promises that no tag is given before every image of it waits and passed its tests, that what moves
comes last and only goes forward, and that running it again does only what is missing.
Refuses early: tags that are taken, registries that do not take anything.
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from compiler.bake.batches import direct_dependencies, linked_contexts
from compiler.external.registry.client import Registries, RegistryError
from compiler.external.registry.parallel import at_once
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.floating_tags import Move, Movers
from compiler.publish.items import Item, homes, items
from compiler.publish.preflight import (
    complete,
    look,
    refuse_early,
    refuse_reserved,
    refuse_taken,
    released,
)
from compiler.publish.promote import OvertakenError, give, taken
from compiler.publish.request import (
    ALONE,
    ROUNDS,
    PublishError,
    PublishReport,
    PublishRequest,
    PublishResult,
    PublishRun,
    Row,
)
from compiler.publish.stage import examine_all, fill
from compiler.publish.staged_image import StagedImage, size
from compiler.releases import record as records
from compiler.targets.graph import closure


def publish(asked: PublishRequest, registries: Registries, tell: PublishReport) -> PublishResult:
    """Publish; see the module.

    Raises:
        PublishError: something is missing, so no tag was given.
        RegistryError: a registry refuses, or does not answer.
        CompileError: bake refuses everything.
        KeyboardInterrupt: as it came; whatever was begun can be finished by another run.
    """
    return _run(_begun(asked, registries, tell))


def _begun(asked: PublishRequest, registries: Registries, tell: PublishReport) -> PublishRun:
    known = items(asked.plan, asked.prints, asked.texts, asked.environment, asked.overrides)
    wanted = {
        name: known[name]
        for name in asked.targets
        if name in known and (not asked.platform or asked.platform in known[name].platforms)
    }
    if not wanted:
        why = "none of them has a tag" if not asked.platform else f"none has {asked.platform}"
        raise PublishError([("everything", why)])
    places = homes(asked.plan, asked.environment)
    home = None if asked.platform else records.settled(registries, places)
    linked = direct_dependencies(linked_contexts(asked.plan))
    needed = closure(wanted, linked)
    return PublishRun(
        asked=asked,
        registries=registries,
        tell=tell,
        home=home or "",
        linked=linked,
        items=known,
        wanted=wanted,
        needed={name: item for name, item in known.items() if name in needed},
    )


def _run(work: PublishRun) -> PublishResult:
    asked = work.asked
    refuse_reserved(work)
    look(work)
    refuse_early(work)
    fill(work)
    examine_all(work)
    if asked.platform:
        rows = tuple(Row(_row(work, item), 0) for item in work.wanted.values())
        return PublishResult(asked.release.version, "", rows, {}, {}, work.registries.requests)
    given = dict.fromkeys(work.wanted, 0)
    for _ in range(ROUNDS):
        try:
            _heed(work)
            _promote(work, given)
            kept = _move(work, given)
        except OvertakenError:
            work.images |= _restaged(work, work.wanted)
            work.overtaken = True
            continue
        recorded = at_once(partial(_recorded, work), work.wanted)
        record = _record(work, [*recorded.values()])
        if record is not None:
            rows = tuple(Row(row, given[name]) for name, row in recorded.items())
            sent = work.registries.requests
            return PublishResult(asked.release.version, work.home, rows, kept, record, sent)
    raise RegistryError(f"another run writes {asked.release.version} again and again")


def _heed(work: PublishRun) -> None:
    """See what other runs of this version released while this one was building.

    The same fingerprint as released by them takes the place of what was built here; another
    image under one of the tags is refused, as it would have been before.
    """
    if not work.built and not work.overtaken:
        return
    work.before = records.pull(work.registries, work.home, work.asked.release.version)
    for row in (work.before or {}).get("targets", ()):
        item = work.wanted.get(row["target"])
        if item is None or not _rivals(work, item, row):
            continue
        found = released(work, item, row["digest"])
        if found is not None:
            work.images[item.target] = found
            del work.built[item.target]
            tag = f"{item.place}:{fingerprint_tag(item.fingerprint)}"
            give(work.registries, found, item.place, tag, work.asked.options.builder)
    refuse_taken(work, "tags of others were left as they are")


def _rivals(work: PublishRun, item: Item, row: Mapping[str, Any]) -> bool:
    """Tell whether a record has another image of what this run built."""
    same = row["fingerprint"] == f"sha256:{item.fingerprint}"
    differs = row["digest"] != work.images[item.target].digest
    return item.target in work.built and same and differs


def _promote(work: PublishRun, given: dict[str, int]) -> None:
    """Give each target its tags for ever; count how many were to be given."""
    anew: dict[str, StagedImage] = {}
    for _ in range(ROUNDS):
        work.tell.say(f"promoting {len(work.wanted)} to {work.asked.release.version}")
        for name, count in at_once(partial(_give, work), work.wanted).items():
            given[name] += count
        anew = _restaged(work, {n: item for n, item in work.wanted.items() if n in work.built})
        if not anew:
            return
        work.images |= anew  # another run staged it, too: the last one counts for both
    raise PublishError(
        [(name, "another run stages it again and again") for name in anew],
        ALONE,
        partly=True,
    )


def _give(work: PublishRun, item: Item) -> int:
    found = work.images[item.target]
    builder = work.asked.options.builder
    return sum(give(work.registries, found, item.place, tag, builder) for tag in item.tags)


def _restaged(work: PublishRun, items: Mapping[str, Item]) -> dict[str, StagedImage]:
    """Return what waits for targets now, where that is another image than was promoted."""
    found = at_once(partial(_anew, work), items)
    return {name: one for name, one in found.items() if one is not None}


def _anew(work: PublishRun, item: Item) -> StagedImage | None:
    tag = fingerprint_tag(item.fingerprint)
    if work.registries.digest(item.place, tag) == work.images[item.target].digest:
        return None
    return complete(work, item, tag)


def _move(work: PublishRun, given: dict[str, int]) -> dict[str, str]:
    """Move what moves, if it goes forward; return what was left, and who has it."""
    if not work.asked.moving or not work.asked.release.moves:
        return {}
    tags = (tag for item in work.items.values() for tag in item.tags)
    movers = Movers(work.registries, work.home, work.asked.release, tags)
    moved = at_once(lambda item: _moved(work, item, movers), work.wanted)
    for name, (count, _) in moved.items():
        given[name] += count
    return {tag: holder for _, kept in moved.values() for tag, holder in kept.items()}


def _moved(work: PublishRun, item: Item, movers: Movers) -> tuple[int, dict[str, str]]:
    """Move what moves of a target; return how many were, and what was left to whom."""
    found = work.images[item.target]
    builder = work.asked.options.builder
    count, kept = 0, {}
    for tag in item.moving:
        holder = movers.holder(Move(tag, found.digest))
        if holder is not None:
            kept[tag] = holder
        else:
            count += give(work.registries, found, item.place, tag, builder)
    return count, kept


def _recorded(work: PublishRun, item: Item) -> Mapping[str, Any]:
    """Return a target's row: as it is recorded, if it is the same image."""
    row = _row(work, item)
    for old in (work.before or {}).get("targets", ()):
        if old["target"] == item.target and old["digest"] == row["digest"]:
            row |= {name: old[name] for name in ("state", "seconds")}
    return row


def _row(work: PublishRun, item: Item) -> dict[str, Any]:
    found = work.images[item.target]
    built = item.target in work.built
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
        "seconds": round(work.built.get(item.target, 0.0), 1),
        "bytes": size(work.registries, item.place, found),
    }


def _record(work: PublishRun, rows: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Push the record, the last act; one that others wrote meanwhile is not lost.

    None if another run has recorded or tagged other images of the same: that is to be heeded.
    """
    version = work.asked.release.version
    names = [target.name for target in work.asked.plan.targets]
    for _ in range(ROUNDS):
        before = records.pull(work.registries, work.home, version)
        there = {row["target"]: row for row in (before or {}).get("targets", ())}
        if any(_rivals(work, i, there[n]) for n, i in work.wanted.items() if n in there):
            return None
        record = records.joined(version, before, rows, names)
        if before is not None and records.text(before) == records.text(record):
            return record
        if _overtaken(work):
            return None
        digest = records.push(work.registries, work.home, record)
        if work.registries.digest(work.home, f"{records.PREFIX}{version}") == digest:
            return None if _overtaken(work) else record
        time.sleep(0.2)
    raise RegistryError(f"another run writes the record of {version} again and again")


def _overtaken(work: PublishRun) -> bool:
    """Tell whether another run gave a tag of what this one built to another image since."""
    wanted = {
        tag: work.images[name].digest
        for name, item in work.wanted.items()
        if name in work.built
        for tag in item.tags
    }
    return bool(taken(work.registries, wanted))
