"""Room on the disk: events are refused while there is still some, for PostgreSQL to live on."""

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ingest.problems import DiskFull, Unavailable
from ingest.store.vitals import Volume

LOOK_SECONDS = 1.0


class Room:
    """What is free on the volumes that the database writes to, as far as they can be seen here."""

    def __init__(self, volumes: Sequence[Path], least: int) -> None:
        """Prepare to look.

        Args:
            volumes: a folder on each.
            least: the fewest free bytes with which events are still taken in.
        """
        self._volumes = volumes
        self._least = least
        self._look_again = 0.0
        self._is_full = False

    def volumes(self) -> list[Volume]:
        """Return those that can be looked at."""
        found = []
        for path in self._volumes:
            with suppress(OSError):
                usage = shutil.disk_usage(path)
                found.append(Volume(path=str(path), free=usage.free, size=usage.total))
        return found

    def check(self) -> None:
        """Raise DiskFull if there is too little room on one of them."""
        now = time.monotonic()
        if now >= self._look_again:
            try:
                free = [shutil.disk_usage(volume).free for volume in self._volumes]
            except OSError as error:
                raise Unavailable("The database's volume cannot be looked at.") from error
            self._is_full = any(each < self._least for each in free)
            self._look_again = now + LOOK_SECONDS
        if self._is_full:
            raise DiskFull(f"Fewer than {self._least:,} bytes are free on the database's volume.")
