"""Instructions that lose the line end before them are found, however it is lost."""

from pathlib import Path

import pytest

from compiler.codes import Code
from compiler.errors import CompileError, Diagnostic, Location
from compiler.pipeline import compile_matrix


MATRIX = """set: {gpu: false}
images: {app: {axes: [], template: t.j2, tags: ["acme/app:1"]}}
"""
KIND = "{% macro kind() %}cuda{% endmacro %}\n{% if kind() == 'cuda' %}\nRUN cuda\n{% endif %}\n"
PACKAGES = (
    "{% set p %}a\nb{% endset %}\n{% if 'a' in p.split() %}\n"
    "RUN {{ p.split() | join(' ') }}\n{% endif %}\n"
)
USAGE = "{% set s %}\nRun with: docker run\n{% endset %}\n"
CALLED = "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}\n"


def lost(folder: Path, body: str, files: dict[str, str]) -> list[tuple[str, int, str]]:
    """Compile a template, and return the file, line and instruction of each lost line end."""
    (folder / "templates").mkdir()
    (folder / "matrix.yaml").write_text(MATRIX)
    is_whole = body.startswith(("{% extends", "ARG A"))
    text = body if is_whole else f"FROM busybox:1.36\n{body}"
    for name, content in {"t.j2": text, **files}.items():
        (folder / "templates" / name).write_bytes(content.encode())
    diagnostics: tuple[Diagnostic, ...] = ()
    try:
        compile_matrix(folder / "matrix.yaml")
    except CompileError as error:
        diagnostics = tuple(error.diagnostics)
    assert {one.code for one in diagnostics} <= {Code.LOST_LINE_END}
    return [
        (Path(where.path).name, where.line, one.message.split("'")[1])
        for one in diagnostics
        if isinstance(where := one.location, Location)
    ]


