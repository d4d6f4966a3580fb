"""How to read a list: of which moment it is, and of which days."""

from datetime import date, datetime

from ingest.schema import Out
from ingest.store.calendar import Calendar
from ingest.windows import Window


class ListMeta(Out, frozen=True):
    as_of: datetime
    """The moment whose state the list shows."""
    data_through: datetime | None
    """When the newest event of the account was received."""
    window: Window | None
    """Null for all time."""
    time_zone: str
    partial_day: date | None
    """The day of the window that is not over yet."""
    warnings: list[str]


def list_meta(calendar: Calendar, window: Window | None) -> ListMeta:
    is_partial = window is None or window.day_from <= calendar.today <= window.day_to
    return ListMeta(
        as_of=calendar.as_of,
        data_through=calendar.data_through,
        window=window,
        time_zone=calendar.time_zone,
        partial_day=calendar.today if is_partial else None,
        warnings=(
            ["Nothing has been received from this account yet."]
            if calendar.data_through is None
            else []
        ),
    )
