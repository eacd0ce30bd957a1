"""The error for input that bake rejects before it starts any target."""

from compiler.codes import Code
from compiler.constants import BAKE_FILE
from compiler.errors import CompileError, Diagnostic, Location


def rejection(output: str) -> CompileError:
    """Return the error for input that bake rejects for every target, with bake's own message."""
    message = " ".join(output.split()).removeprefix("ERROR: ")
    return CompileError(
        [
            Diagnostic(
                code=Code.CANNOT_BUILD,
                message=f"docker buildx bake failed: {message[:500]}",
                location=Location(path=BAKE_FILE, line=0),
                help="no target was started; correct what bake reports",
            )
        ]
    )
