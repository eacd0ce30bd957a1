"""Write the reference pages that are made from the code: `python docs/generate.py`."""

from pathlib import Path

import click

from compiler.cli.main import cli
from compiler.codes import EXPLANATIONS, Code
from compiler.matrix.json_schema import schema_text
from compiler.matrix.model import (
    BuildOptions,
    CacheOptions,
    ImageOptions,
    Level,
    MatrixFile,
    Override,
    ParentOptions,
    PublishOptions,
    ValueOptions,
    keys,
)


HERE = Path(__file__).parent
NOTE = "<!-- made by docs/generate.py from the code; edit that -->\n\n"


def matrix() -> str:
    """Return the reference of matrix.yaml: what is written by hand, then every key."""
    lines = [NOTE, (HERE / "matrix.head.md").read_text(encoding="utf-8")]
    levels: tuple[tuple[str, type[Level]], ...] = (
        ("Keys of the file", MatrixFile),
        ("Keys of an axis's value", ValueOptions),
        ("Keys of an image, and of `defaults`", ImageOptions),
        ("Keys of `overrides`", Override),
        ("Keys of `from`", ParentOptions),
        ("Keys of `cache`", CacheOptions),
        ("Keys of `publish`", PublishOptions),
    )
    for title, level in levels:
        lines.append(f"\n## {title}\n\n| key | what it is |\n|---|---|\n")
        shown = keys(level)
        if level is Override:  # the rest stands with images
            shown = {key: text for key, text in shown.items() if key not in keys(BuildOptions)}
            others = ", ".join(f"`{key}`" for key in keys(BuildOptions))
            shown[others] = "As of an image."
        lines += [
            f"| {key if key.startswith('`') else f'`{key}`'} | {text} |\n"
            for key, text in shown.items()
        ]
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
    _add_commands(lines, cli, context)
    return "".join(lines)


def _add_commands(lines: list[str], group: click.Group, context: click.Context) -> None:
    """Add the help of the commands of a group, and of those below them."""
    for name, command in group.commands.items():
        inner = click.Context(
            command, info_name=name, parent=context, terminal_width=88, **cli.context_settings
        )
        lines.append(f"\n## {inner.command_path}\n\n```text\n{command.get_help(inner)}\n```\n")
        if isinstance(command, click.Group):
            _add_commands(lines, command, inner)


CASES = tuple(HERE.parent / "tests" / name for name in ("errors", "warnings"))
LONGEST = 1200
"""Characters of a file that is pasted."""
INTRO = """# The codes

What is wrong is told with a place, a remedy and a code: `error[unknown-axis]`. These are all codes,
each with an example and what a terminal shows of it. A warning stops nothing without `--strict`.

The examples are tests, compared to the byte. One that shows no template has `FROM python` in
`templates/Dockerfile.j2`.

"""


def codes() -> str:
    """Return every code: an index, then the explanation of each and the case that shows it."""
    lines = [NOTE, INTRO, "| code | rule |\n|---|---|\n"]
    for code in Code:
        rule = code.text.partition(". ")[0].removesuffix(".").replace("|", "\\|")
        lines.append(f"| [`{code}`](#{code}) | {rule} |\n")
    for title, group in EXPLANATIONS.items():
        lines.append(f"\n## {title}\n")
        for code, text in group.items():
            lines.append(f"\n### {code}\n\n{text}\n")
            lines += _example(code)
    return "".join(lines)


def _example(code: str) -> list[str]:
    """Return what shows a code: the case named for it alone, or else the first one with a note."""
    told = [one for folder in CASES for one in sorted(folder.glob(f"{code}--*.txt"))]
    told = [path for folder in CASES if (path := folder / f"{code}.txt").exists()] + told
    if not told:
        return []
    case = told[0].with_suffix("")
    files = {"matrix.yaml": case.with_suffix(".yaml")}
    if case.is_dir():
        names = [path.relative_to(case) for path in case.rglob("*") if path.is_file()]
        names.sort(key=lambda name: (name.name != "matrix.yaml", name))
        files = {str(name): case / name for name in names}
    words = case.with_suffix(".args")
    asked = f" {words.read_text(encoding='utf-8').strip()}" if words.exists() else ""
    lines = [_pasted(name, path) for name, path in files.items()]
    says = f"\n`compile-matrix{asked}` says\n\n"
    return [*lines, says, _fenced("text", told[0].read_text(encoding="utf-8"))]


def _pasted(name: str, path: Path) -> str:
    """Return a file of an example under its name; one that no page can show is described."""
    what = {
        "links": "with these links",
        "sizes": "with a file of so many bytes",
        "repositories": "with a repository of git here",
    }
    title = what.get(name, f"`{name}`")
    content = path.read_bytes()
    text = content.decode(errors="replace")
    if not text.replace("\n", "").replace("\t", "").replace("\ufffd", "\0").isprintable():
        return f"\n{title}, which is not shown: it holds bytes that are no text\n"
    if len(text) > LONGEST:
        return f"\n{title}, which is not shown: it has {len(text):,} characters\n"
    language = {".j2": "jinja", ".yaml": "yaml", ".json": "json", ".toml": "toml"}
    return f"\n{title}\n\n{_fenced(language.get(path.suffix, 'text'), text)}"


def _fenced(language: str, text: str) -> str:
    end = "" if text.endswith("\n") or not text else "\n"
    return f"```{language}\n{text}{end}```\n"


PAGES = {
    "matrix.md": matrix,
    "cli.md": commands,
    "codes.md": codes,
    "matrix.schema.json": schema_text,
}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (HERE / page).write_text(make(), encoding="utf-8")
