"""Expansion: which variants exist, in which order, and how many steps it takes to find them."""

import re
from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from support import calls
from support.matrices import bare_matrices
from support.phases import codes, faults, read, spelt, variants
from support.reference_model import Matrix, Wrong, expanded

from compiler.errors import CompileError, Diagnostic
from compiler.matrix.matrix import Axis, Value
from compiler.targets import expand as module
from compiler.targets.expand import Variant, leaves_any, rules_of


ONE = """
axes:
  py: [3.9, 3.10, 3.11]
  gpu: [false, true]
  os: [null, deb]
images:
  server: {template: a, %s}
"""


def left(rules: str) -> list[str]:
    """Return the variants of the image above under these rules, without its name."""
    return [one.removeprefix("server ") for one in spelt(variants(ONE % rules))]


def refused(text: str | Matrix, **options: Any) -> Diagnostic:
    """Return the only error of expanding a matrix."""
    with pytest.raises(CompileError) as caught:
        variants(text, **options)
    (found,) = caught.value.diagnostics
    return found


def pairs(variant: Variant) -> Iterable[tuple[Axis, Value]]:
    """Return a variant's values with their axes."""
    return zip(variant.image.axes, variant.values, strict=True)


def wide(axes: int, size: int, rows: int, **options: Any) -> Matrix:
    """Return a matrix of many axes, and rows of `only` that name one value of each."""
    names = [f"a{n}" for n in range(axes)]
    listed = [
        {name: f"v{(row * (n + 1) + row // size) % size}" for n, name in enumerate(names)}
        for row in range(rows)
    ]
    return {
        "axes": {name: [f"v{n}" for n in range(size)] for name in names},
        "images": {"one": {"template": "a", "only": listed, **options}},
    }


class TestOrder:
    """The order of variants."""

    def test_without_rules_it_is_the_product(self) -> None:
        """Every combination once, the last axis fastest."""
        expected = product(["3.9", "3.10", "3.11"], ["false", "true"], ["null", "deb"])
        assert left("") == [" ".join(one) for one in expected]

    def test_images_come_one_after_another(self) -> None:
        """Images keep their order; each varies its own axes in its own order."""
        text = """
        axes: {py: [b, a], gpu: [true, false]}
        defaults: {template: t}
        images: {z: {axes: [gpu, py]}, a: {axes: []}, m: {axes: [py]}}
        """
        assert spelt(variants(text)) == [
            *("z true b", "z true a", "z false b", "z false a", "a", "m b", "m a")
        ]

    def test_rows_do_not_change_the_order(self) -> None:
        """The order of the rows of `only` does not change the order of variants."""
        rules = "only: [{os: deb, py: '>3.9', gpu: true}, {py: 3.11}, {py: 3.9, os: null}]"
        assert left(rules) == [
            *("3.9 false null", "3.9 true null", "3.10 true deb"),
            *("3.11 false null", "3.11 false deb", "3.11 true null", "3.11 true deb"),
        ]

    def test_overlapping_rows_yield_each_variant_once(self) -> None:
        """A variant that many rows match is one variant."""
        rules = "only: [{py: 3.9}, {py: 3.9}, {py: [3.9, 3.10], os: deb}, {os: deb, gpu: true}]"
        found = left(rules)
        assert len(found) == len(set(found))
        assert found == [
            *("3.9 false null", "3.9 false deb", "3.9 true null", "3.9 true deb"),
            *("3.10 false deb", "3.10 true deb", "3.11 true deb"),
        ]

    def test_rows_of_distant_values(self) -> None:
        """Values keep the order of their axis, whatever rows name them."""
        matrix = wide(1, 10, 0, only=[{"a0": "v8"}, {"a0": "v1"}])
        assert spelt(variants(matrix)) == ["one v1", "one v8"]


