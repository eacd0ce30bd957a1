"""The current day, for commands that compare dates with it. Compiling never does."""

from datetime import UTC, date, datetime


def utc_today() -> date:
    """Return the current day in UTC."""
    return datetime.now(UTC).date()
