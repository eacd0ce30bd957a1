"""Recognise transient errors, for which a retry helps, in the messages of buildx."""

import re


ATTEMPTS = 6
"""Maximum number of attempts of a command that fails with transient errors."""
_MAX_DELAY = 15.0
"""Maximum number of seconds between two attempts."""

_COMMAND = re.compile(r'process "[^\n]*" did not complete successfully')
"""A command of the Dockerfile failed: never transient, whatever the command printed."""

_CANCELLATION = re.compile(r"context canceled|code = Canceled|\bcanceled\b")
"""A step was stopped, because another failed or because the user interrupted it."""

_ENGINE = re.compile(
    r"Cannot connect to the Docker daemon|failed to connect to the docker API"
    r"|error during connect|no such file or directory.*docker\.sock",
    re.IGNORECASE,
)

_NETWORK = "the network connection failed"
LOST_LAYER = "the engine lost a layer of its cache"
"""Happens when an engine or a build is killed; lasts until the layer is built without the cache."""
_PATTERNS = {
    reason: re.compile(pattern, re.IGNORECASE)
    for reason, pattern in {
        "bake lost a build": r"no such job|failed to receive status",
        LOST_LAYER: r"snapshot \S+ does not exist",
        # Builds and clean-ups of one engine compete for records of its cache.
        "the engine deleted a record of its cache": r"failed to get (?:dead|deleted) record"
        r"|failed to get state for index|inconsistent graph state|failed to load cache: not found",
        "another build created the same name": r'image "[^"\n]*": already exists',
        "another build writes the same layer": r"\bref \S+ locked for [^\n]*: unavailable",
        "too many requests": r"\b429\b|too ?many ?requests|rate limit|\bslow ?down\b",
        "server error": r"unexpected status[^\n]*: (?:408|5\d\d)\b|\b50[0234] (?:Internal Server"
        r" Error|Bad Gateway|Service Unavailable|Gateway Time-?out)|status(?: code)?:? 5\d\d\b"
        r"|blob (?:upload )?(?:unknown|invalid)|server misbehaving",
        "timeout": r"i/o timeout|handshake timeout|deadline ?exceeded|Client\.Timeout"
        r"|timeout awaiting|timed out",
        _NETWORK: r"connection re(?:set|fused)|broken pipe|\bEOF\b|closed network"
        r" connection|GOAWAY|stream error|network is unreachable|no route to host"
        r"|Temporary failure in name resolution|transport is closing|closing transport"
        r"|server closed idle connection|code = Unavailable|error reading from server"
        r"|failed size validation|short read|request canceled",
    }.items()
}


def transient_reason(error: str) -> str | None:
    """Return a short reason if an error is transient, otherwise None.

    >>> transient_reason("unexpected status from PUT request to http://r/v2/: 503 Unavailable")
    'server error'
    >>> transient_reason('process "/bin/sh -c curl x" did not complete successfully: exit code: 7')
    """
    if _COMMAND.search(error):
        return None
    if _ENGINE.search(error):
        return "the engine is unreachable"
    return next((reason for reason, pattern in _PATTERNS.items() if pattern.search(error)), None)


def retry_delay(attempt: int) -> float:
    """Return the seconds to wait after a failed attempt; the first attempt has the number 1."""
    return min(0.25 * 2.0**attempt, _MAX_DELAY)


def is_cancellation(error: str) -> bool:
    """Return whether an error only reports that a step was stopped.

    >>> is_cancellation("exit code: 137: context canceled: context canceled")
    True
    """
    return _CANCELLATION.search(error) is not None and not (
        _PATTERNS[_NETWORK].search(error) and "context canceled" not in error
    )


def is_engine_unreachable(error: str) -> bool:
    """Return whether an error reports that no engine answers."""
    return _ENGINE.search(error) is not None
