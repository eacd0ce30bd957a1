"""Read a file that a command-line argument names, or stdin.

Refuses a file that is missing or unreadable, and suggests similar names. Reads at most a limit.
"""

import os
from contextlib import suppress

from compiler.codes import Code
from compiler.errors import did_you_mean
from compiler.source.positions import refuse_file


STDIN = "-"


def shown_name(file: str) -> str:
    """Return the name of the file in diagnostics."""
    return "stdin" if file == STDIN else file or "."


def read_given(file: str, *, what: str, remedy: str, limit: int) -> bytes:
    """Read a file, which may be a pipe such as `<(command)` of a shell.

    Args:
        file: as the user named it; `-` is stdin.
        what: the kind of file that is expected, with its article.
        remedy: the help if the file is missing and no name is similar.
        limit: the maximum number of bytes; of a longer file, one byte more is returned.

    Raises:
        CompileError: the file is missing, or cannot be read.
    """
    shown = shown_name(file)
    try:
        with open(0 if file == STDIN else file, "rb", closefd=file != STDIN) as stream:
            return stream.read(limit + 1)
    except FileNotFoundError:
        folder, name = os.path.split(shown)
        near = []
        with suppress(OSError):
            near = sorted(os.listdir(folder or "."))
        help_ = did_you_mean(name, near, otherwise=remedy)
        message = f"there is no file {shown!r}"
        refuse_file(shown, code=Code.MISSING_FILE, message=message, help=help_)
    except IsADirectoryError:
        message = f"{shown!r} is a folder"
        refuse_file(shown, code=Code.NOT_A_FILE, message=message, help=f"name {what} in it")
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        message, help_ = f"the file cannot be read: {reason}", "name a file that you may read"
        refuse_file(shown, code=Code.UNREADABLE_FILE, message=message, help=help_)
