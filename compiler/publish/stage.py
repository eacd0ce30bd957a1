"""What is missing is made, by building or by joining, and what was not tested yet is tested."""

from collections.abc import Mapping
from functools import partial

from compiler.external.registry.parallel import at_once
from compiler.fingerprint.naming import fingerprint_tag
from compiler.publish.build_missing import examine, make
from compiler.publish.items import Item
from compiler.publish.merge_platforms import join, tested
from compiler.publish.request import AGAIN, ALONE, ROUNDS, PublishError, PublishRun
from compiler.publish.staged_image import StagedImage, image, passed_tag


def fill(work: PublishRun) -> None:
    """Build what does not wait yet, or join it; nothing goes on unless all of it is there."""
    todo = {name: it for name, it in work.needed.items() if name not in work.images}
    for _ in range(ROUNDS):
        if not todo:
            break
        why, pushed = _join(work, todo) if work.asked.merge else _build(work, todo)
        made = {name: item for name, item in todo.items() if name not in why}
        work.images |= _found(work, made, work.asked.platform, why)
        if why:
            raise PublishError(why.items(), AGAIN)
        # What another run pushed meanwhile counts: what stands on it is to have its layers.
        other = {name for name, digest in pushed.items() if work.images[name].digest != digest}
        todo = {name: item for name, item in made.items() if other.intersection(work.linked[name])}
    if todo:
        raise PublishError([(name, "another run pushes what it stands on") for name in todo], ALONE)


def _join(work: PublishRun, todo: Mapping[str, Item]) -> tuple[dict[str, str], dict[str, str]]:
    """Join platforms; return what is missing, with why."""
    missing = join(work.registries, todo.values(), work.asked.options.builder)
    return {name: f"nothing waits for {', '.join(it)}" for name, it in missing.items()}, {}


def _build(work: PublishRun, todo: Mapping[str, Item]) -> tuple[dict[str, str], dict[str, str]]:
    """Build and push; return what is missing, with why, and the digests that were pushed."""
    there = {
        name: f"{work.items[name].place}@{found.digest}"
        for name, found in work.images.items()
        if name not in todo
    }
    outcome = make(
        work.asked.plan,
        todo.values(),
        there,
        work.asked.options,
        work.tell,
        refreshed=work.asked.refreshed,
        platform=work.asked.platform,
    )
    for name in outcome.built:
        work.built[name] = work.built.get(name, 0.0) + outcome.seconds.get(name, 0.0)
    why = {name: _last(tail) for name, tail in outcome.failed.items()}
    why |= {
        name: f"it stands on {parent}, which failed" for name, parent in outcome.skipped.items()
    }
    said = {name: meta.get("containerimage.digest") for name, meta in outcome.built.items()}
    return why, {name: str(digest) for name, digest in said.items() if digest}


def _found(
    work: PublishRun, made: Mapping[str, Item], platform: str, why: dict[str, str]
) -> dict[str, StagedImage]:
    """Return what waits now; what should, and does not, is said in the reasons."""
    tags = {
        name: (item, fingerprint_tag(item.fingerprint, platform)) for name, item in made.items()
    }
    found = at_once(lambda it: image(work.registries, it[0].place, it[1]), tags)
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


def examine_all(work: PublishRun) -> None:
    """Test what did not pass its tests yet, and remember what does now."""
    platform = work.asked.platform
    todo = {name: item for name, item in work.wanted.items() if item.tests}
    passed = at_once(partial(_passed, work), todo)
    left = [item for name, item in todo.items() if not passed[name]]
    if not left:
        return
    failed = examine(
        work.asked.plan,
        left,
        work.images,
        work.asked.options,
        work.tell,
        platform=platform,
    )
    at_once(partial(_note, work), {i.target: i for i in left if i.target not in failed})
    if failed:
        raise PublishError(
            [(name, f"its tests failed: {_last(tail)}") for name, tail in failed.items()],
            AGAIN,
        )


def _note(work: PublishRun, item: Item) -> None:
    """Remember that an image passed its tests."""
    tag = passed_tag(item.fingerprint, item.tests, work.asked.platform)
    work.registries.put(item.place, tag, work.images[item.target].manifest)


def _passed(work: PublishRun, item: Item) -> bool:
    """Tell whether the image that waits passed these tests before."""
    digest = work.images[item.target].digest
    for platform in dict.fromkeys([work.asked.platform, ""]):
        tag = passed_tag(item.fingerprint, item.tests, platform)
        if work.registries.digest(item.place, tag) == digest:
            return True
    if work.asked.merge and tested(work.registries, item):
        whole = passed_tag(item.fingerprint, item.tests)
        work.registries.put(item.place, whole, work.images[item.target].manifest)
        return True
    return False


def _last(tail: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return lines[-1] if lines else "it does not say why"
