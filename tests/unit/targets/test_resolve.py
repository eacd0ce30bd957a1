"""Targets: names, merging, overrides, floating tags, and which level has precedence."""

from typing import Any

import pytest
from support.phases import codes, faults, targets


LEVELS = """
variables: {R: r.example}
axes:
  py: {3.9: {set: {s: value}}, 3.10: {}}
  gpu: [false, true]
set: {s: top, t: top, u: top, w: "{{ py }}"}
overrides:
  - {when: {py: 3.9}, args: {A: first}, set: {u: first}}
  - {when: {gpu: true}, args: {A: second, B: "{{ s }}"}, labels: {l: second}}
defaults:
  template: a
  set: {t: defaults}
  args: {A: defaults, C: "{{ s }}{{ t }}{{ u }}"}
  labels: {l: defaults, m: defaults}
  tags: ["${R}/x:{{ variant }}"]
images:
  one:
    args: {A: image, D: "{{ w }}"}
    overrides:
      - {when: {py: 3.9, gpu: true}, args: {A: third}, set: {s: third}, template: b}
      - {when: {image: two}, args: {A: never}}
  two: {axes: [py], tags: []}
"""


def field(text: str, target: str, name: str) -> Any:
    """Return one field of one target."""
    return targets(text)[target].fields.get(name)


class TestLevels:
    """Top level < defaults < image < axis values < overrides."""

    def test_mappings_merge_by_key(self) -> None:
        """The last level that sets a key wins; keys keep their first position."""
        assert field(LEVELS, "one-3_10", "args") == {
            "A": "image",
            "C": "topdefaultstop",
            "D": "3.10",
        }
        assert field(LEVELS, "one-3_10", "labels") == {"l": "defaults", "m": "defaults"}
        assert field(LEVELS, "one-3_10-gpu", "labels") == {"l": "second", "m": "defaults"}

    def test_overrides_are_applied_in_order(self) -> None:
        """Overrides of the top level come first; the last one that matches wins."""
        assert field(LEVELS, "one-3_9", "args")["A"] == "first"
        assert field(LEVELS, "one-3_10-gpu", "args")["A"] == "second"
        assert field(LEVELS, "one-3_9-gpu", "args")["A"] == "third"

    def test_set_of_overrides_is_over_that_of_values(self) -> None:
        """`set`: a value's over an image's, an override's over a value's."""
        assert field(LEVELS, "one-3_9", "args")["C"] == "valuedefaultsfirst"
        assert field(LEVELS, "one-3_9-gpu", "args")["C"] == "thirddefaultsfirst"
        assert field(LEVELS, "one-3_9-gpu", "args")["B"] == "third"

    def test_an_override_may_change_the_template(self) -> None:
        """Anything but a mapping is replaced."""
        found = targets(LEVELS)
        assert [one.template for one in found.values()] == ["a", "b", "a", "a", "a", "a"]
        assert found["one-3_9"].dockerfile == "dockerfiles/one-3_9.Dockerfile"

    def test_the_scope_of_a_target(self) -> None:
        """A template sees axes, `set` and the built-in names."""
        one = targets(LEVELS)["one-3_9-gpu"]
        seen = {name: one.scope[name] for name in ("py", "gpu", "s", "t", "u", "w", "image")}
        assert seen == {
            "py": "3.9",
            "gpu": True,
            "s": "third",
            "t": "defaults",
            "u": "first",
            "w": "3.9",
            "image": "one",
        }
        assert (one.scope["target"], one.scope["variant"]) == ("one-3_9-gpu", "3.9-gpu")
        assert (one.name, one.image, one.variant) == ("one-3_9-gpu", "one", "3.9-gpu")
        assert one.axes == {"py": "3.9", "gpu": True}
        assert [value.text for value in one.values] == ["3.9", "true"]

    def test_an_axis_that_the_image_lacks_is_null(self) -> None:
        """Templates can use its name."""
        text = "axes: {a: [x]}\nimages: {one: {template: t, axes: []}}"
        one = targets(text)["one"]
        assert one.scope["a"] is None
        assert (one.axes, one.values, one.variant) == ({}, (), "")

    def test_overrides_are_replaced_as_a_whole(self) -> None:
        """`overrides` of an image replace those of `defaults`; others still apply."""
        text = """
        axes: {a: [x]}
        overrides: [{when: {a: x}, args: {A: top, B: top}}]
        defaults: {template: t, overrides: [{when: {a: x}, args: {A: defaults, C: defaults}}]}
        images: {one: {}, two: {overrides: [{when: {a: x}, args: {A: two}}]}}
        """
        assert field(text, "one-x", "args") == {"A": "defaults", "B": "top", "C": "defaults"}
        assert field(text, "two-x", "args") == {"A": "two", "B": "top"}

    def test_variants_of_the_same_overrides_share_their_fields(self) -> None:
        """Fields that do not depend on the variant are one object in all targets of an image."""
        text = """
        axes: {a: [x, y, z]}
        images:
          one:
            template: t
            labels: {k: v}
            overrides: [{when: {a: '!x'}, args: {A: b}}]
        """
        x, y, z = targets(text).values()
        assert x.fields["labels"] is y.fields["labels"] or x.fields["labels"] == y.fields["labels"]
        assert y.fields["args"] is z.fields["args"]
        assert "args" not in x.fields


