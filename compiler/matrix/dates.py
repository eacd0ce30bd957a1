"""Dates in matrix.yaml. Compiling compares no date with the clock."""

import re
from datetime import date


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def parse_date(text: str) -> date | None:
    """Return the date that a text writes as YYYY-MM-DD; None if it is another text.

    >>> parse_date("2026-10-31"), parse_date("2026-02-30"), parse_date("20261031")
    (datetime.date(2026, 10, 31), None, None)
    """
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
