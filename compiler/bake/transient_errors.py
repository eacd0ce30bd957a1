"""Which errors of a build pass by themselves, so that trying again helps; only reads words."""

import re

from compiler.codes import Code
from compiler.constants import BAKE_FILE
from compiler.errors import CompileError, Diagnostic, Location


_COMMAND = re.compile(r'process "[^\n]*" did not complete successfully')
"""A command of the Dockerfile failed: whatever it said, its author decides."""

_CANCELED = re.compile(r"context canceled|code = Canceled|\bcanceled\b")
"""Stopped because something else failed, or because it was asked to."""

_ENGINE = re.compile(
    r"Cannot connect to the Docker daemon|failed to connect to the docker API"
    r"|error during connect|no such file or directory.*docker\.sock",
    re.IGNORECASE,
)

_PASSING = {
    "bake lost a build": r"no such job|failed to receive status",
    "the engine lost a layer that is still needed": r"snapshot \S+ does not exist",
    "another build gave the name at once": r'image "[^"\n]*": already exists',
    "too many requests": r"\b429\b|too ?many ?requests|rate limit|\bslow ?down\b",
    "the server failed": r"unexpected status[^\n]*: (?:408|5\d\d)\b|\b50[0234] (?:Internal Server"
    r" Error|Bad Gateway|Service Unavailable|Gateway Time-?out)|status(?: code)?:? 5\d\d\b"
    r"|blob (?:upload )?(?:unknown|invalid)|server misbehaving",
    "it took too long": r"i/o timeout|handshake timeout|deadline ?exceeded|Client\.Timeout"
    r"|timeout awaiting|timed out",
    "the network broke off": r"connection re(?:set|fused)|broken pipe|\bEOF\b|closed network"
    r" connection|GOAWAY|stream error|network is unreachable|no route to host"
    r"|Temporary failure in name resolution|transport is closing|closing transport"
    r"|server closed idle connection|code = Unavailable|error reading from server"
    r"|failed size validation|short read|request canceled",
}
_TELLS = {what: re.compile(text, re.IGNORECASE) for what, text in _PASSING.items()}


def passing(error: str) -> str | None:
    """Return in a few words what will pass by itself about an error, or None.

    >>> passing("unexpected status from PUT request to http://r/v2/: 503 Service Unavailable")
    'the server failed'
    >>> passing('process "/bin/sh -c curl x" did not complete successfully: exit code: 7')
    """
    if _COMMAND.search(error):
        return None
    if _ENGINE.search(error):
        return "the engine is away"
    return next((what for what, tell in _TELLS.items() if tell.search(error)), None)


def canceled(error: str) -> bool:
    """Tell whether an error only says that something was stopped.

    >>> canceled("exit code: 137: context canceled: context canceled")
    True
    """
    return _CANCELED.search(error) is not None and not (
        _TELLS["the network broke off"].search(error) and "context canceled" not in error
    )


def engine_away(error: str) -> bool:
    """Tell whether an error says that no engine answers."""
    return _ENGINE.search(error) is not None


def refusal(words: str) -> CompileError:
    """Return the error for what bake refuses for every target alike, in its words."""
    said = " ".join(words.split())
    return CompileError(
        [
            Diagnostic(
                code=Code.CANNOT_BUILD,
                message=f"docker buildx bake refuses: {said.removeprefix('ERROR: ')[:500]}",
                location=Location(path=BAKE_FILE, line=0),
                help="no target was begun; correct what it names",
            )
        ]
    )
