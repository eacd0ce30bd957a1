"""Strict YAML: types of values, locations, and the messages of errors."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support import calls

from compiler.errors import CompileError, Diagnostic, Location
from compiler.source import parser_events
from compiler.source.document import Route, Source
from compiler.source.parser_events import PythonParser


MIB = 1 << 20

SAMPLE = """\
# A matrix.
x-common: &common
  args: {A: 1, "B": 'two'}
  tags: [a, "{{ py }}-b"]
images:
  server:
    <<: *common
    tags: ['it''s {{ x }}']
    script: |
      one {{ y }}
        two {{ z }}
    folded: >-
      three {{ v }}
      four {{ w }}
    plain: five
      six {{ u }}
    escaped: "a\\tb\\u00e9 {{ t }}"
  other: *common
  none:
"""


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with PyYAML's C library and without it."""
    chosen = yaml.CSafeLoader if request.param == "libyaml" else PythonParser
    monkeypatch.setattr(parser_events, "new_parser", chosen)


def read(text: str | bytes) -> Any:
    """Return the data of a text."""
    return Source.parse(text, "matrix.yaml").data


def refused(text: str | bytes, **options: Any) -> tuple[Diagnostic, ...]:
    """Return the diagnostics of a text that must be rejected."""
    with pytest.raises(CompileError) as caught:
        Source.parse(text, "matrix.yaml", **options)
    return caught.value.diagnostics


def brief(text: str | bytes) -> list[tuple[str, int, int]]:
    """Return code, line and column of each error."""
    return [(d.code, d.file_location.line, d.file_location.column) for d in refused(text)]


def spot(place: Location) -> tuple[int, str]:
    """Return the line of a location, and the text that it underlines."""
    start = place.column - 1
    return place.line, place.text[start : start + place.length]


