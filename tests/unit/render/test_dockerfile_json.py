"""Lists in JSON are read as Go reads them; the comparison with BuildKit is in `dockerfiles`."""

import pytest

from compiler.render.dockerfile import DockerfileError, read


@pytest.mark.parametrize(
    "text",
    [
        "[NaN]",
        '["a", NaN, "NaN"]',
        "[Infinity, 1e999] # NaN",
        "[-1e400, 1e400, 11e400]",
        f"[{'8' * 400}]",
    ],
)
def test_a_list_that_go_rejects_is_the_shell_form(text: str) -> None:
    """The text of the instruction is kept."""
    step = read(f'FROM a\nCMD {text}\nENTRYPOINT ["NaN", "1e999"]\n').instructions[1]

    assert (step.is_json, step.arguments, step.text) == (False, (text,), f"CMD {text}")


def test_other_instructions_keep_their_words() -> None:
    """No instruction contains the words that replace values while the text is parsed."""
    text = (
        "# NaN\nFROM a:NaN AS NaN\nARG NaN=1e999\nCMD [NaN]\n"
        "COPY --from=NaN --chown=1e999 <<NaN /\n"
        'CMD [Infinity]\nNaN\nRUN ["Infinity", "aaN"]\n'
    )
    parsed = read(text)
    argument, command, copy, run = parsed.stages[0].instructions

    assert (parsed.stages[0].name, parsed.stages[0].base.text) == ("nan", "a:NaN")
    assert argument.arguments == ("NaN=1e999",)
    assert (command.is_json, command.arguments) == (False, ("[NaN]",))
    assert copy.flags == ("--from=NaN", "--chown=1e999")
    assert [(one.name, one.content) for one in copy.heredocs] == [("NaN", "CMD [Infinity]\n")]
    assert (run.is_json, run.arguments) == (True, ("Infinity", "aaN"))


def test_an_error_has_the_words_of_the_text() -> None:
    """So that its template can be corrected."""
    with pytest.raises(DockerfileError, match="unknown instruction: NaN"):
        read("FROM a\nNaN a\nCMD [NaN]\n")


def test_a_lone_surrogate_is_replaced() -> None:
    """Go replaces it; a pair is one character."""
    step = read('FROM a\nCMD ["\\ud800", "\\ud83d\\ude00", "\\ude00\\ud83d"]\n').instructions[1]

    assert step.arguments == ("\ufffd", "\U0001f600", "\ufffd\ufffd")
