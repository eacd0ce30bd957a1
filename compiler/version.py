"""The version of this compiler: a copy of the one in pyproject.toml, written by `make`."""

VERSION = "0.1.0"
