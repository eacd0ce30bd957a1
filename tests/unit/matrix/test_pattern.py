"""Patterns: the values that each kind of item matches, alone and in lists, and invalid items."""

import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version
from support.matrices import VERSIONS, texts, values, words_about
from support.phases import read
from support.reference_model import faulty, matches, spelling

from compiler.errors import CompileError, Diagnostic
from compiler.matrix.matcher import Match, match
from compiler.matrix.matrix import Image, Pattern, Value
from compiler.matrix.pattern import holds, rule


PYTHONS = ["3.9", "3.10", "3.11", "3.12rc1", "3.12", "4"]
THERE_ARE = "values are 3.9, 3.10, 3.11, 3.12rc1, 3.12, 4"
MATRIX = """
axes:
  py: [3.9, 3.10, 3.11]
  gpu: [false, true]
  os: [null, deb]
images:
  server: {template: a}
  tool: {template: a, axes: [os, py]}
  plain: {template: a, axes: []}
groups:
  g: %s
"""


def taken(words: str | list[str], known: list[str]) -> list[str]:
    """Return the values that items match."""
    found = match([words] if isinstance(words, str) else words, known)
    assert found.faults == ()
    return [known[n] for n in sorted(found.values)]


def fault(words: str | list[str], known: list[str]) -> tuple[str, str, str]:
    """Return code, message and help of the only error of a matcher."""
    (found,) = match([words] if isinstance(words, str) else words, known).faults
    return found.code, found.message, found.help


def asked(pattern: str) -> tuple[Pattern, dict[str, Image]]:
    """Return a pattern over the axes above, and the images."""
    matrix = read(MATRIX % pattern)
    return matrix.groups["g"], dict(matrix.images)


def took(pattern: str) -> dict[str, list[str]]:
    """Return the combinations that a pattern matches, for each image that it can match."""
    row, images = asked(pattern)
    found: dict[str, list[str]] = {}
    for image in images.values():
        said = rule(row, image)
        if said is None:
            continue
        combinations: list[tuple[Value, ...]] = [()]
        for axis in image.axes:
            combinations = [(*one, value) for one in combinations for value in axis.values]
        found[image.name] = [
            " ".join(value.text for value in one) for one in combinations if holds(said, one)
        ]
    return found


def refused(pattern: str) -> list[Diagnostic]:
    """Return the errors of a pattern over the axes above."""
    with pytest.raises(CompileError) as caught:
        asked(pattern)
    return list(caught.value.diagnostics)


