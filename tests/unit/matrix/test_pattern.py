"""Patterns: what each kind of word takes, alone and in lists, and what is refused."""

import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version
from support.matrices import VERSIONS, texts, values, words_about
from support.phases import read
from support.reference_model import faulty, matches, spelling

from compiler.errors import CompileError, Diagnostic
from compiler.matrix.matrix import Image, Pattern, Value
from compiler.matrix.pattern import Match, holds, match, rule


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
    """Return the values that words take."""
    found = match([words] if isinstance(words, str) else words, known)
    assert found.faults == ()
    return [known[n] for n in sorted(found.values)]


def fault(words: str | list[str], known: list[str]) -> tuple[str, str, str]:
    """Return code, message and help of the one fault of a matcher."""
    (found,) = match([words] if isinstance(words, str) else words, known).faults
    return found.code, found.message, found.help


def asked(pattern: str) -> tuple[Pattern, dict[str, Image]]:
    """Return a pattern over the axes above, and the images."""
    matrix = read(MATRIX % pattern)
    return matrix.groups["g"], dict(matrix.images)


def took(pattern: str) -> dict[str, list[str]]:
    """Return the combinations that a pattern takes, by image that it can match."""
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
    """Return what is wrong with a pattern over the axes above."""
    with pytest.raises(CompileError) as caught:
        asked(pattern)
    return list(caught.value.diagnostics)


class TestWords:
    """What one word takes."""

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
        """A value that looks like another kind of word is that value."""
        known = ["3.9", "3.10", word, "a"]
        assert taken(word, known) == [word]
        assert taken(f"!{word}", known) == ["3.9", "3.10", "a"]

    def test_a_range_comes_before_a_negation(self) -> None:
        """`!=3.9` is a range: what is no version is not taken; `!3.9` takes all else."""
        known = ["3.9", "3.10", "slim"]
        found = match(["!=3.9"], known)
        assert (found.values, found.unversioned) == (frozenset({1}), ("slim",))
        assert taken("!3.9", known) == ["3.10", "slim"]

    def test_a_negation_comes_before_a_glob(self) -> None:
        """`!12.*` is what the glob does not take, and never a glob that begins with `!`."""
        assert taken("!12.*", ["12.8", "!12.9", "11.8"]) == ["!12.9", "11.8"]

    def test_a_glob_takes_the_whole_value(self) -> None:
        """`3.1*` begins where the value begins, `*1` ends where it ends, and case counts."""
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
        """Text that no range can take is listed; switches are not, they were never versions."""
        found = match([">=3", "<4"], ["3.9", "slim", "true", "false", "null", "deb"])
        assert found == Match(frozenset({0}), (), ("slim", "deb"))


class TestLists:
    """What several words take."""

    def test_any_of_them(self) -> None:
        """Several words take what any takes, of whatever kind."""
        assert taken(["3.9", ">=3.12", "3.1?"], PYTHONS) == ["3.9", "3.10", "3.11", "3.12", "4"]

    def test_negations_only_are_none_of_them(self) -> None:
        """A list of negations takes what none of them names."""
        assert taken(["!3.9", "!3.12*", "!>=4"], PYTHONS) == ["3.10", "3.11"]

    def test_a_negation_among_others_is_any_of_them(self) -> None:
        """One word that is no negation makes it a union."""
        assert taken(["!3.9", "3.9"], PYTHONS) == PYTHONS
        assert taken(["!3.1*", "3.10"], PYTHONS) == ["3.9", "3.10", "4"]
        assert taken(["!3.1*", "null"], PYTHONS) == ["3.9", "4"]

    def test_ranges_are_no_negations(self) -> None:
        """`!=` in a list is any of them, as every range."""
        assert taken(["!=3.9", "!=3.10"], PYTHONS) == PYTHONS

    def test_a_value_that_begins_like_a_negation_is_none(self) -> None:
        """An exact value `!x` in a list makes it a union."""
        assert taken(["!x", "!a"], ["!x", "a", "b"]) == ["!x", "b"]


