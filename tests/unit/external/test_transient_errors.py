"""Which errors are transient, so that a retry helps."""

from __future__ import annotations

import pytest

from compiler.external.transient_errors import is_cancellation, transient_reason


@pytest.mark.parametrize(
    "error",
    [
        "failed to receive status: rpc error: code = Unknown desc = no such job abc",
        "failed commit on ref: 400 Bad Request\nerrors:\nunknown: blob unknown to registry",
        "failed to stat active key during commit: snapshot xkgh4qe does not exist: not found",
        "failed to load ref: failed to get dead record iwanzf3n92r12ksn5i1xepf30: not found",
        "failed to build LLB: failed to get deleted record ndm9ajth2zxzrqrcc6ysn56ap: not found",
        "failed to solve: failed to get edge: inconsistent graph state",
        "failed to solve: failed to get state for index 0 on RUN make",
        "failed to copy: ref layer-sha256:0a locked for 2.1s (since 2026-11-27): unavailable",
        'failed to solve: image "127.0.0.1:5000/a:fp-0a": already exists',
        "failed to push r/a:1: unexpected status from PUT request to http://r/v2/: 500 Internal",
        "unexpected status from HEAD request to https://r/v2/a: 429 Too Many Requests",
        "failed to copy: httpReadSeeker: failed open: read tcp 1:2->3:4: i/o timeout",
        "dial tcp 127.0.0.1:5000: connect: connection refused",
        "failed to do request: Put http://r/v2/: EOF",
        "rpc error: code = Unavailable desc = error reading from server: EOF",
        "net/http: TLS handshake timeout",
        "toomanyrequests: You have reached your unauthenticated pull rate limit",
        "ERROR: Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
    ],
)
def test_errors_of_network_registry_and_engine_are_transient(error: str) -> None:
    """They are retried, and are not mistaken for a cancellation."""
    assert transient_reason(error)
    assert not is_cancellation(error)


@pytest.mark.parametrize(
    "error",
    [
        'process "/bin/sh -c curl x || echo i/o timeout" did not complete successfully: exit 1',
        'process "/bin/sh -c exit 1" did not complete successfully: exit code: 500',
        "docker.io/library/nothing:1: not found",
        "pull access denied, repository does not exist or may require authorization",
        'failed to calculate checksum of ref: "/requirements.txt": not found',
        "dockerfile parse error on line 3: unknown instruction: RUM",
        "failed to push r/a:1: denied: requested access to the resource is denied",
        "write /x: no space left on device",
        'target stage "429er" could not be found',
    ],
)
def test_other_errors_are_permanent(error: str) -> None:
    """Failing commands, wrong names and denied access are not retried."""
    assert transient_reason(error) is None
