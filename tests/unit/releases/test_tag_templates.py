"""Versions of tags that also contain values derived from the version."""

import pytest
from support.releases import templates_of


MATRIX = r"""
variables:
  V: 1.25.3
  MINOR: {from: V, match: '^(\d+\.\d+)\.'}
  MAJOR: {from: MINOR, match: '^(\d+)'}
  NAME: "v${MAJOR}"
images:
  a: {template: a.j2, tags: ["r/a:${MINOR}-${V}"], moving: ["r/a:${NAME}"]}
  b: {template: a.j2, tags: ["r/b:${V}-${NAME}", "r/b:x${V}"]}
"""


def test_a_tag_is_that_of_a_version() -> None:
    """Tags of another release have the values derived from its version."""
    templates = templates_of(MATRIX, "2.0.1")

    assert templates.tags_of("a") == ("r/a:2.0-2.0.1",)
    assert templates.tags_of("b") == ("r/b:2.0.1-v2", "r/b:x2.0.1")
    assert templates.floating_tags == {"r/a:v2"}
    assert templates.repositories == {"r/a", "r/b"}


@pytest.mark.parametrize("version", ["2.0.1", "2.0.1-rc1", "2.0-2.0.1", "10.11.12"])
def test_the_version_of_a_tag_is_found(version: str) -> None:
    """The version is read from the tags of any release; other tags have none."""
    tags = (
        *templates_of(MATRIX, version).tags_of("a"),
        *templates_of(MATRIX, version).tags_of("b"),
    )
    templates = templates_of(MATRIX, "1.25.3")

    assert list(templates.versions(tags)) == [("a", version), ("b", version), ("b", version)]
    assert list(templates.versions(["r/a:2.0-2.1.1", "r/b:2.0.1-v3", "r/a:v1"])) == []


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("r/a:2.0-2.0.1", "2.0.1"),
        ("r/b:x3.0.0rc1", "3.0.0rc1"),
        ("r/b:xnightly", None),
        ("r/b:xfp-1", None),
        ("r/a:v1", None),
        ("r/c:x1.0", None),
    ],
)
def test_the_version_number_of_a_tag(tag: str, version: str | None) -> None:
    """A tag of another team has none, and neither has a floating tag."""
    assert templates_of(MATRIX, "1.25.3").version_of(tag) == version


def test_a_variable_of_the_environment_is_not_derived() -> None:
    """What the environment sets is literal text of each tag."""
    text = MATRIX.replace(r"MINOR: {from: V, match: '^(\d+\.\d+)\.'}", "MINOR: '7'")
    templates = templates_of(text, "2.0.1")

    assert templates.tags_of("a") == ("r/a:7-2.0.1",)
    assert list(templates.versions(["r/a:7-3.0.0"])) == [("a", "3.0.0")]


def test_a_tag_without_a_value_is_no_tag() -> None:
    """A version from which nothing can be derived has only the tags that do not need it."""
    templates = templates_of(MATRIX, "rc1")

    assert templates.floating_tags == frozenset()
