"""Parents: which target each target is based on, and which errors there are."""

import pytest
from support.phases import codes, faults, targets


FAMILY = """
axes:
  py: [3.9, 3.10, 3.11]
  gpu: [false, true]
  ubuntu: [22.04, 24.04]
defaults: {template: a}
images:
  base: {axes: %s, exclude: [%s]}
  child: {axes: %s, from: %s, exclude: [%s]}
"""


def family(
    base: str = "[py]", child: str = "[py]", from_: str = "base", drop: str = "", skip: str = ""
) -> str:
    """Return a matrix of a parent and a child."""
    return FAMILY % (base, drop, child, from_, skip)


def parents(text: str) -> dict[str, str | None]:
    """Return the parent of each target that has one."""
    return {name: one.parent for name, one in targets(text).items() if one.parent is not None}


class TestParents:
    """Which target is the parent."""

    def test_the_same_values(self) -> None:
        """The parent has the same values of the axes that both images have."""
        assert parents(family()) == {f"child-3_{n}": f"base-3_{n}" for n in (9, 10, 11)}

    def test_the_order_of_axes_is_each_images_own(self) -> None:
        """Axes are matched by name, in any order."""
        found = parents(family("[gpu, py]", "[py, gpu]"))
        assert found["child-3_9-gpu"] == "base-gpu-3_9"
        assert found["child-3_11"] == "base-3_11"
        assert len(found) == 6

    def test_axes_of_the_child_alone(self) -> None:
        """Children that differ only in an axis that the parent lacks have one parent."""
        found = parents(family("[py]", "[py, gpu]"))
        assert found["child-3_9"] == found["child-3_9-gpu"] == "base-3_9"

    def test_a_parent_without_axes(self) -> None:
        """An image of one target is the parent of all."""
        assert set(parents(family("[]", "[py, gpu]")).values()) == {"base"}

    @pytest.mark.parametrize("word", ["24.04", "'>=23'", "'24.*'", "'!22.04'", "[24.04]"])
    def test_with_fixes_the_rest(self, word: str) -> None:
        """`with` selects values of axes that only the parent has, with any pattern."""
        from_ = f"{{image: base, with: {{ubuntu: {word}}}}}"
        assert parents(family("[ubuntu, py]", "[py]", from_)) == {
            f"child-3_{n}": f"base-24_04-3_{n}" for n in (9, 10, 11)
        }

    def test_with_may_match_several_of_which_one_exists(self) -> None:
        """A pattern may match several values if only one parent exists for each child."""
        from_ = "{image: base, with: {ubuntu: [22.04, 24.04]}}"
        drop = "{py: 3.11, ubuntu: 22.04}, {py: '<3.11', ubuntu: 24.04}"
        found = parents(family("[py, ubuntu]", "[py]", from_, drop))
        assert found == {
            "child-3_9": "base-3_9-22_04",
            "child-3_10": "base-3_10-22_04",
            "child-3_11": "base-3_11-24_04",
        }

    def test_chains(self) -> None:
        """A parent may have a parent, declared before or after it."""
        text = """
        axes: {py: [3.9, 3.10], gpu: [false, true]}
        defaults: {template: a}
        images:
          top: {from: middle}
          middle: {from: {image: bottom}, axes: [py]}
          bottom: {axes: [py]}
        """
        found = parents(text)
        assert found["top-3_9-gpu"] == "middle-3_9"
        assert found["middle-3_9"] == "bottom-3_9"
        assert len(found) == 6

    def test_from_of_defaults(self) -> None:
        """`from` is replaced as a whole: an image's own over that of `defaults`."""
        text = """
        axes: {py: [3.9]}
        defaults: {template: a, from: one}
        images: {one: {from: two}, two: {from: three}, three: {from: four}, four: {from: five}, %s}
        """
        assert codes(text % "five: {}") == ["link-cycle"]

    def test_the_parent_is_in_the_scope_and_the_contexts(self) -> None:
        """`{{ parent }}` is its name, and it is the first of `contexts`."""
        found = targets(
            "axes: {py: [3.9, 3.10]}\n"
            "images:\n"
            "  base: {template: a}\n"
            "  child: {template: b, from: base, args: {P: '{{ parent }}'}, contexts: {x: tests}}\n"
        )
        child = found["child-3_10"]
        assert child.scope["parent"] == "base-3_10"
        assert child.fields["args"] == {"P": "base-3_10"}
        assert list(child.fields["contexts"].items()) == [  # type: ignore[union-attr]
            ("base-3_10", "target:base-3_10"),
            ("x", "tests"),
        ]
        assert found["base-3_9"].parent is None
        assert found["base-3_9"].scope["parent"] is None
        assert "contexts" not in found["base-3_9"].fields

    def test_null_values_are_values(self) -> None:
        """Null values are equal; a missing axis is not null."""
        text = "axes: {os: [null, deb]}\ndefaults: {template: a}\nimages:\n  base: {}\n"
        assert parents(f"{text}  child: {{from: base}}") == {
            "child-default": "base-default",
            "child-deb": "base-deb",
        }
        assert codes(f"{text}  child: {{from: base, axes: []}}") == ["parent-axis"]
        fixed = "from: {image: base, with: {os: null}}"
        assert parents(f"{text}  child: {{{fixed}, axes: []}}") == {"child": "base-default"}


