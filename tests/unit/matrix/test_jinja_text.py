"""The text of values, wherever a template makes text of them."""

import pytest

from compiler.matrix.jinja import environment, renderer
from compiler.matrix.jinja_text import PrintedError


SCOPE = {"yes": True, "no": None, "list": ["x", "y"], "map": {"k": "v", "yes": True, "no": None}}


def render(text: str) -> str:
    """Render a string of matrix.yaml."""
    return renderer(environment(None, bake=False).from_string(text))(SCOPE)


@pytest.mark.parametrize(
    "text",
    [
        "{{ yes }}",
        "{{ '' ~ yes }}",
        "{{ [yes] | join }}",
        "{{ [map] | join(attribute='yes') }}",
        "{{ yes | string }}",
        "{{ yes | trim }}",
        "{{ '%s' | format(yes) }}",
        "{{ '%(x)s' | format(x=yes) }}",
        "{{ '%s' % yes }}",
        "{{ '%s' % (yes,) }}",
        "{{ '%(yes)s' % map }}",
        "{{ '{}'.format(yes) }}",
        "{{ '{yes}'.format_map(map) }}",
        "{{ '{0[yes]}'.format(map) }}",
        "{{ [yes] | map('string') | join }}",
    ],
)
def test_true_is_lower_case(text: str) -> None:
    """A flag has the same text wherever it becomes one."""
    assert render(text) == "true"


PLACES = [
    "{{ VALUE }}",
    "{{ '' ~ (VALUE) }}",
    "{{ [VALUE] | join }}",
    "{{ (VALUE) | string }}",
    "{{ (VALUE) | upper }}",
    "{{ (VALUE) | slug }}",
    "{{ '%s' % (VALUE,) }}",
    "{{ '%s' | format(VALUE) }}",
    "{{ '{}'.format(VALUE) }}",
    "{{ '{!r}'.format(VALUE) }}",
    "{{ [[VALUE]] | string }}",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "value", ["no", "list", "map", "list | map('upper')", "list.index", "map.items()", "self"]
)
def test_what_has_no_text_is_rejected(place: str, value: str) -> None:
    """Python's notation of an object never becomes text: it can contain an address in memory."""
    with pytest.raises(PrintedError, match="is printed"):
        render(place.replace("VALUE", value))


@pytest.mark.parametrize("text", ["{{ [list | reverse] | pprint }}", "{{ {'a': self} | xmlattr }}"])
def test_nested_objects_are_rejected(text: str) -> None:
    """A filter that prints nested values prints none without a text."""
    with pytest.raises(PrintedError, match="is printed"):
        render(text)


def test_nested_values_are_printed() -> None:
    """Plain values stay as Jinja prints them."""
    assert render("{{ {'a': [1, none, true]} | pprint }}") == "{'a': [1, None, True]}"
