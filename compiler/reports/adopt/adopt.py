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


def adopt(given: Given, folder: Path, *, limit: int) -> Adoption:
    """Return a matrix of these targets.

    Args:
        given: the targets.
        folder: the folder of the project, which contains the Dockerfiles.
        limit: the maximum number of variants.

    Raises:
        CompileError: no target can be taken over; each has a diagnostic.
    """
    leftovers = list(given.leftovers)
    family_of = {_target(target.name): target.family for target in given.targets}
    apart: frozenset[str] = frozenset()
    ungrouped: frozenset[str] = frozenset()
    while given.targets:
        draft = arrange(given, apart=apart, ungrouped=ungrouped)
        text = _text(draft, given)
        failures = find_failures(given, draft, text, folder, limit)
        if not failures:
            found = (*leftovers, *draft.leftovers)
            found = _joined(found, {target.family for target in given.targets}, family_of)
            return Adoption(
                files={MATRIX: text.text.encode(), **given.files},
                targets=len(draft.names),
                images=len(draft.images),
                comparable=given.named,
                leftovers=tuple(sorted(found, key=lambda one: one.line)),
            )
        families, targets, groups = _blamed(draft, failures)
        apart |= families.keys()
        ungrouped |= groups.keys()
        for name, why in groups.items():
            line = given.lines.get(f"group {name}", 0)
            leftovers.append(_leftover(given, line, f"group '{name}'", why))
        for name, why in families.items():
            line = given.lines.get(name, 0)
            leftovers.append(_leftover(given, line, f"matrix of {_target(name)}", why))
        for target, why in targets:
            leftovers.append(_leftover(given, target.line, _target(target.name), why))
        given = _without(given, {target.name for target, _ in targets})
    raise CompileError(
        Diagnostic(
            code=Code.NOT_ADOPTED,
            message=f"{one.what} cannot be taken over: {one.why}",
            location=Location(path=one.path, line=one.line),
            help="correct this, or start with `compile-matrix init --minimal`",
        )
        for one in sorted(_joined(leftovers, (), family_of), key=lambda one: one.line)
        or [_leftover(given, 0, "the definition", "it has no target")]
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
    found: dict[str, Leftover] = {}
    for one in leftovers:
        family = family_of.get(one.what, "")
        if family and family not in present:
            found[_target(family)] = replace(one, what=_target(family))
            found.pop(f"matrix of {_target(family)}", None)
        else:
            key = f"{one.path} {one.what} {one.why}"
            found.setdefault(key, one)
            if one.what.startswith("matrix of "):
                found[one.what] = found.pop(key)
    return tuple(found.values())


def _leftover(given: Given, line: int, what: str, why: str) -> Leftover:
    return Leftover(path=given.path, line=line, what=what, why=why)


def _without(given: Given, names: set[str]) -> Given:
    """Return what is given without some targets."""
    files = {f"{name}.Dockerfile" for name in names}
    return replace(
        given,
        targets=tuple(target for target in given.targets if target.name not in names),
        files={path: content for path, content in given.files.items() if path not in files},
        definitions=tuple(
            (
                values,
                replace(
                    definition,
                    targets={n: f for n, f in definition.targets.items() if n not in names},
                ),
            )
            for values, definition in given.definitions
        ),
    )


def _text(draft: Draft, given: Given) -> YamlText:
    names = given.marks

    def named(value: Any) -> Any:
        if isinstance(value, str):
            return with_variables(value, names)
        if isinstance(value, list):
            return [named(item) for item in value]
        if isinstance(value, dict):
            return {named(key): named(item) for key, item in value.items()}
        return value

    origin = printable(PurePath(given.path).name or given.path)
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
