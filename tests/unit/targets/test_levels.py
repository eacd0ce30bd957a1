"""Levels above an image: axis values, rows and overrides, and which of them applies."""

import pytest
from support.phases import codes, faults, targets


MATRIX = """
axes:
  py:
    3.9: {args: {BASE: old, PY: "{{ py }}"}, template: other, no-cache: true}
    3.11: {labels: {py: new}}
  os: {deb: {args: {OS: deb}, set: {distro: deb}}, alp: {tags: ["r/alp:{{ py }}"], pull: true}}
images:
  app:
    template: a
    tags: ["r/app:{{ variant }}"]
    args: {BASE: image, OWN: 1}
"""


class TestAxisValues:
    """Values of axes set the fields of their variants."""

    def test_they_are_above_the_image(self) -> None:
        """Mappings merge by key; everything else is replaced."""
        found = targets(MATRIX)
        old = found["app-3_9-deb"]
        assert old.fields["args"] == {"BASE": "old", "OWN": "1", "PY": "3.9", "OS": "deb"}
        assert old.fields["no-cache"] is True
        assert old.template == "other"
        new = found["app-3_11-alp"]
        assert new.fields["args"] == {"BASE": "image", "OWN": "1"}
        assert new.fields["labels"] == {"py": "new"}
        assert new.fields["tags"] == ("r/alp:3.11",)
        assert new.template == "a"

    def test_they_are_below_overrides(self) -> None:
        """An override has precedence, also one of the top level."""
        found = targets(f"{MATRIX}overrides: [{{when: {{py: 3.9}}, args: {{BASE: top}}}}]\n")
        assert found["app-3_9-deb"].fields["args"]["BASE"] == "top"  # type: ignore[index,call-overload]

    def test_platforms_narrow(self) -> None:
        """`platforms` of a value narrows; it does not replace the list."""
        text = MATRIX.replace("pull: true", "platforms: [linux/arm64, linux/s390x]")
        text += "    platforms: [linux/amd64, linux/arm64]\n"
        found = targets(text)
        assert found["app-3_9-alp"].platforms == ("linux/arm64",)
        assert found["app-3_9-deb"].platforms == ("linux/amd64", "linux/arm64")

    def test_a_template_of_every_value_is_enough(self) -> None:
        """An image without a template is an error only for variants without one."""
        text = "axes: {py: {3.9: {template: a}, 3.11: %s}}\nimages: {app: %s}"
        assert targets(text % ("{template: b}", "")).keys() == {"app-3_9", "app-3_11"}
        (found,) = faults(text % ("{}", "{}"))
        assert found.code == "missing-key"
        assert found.message == "a variant of image 'app' has no template (in app-3_11)"


CONFLICT = """
axes:
  py: {3.9: {%s}, 3.11: {}}
  os: {deb: {%s}}
images:
  base: {template: a, axes: []}
  app: {template: a, labels: {a: b}, overrides: [%s]}
"""


class TestConflicts:
    """Two axis values that set one field."""

    @pytest.mark.parametrize(
        ("one", "other", "name"),
        [
            ("args: {A: 1}", "args: {A: 2, B: 3}", "args.A"),
            ("args: {A: 1}", "args: null", "args"),
            ("labels: null", "labels: {a: 1}", "labels.a"),
            ("no-cache: true", "no-cache: false", "no-cache"),
            ("tags: [a]", "tags: [b]", "tags"),
            ("tags: [a]", "tags: []", "tags"),
            ("template: b", "template: c", "template"),
            ("from: base", "from: null", "from"),
            ("annotations: {A: 1}", "annotations: {A: 2}", "annotations.A"),
        ],
    )
    def test_different_values(self, one: str, other: str, name: str) -> None:
        """They are an error in the variants that have both."""
        (found,) = faults(CONFLICT % (one, other, ""))
        assert found.code == "field-conflict"
        assert found.message == f"two axis values set {name!r} differently (in app-3_9-deb)"
        assert [note for note, _ in found.related] == ["also set here"]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ('args: {A: "3.9"}', 'args: {A: "{{ py }}"}'),
            ("no-cache-filter: ['x{{ py }}', '']", "no-cache-filter: [x3.9]"),
            ("template: b", "template: \"{{ 'b' }}\""),
            ("from: base", "from: {image: base}"),
            ("args: {A: 1}", "args: {B: 2}"),
        ],
    )
    def test_equal_values(self, one: str, other: str) -> None:
        """Values that render equally do not conflict."""
        assert codes(CONFLICT % (one, other, "")) == []

    @pytest.mark.parametrize(
        ("one", "other", "above", "clean"),
        [
            ("args: {A: 1}", "args: {A: 2}", "args: {A: 3}", True),
            ("args: {A: 1}", "args: {A: 2}", "args: null", True),
            ("args: {A: 1}", "args: {A: 2}", "args: {B: 3}", False),
            ("pull: true", "pull: false", "pull: null", True),
            ("from: base", "from: null", "from: null", True),
            ("template: b", "template: c", "template: d", True),
        ],
    )
    def test_a_higher_level_decides(self, one: str, other: str, above: str, *, clean: bool) -> None:
        """An override that sets the field resolves the conflict."""
        override = f"{{when: {{image: app}}, {above}}}"
        assert codes(CONFLICT % (one, other, override)) == ([] if clean else ["field-conflict"])


