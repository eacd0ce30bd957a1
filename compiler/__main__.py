"""`compile-matrix`, and `python -m compiler`."""

import sys


def main() -> None:
    """Run the command line; exits with its code."""
    from compiler.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
