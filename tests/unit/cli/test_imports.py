"""Start-up: the modules that every command loads, even `--help`."""

import subprocess
import sys


LOADED = [
    "compiler",
    "compiler.cli",
    "compiler.cli.bake_options",
    "compiler.cli.build",
    "compiler.cli.changed",
    "compiler.cli.ci",
    "compiler.cli.common_options",
    "compiler.cli.compare",
    "compiler.cli.compile",
    "compiler.cli.compile_options",
    "compiler.cli.compile_summary",
    "compiler.cli.completion",
    "compiler.cli.completion_names",
    "compiler.cli.context",
    "compiler.cli.diagnostic_output",
    "compiler.cli.eol",
    "compiler.cli.explain",
    "compiler.cli.failure",
    "compiler.cli.gc",
    "compiler.cli.graph",
    "compiler.cli.init",
    "compiler.cli.layers",
    "compiler.cli.list",
    "compiler.cli.lock",
    "compiler.cli.lock_output",
    "compiler.cli.lookup_progress",
    "compiler.cli.main",
    "compiler.cli.matrix_file",
    "compiler.cli.progress_display",
    "compiler.cli.publish",
    "compiler.cli.publish_request",
    "compiler.cli.release",
    "compiler.cli.release_records",
    "compiler.cli.remaining_targets",
    "compiler.cli.report",
    "compiler.cli.schema",
    "compiler.cli.staged",
    "compiler.cli.summary_file",
    "compiler.cli.terminal",
    "compiler.codes",
    "compiler.constants",
    "compiler.errors",
    "compiler.matrix",
    "compiler.matrix.field_table",
    "compiler.output",
    "compiler.output.bake_fields",
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
