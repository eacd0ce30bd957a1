"""Write a matrix in another way that means the same: with data files, parts, macros and others.

The independent model computes a matrix as it was; the compiler reads it as it is spread. So the
forms of the language that only say something in another way are compared with the plain ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from support.matrices import chance, flow
from support.reference_model import Matrix


DATA = "spread.json"
MARKS = ("{{", "{%", "{#", "$")
"""A text with one of these means something else in a data file."""
MACRO = "{% macro same(text) %}{{ text }}{% endmacro %}\n"
FILES: Mapping[str, str] = {
    "templates/same.j2": MACRO,
    "docker/Dockerfile": "FROM scratch\n",
}
_TAG = "${R}/{{ image }}:{{ target }}"
_TAG_OF_MACRO = "{% from 'same.j2' import same %}${R}/{{ same(image) }}:{{ same(text=target) }}"
_PATTERNS = ("only", "exclude")
_FILTERS = ("matching('>=0')", "newest(%d)", "oldest(%d)")
"""Filters that keep all versions of a list with this many."""


@st.composite
def spread(draw: st.DrawFn, matrix: Matrix) -> tuple[Matrix, dict[str, str]]:
    """Generate an equivalent of a matrix, and its further files by path."""
    writer = _Writer(draw)
    result = writer.document(matrix)
    files = {**FILES, **{path: flow(part) for path, part in writer.parts.items()}}
    files[DATA] = json.dumps(writer.data, ensure_ascii=False)
    if writer.data:
        result["data"] = {"spread": DATA}
    return result, files


class _Writer:
    """Moves parts of a matrix to other files."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.data: Matrix = {}
        self.parts: dict[str, Matrix] = {}

    def document(self, matrix: Matrix) -> Matrix:
        """Return the matrix without what is moved."""
        result = {**self._level(matrix), "defaults": self._image(matrix["defaults"])}
        result["axes"] = self._moved(
            {name: self._axis(form) for name, form in matrix["axes"].items()}
        )
        images = {name: self._image(options) for name, options in matrix["images"].items()}
        kept = len(images) - self._draw(st.integers(0, len(images)))
        result["images"] = dict([*images.items()][:kept])
        for name, options in [*images.items()][kept:]:
            self.parts[f"parts/{len(self.parts)}.yaml"] = self._part(name, options)
        if "groups" in matrix:
            groups = self._moved({name: self._moved(row) for name, row in matrix["groups"].items()})
            if isinstance(groups, dict) and self._may(3):
                del result["groups"]
                self.parts[f"parts/{len(self.parts)}.yaml"] = {"groups": groups}
            else:
                result["groups"] = groups
        if self.parts:
            result["include"] = ["parts/*.yaml"]
        return result

    def _part(self, name: str, options: Matrix) -> Matrix:
        """Return the part of one image; what it sets may be at any level of the part."""
        image, part, defaults = {**options}, Matrix(), Matrix()
        for key in options:
            if key in ("exclude", "overrides", "set") and self._may(2):
                part[key] = image.pop(key)
            elif self._may(3):
                defaults[key] = image.pop(key)
        return {**part, "defaults": defaults, "images": {name: image}}

    def _image(self, options: Matrix) -> Matrix:
        """Return the options of an image, or `defaults`."""
        result = self._level(options)
        if "tags" in result and self._may(3):
            result["tags"] = [_TAG_OF_MACRO if tag == _TAG else tag for tag in result["tags"]]
        if "aliases" in result and isinstance(result["aliases"], dict):
            result["aliases"] = {tag: self._moved(row) for tag, row in result["aliases"].items()}
        if isinstance(result.get("from"), dict):
            result["from"] = {**result["from"], "with": self._moved(result["from"]["with"])}
        if "from" not in options and "template" not in options and self._may(6):
            result["dockerfile"] = "docker/Dockerfile"
        return result

    def _level(self, options: Matrix) -> Matrix:
        """Return the options of a level, of which rules and platforms may be moved."""
        result = {**options}
        for key in _PATTERNS:
            if key in result:
                result[key] = self._moved([self._moved(row) for row in result[key]])
        for key in ("rows", "overrides"):
            if key in result:
                result[key] = self._moved([self._row(row) for row in result[key]])
        if result.get("platforms"):
            result["platforms"] = self._moved(result["platforms"])
        return result

    def _row(self, row: Matrix) -> Matrix:
        result = {**row}
        if "when" in row:
            result["when"] = self._moved(row["when"])
        if row.get("platforms"):
            result["platforms"] = self._moved(row["platforms"])
        return result

    def _axis(self, form: Any) -> Any:
        """Return an axis, perhaps as a list of mappings, or filtered."""
        if isinstance(form, dict):
            form = {value: self._moved(options) or options for value, options in form.items()}
            whole = all(isinstance(options, dict) for options in form.values())
            if whole and self._may(3):
                form = [{"value": value, **options} for value, options in form.items()]
        elif all(map(_is_version, form)) and self._may(2):
            text = self._draw(st.sampled_from(_FILTERS)).replace("%d", str(len(form)))
            return f"{self._put(form)[:-3]} | {text} }}}}"
        return self._moved(form)

    def _moved(self, value: Any) -> Any:
        """Return a value, or the expression that supplies it from the data file."""
        text = json.dumps(value, ensure_ascii=False)
        if not value or any(mark in text for mark in MARKS) or not self._may(3):
            return value
        return self._put(value)

    def _put(self, value: Any) -> str:
        name = f"v{len(self.data)}"
        self.data[name] = value
        return f"{{{{ spread.{name} }}}}"

    def _may(self, of: int) -> bool:
        return chance(self._draw, of)


def _is_version(value: Any) -> bool:
    try:
        Version(value if isinstance(value, str) else "")
    except InvalidVersion:
        return False
    return True


def on_windows(value: Any) -> Any:
    """Return a matrix in which a version of Windows replaces one of the platforms."""
    if isinstance(value, dict):
        return {key: on_windows(item) for key, item in value.items()}
    if isinstance(value, list):
        return [on_windows(item) for item in value]
    return "windows(10.0.20348)/amd64" if value == "linux/arm/v7" else value
