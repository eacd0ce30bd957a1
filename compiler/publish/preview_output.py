"""Write what a release would do, as text or JSON."""

import json
from collections.abc import Iterator

from compiler.publish.output import SHORT_DIGEST, PublishFormat, format_kept_tags
from compiler.publish.preview import Preview
from compiler.releases.json_text import printable_json
from compiler.reports.text import columns, counted


def format_preview(preview: Preview, output_format: PublishFormat) -> str:
    """Return a preview as complete lines.

    Args:
        preview: what the release would do.
        output_format: `json` is an object with the version and the targets.
    """
    if output_format is PublishFormat.JSON:
        return _json(preview)
    return "".join(f"{line}\n" for line in _lines(preview))


def _json(preview: Preview) -> str:
    targets = [
        {
            "target": target.target,
            "state": target.state,
            "digest": target.digest,
            "create": list(target.create),
            "move": list(target.move),
            "kept": {tag: kept.version for tag, kept in target.kept.items()},
            **({"checks": list(target.checks)} if target.checks else {}),
            **({"sign": list(target.sign)} if target.sign else {}),
        }
        for target in preview.targets
    ]
    rows = ",\n".join(f"  {printable_json(target)}" for target in targets)
    return f'{{"version": 1, "release": {json.dumps(preview.release)}, "targets": [\n{rows}\n]}}\n'


def _lines(preview: Preview) -> Iterator[str]:
    rows = [("TARGET", "STATE", "DIGEST", "CREATED TAGS", "MOVED TAGS")]
    rows += [
        (
            target.target,
            target.state,
            (target.digest or "")[:SHORT_DIGEST],
            " ".join(target.create),
            " ".join(target.move),
        )
        for target in preview.targets
    ]
    yield from columns(rows)
    for target in preview.targets:
        if target.checks:
            yield f"{target.target}: checks to run: {' '.join(target.checks)}"
        if target.sign:
            yield f"{target.target}: to sign in {', '.join(target.sign)}"
        yield from format_kept_tags(target.kept, preview.release)
    states = [target.state for target in preview.targets]
    counts = [f"{states.count(state)} to {state}" for state in dict.fromkeys(("build", *states))]
    created = sum(len(target.create) for target in preview.targets)
    moved = sum(len(target.move) for target in preview.targets)
    yield (
        f"dry run of {preview.release}: {', '.join(counts)}, "
        f"{counted(created, 'tag')} to create, {moved} to move; nothing was written"
    )