class TestSet:
    """Values for templates."""

    TEXT = """
    axes:
      a: {x: {set: {s: "%s"}}, y: {}}
      b: {z: {set: {s: "%s"}}}
    images: {one: {template: t, set: {s: image}, args: {S: "{{ s }}"}}}
    """

    def test_two_values_that_differ(self) -> None:
        """Two values that set one name differently are an error, which shows both."""
        (found,) = faults(self.TEXT % ("1", "2"))
        assert found.code == "set-conflict"
        assert found.message == "two axis values set 's' differently (in one-x-z)"
        assert (
            found.help == "set it in only one of them or in an override, or exclude the combination"
        )
        assert "b:" in found.file_location.text
        assert [(note, "a:" in place.text) for note, place in found.related] == [
            ("also set here", True)
        ]
        for place in (found.file_location, *(place for _, place in found.related)):
            assert place.text[place.column - 1 :][: place.length] == "s"

    def test_two_values_that_agree(self) -> None:
        """Two values may set one name to the same; each alone is over the image's."""
        found = targets(self.TEXT % ("{{ a }}", "x"))
        assert found["one-x-z"].fields["args"] == {"S": "x"}
        assert field(self.TEXT % ("2", "2"), "one-y-z", "args") == {"S": "2"}

    def test_three_values(self) -> None:
        """A third value is compared with the second."""
        text = """
        axes:
          a: {x: {set: {s: "1"}}}
          b: {y: {set: {s: "1"}}}
          c: {z: {set: {s: "2"}}}
        images: {one: {template: t}}
        """
        (found,) = faults(text)
        assert [place.text.strip()[0] for _, place in found.related] == ["b"]

    def test_what_is_replaced_is_not_rendered(self) -> None:
        """A setting that is replaced is not rendered, since it may fail in that variant."""
        text = """
        axes: {a: {x: {set: {s: "1"}}, y: {}}}
        set: {s: "{{ 1 // 0 }}"}
        images: {one: {template: t, overrides: [{when: {a: y}, set: {s: "2"}}]}}
        """
        assert [one.scope["s"] for one in targets(text).values()] == ["1", "2"]

    def test_an_override_settles_what_values_set(self) -> None:
        """Values do not conflict over a name that an override sets."""
        override = "overrides: [{when: {a: x}, set: {s: '3'}}]"
        text = self.TEXT.replace("set: {s: image}", override)
        assert field(text % ("1", "2"), "one-x-z", "args") == {"S": "3"}
        assert field(text % ("{{ 1 // 0 }}", "2"), "one-x-z", "args") == {"S": "3"}

    def test_an_override_alone_may_set(self) -> None:
        """`set` of an override applies without any other `set`."""
        text = """
        axes: {a: [x, y]}
        overrides: [{when: {a: x}, set: {s: "1"}, args: {S: "{{ s }}"}}]
        images: {one: {template: t}}
        """
        assert field(text, "one-x", "args") == {"S": "1"}
        assert field(text, "one-y", "args") is None

    def test_a_fault_is_no_conflict(self) -> None:
        """A value whose `set` fails is one error, whatever another value sets."""
        assert codes(self.TEXT % ("{{ 1 // 0 }}", "2")) == ["template-error"]
        assert codes(self.TEXT % ("1", "{{ 1 // 0 }}")) == ["template-error"]
        both = codes(self.TEXT % ("{{ 1 // 0 }}", "{{ nope }}"))
        assert both == ["template-error", "undefined-name"]

    def test_a_value_over_an_image_is_no_conflict(self) -> None:
        """A value may set what its image sets, to something else."""
        text = "axes: {a: {x: {set: {s: '1'}}}}\nimages: {one: {template: t, set: {s: '2'}, %s}}"
        assert field(text % "args: {S: '{{ s }}'}", "one-x", "args") == {"S": "1"}

    def test_trees(self) -> None:
        """`set` takes any YAML, and renders each string in it."""
        text = """
        axes: {a: [x]}
        set: {s: {k: ["{{ a }}", {n: null}], t: true}}
        images: {one: {template: t}}
        """
        assert targets(text)["one-x"].scope["s"] == {"k": ["x", {"n": None}], "t": True}

    def test_all_faults_of_all_variants_are_told(self) -> None:
        """Every string that fails is reported once, with its variants."""
        text = """
        axes: {a: [x, y]}
        set: {s: "{{ nope }}", t: "{{ 1 // 0 }}"}
        images: {one: {template: t}}
        """
        assert [(one.code, "and 1 more" in one.message) for one in faults(text)] == [
            ("undefined-name", True),
            ("template-error", True),
        ]


