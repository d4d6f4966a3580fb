"""`upshot export-user`: all that is held about a person, on standard output."""

import asyncio
from typing import BinaryIO
from uuid import UUID

import msgspec

from ingest.bulk import opened
from ingest.personal_data import document, held_about
from ingest.settings import Settings, SettingsError
from ingest.store.personal_data import find_person


def export_person(
    settings: Settings,
    url: str,
    account_id: UUID,
    user_id: UUID,
    output: BinaryIO,
    *,
    as_events: bool = False,
) -> None:
    """Write all that is held about a person: the document of the API, or a line for each event.

    Raises:
        SettingsError: there is nothing.
        Unavailable: the database is away; what was written is not whole.
    """

    async def run() -> None:
        async with opened(settings, url) as database:
            found = await find_person(database, account_id, user_id)
            if not found.amount:
                raise SettingsError(f"Nothing is held about {user_id} in account {account_id}.")
            if as_events:
                async for some in held_about(database, account_id, user_id, found):
                    output.writelines(msgspec.json.encode(held.event) + b"\n" for held in some)
            else:
                async for piece in document(database, account_id, user_id, found):
                    output.write(piece)
        output.flush()

    asyncio.run(run())