class TestRules:
    """The effect of each kind of rule."""

    def test_exclude_drops_what_matches_any_row(self) -> None:
        """A variant is excluded if it matches any row."""
        rules = "exclude: [{py: '<3.11', gpu: true}, {os: deb}]"
        assert left(rules) == [
            "3.9 false null",
            "3.10 false null",
            "3.11 false null",
            "3.11 true null",
        ]

    def test_only_keeps_what_matches_a_row(self) -> None:
        """`exclude` applies to the variants that `only` includes."""
        rules = "only: [{gpu: true, os: deb}, {py: 3.9, os: null}], exclude: [{py: 3.9, gpu: true}]"
        assert left(rules) == ["3.9 false null", "3.10 true deb", "3.11 true deb"]

    def test_rows_with_image(self) -> None:
        """A row for another image matches nothing; one for this image matches every variant."""
        text = """
        axes: {py: [a, b], os: [c, d]}
        defaults: {template: t, only: [{image: two, py: b}, {image: one, os: d}, {image: three}]}
        images: {one: {}, two: {}, three: {axes: [py]}}
        exclude: [{image: three, py: a}]
        """
        assert spelt(variants(text)) == ["one a d", "one b d", "two b c", "two b d", "three b"]

    def test_only_with_no_row_about_the_image(self) -> None:
        """An image that no row of `only` matches has no variant."""
        text = """
        axes: {py: [a, b]}
        defaults: {template: t, only: [{image: two}]}
        images: {one: {}, two: {}}
        """
        found = refused(text)
        assert (found.code, found.message) == (
            "no-variants",
            "image 'one' has no variant: all are excluded",
        )
        assert found.help == "relax `exclude` or `only`"
        assert found.file_location.text.strip() == "images: {one: {}, two: {}}"
        assert found.file_location.column == found.file_location.text.index("one") + 1

    def test_null_is_a_lacking_axis(self) -> None:
        """A row with null for an axis matches images without that axis."""
        text = """
        axes: {py: [a, b], gpu: [true, false]}
        defaults:
          template: t
          only: [{gpu: null, py: b}, {gpu: false}, {gpu: [null, true], py: a}]
        images: {has: {}, lacks: {axes: [py]}}
        """
        assert spelt(variants(text)) == [
            "has a true",
            "has a false",
            "has b false",
            *("lacks a", "lacks b"),
        ]

    def test_a_lacking_axis_is_no_negation(self) -> None:
        """`!true` does not match an image without the axis."""
        text = """
        axes: {py: [a, b], gpu: [true, false]}
        defaults: {template: t}
        exclude: [{gpu: '!true'}]
        images: {has: {}, lacks: {axes: [py], only: [{gpu: '!true', py: a}, {py: b}]}}
        """
        assert spelt(variants(text)) == ["has a true", "has b true", "lacks b"]

    def test_a_row_that_drops_an_image_as_a_whole(self) -> None:
        """`exclude` can match a whole image, by its name or by an axis that it lacks."""
        text = """
        axes: {py: [a], gpu: [true]}
        defaults: {template: t}
        exclude: [%s]
        images: {has: {}, lacks: {axes: [py]}}
        """
        for row in ("{image: lacks}", "{gpu: null}", "{image: '!has', gpu: null}", "{image: 'l*'}"):
            assert refused(text % row).message == "image 'lacks' has no variant: all are excluded"

    def test_an_image_without_axes_is_one_variant(self) -> None:
        """Without axes there is one combination, unless it is excluded."""
        text = "axes: {py: [a]}\nimages: {one: {template: t, axes: [], only: [%s]}}"
        assert spelt(variants(text % "{py: null}, {image: one}")) == ["one"]
        assert codes(text % "{py: a}") == ["no-variants"]


class TestValues:
    """A value's own `only`."""

    TEXT = """
    axes:
      py: {a: {}, b: {only: {gpu: [true, null]}}}
      gpu: {false: {}, true: {only: %s}, null: {}}
      os: [deb, alp]
    defaults: {template: t}
    images: {one: {}, two: {axes: [os, gpu]}}
    """

    def test_it_goes_with_others(self) -> None:
        """It restricts axes before and after its own."""
        found = spelt(variants(self.TEXT % "{py: b, os: '!deb'}"))
        assert [one for one in found if one.startswith("one")] == [
            *("one a false deb", "one a false alp", "one a null deb", "one a null alp"),
            *("one b true alp", "one b null deb", "one b null alp"),
        ]

    def test_it_passes_over_axes_that_the_image_lacks(self) -> None:
        """A restriction of an axis that the image lacks is ignored."""
        found = spelt(variants(self.TEXT % "{py: b, os: alp}"))
        assert [one for one in found if one.startswith("two")] == [
            *("two deb false", "two deb null", "two alp false", "two alp true", "two alp null")
        ]

    def test_it_can_name_images(self) -> None:
        """A value can be restricted to images; its other restrictions apply in them."""
        found = spelt(variants(self.TEXT % "{image: two, os: deb}"))
        assert [one for one in found if "true" in one] == ["two deb true"]

    def test_several_values_that_name_images(self) -> None:
        """The images of one value do not affect the next value."""
        text = """
        axes:
          a: {x: {only: {image: two}}, y: {only: {b: w}}, z: {only: {image: one, b: v}}}
          b: [v, w]
        defaults: {template: t}
        images: {one: {}, two: {}}
        """
        assert spelt(variants(text)) == [
            *("one y w", "one z v", "two x v", "two x w", "two y w"),
        ]

    def test_its_own_axis(self) -> None:
        """A value that requires another value of its own axis is in no variant."""
        found = spelt(variants(self.TEXT % "{gpu: false}"))
        assert [one for one in found if "true" in one] == []

    def test_values_that_want_one_another(self) -> None:
        """Two values that exclude each other are never combined."""
        text = """
        axes:
          a: {x: {only: {b: [y, z]}}, w: {}}
          b: {y: {only: {a: w}}, z: {}}
        images: {one: {template: t}}
        """
        assert spelt(variants(text)) == ["one x z", "one w y", "one w z"]