class TestData:
    """Valid YAML."""

    @pytest.mark.parametrize(
        "written",
        ["3.10", "0x1F", "1e3", "012", "12:30", "on", "yes", "No", "2024-01-31", "1_000", ".inf"],
    )
    def test_scalars_are_text_as_written(self, written: str) -> None:
        """Numbers, booleans and dates of YAML 1.1 are text."""
        data = read(f"a: {written}\nb: [{written}]\n{written}: c")

        assert {"a": written, "b": [written], written: "c"} == data

    def test_true_false_and_null_are_values(self) -> None:
        """Plain `true`, `false`, `null`, `~` and an empty value are not text."""
        data = read("a: [true, false, null, ~]\nb:\nc: &x\n")

        assert data == {"a": [True, False, None, None], "b": None, "c": None}

    def test_quoted_scalars_are_text(self) -> None:
        """Quoted values and block scalars are text."""
        data = read("a: ['true', \"null\", '~', '']\nb: |-\n  true\n")

        assert data == {"a": ["true", "null", "~", ""], "b": "true"}

    def test_keys_may_be_true_false_and_null(self) -> None:
        """A plain `true` as a key is a boolean, a quoted one is text; a mapping can have both."""
        data = read('false: 0\ntrue: 1\nnull: 2\n"true": 3\n')

        assert list(data.items()) == [(False, "0"), (True, "1"), (None, "2"), ("true", "3")]

    def test_order_is_the_author_s(self) -> None:
        """Mappings keep their order."""
        data = read("c: 1\na: 2\nb: 3\n")

        assert list(data) == ["c", "a", "b"]

    def test_aliases_share_their_object(self) -> None:
        """An alias is the same object as its anchor."""
        data = read("a: &x {b: [1]}\nc: *x\nd: [*x]\n")

        assert data["a"] is data["c"]
        assert data["a"] is data["d"][0]

    def test_an_alias_may_be_a_key(self) -> None:
        """An alias of a scalar can be a key."""
        data = read("a: &x b\n*x : c\n")

        assert data == {"a": "b", "b": "c"}

    def test_an_anchor_may_be_given_again(self) -> None:
        """A second anchor of the same name replaces the first from there on."""
        data = read("a: &x 1\nb: *x\nc: &x 2\nd: *x\n")

        assert data == {"a": "1", "b": "1", "c": "2", "d": "2"}

    def test_merging_lets_the_explicit_win(self) -> None:
        """A mapping's own keys override merged ones, in any order."""
        data = read("a: &a {x: 1, y: 2, z: 3}\nb:\n  y: 5\n  <<: *a\n  w: 6\n")

        assert list(data["b"].items()) == [("y", "5"), ("x", "1"), ("z", "3"), ("w", "6")]

    def test_merging_a_list_lets_the_earlier_win(self) -> None:
        """Of several merged mappings, the first with a key provides its value."""
        data = read("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b, {z: 3}]}\n")

        assert data["c"] == {"x": "1", "y": "2", "z": "3"}

    def test_merging_goes_on_through_merged_mappings(self) -> None:
        """Merged keys are merged again by other mappings."""
        data = read("a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b}\n")

        assert data["c"] == {"x": "1", "y": "2"}

    def test_a_quoted_merge_key_is_a_key(self) -> None:
        """Only a plain `<<` merges."""
        data = read('a: {"<<": b}\n')

        assert data == {"a": {"<<": "b"}}

    @pytest.mark.parametrize("text", ["\ufeffa: b", b"\xef\xbb\xbfa: b", b"a: b\r\n", "--- \na: b"])
    def test_marks_and_line_ends_do_not_matter(self, text: str | bytes) -> None:
        """A byte order mark, Windows line ends and `---` are not part of the data."""
        data = read(text)

        assert data == {"a": "b"}

    @pytest.mark.parametrize("text", ["%YAML 1.2\n---\na: b", "# x\n%YAML 1.1 # y\n---\na: b\n..."])
    def test_a_version_may_be_stated(self, text: str) -> None:
        """`%YAML 1.1` and `1.2` are accepted, as is the end of the document."""
        data = read(text)

        assert data == {"a": "b"}

    def test_tabs_may_separate(self) -> None:
        """A tab is accepted where it does not indent."""
        data = read('a:\tb\t# c\nd: [1,\n\t2]\ne: "x\ty"\n')

        assert data == {"a": "b", "d": ["1", "2"], "e": "x\ty"}

    def test_a_list_may_be_allowed(self) -> None:
        """A file that is not matrix.yaml may be a list."""
        data = Source.parse("- a\n", "data.yaml", mapping=False).data

        assert data == ["a"]