class TestWords:
    """Items that stand alone."""

    @pytest.mark.parametrize(
        ("word", "expected"),
        [
            ("3.10", ["3.10"]),
            (">=3.11", ["3.11", "3.12rc1", "3.12", "4"]),
            (">3.11", ["3.12rc1", "3.12", "4"]),
            ("<=3.10", ["3.9", "3.10"]),
            ("<3.10", ["3.9"]),
            ("==3.10", ["3.10"]),
            ("==3.*", ["3.9", "3.10", "3.11", "3.12rc1", "3.12"]),
            ("!=3.10", ["3.9", "3.11", "3.12rc1", "3.12", "4"]),
            ("~=3.10", ["3.10", "3.11", "3.12rc1", "3.12"]),
            (">=3.10,<3.12", ["3.10", "3.11"]),
            (">= 3.10 , < 3.11", ["3.10"]),
            ("!3.9", ["3.10", "3.11", "3.12rc1", "3.12", "4"]),
            ("!>=3.10", ["3.9"]),
            ("!!=3.9", ["3.9"]),
            ("!3.1*", ["3.9", "4"]),
            ("!null", PYTHONS),
            ("3.1*", ["3.10", "3.11", "3.12rc1", "3.12"]),
            ("3.1?", ["3.10", "3.11", "3.12"]),
            ("3.1[01]", ["3.10", "3.11"]),
            ("3.1[!0]", ["3.11", "3.12"]),
            ("*", PYTHONS),
            ("null", []),
        ],
    )
    def test_each_kind(self, word: str, expected: list[str]) -> None:
        """Exact, range, negation, glob; `null` is always allowed."""
        assert taken(word, PYTHONS) == expected

    @pytest.mark.parametrize("word", ["!3.9", ">=3", "3.*", "*", "!", "!>=1", "[a]", "true", "~=2"])
    def test_an_exact_value_comes_first(self, word: str) -> None:
        """An exact value has precedence, even if it looks like another kind of item."""
        known = ["3.9", "3.10", word, "a"]
        assert taken(word, known) == [word]
        assert taken(f"!{word}", known) == ["3.9", "3.10", "a"]

    def test_a_range_comes_before_a_negation(self) -> None:
        """`!=3.9` is a range, which matches only versions; `!3.9` matches every other value."""
        known = ["3.9", "3.10", "slim"]
        found = match(["!=3.9"], known)
        assert (found.values, found.unversioned) == (frozenset({1}), ("slim",))
        assert taken("!3.9", known) == ["3.10", "slim"]

    def test_a_negation_comes_before_a_glob(self) -> None:
        """`!12.*` matches the values that the glob does not match; it is not a glob."""
        assert taken("!12.*", ["12.8", "!12.9", "11.8"]) == ["!12.9", "11.8"]

    def test_a_glob_takes_the_whole_value(self) -> None:
        """A glob matches the whole value, and is case-sensitive."""
        known = ["13.1", "3.1", "3.10", "a3.1b", "A", "a"]
        assert taken("3.1*", known) == ["3.1", "3.10"]
        assert taken("*.1", known) == ["13.1", "3.1"]
        assert taken("[a]", known) == ["a"]

    def test_globs_take_switches(self) -> None:
        """`true`, `false` and `null` are matched as they are spelt."""
        assert taken("*e", ["true", "false", "null"]) == ["true", "false"]

    def test_prereleases_count(self) -> None:
        """A prerelease is in every range where `packaging` orders it."""
        known = ["3.13.0b2", "3.13.0rc1", "3.13.0", "3.13.1"]
        assert taken(">=3.13.0rc1", known) == known[1:]
        assert taken(">=3.12", known) == known
        assert taken("<=3.13.0rc1", known) == known[:2]

    @given(st.lists(st.sampled_from(VERSIONS), min_size=2, unique=True), st.data())
    def test_ranges_follow_the_order_of_versions(
        self, known: list[str], data: st.DataObject
    ) -> None:
        """`>=` and `<=` split the values as `packaging` orders them, never as text does."""
        bound = data.draw(st.sampled_from(known))
        above = [text for text in known if Version(text) >= Version(bound)]
        below = [text for text in known if Version(text) <= Version(bound)]
        assert taken([f">={bound}"], known) == above
        assert taken([f"<={bound}", "null"], known) == below

    def test_what_is_no_version_is_told(self) -> None:
        """Text that no range can match is listed; true, false and null are not."""
        found = match([">=3", "<4"], ["3.9", "slim", "true", "false", "null", "deb"])
        assert found == Match(frozenset({0}), (), ("slim", "deb"))


class TestLists:
    """Lists of items."""

    def test_any_of_them(self) -> None:
        """A list matches the values that any of its items matches."""
        assert taken(["3.9", ">=3.12", "3.1?"], PYTHONS) == ["3.9", "3.10", "3.11", "3.12", "4"]

    def test_negations_only_are_none_of_them(self) -> None:
        """A list of negations matches the values that none of them excludes."""
        assert taken(["!3.9", "!3.12*", "!>=4"], PYTHONS) == ["3.10", "3.11"]

    def test_a_negation_among_others_is_any_of_them(self) -> None:
        """A list with an item that is not a negation is a union."""
        assert taken(["!3.9", "3.9"], PYTHONS) == PYTHONS
        assert taken(["!3.1*", "3.10"], PYTHONS) == ["3.9", "3.10", "4"]
        assert taken(["!3.1*", "null"], PYTHONS) == ["3.9", "4"]

    def test_ranges_are_no_negations(self) -> None:
        """`!=` in a list is a range, and so part of a union."""
        assert taken(["!=3.9", "!=3.10"], PYTHONS) == PYTHONS

    def test_a_value_that_begins_like_a_negation_is_none(self) -> None:
        """An exact value `!x` in a list makes it a union."""
        assert taken(["!x", "!a"], ["!x", "a", "b"]) == ["!x", "b"]