class TestOfLevels:
    """`from` in axis values, rows and overrides, and `with` for axes that both images have."""

    def test_with_fixes_an_axis_of_both(self) -> None:
        """The parent has the value in `with`; the child keeps its own."""
        text = family("[py]", "[py]", "{image: base, with: {py: 3.9}}")
        assert parents(text) == {f"child-3_{n}": "base-3_9" for n in (9, 10, 11)}
        assert targets(text)["child-3_10"].axes == {"py": "3.10"}

    def test_an_override_replaces_the_parent(self) -> None:
        """A later `from` replaces an earlier one as a whole, `with` included."""
        text = family("[py, gpu]", "[py]", "{image: base, with: {gpu: true}}")
        text += "  other: {axes: [py]}\n"
        overrides = "[{when: {image: child, py: 3.9}, from: other}]"
        found = parents(f"{text}overrides: {overrides}\n")
        assert found["child-3_9"] == "other-3_9"
        assert found["child-3_10"] == "base-3_10-gpu"

    def test_null_removes_the_parent(self) -> None:
        """`from: null` removes an inherited parent; a later `from` adds one again."""
        nothing = "{when: {image: child, py: '>3.9'}, from: null}"
        again = "{when: {image: child, py: 3.11}, from: base}"
        found = parents(f"{family()}overrides: [{nothing}, {again}]\n")
        assert found == {"child-3_9": "base-3_9", "child-3_11": "base-3_11"}

    def test_of_an_axis_value(self) -> None:
        """A value of an axis names the parent of its variants, in every image with the axis."""
        text = """
axes:
  py: [3.9]
  kind: {sdk: {}, aot: {from: {image: app, with: {kind: sdk}}}}
images: {app: {template: a}}
"""
        assert parents(text) == {"app-3_9-aot": "app-3_9-sdk"}

    def test_an_axis_without_a_value_counts_only_where_the_parent_applies(self) -> None:
        """The error is reported for images whose variants have the parent, and only once."""
        text = family("[py, gpu]", "[py]", "null")
        base = "overrides: [{when: {image: child}, from: base}]"
        assert codes(text + base) == ["parent-axis"]
        nothing = "overrides: [{when: {image: child}, from: base}, {when: {py: '*'}, from: null}]"
        assert codes(text + nothing) == []

    def test_a_cycle_is_between_targets(self) -> None:
        """An image can be its own parent; a target cannot."""
        text = "axes: {py: [3.9, 3.10]}\nimages: {app: {template: a, from: %s}}"
        (found,) = faults(text % "app")
        assert found.code == "link-cycle"
        assert found.message == "targets depend on each other: app-3_9 -> app-3_9"
        from_ = "from: {image: app, with: {py: 3.9}}"
        nothing = "overrides: [{when: {py: 3.9}, from: null}]"
        text = "axes: {py: [3.9, 3.10]}\nimages: {app: {template: a, %s, %s}}"
        assert parents(text % (from_, nothing)) == {"app-3_10": "app-3_9"}


