"""Authentication challenges as RFC 9110 defines them."""

from __future__ import annotations

import pytest

from compiler.external.registry.challenges import parse_challenges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="a, b"', [("basic", {"realm": "a, b"})]),
        (r'Basic realm="a \"b\" \\"', [("basic", {"realm": 'a "b" \\'})]),
        ("BEARER Realm = x , SERVICE=y", [("bearer", {"realm": "x", "service": "y"})]),
        (
            "Bearer realm=https://r/token,service=r",
            [("bearer", {"realm": "https://r/token", "service": "r"})],
        ),
        ("Negotiate, Basic realm=r", [("negotiate", {}), ("basic", {"realm": "r"})]),
        ("Negotiate YWJj==, Basic realm=r", [("negotiate", {}), ("basic", {"realm": "r"})]),
        (
            'Basic realm="r", charset="UTF-8", Bearer realm="s", scope="a:b:pull,push"',
            [
                ("basic", {"realm": "r", "charset": "UTF-8"}),
                ("bearer", {"realm": "s", "scope": "a:b:pull,push"}),
            ],
        ),
        (", ,Basic realm=r,, NTLM,", [("basic", {"realm": "r"}), ("ntlm", {})]),
        ("Basic realm=r, realm=s", [("basic", {"realm": "r"})]),
        ('Basic realm="unterminated', [("basic", {})]),
        ('"', []),
    ],
)
def test_challenges(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    """Schemes and parameter names are in lower case; syntax errors end the list."""
    assert [tuple(challenge) for challenge in parse_challenges(header)] == expected


def test_a_long_header_is_parsed_in_linear_time() -> None:
    """A hostile header must not keep the processor busy."""
    assert parse_challenges('Basic a="' + "\\" * 100_001)
    assert parse_challenges("a " * 50_000)
    assert parse_challenges("a=" * 50_000) == ()
