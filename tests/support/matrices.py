"""Random matrices that use the whole language, and random patterns; most of them are valid."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from hypothesis import strategies as st

from support.reference_model import Matrix, Value, faulty, parse_version, spelling


PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7")
AXES = ("py", "gpu", "os", "Job_2")
IMAGES = ("server", "worker.x", "tool-2")
ODD = "ab3.-_+\"'\\ $${{}}%#*!:/@[]?|&<>~=`é日😀"
JINJA = ("{{", "{%", "{#")
VARIABLES = {"R": "r.example", "V": 'a "b" \\ %{c}', "E": "example", "N": "x-example"}
"""The values of the variables of each matrix."""
_DERIVED = {"E": {"from": "R", "match": r"\.(\w+)$"}, "N": "x-${E}"}
"""Variables with another form than their values."""
TEMPLATES = {
    "base.j2": "FROM scratch\n",
    "more.j2": "FROM scratch\n{% if variant %}\nENV A=1\n{% endif %}\n# {{ image }}\n"
    "ENV B={{ variant | length }}\nENV C=2\n",
    "child.j2": "FROM {{ parent }}\nENV D=3\n",
}

REPOSITORIES: tuple[list[str], ...] = (
    ["${R}/one"],
    ["${R}/one ${R}/two/{{ image }}"],
    ["${R}/one/{{ image }}", "", "${R}/two"],
    [],
)
SHARED: tuple[Matrix, ...] = (
    {"tags": ["${R}/shared:{{ target }}"]},
    {"tags": ["${R}/shared:{{ target }}"], "moving": ["${R}/shared:now-{{ image }}"]},
    {"moving": ["${R}/shared:now ${R}/shared:now-{{ variant }}x"]},
)
"""Many targets cannot share the last tags: only those of different platforms."""
PLATFORM_TAGS = (
    ["${R}/platform:{{ target }}-{{ platform.os }}-{{ platform.arch }}{{ platform.variant }}"],
    {"moving": ["${R}/platform:{{ target }}-{{ platform.arch }}", ""]},
)

VERSIONS = ["3.9", "3.10", "3.11", "3.11.2", "3.12rc1", "3.13.0b2", "3.13", "12.8", "12.8.1", "4"]

texts = st.text(ODD, min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and text not in ("true", "false", "null")
)
values = st.one_of(
    st.sampled_from(VERSIONS),
    st.sampled_from(["a", "b", "deb", "cuda-12"]),
    st.booleans(),
    st.none(),
    texts,
)
inserted = st.text(ODD + "\n\t", max_size=20).filter(
    lambda text: not any(mark in text for mark in JINJA)
)
"""Values of `set`, without Jinja."""
fragments = st.text("abc.-_1", max_size=4)
platforms = st.one_of(
    st.sampled_from([["linux/amd64", "linux/arm64"], ["linux/arm64", "linux/amd64"]]),
    st.lists(st.sampled_from(PLATFORMS), min_size=1, unique=True),
)
"""Platforms, mostly with linux/amd64, so that intersections are rarely empty."""


def chance(draw: st.DrawFn, of: int) -> bool:
    """Return True in one of this many cases; shrinks to False."""
    return draw(_integers(of - 1)) == of - 1


@cache
def _integers(most: int) -> st.SearchStrategy[int]:
    return st.integers(0, most)


@lru_cache(maxsize=256)
def words_about(known: tuple[str, ...]) -> list[str]:
    """Return words of every kind that match some of these values."""
    found = [*known, "null"]
    versions = [text for text in known if parse_version(text)]
    for text in versions:
        found += [f"{sign}{text}" for sign in (">=", "<=", ">", "<", "==", "!=")]
        found += [f"!>={text}", f">=0,<{text}", f">={text}, != {text}.1", f"!!={text}"]
        if "." in text:
            found += [f"~={text}", f"=={re.sub(r'[a-z].*', '', text).split('.')[0]}.*"]
    for text in known:
        found += [f"!{text}", f"!{text[:1]}*", "*", "?" * len(text), f"*{text[-1:]}", f"{text}*"]
        if text[:1].isalnum():
            found += [f"[{text[0]}]*", f"[!{text[0]}]*", "[0-9]*", f"!*[!a-z]{text[1:]}"]
    return [word for word in dict.fromkeys(found) if not faulty([word], known)]


_INVALID = st.one_of(texts, st.sampled_from([">=x", "!", "!!a", "<0", "zz*", "", []]))


@st.composite
def matchers(draw: st.DrawFn, known: Sequence[str]) -> Any:
    """Generate a matcher for these values: one word or a list."""
    return draw(_INVALID if chance(draw, 60) else _valid_matchers(tuple(known)))


@lru_cache(maxsize=256)
def _valid_matchers(known: tuple[str, ...]) -> st.SearchStrategy[Any]:
    word = st.sampled_from(words_about(known)).map(unquoted)
    return st.one_of(word, st.lists(word, min_size=1, max_size=3))


def unquoted(word: str) -> Value:
    """Return the YAML value of a word: true, false and null are not strings."""
    return {"null": None, "true": True, "false": False}.get(word, word)


@st.composite
def rows(
    draw: st.DrawFn,
    axes: Mapping[str, Sequence[Value]],
    images: Sequence[str],
    fewest: int = 2,
    most: int = 3,
) -> Matrix:
    """Generate a pattern: a row of `exclude` or `only`, or a `when`."""
    fewest = min(fewest, len(axes))  # rows with one axis tend to exclude everything
    names = draw(st.lists(st.sampled_from([*axes]), min_size=fewest, max_size=most, unique=True))
    row: Matrix = {name: draw(matchers([*map(spelling, axes[name])])) for name in names}
    if not row or chance(draw, 5):
        row["image"] = draw(matchers(images))
    return row


@st.composite
def bare_matrices(draw: st.DrawFn) -> Matrix:
    """Generate a matrix for expansion only: axes, images and rules."""
    names = AXES[: draw(st.integers(1, 4))]
    images = list(IMAGES[: draw(st.integers(1, 2))])
    axes = {
        name: draw(st.lists(values, min_size=1, max_size=4, unique_by=spelling)) for name in names
    }
    matrix: Matrix = {
        "axes": {name: draw(_axis(name, axes, bare=True)) for name in names},
        "exclude": draw(st.lists(rows(axes, images), max_size=1)),
        "defaults": {"template": "base.j2"},
        "images": {},
    }
    if chance(draw, 4):
        matrix["defaults"]["only"] = draw(st.lists(rows(axes, images, 0), min_size=1, max_size=3))
    for image in images:
        matrix["images"][image] = draw(_rules(axes, names, images))
    return matrix


@st.composite
def _rules(
    draw: st.DrawFn, axes: Mapping[str, list[Value]], names: Sequence[str], images: Sequence[str]
) -> Matrix:
    options: Matrix = {}
    if draw(st.booleans()):
        options["axes"] = draw(st.lists(st.sampled_from(names), max_size=4, unique=True))
    if chance(draw, 6):
        options["exclude"] = draw(st.lists(rows(axes, images), max_size=2))
    if chance(draw, 5):
        options["only"] = draw(st.lists(rows(axes, images, 0), min_size=1, max_size=5))
    if chance(draw, 5):
        options["rows"] = draw(st.lists(_row(axes, images), min_size=1, max_size=4))
    return options


@st.composite
def _row(draw: st.DrawFn, axes: Mapping[str, list[Value]], images: Sequence[str]) -> Matrix:
    """Generate one of an image's `rows`, in one of its two forms, without fields."""
    pattern = draw(rows(axes, images, 0))
    return pattern if draw(st.booleans()) else {"when": pattern}


