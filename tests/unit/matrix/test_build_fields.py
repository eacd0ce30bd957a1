"""Merge the levels of matrix.yaml: null removes an inherited value."""

from pathlib import Path
from typing import Any

from bake.oracle import lay, plan_json


DEFAULTS: dict[str, Any] = {
    "template": "Dockerfile.j2",
    "tags": ["acme/{{ image }}:{{ variant }}"],
    "labels": {"a": "1", "b": "2"},
    "tests": ["true"],
    "cache": {"type": "registry", "ref": "acme/cache:{{ target }}"},
    "platforms": ["linux/amd64"],
    "exclude": [{"py": "3.9"}],
}
AXES = {"py": ["3.9", "3.10"]}


def planned(folder: Path, image: dict[str, Any], **top: Any) -> list[dict[str, Any]]:
    """Return the targets of an image over the defaults."""
    lay(folder, {"axes": AXES, "defaults": DEFAULTS, "images": {"a": image}, **top})
    found: list[dict[str, Any]] = plan_json(folder)["targets"]
    return found


def test_null_takes_away_what_defaults_say(tmp_path: Path) -> None:
    """A null of an image removes the inherited tags, tests, cache and rows."""
    nulls = dict.fromkeys(("tags", "labels", "tests", "cache", "platforms", "exclude"))
    targets = planned(tmp_path, nulls)

    assert [target["target"] for target in targets] == ["a-3_9", "a-3_10"]
    assert targets[0]["tags"] == []
    assert targets[0]["platforms"] == []
    assert not {"labels", "tests", "cache"} & targets[0].keys()


def test_an_override_takes_away_too(tmp_path: Path) -> None:
    """Null in an override applies to its variants; a later override can set the field again."""
    targets = planned(
        tmp_path,
        {"exclude": None},
        overrides=[
            {"when": {"py": "3.9"}, "labels": None, "tests": None},
            {"when": {"py": "3.9"}, "labels": {"c": "3"}},
        ],
    )

    assert targets[0]["labels"] == {"c": "3"}
    assert "tests" not in targets[0]
    assert targets[1]["labels"] == {"a": "1", "b": "2"}
    assert targets[1]["tests"] == ["true"]


def test_a_parent_is_taken_away(tmp_path: Path) -> None:
    """An image with `from: null` has no parent, even if the defaults set one."""
    defaults = {"template": "Dockerfile.j2", "from": "base"}
    images: dict[str, Any] = {"base": {"from": None}, "child": {}}
    files = {"templates/Dockerfile.j2": "FROM {{ parent or 'scratch' }}\n"}
    lay(tmp_path, {"defaults": defaults, "images": images}, files)

    assert [target["parent"] for target in plan_json(tmp_path)["targets"]] == [None, "base"]
