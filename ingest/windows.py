"""The days that a request asks for: a period that ends today, or a window that it names."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Literal

from litestar.params import QueryParameter
from msgspec import Struct

from ingest.problems import invalid
from ingest.schema import Out

Period = Literal["7d", "30d", "90d"]
LONGEST_WINDOW = 1_100

AskedPeriod = Annotated[
    Period | None,
    QueryParameter(
        description="That many days ending today, today included. 30d when no window is given."
    ),
]
AskedFrom = Annotated[
    date | None,
    QueryParameter(name="from", description="First day, in the account's time zone."),
]
AskedTo = Annotated[
    date | None,
    QueryParameter(name="to", description="Last day, in the account's time zone; included."),
]


class Window(Out, rename={"day_from": "from", "day_to": "to"}, frozen=True):
    """Both days are in it."""

    day_from: date
    day_to: date
    period: Period | None


class Asked(Struct, frozen=True, kw_only=True):
    """The window as the request names it."""

    period: Period | None
    day_from: date | None
    day_to: date | None

    def days(self, today: date) -> tuple[date, date]:
        """Return the first and the last of the days it means today; see `resolve`."""
        window = self.resolve(today)
        return window.day_from, window.day_to

    def comparing(self, previous: bool) -> Callable[[date], tuple[date, date]]:
        """Return `days`; with the window before, it has to be one that there is."""
        return self._days_after_others if previous else self.days

    def _days_after_others(self, today: date) -> tuple[date, date]:
        days = self.days(today)
        if not has_window_before(*days):
            raise invalid("/previous", "The calendar has no window before this one.")
        return days

    def resolve(self, today: date) -> Window:
        """Return the days it means today.

        Raises:
            Invalid: it names a period and days, half a window, or one that is too long.

        """
        if self.day_from is None and self.day_to is None:
            period = self.period or "30d"
            days = int(period.removesuffix("d"))
            return Window(day_from=today - timedelta(days=days - 1), day_to=today, period=period)
        if self.period is not None:
            raise invalid("/period", "Give a period, or from and to, not both.")
        day_from, day_to = named_window(self.day_from, self.day_to)
        return Window(day_from=day_from, day_to=day_to, period=None)


def named_window(day_from: date | None, day_to: date | None) -> tuple[date, date]:
    """Return the days of a window that is named.

    Raises:
        Invalid: it is half a window, one that ends before it begins, or one that is too long.
    """
    if day_from is None or day_to is None:
        missing = "/from" if day_from is None else "/to"
        raise invalid(missing, "A window needs both from and to.")
    if day_to < day_from:
        raise invalid("/to", "The window ends before it begins.")
    if (day_to - day_from).days >= LONGEST_WINDOW:
        raise invalid("/to", f"A window has at most {LONGEST_WINDOW} days.")
    return day_from, day_to


def has_window_before(day_from: date, day_to: date) -> bool:
    """Say whether the calendar has a window as long before it."""
    return day_from.toordinal() > (day_to - day_from).days + 1


async def asked_window(
    period: AskedPeriod = None, from_: AskedFrom = None, to: AskedTo = None
) -> Asked:
    return Asked(period=period, day_from=from_, day_to=to)
