"""Write explanations as JSON, for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from compiler.errors import Location
from compiler.reports.explain.explain import Content, Explanation
from compiler.reports.explain.provenance import Given
from compiler.reports.explain.query import Open


def as_json(
    explanations: Sequence[Explanation],
    incomplete: Sequence[Open],
    contents: Mapping[str, Content] | None = None,
) -> str:
    """Return explanations as one JSON document; text is in bake's form, `${NAME}` and `$${`.

    `contents` maps targets to their fingerprints; it lacks targets whose fingerprint is unknown.
    """
    document = {
        "version": 1,
        "explanations": [
            {**_plain(item), **_content(item, contents or {})} for item in explanations
        ],
        "incomplete": [
            {
                "image": item.image.name,
                "targets": item.targets,
                "axes": [axis.name for axis in item.axes],
            }
            for item in incomplete
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _content(explanation: Explanation, contents: Mapping[str, Content]) -> dict[str, Any]:
    content = None if explanation.build is None else contents.get(explanation.build.target)
    if content is None:
        return {}
    whole = [{"folder": folder, "because": why} for folder, why in content.whole]
    return {"fingerprint": f"sha256:{content.fingerprint}", "whole": whole}


def _plain(explanation: Explanation) -> dict[str, Any]:
    document: dict[str, Any] = {
        "target": None if explanation.build is None else explanation.build.target,
        "image": {"name": explanation.image, **_span(explanation.place)},
        "axes": [
            {
                "axis": axis.axis,
                "value": axis.value,
                "fragment": axis.fragment,
                "why": axis.why,
                **({"eol": axis.eol} if axis.eol else {}),
                **_span(axis.place),
            }
            for axis in explanation.axes
        ],
        "rules": [
            {
                "effect": rule.effect,
                "rule": rule.rule,
                "pattern": rule.pattern,
                "note": rule.note,
                **_span(rule.place),
            }
            for rule in explanation.rules
        ],
    }
    build = explanation.build
    if build is None:
        return {**document, "nearest": [near._asdict() for near in explanation.near]}
    return {
        **document,
        "variant": build.variant,
        "dockerfile": build.dockerfile,
        "template": _entry(build.template) if build.template.name == "template" else None,
        "set": list(map(_entry, build.settings)),
        "fields": list(map(_entry, build.fields)),
        "platforms": build.platforms,
        "narrowed": list(map(_entry, build.narrowing)),
        "parent": None
        if build.parent is None
        else {
            "target": build.parent.target,
            "image": build.parent.image,
            "why": build.parent.why,
            **_span(build.parent.place),
        },
        "children": build.children,
        "groups": [{"name": group.name, **_span(group.place)} for group in build.groups],
        "checks": [{"name": check.name, **_span(check.place)} for check in build.checks],
    }


def _entry(value: Given) -> dict[str, Any]:
    return {
        "name": value.name,
        **({"key": value.key} if value.key else {}),
        "value": value.value,
        "level": value.level,
        **_span(value.place),
        **({"replaces": list(map(_entry, value.replaces))} if value.replaces else {}),
    }


def _span(place: Location | None) -> dict[str, Any]:
    if place is None:
        return {}
    return {"path": place.path, "line": place.line, "column": place.column}
