"""Patterns of ignore files: as the port of BuildKit's matcher, in linear time."""

import time
import warnings

import pytest
from e2b_dockerfile_utils import PatternMatcher
from hypothesis import given
from hypothesis import strategies as st

from compiler.render.ignore_patterns import IgnoreMatcher, read_lines
from compiler.render.path_patterns import _Automaton, compile_pattern
from compiler.render.path_patterns import _tokens as tokens
from compiler.render.pattern_escapes import PatternError


PIECES = ["a", "b", ".", "*", "**", "?", "/", "[ab]", "[^a]", "[a-b]", "\\*", "\\+", "é", "+", "]"]
NAMES = st.text(alphabet="ab.é+*]", min_size=1, max_size=4).filter(lambda n: n not in {".", ".."})
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PATTERNS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).map("".join)
LINES = st.tuples(st.sampled_from(["", "", "!", "/", " "]), PATTERNS).map("".join)


@given(lines=st.lists(LINES, max_size=4), paths=st.lists(PATHS, min_size=1, max_size=6))
def test_it_matches_as_the_port_does(lines: list[str], paths: list[str]) -> None:
    """Valid patterns match the same paths; invalid ones are rejected by both."""
    try:
        expected = PatternMatcher(lines)
    except ValueError:
        with pytest.raises(PatternError):
            IgnoreMatcher(lines)
        return
    matcher = IgnoreMatcher(lines)

    for path in paths:
        assert matcher.matches(path) == expected.matches(path)
        assert matcher.may_include_below(path) == expected.may_match_under(path)


@given(pattern=PATTERNS, paths=st.lists(PATHS, min_size=1, max_size=6))
def test_the_automaton_matches_as_a_regular_expression(pattern: str, paths: list[str]) -> None:
    """It is used only for patterns that could backtrack, and right for all."""
    import re

    try:
        found = tokens(pattern)
    except PatternError:
        return
    expression = re.compile("".join(token.regex for token in found) + r"\Z")
    automaton = _Automaton(found)

    for path in paths:
        assert automaton.matches(path) == (expression.match(path) is not None)


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 12 + "*b",
        "**/" + "*a" * 12 + "*b",
        "**/a/" * 8 + "b",
        "a**" * 12 + "b",
        "*[^b]*[^b]*[^b]*[^b]*b",
        "*?" * 20 + "b",
        "*a" + "?" * 60 + "*b",
        "*" * 200 + "b",
    ],
)
def test_no_pattern_takes_long(pattern: str) -> None:
    """The time is proportional to the path, where a regular expression takes hours."""
    path = "/".join(["a" * 250] * 15)
    matcher = IgnoreMatcher([pattern])
    start = time.perf_counter()
    for number in range(3):
        assert not matcher.matches(f"{path}{number}")

    assert time.perf_counter() - start < 2


def test_deep_paths_and_many_patterns() -> None:
    """What matches a folder is remembered for everything in it."""
    matcher = IgnoreMatcher([f"x{n}*y*z" for n in range(100)])
    folder = "/".join(["d"] * 1000)
    start = time.perf_counter()

    assert not any(matcher.matches(f"{folder}/{n}") for n in range(100))
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", ("",)),
        (b"a\nb\n", ("a", "b")),
        (b"\xef\xbb\xbfa\r\nb\r", ("a", "b")),
        (b"a\rb\n", ("a\rb",)),
        ("a\x0bb\x0cc\x85d\u2028e\x1cf".encode(), ("a\x0bb\x0cc\x85d\u2028e\x1cf",)),
        (b"\xff\n\n", ("\udcff", "")),
    ],
)
def test_lines_end_where_go_ends_them(content: bytes, lines: tuple[str, ...]) -> None:
    """Only at a line feed, with or without a carriage return; a BOM is removed."""
    assert read_lines(content) == lines


def test_only_space_of_go_is_trimmed() -> None:
    """Python's strip removes further control characters."""
    assert IgnoreMatcher(["\u3000a \t"]).matches("a")
    assert IgnoreMatcher(["\x1ca"]).matches("\x1ca")
    assert not IgnoreMatcher(["\x1ca"]).matches("a")


@pytest.mark.parametrize("pattern", ["[[a]", "[a&&b]", "[a||b]", "[a~~b]", "[+--]", "[a--b]"])
def test_no_class_is_misunderstood(pattern: str) -> None:
    """Python would read set operations into some classes, with a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            matcher = IgnoreMatcher([pattern])
        except PatternError:
            return

        assert matcher.matches("a") == ("a" in pattern)


@pytest.mark.parametrize("line", ["[", "[a", "[]", "[a-", "[a-]", "[b-a]", "a\\", "!", "! "])
def test_what_buildkit_rejects(line: str) -> None:
    """An incomplete class or escape, a reversed range, and an empty negation."""
    with pytest.raises(PatternError):
        IgnoreMatcher([line])


def test_comments_and_empty_lines_are_no_patterns() -> None:
    """A comment begins in the first column."""
    assert not IgnoreMatcher(["#a", "", "  "])
    assert IgnoreMatcher([" #a"]).matches("#a")


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (r"\d", "1", "d\u0661"),
        (r"\D", "d\u0661", "1"),
        (r"\w", "a_0Z", "\xe9-"),
        (r"\W", "\xe9-", "a_0"),
        (r"\s", " \t\f", "s\v\xa0"),
        (r"\S", "s\v\xa0", " \t"),
        (r"[\d\s]", "0 ", "ds\v"),
        (r"[^\w]", "\xe9-", "aw"),
        (r"[\D-z]", "-za", "1"),
        (r"[\S]", "\v", " "),
        (r"\t", "\t", "t"),
        (r"[\t-\r]", "\n", "t"),
        (r"\x41", "A", "x"),
        (r"\101", "A", "1"),
        (r"\_", "_", "\\"),
    ],
)
def test_escapes_are_those_of_go(pattern: str, matching: str, others: str) -> None:
    """BuildKit writes patterns of ignore files into regular expressions, with all wildcards."""
    for around in ("x/y/{}", "*/*/{}"):
        matcher = IgnoreMatcher([around.format(pattern)])
        assert [c for c in matching if not matcher.matches(f"x/y/{c}")] == []
        assert [c for c in others if matcher.matches(f"x/y/{c}")] == []


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [(r"foo\bin", False), (r"a\b-c", True), (r"a\Bc", True), (r"\Aa\z", True), (r"a\Az", False)],
)
def test_words_and_ends_are_asserted(pattern: str, expected: bool) -> None:  # noqa: FBT001
    """They match between two characters, not the letter."""
    paths = ("foobin", "fooin", "a-c", "ac", "a", "az", "aAz")

    assert any(map(IgnoreMatcher([pattern]).matches, paths)) is expected


@pytest.mark.parametrize("escape", [r"\y", r"\8", r"\1", r"\xg", r"\é", r"\E", r"[\b]", r"[!-\d]"])
def test_invalid_escapes_are_rejected(escape: str) -> None:
    """As in a regular expression of Go; not in COPY, where any character may follow."""
    with pytest.raises(PatternError):
        IgnoreMatcher([f"a{escape}"])
    assert compile_pattern(rf"a{escape}") is not None


def test_escapes_of_copy_are_literal() -> None:
    """Only ignore files have classes."""
    assert compile_pattern(r"\d[\w]")("dw")
    assert not compile_pattern(r"\d[\w]")("1a")
