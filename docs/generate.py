"""Write the reference pages that are made from the code: `python docs/generate.py`."""

from pathlib import Path

import click

from compiler.cli import cli
from compiler.model import ImageOptions, Level, MatrixFile, ValueOptions, keys


HERE = Path(__file__).parent
NOTE = "<!-- made by docs/generate.py from the code; edit that -->\n\n"


def matrix() -> str:
    """Return the reference of matrix.yaml: what is written by hand, then every key."""
    lines = [NOTE, (HERE / "matrix.head.md").read_text(encoding="utf-8")]
    levels: tuple[tuple[str, type[Level]], ...] = (
        ("Keys of the file", MatrixFile),
        ("Keys of an axis's value", ValueOptions),
        ("Keys of an image, and of `defaults`", ImageOptions),
    )
    for title, level in levels:
        lines.append(f"\n## {title}\n\n| key | what it is |\n|---|---|\n")
        lines += [f"| `{key}` | {text} |\n" for key, text in keys(level).items()]
    return "".join(lines)


def commands() -> str:
    """Return the reference of the command line: the help of each command."""
    lines = [NOTE, "# The command line\n\n"]
    lines.append(
        "Exit codes: 0 done; 1 the input is wrong, or `--check` found stale files; 2 usage; "
        "130 interrupted. Errors go to stderr, results to stdout. `NO_COLOR` is respected.\n"
    )
    context = click.Context(
        cli, info_name="compile-matrix", terminal_width=88, **cli.context_settings
    )
    lines.append(f"\n## compile-matrix\n\n```text\n{cli.get_help(context)}\n```\n")
    for name, command in cli.commands.items():
        inner = click.Context(
            command, info_name=name, parent=context, terminal_width=88, **cli.context_settings
        )
        lines.append(f"\n## compile-matrix {name}\n\n```text\n{command.get_help(inner)}\n```\n")
    return "".join(lines)


PAGES = {"matrix.md": matrix, "cli.md": commands}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (HERE / page).write_text(make(), encoding="utf-8")