class TestPlaces:
    """Locations of data."""

    @pytest.mark.parametrize(
        ("route", "expected"),
        [
            ((), (2, "x-common")),
            (("x-common", "args"), (3, "{A: 1, \"B\": 'two'}")),
            (("x-common", "args", "A"), (3, "1")),
            (("x-common", "args", "B"), (3, "'two'")),
            (("x-common", "tags", 1), (4, '"{{ py }}-b"')),
            (("images",), (6, "server")),
            (("images", "server", "script"), (9, "|")),
            (("images", "server", "plain"), (15, "five")),
            (("images", "other"), (18, "*common")),
            (("images", "none"), (19, "none")),
        ],
        ids=str,
    )
    def test_a_value_is_located(self, route: Route, expected: tuple[int, str]) -> None:
        """A scalar is underlined on its first line, a collection at its start."""
        place = Source.parse(SAMPLE, "matrix.yaml").locate(route)

        assert expected == spot(place)

    @pytest.mark.parametrize(
        ("route", "expected"),
        [
            (("images", "server", "args"), (3, "args")),
            (("images", "server"), (6, "server")),
            (("images", "none"), (19, "none")),
        ],
        ids=str,
    )
    def test_a_key_is_located(self, route: Route, expected: tuple[int, str]) -> None:
        """The whole key is underlined; a merged key is located at the anchor."""
        place = Source.parse(SAMPLE, "matrix.yaml").locate(route, key=True)

        assert expected == spot(place)

    @pytest.mark.parametrize(
        ("route", "expected"),
        [
            (("images", "server", "nothing"), (6, "server")),
            (("images", "nothing", "at", "all"), (5, "images")),
            (("x-common", "tags", 9), (4, "tags")),
            (("x-common", "tags", "list"), (4, "tags")),
            (("x-common", "tags", 0, "str"), (4, "a")),
            (("nothing",), (2, "x-common")),
        ],
        ids=str,
    )
    def test_what_lacks_is_located_above(self, route: Route, expected: tuple[int, str]) -> None:
        """A route that does not exist is located at the nearest value above it."""
        place = Source.parse(SAMPLE, "matrix.yaml").locate(route)

        assert expected == spot(place)

    @pytest.mark.parametrize(("step", "line"), [("True", 2), (True, 2), (1, 2), ("None", 3)])
    def test_special_keys_may_be_spelt(self, step: str | bool, line: int) -> None:  # noqa: FBT001
        """Keys that are not text are found by the spelling of validators."""
        place = Source.parse("false: a\ntrue: b\nnull: c\n", "m").locate((step,))

        assert line == place.line

    def test_a_text_key_is_not_taken_for_a_value(self) -> None:
        """If both `true` and "true" are keys, each has its own location."""
        place = Source.parse('true: a\n"true": b\n', "m").locate(("true",))

        assert place.line == 2

    def test_a_location_carries_its_line(self) -> None:
        """A location has path, line, column, length and the text of the line."""
        place = Source.parse("a:\r\n  b: cde # x\r\n", "dir/m.yaml").locate(("a", "b"))

        assert Location(path="dir/m.yaml", line=2, column=6, length=3, text="  b: cde # x") == place

    def test_anchors_are_no_part_of_a_value(self) -> None:
        """The location of an anchored value starts after its anchor."""
        source = Source.parse("a: &x b\nc: &y # note\n  d: e\nf: &z [1]\n", "m")

        places = [spot(source.locate((key,))) for key in "acf"]

        assert places == [(1, "b"), (3, "d"), (4, "[1]")]

    @pytest.mark.parametrize(
        ("route", "name"),
        [
            (("x-common", "tags", 1), "py"),
            (("images", "server", "tags", 0), "x"),
            (("images", "server", "script"), "y"),
            (("images", "server", "script"), "z"),
            (("images", "server", "folded"), "v"),
            (("images", "server", "folded"), "w"),
            (("images", "server", "plain"), "u"),
            (("images", "server", "escaped"), "t"),
            (("images", "other", "tags", 1), "py"),
        ],
        ids=str,
    )
    def test_a_character_of_a_value_is_located(self, route: Route, name: str) -> None:
        """An offset in a value is located in the source, through quotes, blocks and aliases."""
        source = Source.parse(SAMPLE, "matrix.yaml")
        value: Any = source.data
        for step in route:
            value = value[step]
        place = source.locate_in(route, value.index(f"{{{{ {name} ") + 3)

        assert "{{ " + name == place.text[place.column - 4 : place.column - 1 + len(name)]

    def test_a_character_of_a_key_is_located(self) -> None:
        """An offset in a key is located in the key."""
        place = Source.parse('"a {{ b }}": c\n', "m").locate_in(("a {{ b }}",), 5, key=True)

        assert spot(place) == (1, "b")

    @pytest.mark.parametrize(
        ("text", "offset", "column"),
        [
            ("a: b c", 1, 5),
            ("a: b", 99, 5),
            ("a: 'b'", 1, 6),
            ("a: b\n  c", 1, 5),
        ],
    )
    def test_white_space_and_ends_are_located(self, text: str, offset: int, column: int) -> None:
        """White space and the end of a value can be located."""
        place = Source.parse(text, "m").locate_in(("a",), offset)

        assert (1, column) == (place.line, place.column)

    @pytest.mark.parametrize("route", [("a",), ("b",), ("a", 0), ("c",)])
    def test_no_text_has_no_characters(self, route: Route) -> None:
        """An offset in a value that is not text is located at the value."""
        source = Source.parse("a: [true]\nb:\n", "m")

        assert source.locate(route) == source.locate_in(route, 3)