@st.composite
def matrices(draw: st.DrawFn) -> Matrix:
    """Generate a matrix with any feature of the language; most of them compile."""
    names = AXES[: draw(st.integers(1, 4))]
    images = list(IMAGES[: draw(st.integers(1, 3))])
    axes = {
        name: draw(st.lists(values, min_size=1, max_size=3, unique_by=spelling)) for name in names
    }
    matrix: Matrix = {
        "variables": {**VARIABLES, **_DERIVED},
        "axes": {name: draw(_axis(name, axes)) for name in names},
        "set": {
            **{f"from_{name}": draw(inserted) for name in names},
            "last": "{{ both }}",
            "both": f"{{{{ from_{names[0]} }}}} {{{{ image }}}} {{{{ {names[-1]} }}}}"
            if None not in axes[names[-1]]
            else "{{ image }}",
        },
        "exclude": draw(st.lists(rows(axes, images), max_size=1)),
        "overrides": draw(st.lists(overrides(axes, images, "top"), max_size=2)),
        "defaults": {
            "template": draw(st.sampled_from(["base.j2", "more.j2"])),
            "tags": ["${R}/{{ image }}:{{ target }}"],
            "labels": {"l{{ variant }}": "${V}{{ image }}${N}"},
            "args": {**{name: f"{{{{ from_{name} }}}}" for name in names}, "last": "{{ last }}"},
        },
        "images": {},
    }
    if chance(draw, 3):
        matrix["defaults"]["platforms"] = draw(platforms)
    if chance(draw, 3):
        matrix["defaults"]["moving"] = ["${R}/{{ image }}/now:{{ target }}"]
    if chance(draw, 3):
        matrix["defaults"]["tests"] = ["true", "test {{ image }}"]
    if chance(draw, 4):
        matrix["defaults"]["cache"] = {"type": "registry", "ref": "${R}/cache:{{ target }}"}
    if chance(draw, 3):
        matrix["groups"] = {
            f"mine-{n}": draw(rows(axes, images, 0, 2)) for n in range(draw(st.integers(1, 2)))
        }
    for n, image in enumerate(images):
        matrix["images"][image] = draw(_image(image, n, axes, matrix))
    if chance(draw, 4):
        matrix = _with_names_of_tags(matrix)
        matrix["defaults"]["repositories"] = draw(st.sampled_from(REPOSITORIES))
    return matrix