class TestLimit:
    """The maximum number of variants."""

    def test_the_most_that_may_be(self) -> None:
        """Exactly the limit is accepted; one more is an error."""
        assert len(variants(ONE % "", limit=12)) == 12
        found = refused(ONE % "", limit=11)
        assert found.code == "too-many-variants"
        assert found.message == (
            "the matrix has more than 11 variants; image 'server' alone has up to 3 x 2 x 2 = 12"
        )
        assert found.help == "list fewer `axes` for this image, or increase --max-variants"
        assert found.file_location.text.startswith("  server")

    def test_images_count_together(self) -> None:
        """The limit applies to the whole matrix; the error names the image that exceeds it."""
        text = "axes: {a: [x, y, z]}\ndefaults: {template: t}\nimages: {one: {}, two: {axes: []}}"
        assert len(variants(text, limit=4)) == 4
        found = refused(text, limit=3)
        assert found.message == (
            "the matrix has more than 3 variants; image 'two' alone has up to 1 = 1"
        )

    def test_it_is_reported_once(self) -> None:
        """The error is at the image that exceeds the limit; later images are not expanded."""
        text = "axes: {a: [x, y]}\ndefaults: {template: t}\nimages: {one: {}, two: {}, three: {}}"
        found = refused(text, limit=1)
        assert found.message.startswith("the matrix has more than 1 variants; image 'one'")
        place = found.file_location
        assert place.text[place.column - 1 :][: place.length] == "one"

    def test_the_search_grows_with_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The number of steps is bounded by the limit."""
        monkeypatch.setattr(module, "_FEWEST_STEPS", 0)
        assert len(variants(ONE % "exclude: [{py: 3.9, gpu: true}]", limit=12)) == 10
        assert len(variants(wide(30, 30, 200), limit=200)) == 200

    def test_what_rules_leave_counts(self) -> None:
        """A product above the limit is accepted if the rules allow few variants."""
        assert len(variants(ONE % "exclude: [{py: '>3.9'}]", limit=4)) == 4
        assert refused(ONE % "exclude: [{py: '>3.9'}]", limit=3).code == "too-many-variants"

    @pytest.mark.parametrize("rules", [{}, {"exclude": [{"a0": "v0", "a1": "v0"}]}])
    def test_an_absurd_product_is_refused_soon(self, rules: Matrix) -> None:
        """A product of 30 axes is rejected without time or memory."""
        matrix = wide(30, 30, 0, **rules)
        del matrix["images"]["one"]["only"]
        with calls.at_most(200_000):
            found = refused(matrix, limit=1000)
        assert found.code == "too-many-variants"
        assert found.message.endswith("= 2e+44")

    def test_rules_that_leave_nothing_of_an_absurd_product(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A search without results ends as well: its steps are limited."""
        monkeypatch.setattr(module, "_FEWEST_STEPS", 10_000)
        assert refused(dead_end(), limit=10).code == "too-many-variants"

    def test_big_products_are_shortened(self) -> None:
        """Products are written in full with commas up to twelve digits."""
        for axes, size, expected in (
            *((7, 40, "163,840,000,000"), (6, 99, "941,480,149,401")),
            *((12, 10, "1e+12"), (8, 40, "7e+12")),
        ):
            size_shown = re.search(r"= (.*)", refused(_free(axes, size), limit=10).message)
            assert size_shown is not None
            assert size_shown[1] == expected


