"""Declarative build matrices for container images."""

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from compiler.errors import CompileError
    from compiler.output.artifact import Compilation
    from compiler.pipeline import compile_matrix

__all__ = ["CompileError", "Compilation", "compile_matrix"]


def __getattr__(name: str) -> Any:
    """Import the public names when they are asked for: `--help` needs none of them."""
    if name == "CompileError":
        from compiler.errors import CompileError

        return CompileError
    if name in ("Compilation", "compile_matrix"):
        from compiler import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