@pytest.mark.parametrize(
    ("body", "line", "instruction"),
    [
        ("WORKDIR /a{% if gpu %}b{% endif %}\nUSER nobody\n", 2, "USER nobody"),
        ("WORKDIR /a{% if gpu %}b{% endif %}\r\nUSER nobody\r\n", 2, "USER nobody"),
        ("  workdir /a{% if gpu %}b{% endif %}\n  user nobody\n", 2, "user nobody"),
        ("WORKDIR /a{# note #}\nUSER nobody\n", 2, "USER nobody"),
        ("WORKDIR /a\n{#- note #}\nUSER nobody\n", 2, "USER nobody"),
        ("WORKDIR /a{# a\n note #}\nUSER nobody\n", 3, "USER nobody"),
        ("WORKDIR /a{# note -#}\n\nUSER nobody\n", 2, "USER nobody"),
        ("ENV A=1{# note #}\nENV B=2\n", 2, "ENV B=2"),
        ("ENTRYPOINT x{# note #}\nUSER nobody\n", 2, "USER nobody"),
        ("RUN a -f {% raw %}'{{.Id}}'{% endraw %}\nUSER nobody\n", 2, "USER nobody"),
        ("WORKDIR /a\n{%- if true %}\nENV A=1\n{%- endif %}\n\nUSER nobody\n", 2, "ENV A=1"),
        ("WORKDIR /a\n{{- '/b' }}\n{%- if true %}\nUSER nobody\n{% endif %}", 3, "USER nobody"),
        ("{% include 'x.j2' %}\nUSER nobody\n", 3, "USER nobody"),
        ("ENV {% if gpu %}A=1{% endif %}\nUSER nobody\n", 2, "USER nobody"),
        ("RUN {% if gpu %}a{% endif %}\nUSER nobody\n", 2, "USER nobody"),
        (
            "{% macro m() %}\nRUN a{% if gpu %}{% endif %}\nUSER nobody\n{% endmacro %}\n{{ m() }}",
            3,
            "USER nobody",
        ),
        (
            "{% set s %}\nRUN echo {% if gpu %}x{% endif %}\nUSER nobody\n{% endset %}\n{{ s }}\n",
            3,
            "USER nobody",
        ),
        (
            CALLED + "RUN echo {% if gpu %}x{% endif %}\nUSER nobody\n{% endcall %}\n",
            3,
            "USER nobody",
        ),
        ("{% filter trim %}\nWORKDIR /a\n{% endfilter %}\nUSER nobody\n", 5, "USER nobody"),
        ("{% for x in [1, 2] -%}\nENV A{{x}}=1\n{%- endfor +%}\nUSER nobody\n", 3, "ENV A"),
        ("# {{ 'x' -}}\nUSER nobody\n", 2, "USER nobody"),
        ("RUN a{% if gpu %}b{% endif %}\n\nRUN c\n{% include 'x.j2' %}\nENV A=1\n", 6, "ENV A=1"),
        (
            "{% set s %}\nRUN a{# note #}\nUSER nobody\n{% endset %}\n{{ s }}\n# {{ s|length }}\n",
            3,
            "USER nobody",
        ),
        ("{% set s %}\nUSER nobody\n{% endset %}\nWORKDIR /a{# x #}\n{{ s }}", 5, "USER nobody"),
        ("{% macro m() %}\nuser a\n{% endmacro %}\nRUN a{# x #}\n  {{ m() }}", 5, "user a"),
        ("{% include 'x.j2' %}{% include 'y.j2' %}{# x #}\n{% include 'z.j2' %}\n", 3, "ENV A=1"),
        ("WORKDIR /a{# x #}\n{% if true %}{% include 'z.j2' %}{% endif %}\n", 2, "ENV A=1"),
        ("{% macro e() %}{% endmacro %}\nRUN a{{ e() }}{# x #}\nUSER nobody\n", 3, "USER nobody"),
        ("RUN <<E\nx{# y #}\nADD a\nE\nWORKDIR /a{# x #}\nUSER b\n", 6, "USER b"),
        ("WORKDIR \U0010fffd{# note #}\nUSER nobody\n", 2, "USER nobody"),
        ("ENV A=1{# x #}\nLABEL b\n", 2, "LABEL b"),
        (KIND + "WORKDIR /srv {# x #}\nUSER nobody\n", 6, "USER nobody"),
        (KIND + "RUN a{% if gpu %} b{% endif %}\n    USER nobody\n", 6, "USER nobody"),
        (KIND + "WORKDIR /a{% if gpu %}b{% endif %}\n{% include 'z.j2' %}\n", 6, "ENV A=1"),
        (PACKAGES + "WORKDIR /srv {# x #}\nUSER nobody\n", 7, "USER nobody"),
        ("{% set x %}{% endset %}{% if not x %}\nRUN a{# x #}\nUSER b\n{% endif %}", 3, "USER b"),
        ("{% filter indent(2) %}\n\nRUN a{# x #}\nUSER b\n{% endfilter %}", 4, "USER b"),
        ("{% set s %}USER b{% endset %}\nRUN a{# x #}\n{{ '' ~ s }}\n", 3, "USER b"),
        ("WORKDIR /a{% if gpu %}b{% endif %}\n# no root\nRUN x\n", 2, "# no root"),
        ('ENTRYPOINT ["a"{% if gpu %}, "b"{% endif %}]{# x #}\n# run\nUSER b\n', 2, "# run"),
        ("ARG X{% if gpu %}=1{% endif %}\n  # Copying\nCOPY a b\n", 2, "# Copying"),
        ("RUN make{# x #}\n# note\nRUN x\n", 2, "# note"),
        ("WORKDIR /a{% if gpu %}b{% endif %}\n{{ 'RUN ' ~ 'x' }}\nRUN y\n", 2, "RUN x"),
        ("WORKDIR /a{% if gpu %}b{% endif %}\n{{ 'USER' }} nobody\n", 2, "USER nobody"),
    ],
)
def test_a_lost_line_end_is_located(body: str, line: int, instruction: str, tmp_path: Path) -> None:
    """The location is the line whose end is lost, or that of the instruction."""
    found = lost(tmp_path, body, {"x.j2": "RUN true", "y.j2": "", "z.j2": "ENV A=1\n"})

    assert found == [("t.j2", line, instruction)]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("RUN <<E\na{% if gpu %}b{% endif %}\nc {{ 1 }}\nE\n", [(3, "c 1")]),
        ("COPY <<E /a\na=1{# x #}\nb=2\nE\n", [(3, "b=2")]),
        ("ONBUILD RUN <<E\na{# x #}\nb\nE\n", [(3, "b")]),
        ("RUN <<E\na{# x #}\nUSER b\nE\nUSER c\n", [(3, "USER b")]),
        ("RUN <<E\na\n{%- if true %}\nb\n{% endif %}\nE\n", [(3, "b")]),
        ("RUN a; \\\n{%- if true %}\n  b; \\\n{%- endif %}\n  c\n", [(2, "b; \\"), (4, "c")]),
        ("RUN <<E\na\n{% if true %}\nb\n{% endif %}\nc{% if gpu %}{% endif +%}\nd\nE\n", []),
        ("RUN <<E\na {%- if true -%}\n b\n{% endif %}\nc\nE\n", []),
        ("RUN a \\\n{% for p in [1, 2] %}\n  {{ p }} \\\n{% endfor %}\n  c\n", []),
        ("COPY <<E /a\n[{% for p in [1, 2] %}{{ p }}, {% endfor %}\n]\nE\n", []),
        ("RUN a{% for p in [1, 2] %} {{ p }}{% endfor %}\n && b\n", []),
    ],
)
def test_a_line_that_lost_its_end_within_an_instruction_is_a_warning(
    body: str, found: list[tuple[int, str]], tmp_path: Path
) -> None:
    """BuildKit accepts the line that results, and a command in it is another one."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    (tmp_path / "templates/t.j2").write_text(f"FROM busybox:1.36\n{body}")

    warnings = compile_matrix(tmp_path / "matrix.yaml").plan.warnings

    lines = [one for one in warnings if one.code is Code.LOST_LINE_END]
    assert found == [
        (one.location.line, one.message.split("'")[1].replace("\\\\", "\\"))
        for one in lines
        if isinstance(one.location, Location)
    ]


def test_a_line_end_of_a_base_template_is_found(tmp_path: Path) -> None:
    """What a child prints in a block may precede an instruction of the base template."""
    base = "FROM busybox:1.36\n{% block x %}{% endblock %}\nUSER nobody\n"
    body = "{% extends 'b.j2' %}{% block x %}WORKDIR /a{% endblock %}"

    assert lost(tmp_path, body, {"b.j2": base}) == [("b.j2", 3, "USER nobody")]


def test_a_lost_line_end_before_the_only_from_is_found(tmp_path: Path) -> None:
    """It is reported instead of a missing `FROM`."""
    body = "ARG A=1{# note #}\nFROM busybox:1.36\n"

    assert lost(tmp_path, body, {}) == [("t.j2", 1, "FROM busybox:1.36")]


def test_an_include_that_is_known_when_rendering_is_examined(tmp_path: Path) -> None:
    """All templates that were read are examined."""
    included = "RUN true{# note #}\nUSER nobody\n"
    body = "{% set name = 'x' %}\n{% include name ~ '.j2' %}\n"

    assert lost(tmp_path, body, {"x.j2": included}) == [("x.j2", 1, "USER nobody")]


@pytest.mark.parametrize(
    "body",
    [
        "WORKDIR /a{% if gpu %}b{% endif +%}\nUSER nobody\n",
        "WORKDIR /a\n{%- if gpu %}\nENV A=1\n{%- endif %}\n\nUSER nobody\n",
        "{% if gpu %}RUN a{% else %}RUN b{% endif %}\n\nUSER nobody\n",
        "{% if gpu %}\nRUN a\n{% else %}\nRUN b\n{% endif %}\nUSER nobody\n",
        "WORKDIR /a\n{{- '/b' }}\nUSER nobody\n",
        "RUN echo USER nobody{# note #}\n\nUSER nobody\n",
        "RUN <<EOF\necho {% if gpu %}a{% endif %}\nUSER nobody\nEOF\nUSER nobody\n",
        "RUN a \\\n{% for x in [1, 2] %}\n  USER{{ x }} \\\n{% endfor %}\n  USER nobody\n",
        "RUN a \\\n  USER nobody\nUSER nobody\n",
        "RUN a{# note #}\n  && USER nobody\n",
        "ENV A=1{# note #}\n USERS=2\n",
        "ENV {% for x in [1, 2] %}A{{ x }}=1 {% endfor %}\n  USER{{ 1 }}=2\n",
        "# a note{# another #}\n# USER nobody\nUSER nobody\n",
        "# USER nobody\nUSER nobody\n",
        'CMD ["USER nobody"]\nUSER nobody\n',
        "RUN {% include 'make.sh' %}\nRUN true && {% include 'make.sh' %}\nUSER nobody\n",
        "{% set s %}\nenv A=1 make\n{% endset %}\nRUN {{ s|trim }}\nenv A=1\n",
        "HEALTHCHECK --interval=1s CMD true\nCMD true\n",
        "HEALTHCHECK --interval=1s {% if true %}\nCMD true{% endif +%}\nCMD true\n",
        "ONBUILD {# note #}\nRUN true\nRUN true\n",
        "{% include 'x.j2' %}\nUSER nobody\n",
        "{% block x %}\nRUN true\n{% endblock %}\nUSER nobody\n",
        "  {% if true %}\n  RUN a\r\n  {% endif %}\r\n  USER nobody\r\n",
        "{% set s %}\nRUN a\n{% endset %}\n{{ s|trim }}\nUSER n\n# {{ s|length }} USER n\n",
        USAGE + 'LABEL usage="{{ s | trim }}"\n',
        USAGE + 'LABEL usage="{{ s | trim }}"\n# {{ s|length }}\n',
        "{% set s %}\nUse: x\nRun with: y\n{% endset %}\nLABEL s={{ s | trim | tojson }}\n",
        "RUN psql -c \"{% include 'load.sql' %}\"\n",
        "{% macro m() %}\nenv A=1 make\n{% endmacro %}\nRUN time {{ m() }}\n",
        "{% set s %}\n  env A=1 make\n{% endset %}\nRUN time {{ s | trim }}\n",
        '{% set s %}\nenv A=1 make\n{% endset %}\nCMD ["sh", "-c", "{{ s | trim }}"]\n',
        "{% set s %}\nadd it\n{% endset %}\nRUN if true; then {{ s | trim }}; fi\n",
        (
            "{% set s %}{% if gpu %}\nenv A=1\n{% else %}\nenv A=2\n{% endif %}{% endset %}\n"
            "RUN time {{ s | trim }}\n"
        ),
        "{% set a %}time{% endset %}\n{% set s %}env A=1 make{% endset %}\nRUN {{ a }} {{ s }}\n",
        CALLED.replace("{{ caller() }}", "RUN time {{ caller() }}") + "env A=1\n{% endcall %}\n",
        "RUN <<E\nx{# y #}\nADD is\nE\nUSER b\n",
        "RUN <<E\nx{# y #}\n# note\nE\nUSER b\n",
        "RUN make {# x #}\n# note\nRUN x\n",
        "# a{# x #}\n# b\nRUN x\n",
        "RUN a \\\n{# x #}\n# note\n  b\n",
        "RUN a{% if gpu %}b{% endif %}\n{{ '&& env A=1 b' }}\n",
        (
            "{% set x %}{% if gpu %}a{% endif %}{% endset %}\n{% if x %}\nRUN x\n{% endif %}\n"
            '{% if gpu %}\nUSER nobody\n{% endif %}\nLABEL hint="USER nobody"\n'
        ),
        KIND + "{% if gpu %}\nrun make\n{% endif %}\nRUN npm run make;run make\n",
        KIND + '{% if gpu %}\nENV A=1\n{% endif %}\nRUN printf "ENV A=1" > /doc\n',
    ],
)
def test_other_instructions_are_accepted(body: str, tmp_path: Path) -> None:
    """An instruction within a line that was written so, or in a here-document, is accepted."""
    files = {"x.j2": "RUN true\n", "make.sh": "env A=1 make\n", "load.sql": "add a;"}

    assert lost(tmp_path, body, files) == []
