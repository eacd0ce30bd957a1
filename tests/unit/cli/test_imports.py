"""Start-up: the modules that every command loads, even `--help`."""

import subprocess
import sys

from compiler.cli.main import COMMANDS, cli


LOADED = [
    "compiler",
    "compiler.cli",
    "compiler.cli.common_options",
    "compiler.cli.compile",
    "compiler.cli.compile_options",
    "compiler.cli.compile_summary",
    "compiler.cli.context",
    "compiler.cli.diagnostic_output",
    "compiler.cli.failure",
    "compiler.cli.main",
    "compiler.cli.matrix_file",
    "compiler.cli.terminal",
    "compiler.codes",
    "compiler.constants",
    "compiler.errors",
    "compiler.reports",
    "compiler.reports.text",
    "compiler.version",
]
SLOW = {"pydantic_core", "jinja2", "yaml", "requests", "rich", "packaging"}


def loaded(code: str) -> set[str]:
    """Return the modules that are loaded after a piece of code has run in a new process."""
    code = f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_help_loads_only_these_modules() -> None:
    """`compile-matrix --help` loads the command line and nothing that takes long to import."""
    names = loaded("from compiler.cli.main import run\nrun(['--help'])")

    assert sorted(name for name in names if name.partition(".")[0] == "compiler") == LOADED
    assert not SLOW & {name.partition(".")[0] for name in names}


def test_the_module_of_a_command_is_loaded_when_it_runs() -> None:
    """Before a command is known, only the modules that every command needs are loaded."""
    names = loaded("import compiler.cli.main")

    assert "compiler.cli.compile" in names
    assert not names & {"compiler.cli.list", "compiler.cli.publish", "compiler.cli.release"}


def test_help_lists_the_first_sentence_of_each_command() -> None:
    """The sentences that `--help` lists without loading the commands are those of their help."""
    helps = {name: command.help or "" for name, command in cli.commands.items()}

    assert {
        name: f"{' '.join(text.split()).partition('. ')[0].rstrip('.')}."
        for name, text in helps.items()
    } == COMMANDS