QUOTE = {
    "a: !3.9": '"!3.9"',
    "a: [!3.9]": '"!3.9"',
    "a: {b: !3.9}": '"!3.9"',
    "a: !slim # c": '"!slim"',
    "a: !cuda* x": '"!cuda* x"',
    "a: !a!b": '"!a!b"',
    "a: >=3.10": '">=3.10"',
    "a: [>=3.10,<3.13, x]": '">=3.10,<3.13"',
    "a: |x": '"|x"',
    "a: *-slim": '"*-slim"',
    "a: [*-slim, x]": '"*-slim"',
    "a: *.12": '"*.12"',
    "a: && b": '"&& b"',
    "a: {{ py }}": '"{{ py }}"',
    "a: {{ py }}-x:y": '"{{ py }}-x:y"',
    "a: [{{ py }}]": '"{{ py }}"',
    'a: {{ x["y"] }}': "'{{ x[\"y\"] }}'",
    "a: {{ x['\"'] }}": "'{{ x[''\"''] }}'",
    "{{ py }}: b": '"{{ py }}"',
    "a: {{{ py }}: b}": '"{{ py }}"',
    "a: {% if b %}": '"{% if b %}"',
    "a: %x": '"%x"',
    "a: @x # c": '"@x"',
    "a: `x`": '"`x`"',
    "a: [b, @x]": '"@x"',
    "a: [b]c": '"[b]c"',
    "[b]c: d": '"[b]c"',
    "a: 'b'c": "\"'b'c\"",
    "a: 'it's'": '"it\'s"',
    'a: ["b" "c"]': '\'"b" "c"\'',
    "a: b: c": '"b: c"',
    "a: , b": '", b"',
}


class TestQuoteIt:
    """Plain text that YAML misreads, and the remedy."""

    @pytest.mark.parametrize(("text", "quoted"), QUOTE.items(), ids=QUOTE)
    def test_the_remedy_is_shown(self, text: str, quoted: str) -> None:
        """A single error underlines the whole text and shows how to write it."""
        (wrong,) = refused(text)

        assert ("quote-it", f"quote it: {quoted}") == (wrong.code, wrong.help)

    @pytest.mark.parametrize("text", [text for text in QUOTE if "'it's'" not in text])
    def test_the_remedy_works(self, text: str) -> None:
        """Replacing the underlined text by the help results in the intended text."""
        (wrong,) = refused(text)
        start = wrong.file_location.column - 1
        end = start + wrong.file_location.length
        mended = text[:start] + wrong.help.removeprefix("quote it: ") + text[end:]

        assert f"'{text[start:end]}'" in str(read(mended)).replace('\\"', '"') or (
            repr(text[start:end]) in str(read(mended))
        )

    def test_all_are_found_at_once(self) -> None:
        """Reading continues after an error."""
        text = "a: {{ x }}/y\nb: >=3\nc: [@x, !3]\n{{ d }}: 1\n{{ e }}: 2\nf: 1\nf: 2\n"

        assert brief(text) == [
            ("quote-it", 1, 4),
            ("quote-it", 2, 4),
            ("quote-it", 3, 5),
            ("quote-it", 3, 9),
            ("quote-it", 4, 1),
            ("quote-it", 5, 1),
            ("duplicate-key", 7, 1),
        ]

    def test_a_long_text_is_not_repeated(self) -> None:
        """Text of several lines is only underlined."""
        (wrong,) = refused("a: @" + "x" * 100)

        assert wrong.help == "quote it"
        assert f"YAML cannot read '@{'x' * 56}...' as text" == wrong.message

    def test_what_it_was_taken_for_is_said(self) -> None:
        """The message states how YAML reads the text."""
        (wrong,) = refused("a: !3.9")

        assert wrong.message == "YAML reads '!3.9' as a tag, not as text"


