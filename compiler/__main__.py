"""`compile-matrix`, and `python -m compiler`."""

import gc
import os
import sys
import warnings


def open_standard_streams() -> None:
    """Open /dev/null for the standard streams that the caller has closed.

    Otherwise the next file that is opened would be one of them, also for the programs that are run.
    """
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - has no keyword
            setattr(sys, name, open(descriptor, mode, encoding="utf-8"))  # noqa: SIM115


def main() -> None:
    """Run the command line; exits with its code."""
    gc.disable()  # One short run, imports included: nothing that it makes is worth collecting.
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # Warnings of Python are for developers, not for users.
    open_standard_streams()
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