ROWS = """
axes:
  py: [3.9, 3.11]
  os: [deb, alp]
  gpu: {false: {}, true: {args: {GPU: 1}}}
images:
  app:
    template: a
    platforms: [linux/amd64]
    args: {OWN: "{{ py }}"}
    %s
    rows:
      - {py: 3.11, gpu: false, set: {pip: 26}}
      - {when: {os: alp, gpu: true}, args: {GPU: 2}, platforms: [linux/arm64], from: base}
      - {os: alp, py: 3.11, pull: true}
  base: {template: a, axes: [], platforms: [linux/arm64]}
"""


class TestRows:
    """`rows` are the variants of an image, with their fields."""

    def test_the_image_is_their_union(self) -> None:
        """The order of targets is that of the axes, not that of the rows."""
        found = targets(ROWS % "")
        assert [*found][:-1] == [
            "app-3_9-alp-gpu",
            "app-3_11-deb",
            "app-3_11-alp",
            "app-3_11-alp-gpu",
        ]
        both = found["app-3_11-alp-gpu"]
        assert both.fields["args"] == {"OWN": "3.11", "GPU": "2"}
        assert both.fields["pull"] is True
        assert both.platforms == ("linux/arm64",)
        assert both.parent == "base"
        assert found["app-3_11-deb"].scope["pip"] == "26"

    def test_only_and_exclude_restrict_them(self) -> None:
        """`only`, then `exclude`, apply to the variants of the rows."""
        rules = "only: [{os: alp}]\n    exclude: [{py: 3.9}]"
        found = targets(ROWS.replace("    rows:", "    exclude: []\n    rows:") % "only: {os: alp}")
        assert [*found][:-1] == ["app-3_9-alp-gpu", "app-3_11-alp", "app-3_11-alp-gpu"]
        assert [*targets(ROWS % rules)][:-1] == ["app-3_11-alp", "app-3_11-alp-gpu"]

    def test_overrides_are_above_them(self) -> None:
        """An override replaces what a row sets."""
        found = targets(ROWS % "overrides: [{when: {gpu: true}, args: {GPU: 3}, from: null}]")
        assert found["app-3_9-alp-gpu"].fields["args"] == {"OWN": "3.9", "GPU": "3"}
        assert found["app-3_9-alp-gpu"].parent is None

    def test_defaults_are_inherited(self) -> None:
        """An image inherits the rows of `defaults`; null removes them."""
        text = "axes: {py: [1, 2]}\ndefaults: {template: a, rows: [{py: 2}]}\n"
        text += "images: {a: {}, b: {rows: null}}"
        assert [*targets(text)] == ["a-2", "b-1", "b-2"]

    @pytest.mark.parametrize(
        ("row", "code"),
        [
            ("{}", "empty-pattern"),
            ("{pull: true}", "empty-pattern"),
            ("{py: 4}", "unknown-value"),
            ("{py: 3.9, when: {os: deb}}", "unknown-key"),
            ("{pi: 3.9}", "unknown-key"),
            ("{arg: {A: b}, py: 3.9}", "unknown-key"),
            ("{py: {a: b}, os: deb}", "wrong-type"),
            ("{py: 3.9, os: null}", "matches-nothing"),
            ("{py: 3.9, image: base}", "matches-nothing"),
        ],
    )
    def test_invalid_rows(self, row: str, code: str) -> None:
        """Each mistake in a row is one error."""
        assert codes(ROWS.replace("    rows:", f"    rows:\n      - {row}") % "") == [code]