class TestFields:
    """Rendered fields."""

    def test_what_is_empty_is_left_out(self) -> None:
        """Empty text and empty lists are left out; false is not."""
        text = """
        images:
          one: {template: t, description: "", tags: [""], args: {}, pull: false, no-cache: true}
        """
        assert dict(targets(text)["one"].fields) == {"pull": False, "no-cache": True}

    def test_every_invalid_field_is_reported(self) -> None:
        """Errors of the template's name and of all fields are reported together."""
        text = """
        images:
          one:
            template: "{{ n1 }}"
            args: {A: "{{ n2 }}"}
            tags: ["{{ n3 }}"]
            aliases: {}
        """
        assert [one.message.split("'")[1] for one in faults(text)] == ["n1", "n2", "n3"]

    def test_own_fields_are_apart(self) -> None:
        """`moving`, `aliases`, `cache` and `tests` are not fields of bake."""
        text = """
        variables: {R: r}
        axes: {a: [x, y]}
        images:
          one:
            template: t
            moving: ["${R}/m:{{ a }} ${R}/n:{{ a }}", ""]
            aliases: {"${R}/one:latest": {a: y}, "${R}/one:{{ a }}-too": {a: '!x'}}
            cache: {type: registry, ref: "${R}/c:{{ a }}", mode: min}
            tests: ["echo ${HOME}", "", "{{ a }}"]
        """
        x, y = targets(text).values()
        assert not {"moving", "aliases", "cache", "tests"} & set(y.fields)
        assert y.moving == ("${R}/m:y", "${R}/n:y")
        assert y.aliases == ("${R}/one:latest", "${R}/one:y-too")
        assert x.aliases == ()
        assert y.cache == {"ref": "${R}/c:y", "mode": "min"}
        assert [one.value for one in y.tests] == ["echo ${HOME}", "y"]

    def test_properties(self) -> None:
        """Platforms and tags come from the fields, and are empty by default."""
        text = """
        defaults: {template: t}
        images: {one: {tags: [a/b], platforms: [linux/amd64]}, two: {}}
        """
        one, two = targets(text).values()
        assert (one.tags, one.platforms) == (("a/b",), ("linux/amd64",))
        assert (two.tags, two.platforms) == ((), ())
        assert (two.parent, two.moving, two.aliases, two.cache, two.tests) == (
            None,
            (),
            (),
            None,
            (),
        )

    def test_an_invalid_tag_is_located(self) -> None:
        """Tags of every kind are checked; the error is located at the tag."""
        own = "tags: [A], moving: [B], aliases: {C: {image: one}}"
        found = faults(f"images: {{one: {{template: t, {own}}}}}")
        assert [one.code for one in found] == ["illegal-tag"] * 3
        spots = [one.file_location.text[one.file_location.column - 1 :] for one in found]
        assert [spot[0] for spot in spots] == ["A", "B", "C"]

    @pytest.mark.parametrize(
        ("name", "record"),
        [
            ("attest", r"\n1"),
            ("attest", r"type=sbom\ntype=sbom"),
            ("cache-from", r"\n1"),
            ("cache-to", r"a\nb"),
            ("cache-to", r"type=registry,ref=a\nb"),
            ("output", r"out\nside"),
            ("output", r"type=local,dest=a\nb"),
            ("secret", r"id=A,env=B\nC"),
        ],
    )
    def test_a_record_of_several_lines_is_refused(self, name: str, record: str) -> None:
        """Versions of buildx differ in how they read a line break outside quotes."""
        (found,) = faults(f'images: {{one: {{template: t, {name}: ["{record}"]}}}}')
        assert found.code == "bad-field"
        assert found.message == f"invalid value for `{name}`: '{record}' (in one)"

    def test_a_record_may_end_with_a_line_break(self) -> None:
        """Text of a YAML block is read as if it were written on one line."""
        text = 'images: {one: {template: t, %s: ["%s\\n"]}}'
        assert field(text % ("attest", "type=sbom"), "one", "attest") == ("type=sbom\n",)
        assert field(text % ("cache-to", "a/b"), "one", "cache-to") == ("a/b\n",)
        assert field(text % ("output", "folder"), "one", "output") == ("folder\n",)

    def test_a_line_break_of_a_mapping_is_quoted(self) -> None:
        """A mapping has separate values, so that they may contain line breaks."""
        text = r'images: {one: {template: t, output: [{type: local, dest: "a\nb,c"}]}}'
        assert field(text, "one", "output") == ('type=local,"dest=a\nb,c"',)


