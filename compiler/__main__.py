"""`compile-matrix`, and `python -m compiler`."""

import gc
import os
import sys
import warnings


def main() -> None:
    """Run the command line; exits with its code."""
    gc.disable()  # One short run, imports included: nothing that it makes is worth collecting.
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # Warnings of Python are for developers, not for users.
    from compiler.cli.main import run

    code = run()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            code = code or 1
    # Nothing is left to be undone, and to take a large matrix apart would take longer than this.
    os._exit(code)


if __name__ == "__main__":
    main()
