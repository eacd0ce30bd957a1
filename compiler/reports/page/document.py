"""The data of the page as one JSON document.

    {"version": 1, "source", "filters": [TEXT], "axes": [{"name", "values": [TEXT],
     "eol": {N: DATE}}], "images": [NAME], "platforms": [NAME],
     "groups": {NAME: [number of a target]},
     "lines": [TEXT], "origins": [...], "rules": [...], "steps": [...],
     "targets": [{"name", "image": N, "values": [N], "variant", "dockerfile", "context", "tags":
     [TEXT], "floating": [TEXT], "others": [[KIND, TEXT]], "platforms": [N], "parent": TEXT | null,
     "lines": [N], "origins": [N], "rules": [N], "steps": [[N, line]]}],
     "layers": {...}, "build": {...}, "changes": {...}, "releases": {...}}

A number `N` is an index of the list of that name; for a value, of its axis, or -1 if the image
lacks the axis. An axis can also have `eol`: the date of each value at which its support ends.
`build`, `changes` and `releases` are null unless the page shows them. The same project,
environment, recorded build and releases give the same document.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compiler.bake.trace import RecordedBuild
from compiler.output.artifact import Compilation
from compiler.output.bake_resolved import ResolvedPlan, resolve_variables
from compiler.output.emit import header_lines
from compiler.releases.record import ReleaseRecord
from compiler.reports.changed.changed import Changed
from compiler.reports.end_of_life import ends_by_index
from compiler.reports.layers.layers import Layers
from compiler.reports.layers.recorded import match
from compiler.reports.listing import with_resolved_tags
from compiler.reports.page.interning import Interned
from compiler.reports.page.layer_rows import LayerRows, recorded_build
from compiler.reports.page.origin_rows import OriginRows
from compiler.reports.page.release_rows import release_rows
from compiler.targets.groups import Kind
from compiler.targets.plan import described
from compiler.targets.target import Target


VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Everything that a page can show."""

    compiled: Compilation
    resolved: ResolvedPlan
    """The plan for the environment of bake: tags are shown with the values of variables."""
    targets: tuple[Target, ...]
    """The selected targets, in the plan's order."""
    layers: Layers
    """The steps of those that have the platform."""
    source: str
    """How the page names the matrix."""
    shown: str = ""
    """How diagnostics name the project's folder, in front of each path; the page does not."""
    filters: tuple[str, ...] = ()
    build: RecordedBuild | None = None
    compared_with: str = ""
    """What `changes` is compared with: a commit, or the registry."""
    changes: tuple[Changed, ...] | None = None
    releases: tuple[ReleaseRecord, ...] | None = None
    """The newest first."""


def page_document(content: Content) -> dict[str, Any]:
    """Return the document of a page as JSON data."""
    matrix = content.compiled.plan.matrix
    layers, build = content.layers, content.build
    if build is not None:
        layers = replace(layers, recorded=match(layers, build))
    rows = _TargetRows(content, layers)
    targets = rows.targets()
    numbers = {target.name: number for number, target in enumerate(content.targets)}
    return {
        "version": VERSION,
        "source": content.source,
        "filters": list(content.filters),
        "axes": [
            {
                "name": axis.name,
                "values": [value.text for value in axis.values],
                **({"eol": ends} if (ends := ends_by_index(axis)) else {}),
            }
            for axis in matrix.axes.values()
        ],
        "images": list(matrix.images),
        "platforms": rows.platforms.values,
        "groups": _groups(content, numbers),
        "lines": rows.lines.values,
        **rows.origins.rows(),
        "steps": rows.steps.rows(),
        "targets": targets,
        "layers": rows.steps.tree(),
        "build": None if build is None else recorded_build(layers, build),
        "changes": _changes(content),
        "releases": None if content.releases is None else release_rows(content.releases),
    }


class _TargetRows:
    """The targets of a page, and the tables that they refer to."""

    def __init__(self, content: Content, layers: Layers) -> None:
        self._content = content
        self.lines: Interned[str] = Interned()
        self.platforms: Interned[str] = Interned()
        self.origins = OriginRows(content.compiled.plan.matrix, content.shown)
        self.steps = LayerRows(layers, content.shown)
        self._axes = [*content.compiled.plan.matrix.axes]
        self._images = {name: n for n, name in enumerate(content.compiled.plan.matrix.images)}
        resolved = resolve_variables(content.compiled.plan, content.resolved.environment)
        self._variables = resolved.values | {name: f"${{{name}}}" for name in resolved.missing}

    def targets(self) -> list[dict[str, Any]]:
        """Return the row of each target."""
        return [self._target(target) for target in self._content.targets]

    def _target(self, target: Target) -> dict[str, Any]:
        shown = with_resolved_tags(target, self._variables)
        indexes = dict(zip(target.axes, (value.index for value in target.values), strict=True))
        text = self._content.compiled.dockerfiles[target.name]
        return {
            "name": target.name,
            "image": self._images[target.image],
            "values": [indexes.get(name, -1) for name in self._axes],
            "variant": target.variant,
            "dockerfile": target.dockerfile,
            "context": str(described(target)["context"]),
            "tags": list(shown.tags),
            "floating": [*shown.moving, *shown.aliases],
            "others": _other_tags(shown),
            "platforms": self.platforms.numbers(map(str, target.platforms)),
            "parent": target.parent,
            "header": header_lines(target, text),
            "lines": self.lines.numbers(text.removesuffix("\n").split("\n")),
            "origins": self.origins.of(target),
            "rules": self.origins.rules_of(target),
            "steps": self.steps.of(target.name, target.links),
        }


def _other_tags(target: Target) -> list[list[str]]:
    """Return the tags that only `publish` creates, each with its kind."""
    shared = [["shared", tag] for tag in (*target.shared[0], *target.shared[1])]
    single = [
        [platform_tags.platform, tag]
        for platform_tags in target.platform_tags
        for tag in (*platform_tags.tags, *platform_tags.moving)
    ]
    return [*shared, *single]


def _groups(content: Content, numbers: Mapping[str, int]) -> dict[str, list[int]]:
    """Return the groups that contain shown targets, by the numbers of these targets."""
    groups = {
        group.name: _members(group.targets, numbers)
        for group in content.compiled.plan.groups
        if group.kind is not Kind.TESTS
    }
    return {name: members for name, members in groups.items() if members}


def _members(names: Sequence[str], numbers: Mapping[str, int]) -> list[int]:
    return [numbers[name] for name in names if name in numbers]


def _changes(content: Content) -> dict[str, Any] | None:
    """Return which targets must be rebuilt, each with its reasons."""
    if content.changes is None:
        return None
    changed: Iterable[Changed] = content.changes
    targets = {change.target.name: list(change.reasons) for change in changed}
    return {"against": content.compared_with, "targets": targets}