class TestFaults:
    """Invalid items, and their messages."""

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("3.1", ("unknown-value", "has no value '3.1'", "did you mean '3.10'?")),
            ("!3.91", ("unknown-value", "has no value '3.91'", "did you mean '3.9'?")),
            ("x", ("unknown-value", "has no value 'x'", THERE_ARE)),
            (
                ">=5",
                ("matches-nothing", "'>=5' matches no value", THERE_ARE),
            ),
            (
                "2.*",
                ("matches-nothing", "'2.*' matches no value", THERE_ARE),
            ),
            (
                ">=x",
                (
                    "bad-range",
                    "invalid version range '>=x'",
                    "write a range such as '>=3.10,<3.13'",
                ),
            ),
            (
                "!==3.9",
                (
                    "bad-range",
                    "invalid version range '!==3.9'",
                    "write a range such as '>=3.10,<3.13'",
                ),
            ),
            ("!", ("unknown-value", "invalid negation '!'", "write !VALUE")),
            ("!!3.9", ("unknown-value", "invalid negation '!!3.9'", "write !VALUE")),
            (["!*"], ("matches-nothing", "'!*' matches no value", "negate fewer values")),
            (
                ["!3*", "!4"],
                ("matches-nothing", "'!3*, !4' matches no value", "negate fewer values"),
            ),
        ],
    )
    def test_a_word_about_nothing(self, words: list[str], expected: tuple[str, str, str]) -> None:
        """An item that matches no value is an error with a remedy."""
        assert fault(words, PYTHONS) == expected

    def test_a_negation_written_as_a_range(self) -> None:
        """The help for `!=slim` shows how to write a negation."""
        assert fault("!=slim", ["slim", "full"])[2] == "a negation is written '!slim'"

    def test_a_fault_names_the_word_as_written(self) -> None:
        """Each invalid item of a list is reported in order; negations with their `!`."""
        found = match(["3.9", "!5.*", "7", ">=9"], PYTHONS).faults
        assert [one.word for one in found] == ["!5.*", "7", ">=9"]
        assert [one.word for one in match(["!3*", "!4"], PYTHONS).faults] == ["!3*"]

    def test_long_lists_of_values_are_cut(self) -> None:
        """The message names ten values, and the number of others."""
        known = [f"v{n}" for n in range(12)]
        assert (
            fault("zzzzz", known)[2]
            == "values are v0, v1, v2, v3, v4, v5, v6, v7, v8, v9 and 2 more"
        )
        assert fault("zzzzz", known[:10])[2].endswith("v8, v9")
        assert fault("zzzzz", known[:11])[2].endswith("v9 and 1 more")

    def test_a_faulty_negation_hides_nothing_else(self) -> None:
        """An invalid negation causes one error, not also an error about an empty result."""
        assert [one.code for one in match(["!nope", "!3*"], PYTHONS).faults] == ["unknown-value"]
        assert [one.code for one in match(["!nope", "!*"], PYTHONS).faults] == ["unknown-value"]

    def test_a_faulty_word_takes_what_it_would_about_nothing(self) -> None:
        """An invalid negation excludes no value, any other invalid item matches none."""
        assert match(["!nope", "!3*"], PYTHONS).values == frozenset({5})
        assert match(["nope", "3.9"], PYTHONS).values == frozenset({0})

    def test_no_words_take_nothing(self) -> None:
        """An empty list is not a list of negations."""
        assert match([], PYTHONS) == Match(frozenset(), (), ())


JUNK = st.one_of(texts, st.text("!<>=~*?[]3.1ab,- ", max_size=6), st.text(string.printable))


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(values, min_size=1, max_size=6, unique_by=spelling), st.data())
def test_words_mean_what_their_documentation_says(given_: list[str], data: st.DataObject) -> None:
    """Matches and errors of random items equal those of a simple implementation."""
    known = [*map(spelling, given_)]
    about = st.sampled_from(words_about(tuple(known)))
    one = st.one_of(about, about, about, about, about, about, JUNK)
    words = data.draw(st.lists(one, min_size=1, max_size=4))
    found = match(words, known)
    if faulty(words, known):
        assert found.faults
        return
    assert found.faults == ()
    assert [n in found.values for n in range(len(known))] == [
        matches(words, text, known) for text in known
    ]


