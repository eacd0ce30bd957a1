"""A release, or its preview, as a summary in Markdown."""

from collections import Counter
from collections.abc import Mapping

from compiler.errors import DiagnosticError
from compiler.publish.changed_since import changed_targets
from compiler.publish.output import format_kept_tags, format_notes
from compiler.publish.preview import Preview
from compiler.publish.result import PublishResult
from compiler.releases.record import ReleaseRecord
from compiler.reports.markdown import markdown
from compiler.reports.run_summary import RunSummary, format_summary
from compiler.reports.text import counted
from compiler.targets.plan import Plan


MAX_ERRORS = 20
"""Maximum number of errors in a summary."""
_PREVIEWED = {"build": "to build", "merge": "to merge", "reuse": "reused"}


def preview_summary(plan: Plan, preview: Preview, earlier: ReleaseRecord | None) -> str:
    """Return what a release would do: what is built, and how large it was in the last release.

    Args:
        plan: all targets.
        preview: what the release would do.
        earlier: the last release, if one is known.
    """
    names = {target.name for target in plan.targets}
    targets = [target for target in preview.targets if target.target in names]
    changed = frozenset(target.target for target in targets if target.state != "reuse")
    created = sum(len(target.create) for target in preview.targets)
    moved = sum(len(target.move) for target in preview.targets)
    checks = Counter(name for target in preview.targets for name in target.checks)
    runs = [f"{name} on {counted(count, 'image')}" for name, count in checks.items()]
    kept = [line for target in targets for line in format_kept_tags(target.kept, preview.release)]
    return format_summary(
        plan,
        RunSummary(
            title=f"Dry run of {preview.release}: {len(changed):,} of "
            f"{counted(len(targets), 'target')} to build",
            facts=[
                f"{counted(created, 'tag')} to create, {moved:,} to move.",
                *_limits(plan),
                *([f"Checks to run: {', '.join(runs)}."] if runs else []),
                *kept,
            ],
            states={target.target: _PREVIEWED[target.state] for target in targets},
            changed=changed,
            reasons=_reasons(changed, earlier),
            release=earlier.release if earlier else "",
            released_sizes=_sizes(earlier),
        ),
    )


def result_summary(plan: Plan, result: PublishResult, earlier: ReleaseRecord | None) -> str:
    """Return what a run has published or staged, with sizes compared with the last release.

    Args:
        plan: all targets.
        result: what the run has done.
        earlier: the last release, if one is known.
    """
    built = frozenset(target.record.target for target in result.targets if target.built)
    created = sum(target.created_tags for target in result.targets)
    reasons = changed_targets(result, earlier)
    counts = f"{len(built):,} built, {len(result.targets) - len(built):,} reused"
    verb = "Published" if result.record else "Staged"
    return format_summary(
        plan,
        RunSummary(
            title=f"{verb} {result.release}: {counted(len(result.targets), 'target')}",
            facts=[
                f"{counts}, {counted(created, 'tag')} created or moved.",
                *_limits(plan),
                *format_notes(result),
            ],
            states={
                target.record.target: "built" if target.built else "reused"
                for target in result.targets
            },
            changed=frozenset(reasons),
            reasons=reasons if earlier else {},
            sizes={target.record.target: target.record.bytes for target in result.targets},
            release=earlier.release if earlier else "",
            released_sizes=_sizes(earlier),
        ),
    )


def failure_summary(version: str, error: DiagnosticError) -> str:
    """Return why a version was not published, or not completely.

    Args:
        version: the version.
        error: the errors of the run, and what it did nevertheless.
    """
    listed = error.diagnostics[:MAX_ERRORS]
    lines = [f"### Not published: {markdown(version)}", ""]
    lines += [f"{markdown(_sentence(error.outcome))}", ""] if error.outcome else []
    lines += [f"* {markdown(diagnostic.message)}" for diagnostic in listed]
    more = len(error.diagnostics) - len(listed)
    lines += [f"* and {counted(more, 'error')} more"] if more else []
    return "".join(f"{line}\n" for line in [*lines, ""])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _limits(plan: Plan) -> list[str]:
    """Return the limits of the sizes of images as a sentence, if there are any."""
    limits = plan.matrix.size_limits
    if limits is None:
        return []
    texts = [f"have at most {limits.max_text}"] if limits.max_text else []
    texts += [f"grow by at most {limits.growth_text}"] if limits.growth_text else []
    return [f"Each platform may {' and '.join(texts)}."] if texts else []


def _reasons(changed: frozenset[str], earlier: ReleaseRecord | None) -> Mapping[str, list[str]]:
    """Return how targets would differ from the last release."""
    if earlier is None:
        return {}
    return {name: ["another image" if name in earlier.by_name else "new"] for name in changed}


def _sizes(earlier: ReleaseRecord | None) -> dict[str, int]:
    return {target.target: target.bytes for target in earlier.targets} if earlier else {}