class TestRefused:
    """Invalid parents."""

    def test_a_parent_that_rules_drop(self) -> None:
        """The error names the excluded parent, and counts further children."""
        (found,) = faults(family(drop="{py: '>=3.10'}"))
        assert found.code == "missing-parent"
        assert found.message == (
            "the parent of 'child-3_10' is excluded: base (py=3.10), and 1 more like it"
        )
        assert found.help == "exclude the child from 'child' too, or include the parent in 'base'"
        assert [note for note, _ in found.related] == ["the parent", "excluded here"]
        spot = found.file_location
        assert spot.text[spot.column - 1 :][: spot.length] == "base"

    @pytest.mark.parametrize(
        ("skip", "more"),
        [
            ("{py: '>=3.10'}", ""),
            ("{py: 3.11}", ", and 1 more like it"),
            ("", ", and 2 more like it"),
        ],
    )
    def test_how_many_more(self, skip: str, more: str) -> None:
        """The first child is named, the others are counted."""
        text = family("[gpu, py]", "[py]", "{image: base, with: {gpu: true}}", "{gpu: true}", skip)
        (found,) = faults(text)
        assert found.message == (
            "the parent of 'child-3_9' is excluded: base (gpu=true, py=3.9)" + more
        )

    def test_children_that_are_excluded_too(self) -> None:
        """An excluded child needs no parent."""
        assert len(parents(family(drop="{py: 3.9}", skip="{py: 3.9}"))) == 2

    def test_several_parents(self) -> None:
        """Several possible parents are an error, which names the first two."""
        from_ = "{image: base, with: {ubuntu: '*'}}"
        (found,) = faults(family("[ubuntu]", "[gpu]", from_))
        assert found.code == "ambiguous-parent"
        assert found.message.startswith(
            "'child-default' has several possible parents: 'base-22_04' or 'base-24_04'"
        )
        assert found.message.endswith(", and 1 more like it")
        assert found.help == "set one value of each further axis in `with`"

    @pytest.mark.parametrize(
        ("base", "child", "from_", "message"),
        [
            ("[py, gpu]", "[py]", "base", "the 'gpu' of the parent 'base' is not determined"),
            (
                "[py, gpu, ubuntu]",
                "[py]",
                "{image: base, with: {gpu: true}}",
                "the 'ubuntu' of the parent 'base' is not determined",
            ),
            (
                "[py]",
                "[py]",
                "{image: base, with: {gpu: true}}",
                "the parent 'base' lacks the axis 'gpu'",
            ),
            (
                "[gpu, py]",
                "[py]",
                "{image: base, with: {gpu: null}}",
                "the parent 'base' has no such 'gpu'",
            ),
            (
                "[gpu, py]",
                "[py]",
                "{image: base, with: {gpu: [null, '!*']}}",
                "the parent 'base' has no such 'gpu'",
            ),
        ],
    )
    def test_what_with_must_say(self, base: str, child: str, from_: str, message: str) -> None:
        """`with` must select a value of each axis that only the parent has."""
        (found,) = faults(family(base, child, from_))
        assert (found.code, found.message) == ("parent-axis", message)

    def test_an_invalid_pattern_is_reported_once(self) -> None:
        """A value in `with` that does not exist is one error."""
        from_ = "{image: base, with: {gpu: maybe}}"
        assert codes(family("[gpu, py]", "[py]", from_)) == ["unknown-value"]

    def test_an_unknown_parent(self) -> None:
        """An unknown parent has a suggestion."""
        (found,) = faults(family(from_="bsae"))
        assert (found.code, found.help) == ("unknown-image", "did you mean 'base'?")

    def test_cycles(self) -> None:
        """Images that depend on each other, or on themselves, are an error."""
        text = "axes: {py: [3.9]}\ndefaults: {template: a}\nimages: {a: {from: %s}, b: {from: a}}"
        (found,) = faults(text % "b")
        assert found.code == "link-cycle"
        assert found.message == "targets depend on each other: a-3_9 -> b-3_9 -> a-3_9"
        assert codes(text % "a") == ["link-cycle"]

    def test_platforms(self) -> None:
        """A parent has every platform of its child."""
        text = (
            "defaults: {template: a}\n"
            "images:\n"
            "  base: {platforms: [linux/amd64, linux/s390x]}\n"
            "  child: {from: base, platforms: [%s]}\n"
        )
        assert codes(text % "linux/s390x") == []
        assert codes(text % "linux/amd64, linux/arm64") == ["parent-platform"]
