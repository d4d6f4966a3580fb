"""`upshot retain`: deletes what accounts do not keep any longer, a batch at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from msgspec import Struct

from ingest.bulk import WAITS_SECONDS, opened
from ingest.console import Advance, Console
from ingest.problems import Unavailable
from ingest.settings import Settings, SettingsError
from ingest.store.database import Database
from ingest.store.retention import (
    BATCH,
    Expired,
    Retention,
    delete_comments,
    delete_never_started,
    delete_sessions,
    find_expired,
    list_retentions,
)


class Deleted(Struct, frozen=True, kw_only=True):
    """What was deleted of an account, or would have been."""

    account_id: UUID
    name: str | None
    sessions: int
    """With all that was held of them; those of which no start was ever heard of, too."""
    comments: int
    """Those that were too old themselves, whether their rating stays or goes with its session."""


def retain(
    settings: Settings,
    url: str,
    console: Console,
    *,
    account_id: UUID | None = None,
    is_trial: bool = False,
) -> list[Deleted]:
    """Delete what is not kept any longer; return what of each account that keeps not everything.

    Args:
        settings: with what accounts keep that have set nothing.
        url: of the database.
        console: is told how it goes.
        account_id: only this account.
        is_trial: delete nothing, and say how much it would be.

    Raises:
        SettingsError: there is no such account.
        Unavailable: the database is away; what was deleted is deleted.
    """
    retentions = list_retentions(url, settings.retention_days, account_id=account_id)
    if account_id is not None and not retentions:
        raise SettingsError(f"There is no account {account_id}.")
    due = [each for each in retentions if each.sessions_from or each.comments_from]
    if is_trial:
        return [_expected(each, find_expired(url, each)) for each in due]

    async def run() -> list[Deleted]:
        async with opened(settings, url) as database:
            return [await _delete(database, each, find_expired(url, each), console) for each in due]

    return asyncio.run(run()) if due else []


def _expected(retention: Retention, expired: Expired) -> Deleted:
    return Deleted(
        account_id=retention.account_id,
        name=retention.name,
        sessions=expired.sessions + len(expired.never_started),
        comments=expired.comments,
    )


async def _delete(
    database: Database, retention: Retention, expired: Expired, console: Console
) -> Deleted:
    total = expired.sessions + len(expired.never_started) + expired.comments
    sessions = comments = 0
    if total:
        title = f"Forgetting in {retention.name or retention.account_id}"
        with console.bar(title, total) as advance:
            # First, or some would go with their sessions, uncounted.
            comments = await _all(partial(delete_comments, database, retention), advance)
            sessions = await _all(partial(delete_sessions, database, retention), advance)
            for first in range(0, len(expired.never_started), BATCH):
                some = expired.never_started[first : first + BATCH]
                gone = await _patiently(partial(delete_never_started, database, retention, some))
                advance(gone)
                sessions += gone
    return Deleted(
        account_id=retention.account_id, name=retention.name, sessions=sessions, comments=comments
    )


async def _all(delete: Callable[[], Awaitable[int]], advance: Advance) -> int:
    """Delete batch after batch until nothing is left; return how much there was."""
    total = 0
    while gone := await _patiently(delete):
        total += gone
        advance(gone)
    return total


async def _patiently(delete: Callable[[], Awaitable[int]]) -> int:
    for seconds in WAITS_SECONDS:
        try:
            return await delete()
        except Unavailable:
            await asyncio.sleep(seconds)
    return await delete()
