"""Filters of versions: which items they keep, in which order, and what they reject."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from compiler.matrix.jinja import environment


LISTED = ["3.9", "3.13", "3.12rc1", "nightly", "3.10", "v3.11"]

texts = st.builds(
    "{}.{}{}".format, st.integers(0, 3), st.integers(0, 20), st.sampled_from(["", "rc1", ".post2"])
)


def evaluated(expression: str, **names: Any) -> Any:
    """Return the value of an expression."""
    return environment(None, bake=False).compile_expression(expression)(**names)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("listed | matching('>=3.10,<4')", ["3.13", "3.12rc1", "3.10", "v3.11"]),
        ("listed | matching('~=3.10') | newest(2)", ["3.13", "3.12rc1"]),
        ("listed | newest", "3.13"),
        ("listed | newest(1)", ["3.13"]),
        ("listed | newest(count=3)", ["3.13", "3.12rc1", "v3.11"]),
        ("listed | newest(99)", ["3.9", "3.13", "3.12rc1", "3.10", "v3.11"]),
        ("listed | oldest", "3.9"),
        ("listed | oldest(2)", ["3.9", "3.10"]),
        ("{'3.9': 1, '3.10': 2} | matching('>3.9')", {"3.10": 2}),
        ("{'3.9': 1, '3.10': 2} | newest", "3.10"),
        ("[{'value': '3.9'}, {'value': '3.10', 'a': 1}] | newest", {"value": "3.10", "a": 1}),
        ("['1.0', '1'] | newest", "1.0"),
        ("listed | map('string') | newest", "3.13"),
        ("['9' * 2000, '1'] | newest", "1"),
    ],
)
def test_what_filters_keep(expression: str, expected: Any) -> None:
    """Lists keep their order; the order of versions is that of `packaging`."""
    assert evaluated(expression, listed=LISTED) == expected


@pytest.mark.parametrize("expression", ["['1'] | matching(text)", "'1' is version(text)"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (">=1," * 250 + ">=1", "the version range is longer than 1,000 characters"),
        (["1"], "a version range must be text"),
    ],
)
def test_ranges_that_nobody_writes(expression: str, value: Any, message: str) -> None:
    """The time of a comparison is proportional to the length of the range."""
    with pytest.raises((TypeError, ValueError), match=message):
        evaluated(expression, text=value)


@given(st.lists(texts, min_size=1, unique=True), st.integers(1, 5))
def test_newest_and_oldest_are_the_ends_of_the_order(items: list[str], count: int) -> None:
    """The kept versions are the ends of the sorted list, in the order of the input."""
    ascending = sorted(items, key=Version)

    newest = evaluated(f"items | newest({count})", items=items)
    oldest = evaluated(f"items | oldest({count})", items=items)

    assert newest == [item for item in items if item in newest]
    assert oldest == [item for item in items if item in oldest]
    assert sorted(map(Version, newest)) == sorted(map(Version, ascending[-count:]))
    assert sorted(map(Version, oldest)) == sorted(map(Version, ascending[:count]))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("[] | newest", "no version"),
        ("['a'] | oldest(2)", "no version"),
        ("['1'] | matching('>2')", "no version is in the range '>2'"),
        ("['1'] | matching('2')", "invalid version range '2'"),
        ("['1'] | newest(0)", "the number of versions is 0"),
        ("['1'] | newest('2')", "invalid number of versions: '2'"),
        ("'1.0' | newest", "a list of versions is expected"),
        ("none | newest", "a list of versions is expected"),
    ],
)
def test_what_filters_reject(expression: str, message: str) -> None:
    """An empty result, a range or number that is none, and operands that are not lists."""
    with pytest.raises((ValueError, TypeError), match=message):
        evaluated(expression)
