"""Read the template of the bake file, and check its syntax."""

from pathlib import Path

from compiler.codes import Code
from compiler.constants import BAKE_TEMPLATE
from compiler.errors import CompileError, Diagnostic, Location, Problems
from compiler.output.emit import check_bake_template
from compiler.source.project_files import FileError, Files


def read_bake_template(files: Files, problems: Problems) -> tuple[str, str]:
    """Return the text of docker-bake.hcl.j2, and how diagnostics name that file.

    What is wrong with its syntax, or prevents reading it, is added to the problems.
    """
    try:
        text, shown = _read(files)
        check_bake_template(text, shown)
    except CompileError as error:
        problems.extend(error.diagnostics)
        return "", ""
    return text, shown


def _read(files: Files) -> tuple[str, str]:
    if files.absent(BAKE_TEMPLATE):
        packaged = Path(__file__).parent.with_name(BAKE_TEMPLATE)
        return packaged.read_text(encoding="utf-8"), str(packaged)
    shown = files.shown(BAKE_TEMPLATE)
    try:
        return files.read(BAKE_TEMPLATE).decode("utf-8-sig"), shown
    except FileError as error:
        raise CompileError([error.at(Location(path=shown, line=0))]) from None
    except UnicodeDecodeError:
        raise CompileError(
            [
                Diagnostic(
                    code=Code.NOT_UTF_8,
                    message="the file is not UTF-8",
                    location=Location(path=shown, line=0),
                    help="save it as UTF-8",
                )
            ]
        ) from None
