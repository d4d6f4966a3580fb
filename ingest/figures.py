"""Figures from exact sums, each as dbt defines it, rounded half up at the edge."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from msgspec import Struct

MICROSECONDS_PER_MINUTE = 60_000_000
BITS_KEPT = 6
"""Of a duration, in its bucket; see macros/figures/durations.sql."""

Z = Decimal("1.96")


class Interval(Struct, frozen=True):
    """Between what the share of all may be, given so few: Wilson's interval at 95 % (z = 1.96)."""

    low: float
    high: float


class Quotient(Struct, frozen=True):
    """A figure as `figure_definitions` in macros/figures/figures.sql has it."""

    of: list[str]
    per: list[str]
    decimals: int
    times: int = 1
    unit: int = 1

    def of_sums(self, sums: Mapping[str, int]) -> float | None:
        """Return the figure of sums by name; nothing of nothing.

        >>> rate = Quotient(of=["completed"], per=["sessions"], decimals=3)
        >>> rate.of_sums({"completed": 1, "sessions": 16})
        0.063
        >>> rate.of_sums({"completed": 0, "sessions": 0}) is None
        True
        """
        dividend = sum(sums[name] for name in self.of) * self.times
        divisor = sum(sums[name] for name in self.per) * self.unit
        return None if divisor == 0 else _rounded(Decimal(dividend) / divisor, self.decimals)

    def interval_of_sums(self, sums: Mapping[str, int]) -> Interval | None:
        """Return the interval of a share, in its unit; nothing of nothing.

        It is `wilson_low` and `wilson_high` of macros/figures/figures.sql.

        >>> rate = Quotient(of=["completed"], per=["sessions"], decimals=3)
        >>> rate.interval_of_sums({"completed": 1, "sessions": 1})
        Interval(low=0.207, high=1.0)
        """
        part, whole = sum(sums[name] for name in self.of), sum(sums[name] for name in self.per)
        if whole == 0:
            return None
        middle = part + Z**2 / 2
        spread = Z * (Decimal(part) * (whole - part) / whole + Z**2 / 4).sqrt()
        low, high = (
            _rounded(self.times * bound / (whole + Z**2), self.decimals)
            for bound in (middle - spread, middle + spread)
        )
        return Interval(low=low, high=high)


class Figures(Struct, frozen=True):
    """All figures by name: what they are of which sums."""

    quotients: dict[str, Quotient]
    version: str
    """Another one whenever any of this is."""
    failing: tuple[str, ...] = ()
    """The names of the checks that fail, of which answers warn."""

    def of(self, name: str, sums: Mapping[str, int]) -> float | None:
        return self.quotients[name].of_sums(sums)

    def interval(self, name: str, sums: Mapping[str, int]) -> Interval | None:
        return self.quotients[name].interval_of_sums(sums)


def minutes_percentile(durations: Mapping[int, int], tenths: int) -> float | None:
    """Return what so many tenths of the durations do not exceed, in minutes; nothing of none.

    It is the middle of the bucket in which it lies, so at most 1/64 off.

    Args:
        durations: how many there are, by bucket (microseconds).
        tenths: of all of them, in ascending order.

    >>> minutes_percentile({59_768_832: 9, 587_202_560: 1}, 5)
    1.0
    >>> minutes_percentile({59_768_832: 8, 587_202_560: 2}, 9)
    9.9
    """
    number = sum(durations.values())
    counted = 0
    for bucket in sorted(durations):
        counted += durations[bucket]
        if durations[bucket] and 10 * counted >= tenths * number:
            middle = bucket + (1 << max(bucket.bit_length() - BITS_KEPT, 0)) // 2
            return in_minutes(middle)
    return None


def in_minutes(microseconds: int) -> float:
    """Return a duration in minutes, to 1 decimal.

    >>> in_minutes(75_000_000)
    1.3
    """
    return _rounded(Decimal(microseconds) / MICROSECONDS_PER_MINUTE, 1)


def difference(now: float | None, before: float | None) -> float | None:
    """Return now - before, as exact as they are; nothing where one is missing.

    >>> difference(0.3, 0.1), difference(4.1, None)
    (0.2, None)
    """
    if now is None or before is None:
        return None
    return float(Decimal(str(now)) - Decimal(str(before)))


def _rounded(figure: Decimal, decimals: int) -> float:
    return float(figure.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))