class TestPatterns:
    """Mappings axis -> matcher, for each image."""

    def test_all_must_hold(self) -> None:
        """All matchers must match; an axis without a matcher can have any value."""
        assert took("{py: 3.9, gpu: true}") == {
            "server": ["3.9 true null", "3.9 true deb"],
        }

    @pytest.mark.parametrize("word", ["true", "'!true'", "'*'", "'!null'", "[true, false]"])
    def test_a_lacking_axis_matches_null_alone(self, word: str) -> None:
        """No value, glob or negation matches an image that lacks the axis."""
        assert [*took(f"{{gpu: {word}}}")] == ["server"]

    def test_null_takes_what_lacks_the_axis(self) -> None:
        """`null` matches images without the axis."""
        assert took("{gpu: null}") == {
            "server": [],
            "tool": [*("null 3.9", "null 3.10", "null 3.11"), *("deb 3.9", "deb 3.10", "deb 3.11")],
            "plain": [""],
        }

    def test_null_beside_others(self) -> None:
        """`null` in a list is a further item; a negation does not match a missing axis."""
        assert took("{gpu: [null, true], py: 3.9}") == {
            "server": ["3.9 true null", "3.9 true deb"],
            "tool": ["null 3.9", "deb 3.9"],
        }
        assert [*took("{gpu: [null, '!true']}")] == ["server", "tool", "plain"]

    def test_null_is_a_value_where_it_is_one(self) -> None:
        """If null is a value of the axis, `null` matches that value and images without the axis."""
        assert took("{os: null, py: [3.9, null]}") == {
            "server": ["3.9 false null", "3.9 true null"],
            "tool": ["null 3.9"],
            "plain": [""],
        }

    def test_image_is_matched_like_an_axis(self) -> None:
        """`image` accepts every kind of item, and no image lacks it."""
        assert [*took("{image: tool}")] == ["tool"]
        assert [*took("{image: '!tool'}")] == ["server", "plain"]
        assert [*took("{image: ['!tool', '!p*']}")] == ["server"]
        assert [*took("{image: ['t*', plain]}")] == ["tool", "plain"]
        assert took("{image: tool, py: 3.9, os: deb}") == {"tool": ["deb 3.9"]}

    def test_a_rule_is_in_the_order_of_the_images_axes(self) -> None:
        """Positions are the image's own, ascending, whatever order the pattern has."""
        row, images = asked("{py: '>3.9', os: deb}")
        assert rule(row, images["tool"]) == ((0, frozenset({1})), (1, frozenset({1, 2})))
        assert rule(row, images["server"]) == ((0, frozenset({1, 2})), (2, frozenset({1})))
        assert rule(row, images["plain"]) is None

    @pytest.mark.parametrize(
        ("pattern", "code", "message"),
        [
            ("{}", "empty-pattern", "an empty pattern matches everything"),
            ("{py: []}", "empty-pattern", "no value of 'py' is named"),
            ("{pyy: 3.9}", "unknown-axis", "no axis is named 'pyy'"),
            ("{py: 3.1}", "unknown-value", "'py' has no value '3.1'"),
            ("{py: '>=4'}", "matches-nothing", "'>=4' matches no value of 'py'"),
            ("{py: '!!3.9'}", "unknown-value", "invalid negation '!!3.9'"),
            ("{image: srever}", "unknown-image", "no image is named 'srever'"),
            ("{image: null}", "unknown-image", "no image is named 'null'"),
            ("{image: '!srever'}", "unknown-image", "no image is named 'srever'"),
        ],
    )
    def test_what_is_refused(self, pattern: str, code: str, message: str) -> None:
        """Each error has its code and names the invalid value."""
        (found,) = refused(pattern)
        assert (found.code, found.message) == (code, message)

    def test_each_axis_is_told_once(self) -> None:
        """An axis that matches no value is one error, and later axes are checked as well."""
        assert [(one.code, one.message) for one in refused("{py: [], zz: [], os: alp}")] == [
            ("empty-pattern", "no value of 'py' is named"),
            ("empty-pattern", "no value of 'zz' is named"),
            ("unknown-value", "'os' has no value 'alp'"),
        ]

    def test_an_axis_without_values_is_told_at_the_axis(self) -> None:
        """A pattern over an invalid axis causes no error there; its other axes are checked."""
        text = "axes: {py: [], os: [deb]}\nimages: {a: {template: a}}\ngroups: {g: %s}"
        with pytest.raises(CompileError) as caught:
            read(text % "{py: 3.9, os: alp}")
        assert [one.code for one in caught.value.diagnostics] == ["empty-axis", "unknown-value"]

    def test_near_misses(self) -> None:
        """The help for a misspelt axis or image suggests a name; `image` is one of the names."""
        assert [one.help for one in refused("{pyy: 3.9, imag: tool, zz: 1}")] == [
            "did you mean 'py'?",
            "did you mean 'image'?",
            "the axes are py, gpu, os",
        ]

    def test_the_place_is_the_words(self) -> None:
        """An error in a list is located at its item, an unknown axis at its key."""
        found = refused("{py: [3.9, '<3', 3.77], gpu: maybe, nope: 1}")
        spots = [
            one.file_location.text[one.file_location.column - 1 :][: one.file_location.length]
            for one in found
        ]
        assert spots == ["'<3'", "3.77", "maybe", "nope"]

    def test_values_without_a_version_are_warned_of(self) -> None:
        """A range over text causes one warning, with the values that it can never match."""
        matrix = read(
            "axes: {tag: [3.9, slim, null]}\n"
            "images: {a: {template: a}}\n"
            "groups: {g: {tag: '>=3'}}\n"
        )
        (found,) = matrix.warnings
        assert found.message == "'slim' of 'tag' is not a version, so no range matches it"
        assert found.help == "add it to the range: [>=3, slim]"
