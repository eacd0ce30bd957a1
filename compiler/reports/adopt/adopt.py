"""Make a first matrix from an existing definition, and prove that it defines the same builds.

Takes what a reader found; returns the text of matrix.yaml, and a list of what is not in it. The
text is compiled in memory, and the result compared with the definition. An image that does not
compile, or is not the same, is left out with the reason.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location
from compiler.reports.adopt.draft import Draft, arrange
from compiler.reports.adopt.model import MATRIX, Given, GivenTarget, Leftover, with_variables
from compiler.reports.adopt.verify import Failures, find_failures
from compiler.reports.adopt.yaml_text import YamlText, write_yaml
from compiler.reports.text import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """A first matrix."""

    files: Mapping[str, bytes]
    """The files to write: path below the project's folder -> content."""
    targets: int
    """The number of targets of the matrix."""
    images: int
    comparable: bool
    """Whether `compare` can read the definition."""
    leftovers: tuple[Leftover, ...]
    """What is not in the matrix, in the order of the definition."""


def adopt(existing: Given, folder: Path, *, limit: int) -> Adoption:
    """Return a matrix of these targets.

    Args:
        existing: the targets.
        folder: the folder of the project, which contains the Dockerfiles.
        limit: the maximum number of variants.

    Raises:
        CompileError: no target can be taken over; each has a diagnostic.
    """
    leftovers = list(existing.leftovers)
    family_of = {_target(target.name): target.family for target in existing.targets}
    apart: frozenset[str] = frozenset()
    ungrouped: frozenset[str] = frozenset()
    while existing.targets:
        draft = arrange(existing, apart=apart, ungrouped=ungrouped)
        text = _text(draft, existing)
        failures = find_failures(existing, draft, text, folder, limit)
        if not failures:
            reported = (*leftovers, *draft.leftovers)
            reported = _joined(reported, {target.family for target in existing.targets}, family_of)
            return Adoption(
                files={MATRIX: text.text.encode(), **existing.files},
                targets=len(draft.names),
                images=len(draft.images),
                comparable=existing.named,
                leftovers=tuple(sorted(reported, key=lambda leftover: leftover.line)),
            )
        families, targets, groups = _blamed(draft, failures)
        apart |= families.keys()
        ungrouped |= groups.keys()
        for name, why in groups.items():
            line = existing.lines.get(f"group {name}", 0)
            leftovers.append(_leftover(existing, line, f"group '{name}'", why))
        for name, why in families.items():
            line = existing.lines.get(name, 0)
            leftovers.append(_leftover(existing, line, f"matrix of {_target(name)}", why))
        for target, why in targets:
            leftovers.append(_leftover(existing, target.line, _target(target.name), why))
        existing = _without(existing, {target.name for target, _ in targets})
    raise CompileError(
        Diagnostic(
            code=Code.NOT_ADOPTED,
            message=f"{leftover.what} cannot be taken over: {leftover.why}",
            location=Location(path=leftover.path, line=leftover.line),
            help="correct this, or start with `compile-matrix init --minimal`",
        )
        for leftover in sorted(
            _joined(leftovers, (), family_of), key=lambda leftover: leftover.line
        )
        or [_leftover(existing, 0, "the definition", "it has no target")]
    )


def _target(name: str) -> str:
    return f"target '{name}'"


def _joined(
    leftovers: Iterable[Leftover], present: Collection[str], family_of: Mapping[str, str]
) -> tuple[Leftover, ...]:
    """Return the parts that are left out, with each complete family as one item.

    Args:
        leftovers: the items.
        present: the families of which the matrix has a target.
        family_of: target, as an item names it -> its family, or empty.
    """
    by_subject: dict[str, Leftover] = {}
    for leftover in leftovers:
        family = family_of.get(leftover.what, "")
        if family and family not in present:
            by_subject[_target(family)] = replace(leftover, what=_target(family))
            by_subject.pop(f"matrix of {_target(family)}", None)
        else:
            key = f"{leftover.path} {leftover.what} {leftover.why}"
            by_subject.setdefault(key, leftover)
            if leftover.what.startswith("matrix of "):
                by_subject[leftover.what] = by_subject.pop(key)
    return tuple(by_subject.values())


def _leftover(existing: Given, line: int, what: str, why: str) -> Leftover:
    return Leftover(path=existing.path, line=line, what=what, why=why)


def _without(existing: Given, names: set[str]) -> Given:
    """Return what is given without some targets."""
    files = {f"{name}.Dockerfile" for name in names}
    return replace(
        existing,
        targets=tuple(target for target in existing.targets if target.name not in names),
        files={path: content for path, content in existing.files.items() if path not in files},
        definitions=tuple(
            (
                values,
                replace(
                    definition,
                    targets={n: f for n, f in definition.targets.items() if n not in names},
                ),
            )
            for values, definition in existing.definitions
        ),
    )


def _text(draft: Draft, existing: Given) -> YamlText:
    names = existing.marks

    def named(value: Any) -> Any:
        if isinstance(value, str):
            return with_variables(value, names)
        if isinstance(value, list):
            return [named(item) for item in value]
        if isinstance(value, dict):
            return {named(key): named(item) for key, item in value.items()}
        return value

    origin = printable(PurePath(existing.path).name or existing.path)
    return write_yaml(named(draft.data), f"Written by `compile-matrix init --from {origin}`.")


def _blamed(
    draft: Draft, failures: Failures
) -> tuple[dict[str, str], list[tuple[GivenTarget, str]], dict[str, str]]:
    """Return what to change: families, targets and groups, each with the reason.

    A family is first divided into images of its own; only a single target is left out.
    """
    families: dict[str, str] = {}
    targets: dict[str, tuple[GivenTarget, str]] = {}
    groups: dict[str, str] = {}
    images = {image.name: image for image in draft.images}
    for part, why in failures:
        if part[:1] == ("groups",) and len(part) > 1:
            groups.setdefault(part[1], why)
        elif part[:1] == ("images",) and len(part) > 1 and part[1] in images:
            image = images[part[1]]
            if image.axes:
                families.setdefault(image.targets[0].family, why)
            else:
                targets.setdefault(image.name, (image.targets[0], why))
    if not families and not targets and not groups:
        why = failures[0][1]
        joined = [image for image in draft.images if image.axes]
        for image in joined:
            families.setdefault(image.targets[0].family, why)
        for image in () if joined else draft.images:
            targets.setdefault(image.name, (image.targets[0], why))
    return families, list(targets.values()), groups
