"""Sizes of images, such as `12GB`, and their growth: decimal units, as registries count."""

import re
from fractions import Fraction


UNITS = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
"""Unit -> bytes; 1 GB is 10^9 bytes."""
SIZE = re.compile(rf"([0-9]{{1,15}}(?:\.[0-9]{{1,3}})?) ?({'|'.join(UNITS)})\Z")
SIZE_FORM = "a number with its unit, such as 500MB or 1.5GB"
PERCENTAGE = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,3})?) ?%\Z")
PERCENTAGE_FORM = "a percentage, such as 10%"


def parse_size(text: str) -> int | None:
    """Return a size in bytes; None if it is invalid.

    >>> parse_size("1.5GB"), parse_size("500 MB"), parse_size("2GiB")
    (1500000000, 500000000, None)
    """
    match = SIZE.match(text)
    if match is None:
        return None
    whole, _, fraction = match[1].partition(".")
    return (int(whole) * 1000 + int(fraction.ljust(3, "0"))) * UNITS[match[2]] // 1000


def parse_percentage(text: str) -> Fraction | None:
    """Return a percentage as a fraction of 1; None if it is invalid.

    >>> parse_percentage("12.5%"), parse_percentage("10")
    (Fraction(1, 8), None)
    """
    match = PERCENTAGE.match(text)
    return Fraction(match[1]) / 100 if match else None