class TestAliases:
    """Floating tags of a single variant."""

    TEXT = "axes: {a: [x, y], b: [z, w]}\nimages:\n  one: {template: t, aliases: {l/l: %s}}\n"

    @pytest.mark.parametrize(
        ("pattern", "message", "help_"),
        [
            (
                "{a: x}",
                "the alias 'l/l' matches 2 variants of 'one': one-x-z, one-x-w",
                "add b to its pattern",
            ),
            (
                "{image: one}",
                "the alias 'l/l' matches 4 variants of 'one': one-x-z, one-x-w, one-y-z, ...",
                "add a and b to its pattern",
            ),
            (
                "{a: null, b: z}",
                "the alias 'l/l' matches no variant of 'one'",
                "change its pattern so that it matches exactly one variant",
            ),
            (
                "{a: x, b: [z, w]}",
                "the alias 'l/l' matches 2 variants of 'one': one-x-z, one-x-w",
                "change its pattern so that it matches exactly one variant",
            ),
        ],
    )
    def test_none_or_several(self, pattern: str, message: str, help_: str) -> None:
        """An alias must match exactly one variant."""
        (found,) = faults(self.TEXT % pattern)
        assert (found.code, found.message, found.help) == ("alias-mismatch", message, help_)

    def test_one(self) -> None:
        """The alias is a tag of that variant only."""
        found = targets(self.TEXT % "{a: '!x', b: w}")
        assert [one.aliases for one in found.values()] == [(), (), (), ("l/l",)]

    def test_a_fault_in_its_name(self) -> None:
        """A name that cannot be rendered is reported with its variant."""
        text = "axes: {a: [x]}\nimages:\n  one: {template: t, aliases: {'l/{{ n }}': {a: x}}}\n"
        (found,) = faults(text)
        assert (found.code, found.message) == ("undefined-name", "'n' is undefined (in one-x)")


