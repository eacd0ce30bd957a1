"""Write sizes of images, and how they have grown."""

_KILO = 1000


def size(count: int) -> str:
    """Return a number of bytes with a unit.

    >>> size(999), size(1_500), size(2_000_000)
    ('999 B', '1.5 kB', '2.0 MB')
    """
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < _KILO or unit == "GB":
            return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _KILO
    raise AssertionError


def growth(now: int, before: int) -> float | None:
    """Return how much larger a size is than before, rounded; None if one of them is not known.

    >>> growth(1_100, 1_000), growth(999_999, 1_000_000), growth(0, 1_000)
    (0.1, 0.0, None)
    """
    if not now or not before:
        return None
    return round((now - before) / before, 3) + 0.0  # without a sign of zero


def growth_text(value: float | None) -> str:
    """Return a growth with its sign, in percent; empty if it is not known.

    >>> growth_text(0.1), growth_text(-0.025), growth_text(None)
    ('+10.0%', '-2.5%', '')
    """
    return "" if value is None else f"{value:+.1%}"
