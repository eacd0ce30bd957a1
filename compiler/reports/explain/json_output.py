"""Explanations for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from compiler.errors import Location
from compiler.reports.explain.explain import Content, Explanation
from compiler.reports.explain.provenance import Given
from compiler.reports.explain.query import Open


def as_json(
    told: Sequence[Explanation],
    left: Sequence[Open],
    contents: Mapping[str, Content] | None = None,
) -> str:
    """Return explanations as one JSON document; text is in bake's form, `${NAME}` and `$${`.

    `contents` says of targets what decides their images, where that is known.
    """
    document = {
        "version": 1,
        "explanations": [{**_plain(one), **_content(one, contents or {})} for one in told],
        "incomplete": [
            {
                "image": one.image.name,
                "targets": one.targets,
                "axes": [axis.name for axis in one.axes],
            }
            for one in left
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _content(one: Explanation, contents: Mapping[str, Content]) -> dict[str, Any]:
    found = None if one.build is None else contents.get(one.build.target)
    if found is None:
        return {}
    whole = [{"folder": folder, "because": why} for folder, why in found.whole]
    return {"fingerprint": f"sha256:{found.fingerprint}", "whole": whole}


def _plain(one: Explanation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "target": None if one.build is None else one.build.target,
        "image": {"name": one.image, **_span(one.place)},
        "axes": [
            {
                "axis": axis.axis,
                "value": axis.value,
                "fragment": axis.fragment,
                "why": axis.why,
                **_span(axis.place),
            }
            for axis in one.axes
        ],
        "rules": [
            {
                "effect": rule.effect,
                "rule": rule.rule,
                "pattern": rule.pattern,
                "note": rule.note,
                **_span(rule.place),
            }
            for rule in one.rules
        ],
    }
    build = one.build
    if build is None:
        return {**found, "nearest": [near._asdict() for near in one.near]}
    return {
        **found,
        "variant": build.variant,
        "dockerfile": build.dockerfile,
        "template": _given(build.template),
        "set": list(map(_given, build.settings)),
        "fields": list(map(_given, build.fields)),
        "platforms": build.platforms,
        "narrowed": list(map(_given, build.narrowing)),
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
    }


def _given(one: Given) -> dict[str, Any]:
    return {
        "name": one.name,
        **({"key": one.key} if one.key else {}),
        "value": one.value,
        "level": one.level,
        **_span(one.place),
        **({"replaces": list(map(_given, one.replaces))} if one.replaces else {}),
    }


def _span(place: Location | None) -> dict[str, Any]:
    if place is None:
        return {}
    return {"path": place.path, "line": place.line, "column": place.column}