class TestPlatforms:
    """Platforms after axis values and overrides."""

    TEXT = """
    axes:
      a: {x: {platforms: [linux/arm64, linux/amd64]}, y: {}}
      b: {z: {platforms: [%s]}, w: {}}
    images: {one: {template: t, %s}}
    """

    def test_values_narrow_one_another(self) -> None:
        """Without platforms of the image, the first value sets them and the next narrows them."""
        found = targets(self.TEXT % ("linux/amd64, linux/s390x", ""))
        assert [one.platforms for one in found.values()] == [
            ("linux/amd64",),
            ("linux/arm64", "linux/amd64"),
            ("linux/amd64", "linux/s390x"),
            (),
        ]

    def test_values_that_leave_none(self) -> None:
        """Values without a common platform are an error."""
        (found,) = faults(self.TEXT % ("linux/s390x", ""))
        assert (found.code, found.message) == (
            "no-platform",
            "no platform is allowed by all axis values of this combination (in one-x-z)",
        )
        assert codes(self.TEXT % ("linux/s390x", "exclude: [{a: x, b: z}]")) == []

    def test_overrides_replace_and_values_narrow(self) -> None:
        """The platforms of an override replace those of the image, and are narrowed as well."""
        override = "{when: {b: z}, platforms: [linux/amd64, linux/arm64]}"
        image = f"platforms: [linux/arm64], overrides: [{override}]"
        found = targets(self.TEXT % ("linux/amd64", image))
        assert [one.platforms for one in found.values()] == [
            *(("linux/amd64",), ("linux/arm64",), ("linux/amd64",), ("linux/arm64",)),
        ]


class TestPhases:
    """Which errors hide other errors."""

    def test_a_target_without_a_name_is_the_only_error(self) -> None:
        """If a name is invalid, missing parents and aliases are not reported."""
        text = """
        axes: {a: {x: {tag: "{{ nope }}"}, y: {}}}
        images:
          base: {template: t}
          child: {template: t, from: base, aliases: {l/l: {a: x}}}
        """
        assert codes(text) == ["undefined-name"]

    def test_a_field_that_does_not_render_hides_no_other_error(self) -> None:
        """If a field cannot be rendered, the other fields are checked."""
        text = 'images: {one: {template: "%s", description: "%s", tags: ["A B"]}}'
        assert codes(text % ("{{ nope }}", "d")) == ["undefined-name", "illegal-tag"]
        assert codes(text % ("t", "{{ nope }}")) == ["undefined-name", "illegal-tag"]
        assert codes(text % ("t", "d")) == ["illegal-tag"]

    @pytest.mark.parametrize("field", ["platforms", "repositories"])
    def test_a_field_that_other_fields_need(self, field: str) -> None:
        """Without platforms and repositories, tags cannot be checked."""
        text = """
        defaults: {platforms: [linux/amd64]}
        images: {one: {template: t, %s: ["{{ nope }}"], tags: [a, A], shared: {tags: [b]},
                 platform-tags: {tags: ["{{ platform.arch }}"]}}}
        """
        assert codes(text % field) == ["undefined-name"]

    def test_tags_of_unknown_platforms(self) -> None:
        """An unknown platform is the only error, also if platforms have tags."""
        text = "images: {one: {template: t, platforms: [x], platform-tags: {tags: [a]}}}"
        assert codes(text) == ["unknown-platform"]

    def test_the_parent_of_a_child_is_invalid(self) -> None:
        """Neither the platforms nor the link of a child are compared with an invalid parent."""
        text = """
        images:
          base: {template: t, platforms: [linux/amd46]}
          child: {template: t, from: base, platforms: [linux/amd64], args: {B: "{{ parent }}"}}
        """
        assert codes(text) == ["unknown-platform"]

    def test_a_missing_parent_has_a_name(self) -> None:
        """Fields with the name of a missing parent are valid."""
        text = """
        axes: {a: [x, y]}
        images:
          base: {template: t, exclude: [{a: x}]}
          child: {template: t, from: base, args: {B: "{{ parent }}"}, tags: ["A B"]}
        """
        assert codes(text) == ["missing-parent", "illegal-tag"]

    def test_links_are_checked_between_valid_targets(self) -> None:
        """A link to an invalid target is not an error."""
        text = """
        images:
          one: {template: t, args: {A: "{{ nope }}"}}
          two: {template: t, contexts: {x: "target:one", y: "target:nowhere"}}
        """
        assert codes(text) == ["undefined-name", "unknown-target"]
        assert codes(text.replace("{{ nope }}", "x")) == ["unknown-target"]
