"""What is there before anything is built: images that wait, tags that are taken, who may write."""

from collections.abc import Collection
from functools import partial

from compiler.external.references import canonical_tag, split
from compiler.external.registry.client import RegistryError
from compiler.external.registry.parallel import at_once
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.items import Item
from compiler.publish.promote import give, taken
from compiler.publish.request import PublishError, PublishRun
from compiler.publish.staged_image import StagedImage, image, labelled
from compiler.releases import record as records


def refuse_reserved(work: PublishRun) -> None:
    """Refuse an image whose tag is that of the record: one would take it from the other.

    Raises:
        PublishError: with all of them.
    """
    record = f"{work.home}:{records.PREFIX}{work.asked.release.version}"
    reserved = canonical_tag(record)
    names = [
        item.target
        for item in work.items.values()
        if reserved and reserved in map(canonical_tag, (*item.tags, *item.moving))
    ]
    if names:
        raise PublishError(
            [(name, f"its tag {record} is that of the release's record") for name in names],
            "nothing was built; name the tag otherwise, or say where images and records wait: "
            "`staging` of `publish` in matrix.yaml",
        )


def look(work: PublishRun) -> None:
    """Find what waits already, of all that is wanted and what that stands on."""
    if not work.asked.platform:
        work.before = records.pull(work.registries, work.home, work.asked.release.version)
    found = at_once(partial(_waiting, work), work.needed)
    work.images = {name: one for name, one in found.items() if one is not None}


def _waiting(work: PublishRun, item: Item) -> StagedImage | None:
    """Return a target's image: as it is released already, or as it waits."""
    for row in (work.before or {}).get("targets", ()):
        if row["target"] == item.target and f"sha256:{item.fingerprint}" == row["fingerprint"]:
            found = released(work, item, row["digest"])
            if found is not None:
                return found
    whole = complete(work, item, fingerprint_tag(item.fingerprint))
    if whole is None and (platform := work.asked.platform):
        piece = fingerprint_tag(item.fingerprint, platform)
        return image(work.registries, item.place, piece)
    return whole


def released(work: PublishRun, item: Item, digest: str) -> StagedImage | None:
    """Return an image that this release has already; it waits again if it was cleaned away."""
    found = complete(work, item, digest)
    if found is None and item.tags:
        repository = split(item.tags[0])[0]
        found = complete(work, item._replace(place=repository), digest)
        if found is not None:
            tag = f"{item.place}:{fingerprint_tag(item.fingerprint)}"
            give(work.registries, found, repository, tag, work.asked.options.builder)
    return found


def complete(work: PublishRun, item: Item, reference: str) -> StagedImage | None:
    """Return an image if it is there for all its platforms."""
    found = image(work.registries, item.place, reference)
    return found if found and not set(item.platforms) - set(found.platforms) else None


def refuse_early(work: PublishRun) -> None:
    """Refuse before anything is built: who may not write, and tags that are taken.

    Raises:
        PublishError: with all of it.
    """
    places = [item.place for item in work.needed.values()]
    if not work.asked.platform:
        tags = [tag for i in work.wanted.values() for tag in (*i.tags, *i.moving)]
        places += [*(split(tag)[0] for tag in tags), work.home]
    refused = at_once(partial(_unwritable, work), {name: name for name in places})
    reasons = [(name, why) for name, why in refused.items() if why]
    if reasons:
        raise PublishError(reasons, "nothing was built")
    refuse_taken(work, "nothing was built")


def refuse_taken(work: PublishRun, done: str) -> None:
    """Refuse tags of this version that stand for images of other fingerprints."""
    if work.asked.platform or work.asked.replace:
        return
    wanted: dict[str, str | None] = {
        tag: work.images[item.target].digest if item.target in work.images else None
        for item in work.wanted.values()
        for tag in item.tags
    }
    prints = {tag: i.fingerprint for i in work.wanted.values() for tag in i.tags}
    held = {
        tag
        for tag, digest in taken(work.registries, wanted).items()
        if labelled(work.registries, split(tag)[0], digest) != prints[tag]
    }
    if held:
        raise PublishError(
            [
                (item.target, f"{tag} is there already, and is another image")
                for item in work.wanted.values()
                for tag in item.tags
                if tag in held
            ],
            f"{done}; {_way_out(work, held)}",
            partly=work.overtaken,
        )


def _way_out(work: PublishRun, held: Collection[str]) -> str:
    """Say what to do about tags that are taken: another version does not help all of them."""
    version = work.asked.release.version
    fixed = [tag for tag in held if version not in split(tag)[1]]
    if not fixed:
        return "publish another version, or `--replace` these"
    variable = f"${{{work.asked.release.variable}}}"
    return (
        f"put {variable} into what stands in `tags` for {min(fixed)}, or have it under "
        "`moving`, for a tag is for ever; or `--replace` these"
    )


def _unwritable(work: PublishRun, repository: str) -> str:
    try:
        work.registries.check_writable(repository)
    except RegistryError as error:
        return str(error)
    return ""