class TestFaults:
    """What is refused, in which words."""

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
        """A value, range, glob or negation that is about no value says so, with a remedy."""
        assert fault(words, PYTHONS) == expected

    def test_a_negation_written_as_a_range(self) -> None:
        """`!=slim` is told how a negation is written."""
        assert fault("!=slim", ["slim", "full"])[2] == "a negation is written '!slim'"

    def test_a_fault_names_the_word_as_written(self) -> None:
        """Each faulty word of a list is told, in its order, negations with their mark."""
        found = match(["3.9", "!5.*", "7", ">=9"], PYTHONS).faults
        assert [one.word for one in found] == ["!5.*", "7", ">=9"]
        assert [one.word for one in match(["!3*", "!4"], PYTHONS).faults] == ["!3*"]

    def test_long_lists_of_values_are_cut(self) -> None:
        """Ten values are named, and how many more there are."""
        known = [f"v{n}" for n in range(12)]
        assert (
            fault("zzzzz", known)[2]
            == "values are v0, v1, v2, v3, v4, v5, v6, v7, v8, v9 and 2 more"
        )
        assert fault("zzzzz", known[:10])[2].endswith("v8, v9")
        assert fault("zzzzz", known[:11])[2].endswith("v9 and 1 more")

    def test_a_faulty_negation_hides_nothing_else(self) -> None:
        """A wrong negation is one fault: the list is not said to leave nothing, too."""
        assert [one.code for one in match(["!nope", "!3*"], PYTHONS).faults] == ["unknown-value"]
        assert [one.code for one in match(["!nope", "!*"], PYTHONS).faults] == ["unknown-value"]

    def test_a_faulty_word_takes_what_it_would_about_nothing(self) -> None:
        """A wrong negation takes all and any other wrong word nothing: the others decide."""
        assert match(["!nope", "!3*"], PYTHONS).values == frozenset({5})
        assert match(["nope", "3.9"], PYTHONS).values == frozenset({0})

    def test_no_words_take_nothing(self) -> None:
        """An empty list is no list of negations."""
        assert match([], PYTHONS) == Match(frozenset(), (), ())


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(values, min_size=1, max_size=6, unique_by=spelling), st.data())
def test_words_mean_what_their_documentation_says(given_: list[str], data: st.DataObject) -> None:
    """Any words take the values, and are refused, as the slow way finds it."""
    known = [*map(spelling, given_)]
    junk = st.one_of(texts, st.text("!<>=~*?[]3.1ab,- ", max_size=6), st.text(string.printable))
    about = st.sampled_from(words_about(known))
    one = st.one_of(about, about, about, about, about, about, junk)
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
    """What a mapping axis -> matcher takes, image by image."""

    def test_all_must_hold(self) -> None:
        """Matchers narrow each other; an axis that is not named is free."""
        assert took("{py: 3.9, gpu: true}") == {
            "server": ["3.9 true null", "3.9 true deb"],
        }

    @pytest.mark.parametrize("word", ["true", "'!true'", "'*'", "'!null'", "[true, false]"])
    def test_a_lacking_axis_matches_null_alone(self, word: str) -> None:
        """No value, glob or negation takes an image that lacks the axis."""
        assert [*took(f"{{gpu: {word}}}")] == ["server"]

    def test_null_takes_what_lacks_the_axis(self) -> None:
        """`null` takes images without the axis, and no value where there is none."""
        assert took("{gpu: null}") == {
            "server": [],
            "tool": [*("null 3.9", "null 3.10", "null 3.11"), *("deb 3.9", "deb 3.10", "deb 3.11")],
            "plain": [""],
        }

    def test_null_beside_others(self) -> None:
        """In a list `null` is one word more, and a negation beside it takes no lacking axis."""
        assert took("{gpu: [null, true], py: 3.9}") == {
            "server": ["3.9 true null", "3.9 true deb"],
            "tool": ["null 3.9", "deb 3.9"],
        }
        assert [*took("{gpu: [null, '!true']}")] == ["server", "tool", "plain"]

    def test_null_is_a_value_where_it_is_one(self) -> None:
        """On an axis that has null as a value, `null` takes both that and images without it."""
        assert took("{os: null, py: [3.9, null]}") == {
            "server": ["3.9 false null", "3.9 true null"],
            "tool": ["null 3.9"],
            "plain": [""],
        }

    def test_image_is_matched_like_an_axis(self) -> None:
        """`image` takes words of every kind, and no image lacks it."""
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
        """Each mistake has its code and says what it is about."""
        (found,) = refused(pattern)
        assert (found.code, found.message) == (code, message)

    def test_each_axis_is_told_once(self) -> None:
        """An axis that names no value is no more than that, and those after it are told as well."""
        assert [(one.code, one.message) for one in refused("{py: [], zz: [], os: alp}")] == [
            ("empty-pattern", "no value of 'py' is named"),
            ("empty-pattern", "no value of 'zz' is named"),
            ("unknown-value", "'os' has no value 'alp'"),
        ]

    def test_an_axis_without_values_is_told_at_the_axis(self) -> None:
        """A pattern over a faulty axis is not said to miss its values; the rest of it is read."""
        text = "axes: {py: [], os: [deb]}\nimages: {a: {template: a}}\ngroups: {g: %s}"
        with pytest.raises(CompileError) as caught:
            read(text % "{py: 3.9, os: alp}")
        assert [one.code for one in caught.value.diagnostics] == ["empty-axis", "unknown-value"]

    def test_near_misses(self) -> None:
        """A misspelt axis or image is told which was meant; `image` is among the names."""
        assert [one.help for one in refused("{pyy: 3.9, imag: tool, zz: 1}")] == [
            "did you mean 'py'?",
            "did you mean 'image'?",
            "the axes are py, gpu, os",
        ]

    def test_the_place_is_the_words(self) -> None:
        """A fault points at its own word of a list, an unknown axis at its key."""
        found = refused("{py: [3.9, '<3', 3.77], gpu: maybe, nope: 1}")
        spots = [
            one.file_location.text[one.file_location.column - 1 :][: one.file_location.length]
            for one in found
        ]
        assert spots == ["'<3'", "3.77", "maybe", "nope"]

    def test_values_without_a_version_are_warned_of(self) -> None:
        """A range over text says once which values it can never take, and the remedy."""
        matrix = read(
            "axes: {tag: [3.9, slim, null]}\n"
            "images: {a: {template: a}}\n"
            "groups: {g: {tag: '>=3'}}\n"
        )
        (found,) = matrix.warnings
        assert found.message == "'slim' of 'tag' is not a version, so no range matches it"
        assert found.help == "add it to the range: [>=3, slim]"
