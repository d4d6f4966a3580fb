"""Public keys that somebody else publishes at an address, and changes now and then.

They are fetched in the background, and at once when a token names a key that is not among them,
but not more often than a flood of made-up names must not make us.
"""

import asyncio
import logging
import math
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from ingest.keys import Header, Key, KeySet, NoKeySet
from ingest.problems import Unauthorized, Unavailable

logger = logging.getLogger("upshot")

REFRESH_SECONDS = 300.0
"""How often the keys are fetched: for how long one that is gone may still be taken."""
PAUSE_SECONDS = 10.0
"""The shortest time between two fetches."""
KEPT_SECONDS = 86_400.0
"""For how long the keys are taken while the address does not answer."""
FETCH_SECONDS = 5.0
MOST_BYTES = 262_144


class Unfetchable(Exception):
    """The address did not answer with a document; the message says why."""


class KeyServer:
    """The keys at an address, as they were fetched last."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: KeySet | None = None
        self._fetched_at = -math.inf
        self._asked_at = -math.inf
        self._is_away = False
        self._fetching: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Keep the keys fresh until cancelled."""
        while True:
            await self._fetch()
            await asyncio.sleep(PAUSE_SECONDS if self._is_away else REFRESH_SECONDS)

    async def of(self, token: str) -> Key:
        """Return the key that the token names; see Keys."""
        header = Header.of(token)
        keys = self._kept()
        if keys is None or (header.key_id is not None and not keys.knows(header.key_id)):
            await self._fetch_if_due()
            keys = self._kept()
        key = None if keys is None else keys.find(header)
        if key is not None:
            return key
        if keys is None or self._is_away:
            raise Unavailable("The keys that tokens are checked with cannot be fetched.")
        raise Unauthorized("The token is signed with no key that is known here.")

    def _kept(self) -> KeySet | None:
        if time.monotonic() > self._fetched_at + KEPT_SECONDS:
            return None
        return self._keys

    async def _fetch_if_due(self) -> None:
        if self._is_fetching or time.monotonic() > self._asked_at + PAUSE_SECONDS:
            await self._fetch()

    @property
    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    async def _fetch(self) -> None:
        """Fetch, with whoever else waits for it; it goes on when one of them hangs up."""
        if self._fetching is None or self._fetching.done():
            self._asked_at = time.monotonic()
            self._fetching = asyncio.create_task(self._fetch_alone())
        await asyncio.shield(self._fetching)

    async def _fetch_alone(self) -> None:
        try:
            self._keys = KeySet(await fetch(self._url))
            self._fetched_at = time.monotonic()
            self._is_away = False
        except (Unfetchable, NoKeySet) as error:
            self._is_away = True
            logger.warning("The keys at %s cannot be used: %s.", self._url, error)


async def fetch(url: str) -> bytes:
    """Return the document at an address, in limited size and time. Redirects are not followed.

    Raises:
        Unfetchable: there is none.
    """
    exchange = _Exchange(url)
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            return await asyncio.to_thread(exchange.get)
    except TimeoutError:
        raise Unfetchable(f"no answer within {FETCH_SECONDS:g} s") from None
    except (OSError, HTTPException) as error:
        raise Unfetchable(str(error) or type(error).__name__) from None
    finally:
        exchange.hang_up()


class _Exchange:
    """One request, in a thread of its own: nothing waits for it but that thread."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=FETCH_SECONDS)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._socket: socket.socket | None = None

    def get(self) -> bytes:
        self._connection.connect()
        self._socket = self._connection.sock
        self._connection.request("GET", self._target, headers={"Accept": "application/json"})
        with self._connection.getresponse() as response:
            if response.status != HTTPStatus.OK:
                raise Unfetchable(f"the answer was {response.status}")
            document = response.read(MOST_BYTES + 1)
        if len(document) > MOST_BYTES:
            raise Unfetchable(f"it has more than {MOST_BYTES} bytes")
        return document

    def hang_up(self) -> None:
        """End it, wherever it is: what waits in the thread for more waits no longer."""
        open_socket = self._socket or self._connection.sock
        if open_socket is not None:
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        self._connection.close()
