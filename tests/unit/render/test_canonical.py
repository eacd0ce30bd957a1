"""A change that BuildKit does not see keeps the canonical form; any other changes it."""

from __future__ import annotations

from random import Random

import pytest

from compiler.render.build_steps import steps
from compiler.render.context_reads import reads


SPELLINGS = {
    "source": ("source=/a", "src=/a", "Source=/a", "src=/z,source=/a"),
    "target": ("target=/b", "dst=/b", "destination=/b", "DST=/b"),
    "readonly": ("readonly", "ro", "ro=1", "readonly=T", "rw=false", "readwrite=0", "RO=True"),
    "type": ("type=bind", "TYPE=Bind"),
    "from": ("from=tool", "FROM=tool"),
}
INSTRUCTIONS = (
    "RUN --network=none {mount} cat /b \\\n{inside}  && true",
    "COPY {flags} a.txt{space}b.txt /x/",
    "COPY --link sub /x",
    "ADD https://example.com/a.tar /x",
    "ENV A=1{space}B='x  y'",
    "RUN <<E\n# kept\n\nE",
    "ARG V=1",
    'RUN ["echo", "a"]',
    "WORKDIR /app",
    "ONBUILD COPY x /x",
    "LABEL a=b",
)
CONTENTS = (
    ("cat /b", "cat /c"),
    ("a.txt", "c.txt"),
    ("A=1", "A=2"),
    ("x  y", "x y"),
    ("# kept", "# changed"),
    ("# kept\n\nE", "# kept\n\n\nE"),
    ("V=1", "V=2"),
    ('["echo", "a"]', "echo a"),
    ("--link sub", "sub"),
    ("ONBUILD COPY x", "ONBUILD COPY y"),
    ("FROM base", "FROM other"),
)


def mount(random: Random) -> str:
    """Return one mount, its options in any order and spelling."""
    options = [random.choice(spellings) for spellings in SPELLINGS.values()]
    random.shuffle(options)
    return f"--mount={','.join(options)}"


def render(instructions: list[str], random: Random) -> str:
    """Return a Dockerfile in any of its equal spellings."""
    lines: list[str] = []

    def pad() -> None:
        lines.extend(
            random.choice(["", "  ", "# note", "\t# src=/q"]) for _ in range(random.randrange(3))
        )

    if random.random() < 0.5:
        lines.append("# A first comment, which ends the directives.")
    lines += [""] * random.randrange(2)
    lines.append(f"{random.choice(['FROM', 'from'])} base")
    for text in instructions:
        pad()
        flags = ["--chown=1:1", "--link"]
        random.shuffle(flags)
        lines.append(
            text.replace("{mount}", mount(random))
            .replace("{flags}", " ".join(flags))
            .replace("{space}", " " * random.randrange(1, 4))
            .replace("{inside}", random.choice(["", "# inside\n", "\n", "  # a\n\n"]))
        )
    pad()
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(60))
def test_equal_spellings_have_one_form_and_other_contents_another(seed: int) -> None:
    """Comments, blank lines, and the spelling and order of options do not change the form."""
    random = Random(seed)  # noqa: S311 - reproducible
    chosen = [text for text in INSTRUCTIONS if random.random() < 0.7]
    text = render(chosen, random)
    expected = reads(text)

    for _ in range(5):
        again = render(chosen, random)

        now = reads(again)

        assert expected.content == now.content, again
        assert (expected.main, expected.args) == (now.main, now.args), again
        assert steps(text) == steps(again), again
    for old, new in CONTENTS:
        if old in text:
            assert expected.content != reads(text.replace(old, new)).content, (old, new)


UNUSED = {
    "a stage": "FROM base AS x\nRUN a\n",
    "an argument": "ARG X=1\n",
    "a stage and its argument": "ARG X=1\nFROM base:$X AS x\n",
}


@pytest.mark.parametrize("case", UNUSED)
def test_what_is_not_needed_does_not_count(case: str) -> None:
    """Stages that are not built, and arguments that only they use, are left out."""
    text = "FROM base AS built\nRUN b\nFROM base\nCOPY --from=built / /\n"
    other = reads(UNUSED[case] + text)

    assert reads(text) == other._replace(other_args=frozenset())
    assert other.other_args == ({"X"} if "ARG" in UNUSED[case] else frozenset())
    assert steps(text) == steps(UNUSED[case] + text)


def test_numbers_of_stages_count() -> None:
    """Where a stage is named by its number, stages before it are inputs."""
    text = "FROM a AS x\nRUN x\nFROM a AS y\nRUN y\nFROM a\nCOPY --from=0 / /\n"

    assert reads(text).content != reads(f"FROM a\n{text}").content
    assert reads("FROM a\n").content != reads("# escape=`\nFROM a\n").content


def test_steps_depend_on_what_they_read() -> None:
    """The context counts for steps that read it; a linked copy does not depend on its base."""
    copied, linked = "FROM {}\nRUN a\nCOPY x /x\n", "FROM {}\nRUN a\nCOPY --link x /x\n"

    def shared(text: str, other: str, second: str = ".") -> int:
        one, two = steps(text, context="."), steps(other, context=second)
        return len(set(one) & set(two))

    assert shared(copied.format("a"), copied.format("a"), "other") == 1
    assert shared(copied.format("a"), copied.format("b")) == 0
    assert shared(linked.format("a"), linked.format("b")) == 1
    assert len(steps("FROM a AS x\nRUN x\nFROM a\nRUN y\n")) == 1
    assert len(steps("FROM a AS x\nRUN x\nFROM a\nRUN y\n", stage="x")) == 1
    assert steps("FROM a\nARG V\nRUN a\n", arguments={"V": "1"}) != (
        steps("FROM a\nARG V\nRUN a\n", arguments={"V": "2"})
    )
    assert steps("FROM a\nRUN a\n", arguments={"V": "1"}) == steps("FROM a\nLABEL b=c\nRUN a\n")
    assert steps("FROM p\nRUN a\n", contexts={"p": "x"}) != steps("FROM p\nRUN a\n")