SYNTAX = {
    "a:\n\tb: c": (2, 1, "YAML requires spaces here, not a tab"),
    "\ta: b": (1, 1, "YAML requires spaces here, not a tab"),
    "a: b\tc": (1, 5, "text without quotes contains a tab"),
    'a: "\\q"': (1, 5, r"'\q' is not an escape sequence of YAML"),
    'a: "\\xzz"': (1, 5, r"'\xzz' is not an escape sequence of YAML"),
    'a: "\\U00110000"': (1, 5, r"'\U00110000' is not an escape sequence of YAML"),
    "%YAML 9\n---\na: b": (1, 1, "the directive '%YAML 9' is not supported"),
    "%TAG ! x:\n---\na: b": (1, 1, "the directive '%TAG ! x:' is not supported"),
    "%YAML 1.2\n%YAML 1.2\n---\na: b": (2, 1, "the directive '%YAML 1.2' is not supported"),
    "a: 'b": (1, 4, "this quote is never closed"),
    "a: [b": (1, 4, "this '[' is never closed"),
    "a: [b,\n": (1, 4, "this '[' is never closed"),
    "a: {b: c\nd: e\n": (1, 4, "this '{' is never closed"),
    "a: {b: c}}": (1, 10, "this '}' has no opening bracket"),
    "a: ]": (1, 4, "this ']' has no opening bracket"),
    "a: 1\n b: 2": (2, 3, "this line does not continue the lines above"),
    "a:\n  - b\n c: d": (3, 2, "this line does not continue the lines above"),
    "- a\nb: c": (2, 1, "this is not an entry of the list above"),
    "a: 1\nfoo\n": (2, 1, "no ': ' follows this key"),
    "a: - b": (1, 4, "a list cannot begin here"),
    "a: b:\n  c: d": (1, 4, "a mapping cannot begin here"),
    "a: ? b": (1, 4, "a '?' is not allowed here"),
    "a: [b c: d: e]": (1, 11, "a comma or a closing bracket is missing here"),
}


