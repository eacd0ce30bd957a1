"""Help, messages and generated pages are plain technical English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from support.language import CODE, prose, rejected
from support.markdown import PROJECT

from compiler.cli.main import cli


GENERATED = tuple(PROJECT / "docs" / name for name in ("cli.md", "codes.md", "matrix.md"))
FIXED = PROJECT / "compiler/output/bake_context.py"
"""Its strings are comments of the generated bake file, whose bytes stay the same."""
MODULES = sorted({*(PROJECT / "compiler").rglob("*.py")} - {FIXED})
CASES = sorted(
    path for name in ("errors", "warnings") for path in (PROJECT / "tests" / name).glob("*.txt")
)


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    """Return the context of a command, with the settings of the command line."""
    return click.Context(
        command, info_name=name, parent=parent, terminal_width=200, **cli.context_settings
    )


def _help(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the path and the help of a command and of its subcommands."""
    yield context.command_path, command.get_help(context)
    for name, inner in getattr(command, "commands", {}).items():
        yield from _help(inner, _context(inner, name, context))


HELP = dict(_help(cli, _context(cli, "compile-matrix", None)))


@pytest.mark.parametrize("command", HELP)
def test_help_is_plain(command: str) -> None:
    """No help text contains a phrase of the table."""
    assert rejected(prose(" ".join(HELP[command].split()))) == []


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.name)
def test_the_reference_is_plain(page: Path) -> None:
    """No generated page contains a phrase of the table outside of its code."""
    assert rejected(prose(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_messages_are_plain(module: Path) -> None:
    """No string of the compiler contains a phrase of the table; docstrings are not checked."""
    docstrings, strings = set(), []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr):
            docstrings.add(node.value)
        elif isinstance(node, ast.Constant) and node not in docstrings:
            # Texts without a space are names: keys of JSON, codes.
            strings += [node.value] if isinstance(node.value, str) and " " in node.value else []

    assert [phrase for text in strings for phrase in rejected(prose(text))] == []


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_diagnostics_are_plain(case: Path) -> None:
    """No expected diagnostic contains a phrase of the table, in its message or in its help."""
    text = case.read_text(encoding="utf-8")
    messages = re.sub(r"^ *\d+ \|.*$", "", text, flags=re.MULTILINE)  # Lines of the input.

    assert rejected(CODE.sub("CODE", messages)) == []