def _with_names_of_tags(value: Any) -> Any:
    """Return a matrix in which tags are names: `${R}/a/b:c` becomes `a-b-c`."""
    if isinstance(value, dict):
        return {
            _with_names_of_tags(key): item if key == "cache" else _with_names_of_tags(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_names_of_tags(item) for item in value]
    if not isinstance(value, str) or not value.startswith("${R}/"):
        return value
    return value.replace("${R}/", "").replace("/", "-").replace(":", "-")


@st.composite
def _image(
    draw: st.DrawFn, image: str, n: int, axes: Mapping[str, list[Value]], matrix: Matrix
) -> Matrix:
    images = list(IMAGES[: len(matrix["images"]) + 1])
    options: Matrix = draw(_rules(axes, [*axes], images))
    for number, row in enumerate(options.get("rows", [])):
        row.update(draw(changes(f"row{number}")))
    if draw(st.booleans()):
        options["platforms"] = draw(platforms)
    if draw(st.booleans()):
        options["args"] = {"OWN": escaped(draw(inserted)), "py": "{{ variant }}"}
    if chance(draw, 3):
        options["overrides"] = draw(st.lists(overrides(axes, images, image), max_size=2))
    options |= draw(_tags())
    if chance(draw, 4):
        options["tests"] = draw(st.sampled_from([[], ["echo '${HOME}'"], ["a\nb\n"]]))
    if chance(draw, 4):
        options["aliases"] = {
            f"${{R}}/{{{{ image }}}}:alias{m}": draw(_exactly(axes, options.get("axes")))
            for m in range(draw(st.integers(1, 2)))
        }
    if n and chance(draw, 2):
        options |= draw(_family(IMAGES[draw(st.integers(0, n - 1))], axes, matrix, options))
    return options


@st.composite
def _tags(draw: st.DrawFn) -> Matrix:
    """Generate the tags of an image, except for version tags and aliases."""
    options: Matrix = {}
    if chance(draw, 4):
        options["moving"] = ["${R}/{{ image }}:now-{{ target }} ${R}/also:{{ target }}", ""]
    if chance(draw, 4):
        options["shared"] = draw(st.sampled_from(SHARED))
    if chance(draw, 4):
        options["platform-tags"] = draw(st.sampled_from(PLATFORM_TAGS))
    return options


@st.composite
def _family(
    draw: st.DrawFn,
    parent: str,
    axes: Mapping[str, list[Value]],
    matrix: Matrix,
    options: Matrix,
) -> Matrix:
    """Generate the options that make an image depend on another."""
    found: Matrix = {"template": "child.j2", "from": parent}
    base = matrix["images"][parent]
    if "platforms" in base:
        found["platforms"] = base["platforms"]
    elif "platforms" in options and "platforms" not in matrix["defaults"]:
        found["platforms"] = options["platforms"][:1]
    mine, its = options.get("axes", [*axes]), base.get("axes", [*axes])
    apart = [name for name in its if name not in mine]
    if mine and chance(draw, 5):  # an axis that both images have
        name = draw(st.sampled_from(mine))
        if name in its:
            found["from"] = {"image": parent, "with": {name: draw(st.sampled_from(axes[name]))}}
    if apart:
        fixed = {name: draw(st.sampled_from(axes[name])) for name in apart}
        if chance(draw, 8):
            fixed[apart[0]] = draw(matchers([*map(spelling, axes[apart[0]])]))
        found["from"] = {"image": parent, "with": fixed}
    return found


@st.composite
def _exactly(draw: st.DrawFn, axes: Mapping[str, list[Value]], own: Sequence[str] | None) -> Matrix:
    """Generate a pattern that probably matches one variant."""
    along = [*axes] if own is None else own
    exact: Matrix = {name: draw(st.sampled_from(axes[name])) for name in along}
    return exact or {next(iter(axes)): None}


@st.composite
def overrides(
    draw: st.DrawFn, axes: Mapping[str, list[Value]], images: Sequence[str], where: str
) -> Matrix:
    """Generate one override."""
    found: Matrix = {"when": draw(rows(axes, images, 1, 2))}
    if draw(st.booleans()):
        found["set"] = {f"from_{next(iter(axes))}": f"by {where}"}
    if draw(st.booleans()):
        found["args"] = {"OWN": f"${{V}} {where}", "M": "{{ variant }}"}
    if chance(draw, 4):
        found["platforms"] = draw(platforms)
    if chance(draw, 4):
        found["labels"] = {"l{{ variant }}": where, f"o.{where}": "{{ target }}"}
    if chance(draw, 4):
        found["tags"] = [f"${{R}}/o/{{{{ image }}}}:{where}-{{{{ target }}}}"]
    if chance(draw, 5):
        found["moving"] = ["${R}/o/now:{{ target }}"]
    if chance(draw, 6):
        found["template"] = "base.j2"
    if chance(draw, 6):
        found["tests"] = ["override"]
    if chance(draw, 8):
        found["from"] = None
    return found


@st.composite
def _axis(
    draw: st.DrawFn, name: str, axes: Mapping[str, list[Value]], *, bare: bool = False
) -> Any:
    """Generate an axis in the short or the long form."""
    odd = any(re.search(r"[^a-z0-9.-]", spelling(value)) for value in axes[name])
    if draw(st.booleans()) and (bare or not odd or chance(draw, 4)):
        return axes[name]
    others = {other: known for other, known in axes.items() if other != name}
    options: dict[Value, Matrix] = {}
    for n, value in enumerate(axes[name]):
        options[value] = {}
        if others and chance(draw, 12):
            options[value]["only"] = draw(rows(others, list(IMAGES[:1]), 1))
        if bare:
            continue
        if odd:
            options[value]["tag"] = f"{name[:1].lower()}{n}"
        if chance(draw, 8):
            options[value]["tag"] = draw(fragments)
        if chance(draw, 10):
            options[value]["platforms"] = draw(platforms)
        if draw(st.booleans()):
            options[value]["set"] = {f"from_{name}": draw(inserted)}
        if chance(draw, 4):
            options[value] |= draw(changes(name))
    return options


@st.composite
def changes(draw: st.DrawFn, where: str) -> Matrix:
    """Generate fields of an axis value or a row; those of two levels conflict now and then."""
    found: Matrix = {}
    if draw(st.booleans()):
        found["args"] = {f"OF_{where}": escaped(draw(inserted)), "Z": "{{ image }}"}
    if chance(draw, 3):
        found["args"] = {"M": draw(st.sampled_from(["{{ variant }}", "${V}", where]))}
    if chance(draw, 4):
        found["labels"] = {f"by.{where}": "{{ target }}", "same": "{{ image }}"}
    if chance(draw, 8):
        found["tags"] = [f"${{R}}/v/{{{{ image }}}}:{where.lower()}-{{{{ target }}}}"]
    if chance(draw, 8):
        found["moving"] = ["${R}/v/now:{{ target }}"]
    if chance(draw, 10):
        found["template"] = "more.j2"
    if chance(draw, 10):
        found["from"] = None
    if chance(draw, 10):
        found["labels"] = None
    return found


def escaped(text: str) -> str:
    """Return text without interpolation in bake."""
    return text.replace("${", "$${").replace("$$$", "$.$")


def flow(value: Any) -> str:
    """Return a document in YAML's flow style, which is fast to write and to read."""
    match value:
        case dict():
            return "{" + ", ".join(f"{flow(k)}: {flow(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return spelling(value)