class TestRefusals:
    """Invalid YAML: messages and locations."""

    @pytest.mark.parametrize(("text", "expected"), SYNTAX.items(), ids=map(repr, SYNTAX))
    def test_syntax_errors_are_plain(self, text: str, expected: tuple[int, int, str]) -> None:
        """A syntax error has a plain message and is located where it begins."""
        (wrong,) = refused(text)
        place = wrong.file_location

        assert ("yaml-syntax", *expected) == (wrong.code, place.line, place.column, wrong.message)
        assert wrong.help

    def test_any_other_syntax_error_is_told_too(self) -> None:
        """Other syntax errors have the parser's message."""
        (wrong,) = refused("&a &b c")

        assert wrong.code == "yaml-syntax"
        assert wrong.message.startswith("invalid YAML: ")

    @pytest.mark.parametrize("text", ["", "\n\n", "# only\n", "---\n", b"\xef\xbb\xbf"])
    def test_an_empty_file_is_refused(self, text: str | bytes) -> None:
        """An empty file is rejected."""
        assert brief(text) == [("empty-file", 0, 1)]

    @pytest.mark.parametrize("text", ["- a", "null", "foo", "[a]", "'x'"])
    def test_the_top_must_be_a_mapping(self, text: str) -> None:
        """A list or a scalar is rejected."""
        assert brief(text) == [("not-a-mapping", 1, 1)]

    def test_a_scalar_is_no_data(self) -> None:
        """If a list is allowed, a scalar is still rejected."""
        (wrong,) = refused("foo", mapping=False)

        assert wrong.message == "the top level of the file must be a mapping or a list"

    @pytest.mark.parametrize(
        ("raw", "place", "message"),
        [
            (b"a: b\nc: \xc3\xa9\xff", (2, 5), "the byte 0xFF is not UTF-8"),
            (b"\xff\xfea\x00", (0, 1), "the file is UTF-16, not UTF-8"),
            ("\ufeffa: b".encode("utf-16-be"), (0, 1), "the file is UTF-16, not UTF-8"),
            (b"a: \xed\xa0\x80", (1, 4), "the byte 0xED is not UTF-8"),
        ],
    )
    def test_only_utf_8_is_read(self, raw: bytes, place: tuple[int, int], message: str) -> None:
        """Another encoding is rejected at its first invalid byte."""
        (wrong,) = refused(raw)

        assert ("not-utf-8", message) == (wrong.code, wrong.message)
        assert place == (wrong.file_location.line, wrong.file_location.column)

    @pytest.mark.parametrize("text", ["é" * 6, b"x" * 11, "x" * 11])
    def test_a_large_file_is_refused(self, text: str | bytes) -> None:
        """The limit is in bytes, whatever the characters are."""
        (wrong,) = refused(text, limit=10)

        assert wrong.code == "too-large"
        assert "the limit is 10 bytes" in wrong.message

    def test_the_limit_is_one_mebibyte(self) -> None:
        """A matrix of one mebibyte is read; one byte more is rejected."""
        text = "a: b\n".ljust(MIB, "#").replace("b\n#", "b\n #")[:MIB]

        assert read(text) == {"a": "b"}
        assert brief(text + "#") == [("too-large", 0, 1)]

    @pytest.mark.parametrize(
        ("text", "column"),
        [
            ("a: \x07", 4),
            ("a: b\x00", 5),
            ("a: \x85", 4),
            ("a: \u2028", 4),
            ("a: '\ud800'", 5),
            ("a: b\ufeff", 5),
            ('a: "b\\0"', 6),
            ('a: "b\\rc"', 6),
            ('a: "\\uD800"', 5),
            ('a: "\\N"', 5),
            ('"\\e": a', 2),
        ],
        ids=ascii,
    )
    def test_control_characters_are_refused(self, text: str, column: int) -> None:
        """Forbidden characters are located, raw or escaped, and the message is printable."""
        (wrong,) = refused(text)

        assert ("control-character", column) == (wrong.code, wrong.file_location.column)
        assert wrong.file_location.text.encode()

    def test_duplicate_keys_are_refused(self) -> None:
        """Each duplicate key is an error with the location of the first."""
        wrong = refused("a: 1\ntrue: 2\na: 3\ntrue: 4\nnull: 5\n~: 6\n")

        assert [one.message.split()[2] for one in wrong] == ["'a'", "'true'", "'~'"]
        assert (
            wrong[0].related[0][0],
            spot(wrong[0].related[0][1]),
        ) == ("first key", (1, "a"))

    def test_merging_twice_is_refused(self) -> None:
        """A second `<<` is a duplicate key; a list merges several."""
        assert brief("a: &a {b: c}\nd: {<<: *a, <<: *a}\n") == [("duplicate-key", 2, 13)]

    @pytest.mark.parametrize("merged", ["3", "[a]", "[{b: c}, 3]", "*x"])
    def test_only_mappings_are_merged(self, merged: str) -> None:
        """`<<` with values other than mappings is rejected."""
        codes = {code for code, _, _ in brief(f"x: &x y\nd: {{<<: {merged}}}\n")}

        assert {"bad-merge"} == codes

    @pytest.mark.parametrize("tag", ["!!str", "!!python/object", "!foo", "!<x>"])
    @pytest.mark.parametrize("value", ["b", "[b]"])
    def test_tags_are_refused(self, tag: str, value: str) -> None:
        """Every tag is rejected."""
        (wrong,) = refused(f"a: {tag} {value}")

        assert ("yaml-tag", (1, tag)) == (wrong.code, spot(wrong.file_location))

    def test_a_tag_behind_an_anchor_is_refused(self) -> None:
        """A tag is found in any position."""
        (wrong,) = refused("a: &b !!int 3")

        assert spot(wrong.file_location) == (1, "!!int")

    @pytest.mark.parametrize("text", ["[a]: b", "{a: 1}: b", "? [a]\n: b", "{? {b: c} : d}"])
    def test_collections_are_no_keys(self, text: str) -> None:
        """A key that is a mapping or a list is rejected."""
        assert [code for code, _, _ in brief(text)] == ["complex-key"]

    def test_an_alias_of_a_collection_is_no_key(self) -> None:
        """An alias of a collection is rejected as a key."""
        assert brief("a: &x [b]\n*x : c\n") == [("complex-key", 2, 1)]

    @pytest.mark.parametrize(
        ("alias", "remedy"),
        [("*bsae", "did you mean 'base'?"), ("*12", 'if it is text, quote it: "*12"')],
    )
    def test_unknown_anchors_are_refused(self, alias: str, remedy: str) -> None:
        """For an unknown alias the help suggests the nearest anchor, or quotes."""
        (wrong,) = refused(f"a: &base b\nc: {alias}\n")

        assert ("unknown-anchor", remedy) == (wrong.code, wrong.help)

    def test_an_unknown_anchor_as_a_key_is_refused_once(self) -> None:
        """Two unknown aliases as keys are not reported as duplicates."""
        assert [code for code, _, _ in brief("*a : 1\n*b : 2\n<<: 3\n")][:2] == [
            "unknown-anchor"
        ] * 2

    def test_recursive_anchors_are_refused(self) -> None:
        """A value that contains itself is rejected."""
        (wrong,) = refused("a: &x [b, *x]")

        assert (wrong.code, spot(wrong.file_location)) == ("recursive-anchor", (1, "*x"))
        assert wrong.related[0][1].column == 7

    @pytest.mark.parametrize("word", ["True", "TRUE", "False", "FALSE", "Null", "NULL"])
    def test_capitals_are_unclear(self, word: str) -> None:
        """Text that other parsers read as another value is rejected."""
        (wrong,) = refused(f"a: {word}")

        assert wrong.code == "unclear-scalar"
        assert f'write {word.lower()}, or quote it: "{word}"' == wrong.help

    def test_several_documents_are_refused(self) -> None:
        """A second document is rejected."""
        assert brief("a: b\n---\nc: d\n") == [("several-documents", 2, 1)]

    def test_depth_is_limited(self) -> None:
        """Fifty levels are accepted, one more is rejected."""
        fits = "{a: " * 50 + "b" + "}" * 50

        assert read(fits)
        assert brief("{a: " * 51 + "b" + "}" * 51) == [("too-deep", 1, 201)]

    def test_many_errors_are_cut_short(self) -> None:
        """The number of reported errors is limited."""
        assert len(refused("a: b\n" * 1000)) == 50


BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
)
MERGE_BOMB = f"a: &a {{{', '.join(f'k{n}: v' for n in range(2000))}}}\n" + "".join(
    f"b{n}: {{<<: *a}}\n" for n in range(20_000)
)


class TestHostile:
    """Hostile input: a quick result, and diagnostics."""

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("unit", "code"),
        [
            ("[", "too-deep"),
            ("{", "too-deep"),
            ("- ", "too-deep"),
            ("? ", "too-deep"),
            ("[a: ", "too-deep"),
            ("{{ a }}", "quote-it"),
            ("!", "yaml-tag"),
            ("\n", "empty-file"),
            ("a: b\n", "duplicate-key"),
            ("- a\n", "too-many-nodes"),
            ("%a\n", "yaml-syntax"),
            ("\x01", "control-character"),
        ],
        ids=repr,
    )
    def test_a_mebibyte_of_anything_is_answered(self, unit: str, code: str) -> None:
        """A mebibyte of any repeated text is read or rejected quickly."""
        text = (unit * MIB)[:MIB]

        assert code in {one.code for one in refused(text)}

        part = text[: MIB // 16]  # counting takes long
        with calls.at_most(100 * len(part)):
            refused(part)

    @pytest.mark.parametrize("text", [BOMB, MERGE_BOMB], ids=["aliases", "merges"])
    def test_bombs_are_counted_not_expanded(self, text: str) -> None:
        """The size of a file with its aliases expanded is limited."""
        with calls.at_most(1_000_000):
            (wrong,) = refused(text)

        assert wrong.code == "too-many-nodes"

    def test_long_names_are_not_compared(self) -> None:
        """Hints for misspelt anchors are limited to plausible numbers of names."""
        (wrong,) = refused(f"a: &{'a' * 9999} x\nb: *{'a' * 9998}\n")

        assert (wrong.code, wrong.help) == ("unknown-anchor", "")

    def test_a_large_file_is_read_once(self) -> None:
        """Searching for further text to quote is limited to files of plausible size."""
        text = "a: >=3\n" + "# filler\n" * 20_000 + "b: >=3\n"

        assert brief(text) == [("quote-it", 1, 4)]

    def test_a_thousand_lines_are_read_quickly(self) -> None:
        """Reading a usual file takes less than a tenth of a second."""
        text = "".join(f"i{n}:\n  a: [b, c]\n  d: {{e: f}}\n" for n in range(333))
        with calls.at_most(1_000_000):
            read(text)


SCALARS = st.sampled_from(["3.10", "true", "null", "~", "a b", "'q''q'", '"d\\u00e9\\n"', "<", "é"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4).map(
            lambda pairs: "{" + ", ".join(f"{k}: {v}" for k, v in pairs.items()) + "}"
        )
    ),
    max_leaves=12,
)
FRAGMENTS = st.sampled_from(
    [
        *" \n\t\r:-[]{},#&*!|>'\"%@`?\\~<",
        "{{ ",
        " }}",
        "---\n",
        "<<: ",
        "*a",
        "&a ",
        "\\u",
        "\\ud800",
    ]
)


