"""How docker and BuildKit read texts as values: what the libraries of Go accept."""

import re


GO_BOOLEANS = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True)
GO_BOOLEANS |= dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False)
"""What strconv.ParseBool accepts."""
_SIZE = re.compile(
    r"\+?(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]{1,2})? ?"
    r"(?:[kmgtp](?:i?b)?|b)?",
    re.IGNORECASE,
)
_INTEGER = re.compile(r"[-+]?[0-9]{1,100}")
_LARGEST = 2**63


def is_size(text: str) -> bool:
    """Return whether a text is a size in bytes, as units.RAMInBytes reads it.

    >>> is_size("1.5g"), is_size("1e9"), is_size("512 KiB"), is_size("1ki"), is_size("")
    (True, True, True, False, False)
    """
    return _SIZE.fullmatch(text) is not None


def parse_integer(text: str) -> int | None:
    """Return an integer of 64 bits, as strconv.ParseInt reads it; None if it is invalid.

    >>> parse_integer("+5"), parse_integer("-1"), parse_integer("1_0"), parse_integer("9" * 19)
    (5, -1, None, None)
    """
    number = int(text) if _INTEGER.fullmatch(text) else _LARGEST
    return number if -_LARGEST <= number < _LARGEST else None


def is_ip_address(text: str) -> bool:
    """Return whether a text is an IP address, as net.ParseIP reads it, perhaps in brackets.

    >>> is_ip_address("127.0.0.1"), is_ip_address("[::1]"), is_ip_address("fe80::1%eth0")
    (True, True, False)
    """
    from ipaddress import ip_address

    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    try:
        return "%" not in text and bool(ip_address(text))
    except ValueError:
        return False
