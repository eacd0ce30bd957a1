"""JSON, YAML and TOML files: their values as data, and the errors with their locations."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.errors import CompileError, Diagnostic
from compiler.source import data_files
from compiler.source.data_files import load_data
from compiler.source.document import Source


SUFFIXES = ["json", "yaml", "yml", "toml"]
DEEP = 200_000


def load(suffix: str, text: str | bytes) -> object:
    """Return the data of a text in a file of that suffix."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return load_data(f"data.{suffix}", raw, f"dir/data.{suffix}").value


def refused(suffix: str, text: str | bytes) -> tuple[Diagnostic, ...]:
    """Return the diagnostics of a text that must be rejected."""
    with pytest.raises(CompileError) as caught:
        load(suffix, text)
    assert {f"dir/data.{suffix}"} == {
        wrong.file_location.path for wrong in caught.value.diagnostics
    }
    return caught.value.diagnostics


def spot(wrong: Diagnostic) -> tuple[str, int, int]:
    """Return code, line and column."""
    return wrong.code, wrong.file_location.line, wrong.file_location.column


class TestValues:
    """Valid data files."""

    @pytest.mark.parametrize(
        ("suffix", "text"),
        [
            ("json", '{"a": 3.10, "b": [1.0, 1e5, -0.50]}'),
            ("yaml", "a: 3.10\nb: [1.0, 1e5, -0.50]\n"),
            ("yml", "a: 3.10\nb: [1.0, 1e5, -0.50]\n"),
            ("toml", "a = 3.10\nb = [1.0, 1e5, -0.50]\n"),
        ],
    )
    def test_numbers_with_a_point_stay_as_written(self, suffix: str, text: str) -> None:
        """`3.10` is `3.10` in each format."""
        assert load(suffix, text) == {"a": "3.10", "b": ["1.0", "1e5", "-0.50"]}

    @pytest.mark.parametrize(
        ("suffix", "text"),
        [("json", '{"a": 12, "b": true, "c": [false]}'), ("toml", "a=12\nb=true\nc=[false]")],
    )
    def test_whole_numbers_and_booleans_stay(self, suffix: str, text: str) -> None:
        """Booleans and null keep their types."""
        assert load(suffix, text) == {"a": 12, "b": True, "c": [False]}

    def test_null_of_json_is_none(self) -> None:
        """`null` is null."""
        assert load("json", "[null]") == [None]

    def test_dates_of_toml_are_text(self) -> None:
        """Dates and times become text in ISO 8601."""
        text = (
            "a = 1979-05-27T07:32:00Z\nb = 1979-05-27\nc = [07:32:00]\nd = {e = 1979-05-27T00:32}"
        )
        text = text.replace("T00:32}", "T00:32:00}")

        assert load("toml", text) == {
            "a": "1979-05-27T07:32:00+00:00",
            "b": "1979-05-27",
            "c": ["07:32:00"],
            "d": {"e": "1979-05-27T00:32:00"},
        }

    def test_infinity_of_toml_is_text(self) -> None:
        """Special numbers of TOML such as `nan` are text as written."""
        assert load("toml", "a = inf\nb = nan\nc = -inf") == {"a": "inf", "b": "nan", "c": "-inf"}

    def test_endless_numbers_of_json_are_text(self) -> None:
        """A number too long for Python to print stays as written."""
        digits = "1" * 5000

        assert [digits, int(digits[:1000])] == load("json", f"[{digits}, {digits[:1000]}]")

    @pytest.mark.parametrize("suffix", ["json", "yaml"])
    def test_the_top_may_be_a_list(self, suffix: str) -> None:
        """A list is valid data."""
        assert load(suffix, '["a", {"b": "c"}]') == ["a", {"b": "c"}]

    @pytest.mark.parametrize("name", ["A.JSON", "x.tar.Json"])
    def test_the_suffix_may_be_in_capitals(self, name: str) -> None:
        """The letter case of a suffix does not matter."""
        assert load_data(name, b"{}", name).value == {}

    def test_a_byte_order_mark_is_no_data(self) -> None:
        """A byte order mark is accepted."""
        assert load("json", b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
        assert load("toml", b"\xef\xbb\xbfa = 1\r\n") == {"a": 1}

    def test_newlines_tabs_and_pairs_may_be_escaped(self) -> None:
        """Escapes of allowed characters are accepted, surrogate pairs included."""
        text = '{"a": "b\\n\\tc\\u00e9\\\\b\\ud83d\\ude00"}'

        assert load("json", text) == {"a": "b\n\tcé\\b😀"}
        assert load("toml", 'a = "b\\n\\tc\\u00e9"') == {"a": "b\n\tcé"}

    def test_fifty_levels_are_read(self) -> None:
        """Nesting within the limit is accepted in every format."""
        nested = "[" * 50 + "]" * 50

        assert load("json", nested) == load("yaml", nested)
        assert {"a"} == set(load("toml", f"a = {nested[1:-1]}"))  # type: ignore[call-overload]


class TestRefusals:
    """Invalid data files, and the locations of their errors."""

    @pytest.mark.parametrize("name", ["a.ini", "a", "json", "a.json5"])
    def test_other_formats_are_refused(self, name: str) -> None:
        """The suffix selects the format, so an unknown one is rejected."""
        with pytest.raises(CompileError) as caught:
            load_data(name, b"{}", f"dir/{name}")
        (wrong,) = caught.value.diagnostics

        assert spot(wrong) == ("data-format", 0, 1)
        assert f"unknown format of '{name}'" == wrong.message

    @pytest.mark.parametrize(
        ("suffix", "text", "expected"),
        [
            ("json", '{"a": 1,\n "b": }', ("data-syntax", 2, 7)),
            ("json", "[1] x", ("data-syntax", 1, 5)),
            ("json", '["a\tb"]', ("data-syntax", 1, 4)),
            ("json", "[\n NaN]", ("data-syntax", 2, 2)),
            ("json", '{"a": -Infinity}', ("data-syntax", 1, 7)),
            ("toml", "a = 1\nb = \n", ("data-syntax", 2, 5)),
            ("toml", "a = 1\na = 2\n", ("data-syntax", 2, 6)),
            ("toml", "a = [1,", ("data-syntax", 1, 7)),
            ("toml", "a = '''b", ("data-syntax", 1, 8)),
            ("yaml", "a: b\nc: [d\n", ("yaml-syntax", 2, 4)),
        ],
    )
    def test_syntax_errors_have_a_place(
        self, suffix: str, text: str, expected: tuple[str, int, int]
    ) -> None:
        """A syntax error is located in the data file, by line and column."""
        (wrong,) = refused(suffix, text)

        assert expected == spot(wrong)

    def test_the_parser_s_words_are_kept(self) -> None:
        """The message begins with the format and continues with the parser's text."""
        json, toml = refused("json", "[1 2]"), refused("toml", "a = ")

        assert json[0].message == "invalid JSON: expecting ',' delimiter"
        assert toml[0].message == "invalid TOML: invalid value"

    @pytest.mark.parametrize(
        ("text", "message", "column"),
        [
            ('["a\nb"]', "a text contains a line break or another control character", 4),
            ('["a\tb"]', "a text contains a line break or another control character", 4),
            ('["a, 1]', "a text has no end", 2),
            ('["a\\', "a text has no end", 2),
        ],
    )
    def test_messages_of_json_are_complete(self, text: str, message: str, column: int) -> None:
        """A message that the parser ends with "at" is a sentence; the location is the rest."""
        (wrong,) = refused("json", text)

        assert wrong.message == f"invalid JSON: {message}"
        assert spot(wrong)[1:] == (1, column)

    @pytest.mark.parametrize(
        ("text", "place", "bracket", "closing"),
        [
            ('{"a": ', (1, 5), (1, 1), "}"),
            ('{"a": [1,\n', (1, 9), (1, 7), "]}"),
            ('{"a"', (1, 4), (1, 1), "}"),
            ('[\n{"a": {}}\n', (2, 9), (1, 1), "]"),
            ('{"a": tr', (1, 8), (1, 1), "}"),
            ('["]", ', (1, 5), (1, 1), "]"),
        ],
    )
    def test_json_that_ends_early(
        self, text: str, place: tuple[int, int], bracket: tuple[int, int], closing: str
    ) -> None:
        """The error is at the end of the file, and shows which bracket is not closed."""
        (wrong,) = refused("json", text)
        ((_, begin),) = wrong.related

        assert "invalid JSON: the file ends early" in wrong.message
        assert spot(wrong)[1:] == place
        assert (begin.line, begin.column) == bracket
        assert wrong.help == f"write the rest of the file, which ends with `{closing}`"

    def test_many_brackets_take_no_time(self) -> None:
        """After an error, each bracket is read once."""
        start = time.perf_counter()
        (wrong,) = refused("json", "x" + "[" * 100_000 + "]" * 100_000)

        assert wrong.message == "invalid JSON: this is not a value"
        assert time.perf_counter() - start < 10

    @pytest.mark.parametrize("text", ['{"a": }', "[1, yes]", "nul"])
    def test_what_is_not_a_value_of_json(self, text: str) -> None:
        """The message does not repeat the words of the parser."""
        (wrong,) = refused("json", text)

        assert wrong.message == "invalid JSON: this is not a value"

    def test_comments_in_json_get_help(self) -> None:
        """The most frequent error in JSON has a remedy of its own."""
        (wrong,) = refused("json", '{\n  // note\n  "a": 1}')

        assert wrong.help == "JSON has no comments: remove it"

    def test_duplicate_keys_of_json_are_refused(self) -> None:
        """Each duplicate key is reported, with the location of the first in the same object."""
        wrong = refused("json", '{"a": {"b": 1},\n "b": "a", "c": ["b"],\n "\\u0062": 1, "a": 2}')

        assert [spot(one) for one in wrong] == [("duplicate-key", 3, 2), ("duplicate-key", 3, 15)]
        assert (wrong[0].related[0][1].line, wrong[0].related[0][1].column) == (2, 2)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("text", [b"a\xff", b"\xff\xfea\x00"])
    def test_only_utf_8_is_read(self, suffix: str, text: bytes) -> None:
        """Another encoding is rejected."""
        (wrong,) = refused(suffix, text)

        assert wrong.code == "not-utf-8"

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_large_files_are_refused(self, suffix: str) -> None:
        """A file above the limit is not parsed."""
        with pytest.raises(CompileError) as caught:
            load_data(f"a.{suffix}", b"x" * 11, "a", limit=10)

        assert [wrong.code for wrong in caught.value.diagnostics] == ["too-large"]

    @pytest.mark.parametrize(
        ("suffix", "text", "place"),
        [
            ("json", '["\\u0000"]', (1, 2)),
            ("json", '{"a": 1,\n"b\\b": 2}', (2, 1)),
            ("json", '["\\ud800"]', (1, 2)),
            ("json", '["\\r"]', (1, 2)),
            ("json", '["\x85"]', (1, 3)),
            ("toml", 'a = "b\\u0000"', (1, 7)),
            ("toml", 'a = "\\\\b"\nb = ["c", "\\f"]', (2, 12)),
            ("toml", 'a = {"\\U00002028" = 1}', (1, 7)),
            ("toml", 'a = "\x85"', (1, 6)),
            ("yaml", 'a: "\\0"', (1, 5)),
        ],
        ids=ascii,
    )
    def test_control_characters_are_refused(
        self, suffix: str, text: str, place: tuple[int, int]
    ) -> None:
        """Forbidden characters are reported, raw or escaped, in values and in keys."""
        (wrong,) = refused(suffix, text)

        assert ("control-character", *place) == spot(wrong)

    @pytest.mark.parametrize(
        ("suffix", "text"),
        [
            ("json", "[" * DEEP),
            ("json", "[" * 51 + "]" * 51),
            ("json", '{"a":' * DEEP + "1" + "}" * DEEP),
            ("yaml", "[" * DEEP),
            ("toml", "a = " + "[" * DEEP),
            ("toml", "a = " + "[" * 50 + "]" * 50),
            ("toml", ".".join("a" * 60) + " = 1"),
            ("toml", ".".join("a" * DEEP) + " = 1"),
            ("toml", "[" + " . ".join(["'a.b'"] * DEEP) + "]"),
            ("toml", 'x = {a = """b"""", ' + ".".join("a" * DEEP) + " = 1}"),
        ],
        ids=[
            *("json", "json-51", "json-objects", "yaml", "toml", "toml-51", "toml-keys"),
            *("toml-long-key", "toml-header", "toml-after-text"),
        ],
    )
    def test_depth_is_limited(self, suffix: str, text: str) -> None:
        """No nesting leads to a RecursionError, while parsing or later."""
        (wrong,) = refused(suffix, text)

        assert wrong.code == "too-deep"

    @pytest.mark.parametrize("quotes", ["'", '"', "'''", '"""'])
    def test_points_in_texts_and_comments_have_no_depth(self, quotes: str) -> None:
        """Only the parts of a key count."""
        points = ".".join("a" * 60)

        assert load("toml", f"# {points}\na = {quotes}{points}{quotes}") == {"a": points}

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_a_file_that_exceeds_the_memory_is_refused(
        self, suffix: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever a parser allocates, the error names the file."""

        def exhausted(*_: object, **__: object) -> None:
            raise MemoryError

        monkeypatch.setattr(data_files, "read_text", exhausted)
        monkeypatch.setattr(Source, "parse", exhausted)
        (wrong,) = refused(suffix, "[]")

        assert wrong.code == "too-large"

    @pytest.mark.parametrize("number", ["1" * 5000, "0x" + "f" * 5000], ids=["ten", "sixteen"])
    def test_endless_numbers_of_toml_are_refused(self, number: str) -> None:
        """A number too long to print is rejected when it is read, not when it is printed."""
        (wrong,) = refused("toml", f"a = {number}")

        assert wrong.code == "data-syntax"
        assert wrong.help == "write it as text"

    @pytest.mark.parametrize("text", ["null", "3", '"a"', "1.5", '"\\n"'])
    def test_a_scalar_is_no_data(self, text: str) -> None:
        """A scalar is rejected: data must be a mapping or a list."""
        (wrong,) = refused("json", text)

        assert wrong.code == "not-a-mapping"

    @pytest.mark.parametrize("suffix", ["json", "yaml"])
    def test_an_empty_file_is_refused(self, suffix: str) -> None:
        """An empty file is rejected, except in TOML, where it is a mapping."""
        (wrong,) = refused(suffix, " \n")

        assert wrong.code == "empty-file"
        assert load("toml", "") == {}

    def test_many_errors_are_cut_short(self) -> None:
        """The number of reported errors is limited."""
        assert len(refused("json", "[" + '"\\u0000",' * 1000 + "1]")) == 50


class TestAnything:
    """Any input results in data or diagnostics."""

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @given(raw=st.binary(max_size=100) | st.text('[]{}":,=.\\untrue0x-\n# ', max_size=60))
    def test_any_content_is_answered(self, suffix: str, raw: str | bytes) -> None:
        """No content raises an exception other than CompileError."""
        with suppress(CompileError):
            data = load(suffix, raw)

            assert isinstance(data, dict | list)