def survives(text: str | bytes) -> None:
    """Read a text; the result must be a source or printable diagnostics."""
    try:
        source = Source.parse(text, "m")
    except CompileError as error:
        for wrong in error.diagnostics:
            for words in (wrong.message, wrong.help, wrong.file_location.text):
                words.encode()
        return
    routes: list[Route] = [()]
    for route in routes:
        value: Any = source.data
        for step in route:
            value = value[step]
        assert source.locate(route).line >= 1
        if isinstance(value, str) and value:
            source.locate_in(route, len(value) // 2)
        keys = (
            value
            if isinstance(value, dict)
            else range(len(value if isinstance(value, list) else ()))
        )
        routes.extend((*route, key) for key in keys)


class TestAnything:
    """Any input results in a source or diagnostics."""

    @given(st.text(max_size=200))
    def test_any_text_is_answered(self, text: str) -> None:
        """No text raises an exception other than CompileError."""
        survives(text)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_answered(self, raw: bytes) -> None:
        """No bytes raise an exception other than CompileError."""
        survives(raw)

    @pytest.mark.slow
    @settings(max_examples=300)
    @given(st.data())
    def test_any_mutation_is_answered(self, data: st.DataObject) -> None:
        """A valid file with pieces added and removed raises no other exception either."""
        text = SAMPLE
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(0, len(text)))
            piece = data.draw(FRAGMENTS | st.just(""))
            text = text[:at] + piece + text[at + data.draw(st.integers(0, 3)) :]

        survives(text)

    @given(VALUES)
    def test_both_parsers_agree(self, value: str) -> None:
        """Data and locations are the same with the C library and without it."""
        text = f"a: {value}\nb:\n- {value}\n- c: {value}\n"
        found = []
        for parser in (yaml.CSafeLoader, PythonParser):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(parser_events, "new_parser", parser)
                source = Source.parse(text, "m")
            found.append((source.data, source.locate(("a",)), source.locate(("b", 1, "c"))))

        assert found[0] == found[1]
