"""What is served, as this process knows it: it looks again by itself."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import msgspec

from ingest.catalog import Catalog, Definition, Entry, Mart, StaysFor
from ingest.problems import MartNotFound, MartsNotBuilt, Problem
from ingest.store.database import Database

logger = logging.getLogger("upshot")

LOOK_SECONDS = 15
SOON_SECONDS = 1
"""How long after a look somebody who misses something causes another."""


class Served:
    """The catalog of what was built last, and which checks fail."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked_at = float("-inf")
        self.known: Catalog | None = None
        """Nothing until marts were built."""

    @asynccontextmanager
    async def kept_up(self) -> AsyncIterator[None]:
        """Look now, and every so many seconds until the block ends."""
        # A database that is away does not hold up the start.
        with suppress(TimeoutError):
            async with asyncio.timeout(SOON_SECONDS):
                await self._try_to_look()
        task = asyncio.create_task(self._keep_looking())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def catalog(self) -> Catalog:
        """Return all that is served.

        Raises:
            MartsNotBuilt: there are no marts.
            Unavailable: nothing is known, and the database cannot be asked.
        """
        if self.known is None:
            await self._look()
        if self.known is None:
            raise MartsNotBuilt("The figures have not been computed yet: run `upshot refresh`.")
        return self.known

    async def find(self, name: str) -> tuple[Mart, Catalog]:
        """Return a mart, and the catalog that has it.

        Raises:
            MartNotFound: it is not served.
            MartsNotBuilt: there are no marts.
            Unavailable: nothing is known, and the database cannot be asked.
        """
        catalog = await self.catalog()
        if name not in catalog.marts and time.monotonic() > self._looked_at + SOON_SECONDS:
            await self._try_to_look()
            catalog = await self.catalog()
        if name in catalog.marts:
            return catalog.marts[name], catalog
        reason = next((each.reason for each in catalog.refused if each.name == name), None)
        raise MartNotFound(
            f"It asks to be served and is not. {reason}" if reason else "No such mart is served."
        )

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._try_to_look()

    async def _try_to_look(self) -> None:
        """Look; where that fails, what is known stays, and whoever needs more is told."""
        with suppress(Problem):
            await self._look()

    async def _look(self) -> None:
        self._looked_at = time.monotonic()
        entries = _entries(await self._database.served())
        failing = await self._database.failing_checks()
        # The table is there before anything is built; then each run publishes.
        found = Catalog.of(entries, failing) if entries else None
        known, self.known = self.known, found
        if found is not None:
            before = set(known.refused) if known else set()
            for refusal in found.refused:
                if refusal not in before:
                    logger.warning("The mart %s is not served. %s", refusal.name, refusal.reason)


def _entries(rows: Iterable[tuple[str, StaysFor]]) -> list[Entry]:
    """Read what was built; what another version of the project built is built again soon."""
    found = []
    for text, stays_for in rows:
        try:
            found.append(Entry(msgspec.json.decode(text, type=Definition), stays_for))
        except msgspec.ValidationError as error:
            logger.warning("A mart is not served: another version of Upshot built it. %s", error)
    return found
