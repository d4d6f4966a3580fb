"""Quotas: how many events an account may send, however many processes take them in.

What is left of an account's quota is one row in the database, filling up again all the time. A
process takes a small share of it in advance and spends that alone, so that most requests cost
nothing, and all processes together never give out more than there is.
"""

import asyncio
import time
from collections import OrderedDict
from datetime import timedelta
from math import ceil
from uuid import UUID

from ingest.problems import QuotaExceeded
from ingest.store.database import Database

SHARES = 100
"""Into how many shares a quota is cut."""
MOST_ACCOUNTS = 10_000


class _Share:
    """What this process may still spend of an account's quota, and what it knows of the rest."""

    def __init__(self) -> None:
        self.left = 0
        self.debt = 0.0
        """Seconds, at the time of asking, until all of the quota would be there again."""
        self.asked_at = 0.0
        self.asking: asyncio.Task[None] | None = None


class Quotas:
    """Lets an account send so many events in so many seconds: at once, or evenly, or in between."""

    def __init__(self, database: Database, *, events: int, seconds: int) -> None:
        self._database = database
        self._events = events
        self._seconds = seconds
        self._at_a_time = max(1, events // SHARES)
        self._shares: OrderedDict[UUID, _Share] = OrderedDict()

    async def spend(self, account_id: UUID, events: int) -> None:
        """Take so many events off the account's quota; 0 asks whether it is closed.

        Raises:
            QuotaExceeded: it has fewer left.
            Unavailable: the database cannot say.
        """
        share = self._share(account_id)
        while events > share.left or not share.left:
            # One asks; who comes meanwhile waits for its answer, and hears of it if there is none.
            asked_by_another = share.asking is not None and not share.asking.done()
            if share.asking is None or share.asking.done():
                share.asking = asyncio.create_task(self._ask(account_id, share, max(1, events)))
            try:
                await asyncio.shield(share.asking)
            except QuotaExceeded:
                # What was too much for another may not be for this one.
                if not asked_by_another:
                    raise
        share.left -= events

    async def _ask(self, account_id: UUID, share: _Share, events: int) -> None:
        wanted = max(events - share.left, self._at_a_time)
        # What others have taken since is not known: whoever has to wait by this, has to anyway.
        if wanted > self._elsewhere(share):
            raise self._exceeded(share, wanted)
        cost = timedelta(seconds=self._to_seconds(wanted))
        window = timedelta(seconds=self._seconds)
        granted, debt = await self._database.take_quota(account_id, cost, window)
        share.asked_at = time.monotonic()
        share.debt = debt.total_seconds()
        if not granted:
            raise self._exceeded(share, wanted)
        share.left += wanted

    def headers(self, account_id: UUID) -> list[tuple[bytes, bytes]]:
        """Return what an answer says of the quota, as the IETF's draft has it."""
        share = self._share(account_id)
        left = min(self._events, share.left + int(self._elsewhere(share)))
        until_full = ceil(self._to_seconds(self._events - left))
        policy = f'"events";q={self._events};w={self._seconds}'
        return [
            (b"ratelimit-policy", policy.encode()),
            (b"ratelimit", f'"events";r={left};t={until_full}'.encode()),
        ]

    def _elsewhere(self, share: _Share) -> float:
        """Return how many events are left outside this process, as far as it knows."""
        debt = max(0.0, share.debt - (time.monotonic() - share.asked_at))
        return (self._seconds - debt) * self._events / self._seconds

    def _to_seconds(self, events: float) -> float:
        """Return in what time so many events come back."""
        return events * self._seconds / self._events

    def _share(self, account_id: UUID) -> _Share:
        share = self._shares.get(account_id)
        if share is None:
            share = self._shares[account_id] = _Share()
            if len(self._shares) > MOST_ACCOUNTS:
                self._shares.popitem(last=False)
        else:
            self._shares.move_to_end(account_id)
        return share

    def _exceeded(self, share: _Share, wanted: int) -> QuotaExceeded:
        wait = self._to_seconds(wanted - self._elsewhere(share))
        return QuotaExceeded(
            f"The account may send {self._events:,} events in {self._seconds} s.",
            retry_after=max(1, ceil(wait)),
        )
