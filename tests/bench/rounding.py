"""The one rounding rule, as the tests apply it: half up, from exact sums."""

from decimal import ROUND_HALF_UP, Decimal

MICROSECONDS_PER_MINUTE = 60_000_000


def rate(part: int, whole: int) -> float:
    """Return part / whole to 3 decimals; 0 of nothing.

    >>> rate(1, 3), rate(1, 16), rate(0, 0)
    (0.333, 0.063, 0.0)
    """
    return share(part, whole) or 0.0


def share(part: int, whole: int) -> float | None:
    """Return part / whole to 3 decimals; nothing of nothing.

    >>> share(1, 3), share(0, 0)
    (0.333, None)
    """
    return _quotient(part, whole, "0.001")


def percent(part: int, whole: int) -> float | None:
    """Return how many in a hundred, to 1 decimal; nothing of nothing.

    >>> percent(1, 3), percent(0, 0)
    (33.3, None)
    """
    return _quotient(100 * part, whole, "0.1")


def average(total: int, count: int) -> float | None:
    """Return total / count to 1 decimal; nothing of nothing.

    >>> average(17, 4), average(0, 0)
    (4.3, None)
    """
    return _quotient(total, count, "0.1")


def average_minutes(microseconds: int, count: int) -> float:
    """Return the mean duration in minutes, to 1 decimal; 0 of nothing.

    >>> average_minutes(75_000_000, 1)
    1.3
    """
    return average(microseconds, count * MICROSECONDS_PER_MINUTE) or 0.0


def _quotient(dividend: int, divisor: int, places: str) -> float | None:
    if divisor == 0:
        return None
    quotient = Decimal(dividend) / Decimal(divisor)
    return float(quotient.quantize(Decimal(places), ROUND_HALF_UP))