def _free(axes: int, size: int) -> Matrix:
    """Return a matrix without a rule."""
    matrix = wide(axes, size, 0)
    del matrix["images"]["one"]["only"]
    return matrix


def dead_end() -> Matrix:
    """Return a matrix without variants, which only shows at its last axis."""
    matrix = _free(12, 30)
    matrix["images"]["one"]["exclude"] = [{"a11": f"v{n}"} for n in range(30)]
    return matrix


class TestCost:
    """The work depends on the rows, not on the product."""

    def steps(self, monkeypatch: pytest.MonkeyPatch, matrix: Matrix) -> tuple[int, int]:
        """Return how many variants there are, and how many partial combinations were tried."""
        counted = 0
        kept = module._kept  # noqa: SLF001 - the step that is counted

        def counting(*args: Any) -> bool:
            nonlocal counted
            counted += 1
            return kept(*args)

        monkeypatch.setattr(module, "_kept", counting)
        return len(variants(matrix)), counted

    def test_a_product_without_rules_is_refused_untried(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without rules, a product above the limit is rejected before any combination is tried."""

        def begun(*_: Any) -> None:
            pytest.fail("a combination is tried")

        monkeypatch.setattr(module, "_walk", begun)
        assert refused(ONE % "", limit=11).code == "too-many-variants"

    @pytest.mark.slow
    def test_rows_are_followed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """30 axes of 30 values and 200 rows are 200 variants, found in a step for each axis."""
        found, steps = self.steps(monkeypatch, wide(30, 30, 200))
        assert found == 200
        assert steps <= 200 * 30

    def test_rows_with_free_axes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The work for a row with unrestricted axes is that of its variants."""
        matrix = wide(12, 30, 1)
        for name in ("a4", "a7"):
            del matrix["images"]["one"]["only"][0][name]
        found, steps = self.steps(monkeypatch, matrix)
        assert found == 900
        assert steps <= 900 * 12

    def test_excluding_cuts_early(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A row of `exclude` for the first axis applies before other axes are tried."""
        matrix = _free(6, 10)
        matrix["images"]["one"]["exclude"] = [{f"a{n}": "!v0"} for n in range(5)]
        found, steps = self.steps(monkeypatch, matrix)
        assert found == 10
        assert steps == 6 * 10

    def test_values_cut_early(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """`only` of a value applies as soon as both values are chosen."""
        matrix = _free(4, 6)
        matrix["axes"]["a0"] = {f"v{n}": {"only": {"a1": f"v{n}", "a3": "v0"}} for n in range(6)}
        found, steps = self.steps(monkeypatch, matrix)
        assert found == 36
        assert steps == 6 + 36 + 36 + 216


class TestLeavesAny:
    """Whether rules allow any combination."""

    def test_one_is_enough(self) -> None:
        """A huge product is answered at once."""
        image = read(_free(30, 30)).images["one"]
        assert leaves_any(image, rules_of(image))

    def test_there_may_be_none(self) -> None:
        """The result is false if everything is excluded."""
        image = read(ONE % "exclude: [{py: '*'}]").images["server"]
        assert not leaves_any(image, rules_of(image))

    def test_what_takes_too_long_is_not_denied(self) -> None:
        """A search that takes too long counts as yes."""
        image = read(dead_end()).images["one"]
        assert leaves_any(image, rules_of(image))


@pytest.mark.slow
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bare_matrices())
def test_variants_are_the_product_less_the_rules(matrix: Matrix) -> None:
    """The variants and their order equal those of the filtered product."""
    try:
        expected = expanded(matrix)
    except Wrong:
        with pytest.raises(CompileError) as caught:
            variants(matrix)
        assert all(one.file_location.line > 0 for one in caught.value.diagnostics)
        return
    assert [
        (one.image.name, {axis.name: value.text for axis, value in pairs(one)})
        for one in variants(matrix)
    ] == expected


def test_all_images_without_variants_are_reported() -> None:
    """Each image without variants is an error, located at its name."""
    text = "axes: {a: [x]}\ndefaults: {template: t}\nexclude: [{a: x}]\nimages: {one: {}, two: {}}"
    assert [(one.code, one.file_location.column) for one in faults(text)] == [
        ("no-variants", 10),
        ("no-variants", 19),
    ]
